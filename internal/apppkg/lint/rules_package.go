package lint

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/tclookup/tclookup/internal/apppkg/archive"
)

// archiveChecks are those that make sense although the package could not be read
// to its end.
var archiveChecks = []string{
	"check_package_compression",
	"check_that_splunk_app_package_valid_compressed_file",
	"check_that_splunk_app_package_name_does_not_start_with_period",
}

func packageChecks() []check {
	return []check{
		{"check_package_compression", checkCompression},
		{"check_that_splunk_app_package_valid_compressed_file", checkUnpacks},
		{"check_that_splunk_app_package_name_does_not_start_with_period", checkVisibleName},
		{"check_that_splunk_app_package_extracts_to_visible_directory", checkVisibleDirectory},
		{"check_that_splunk_app_package_does_not_contain_files_outside_of_app", checkOneDirectory},
		{"check_that_extracted_splunk_app_does_not_contain_prohibited_directories_or_files", checkProhibitedNames},
		{"check_that_extracted_splunk_app_contains_default_app_conf_file", checkAppConf},
		{"check_that_extracted_splunk_app_does_not_contains_only_app_conf_file", checkNotOnlyAppConf},
		{"check_that_extracted_splunk_app_does_not_contain_invalid_directories", checkDirectoryModes},
		{"check_that_extracted_splunk_app_does_not_contain_files_with_invalid_permissions", checkFileModes},
		{"check_for_expansive_permissions", checkWorldWritable},
		{"check_for_bin_files", checkExecuteBits},
		{"check_for_executable_flag", checkProgramsInBin},
		{"check_symlink_outside_app", checkLinks},
		{"check_that_local_does_not_exist", checkLocal},
		{"check_for_local_meta", checkLocalMeta},
		{"check_filenames_for_spaces", checkSpaces},
		{"check_metadata_allow_list", checkMetadataNames},
		{"check_static_directory_file_allow_list", checkStaticNames},
		{"check_lookups_allow_list", checkLookupNames},
		{"check_lookup_csv_is_valid", checkLookupCSV},
		{"check_for_compiled_python", checkCompiledPython},
		{"check_archived_files", checkArchives},
		{"check_setup_xml", checkSetupXML},
		{"check_that_app_contains_any_windows_specific_components", checkWindowsFiles},
		{"check_basic_readme", checkReadme},
	}
}

const mendPackage = "make the package again"

func isCompressionError(err error) bool {
	return errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

func checkCompression(a *app) {
	if a.readErr != nil && isCompressionError(a.readErr) {
		a.fail(a.fileName, 0, mendPackage, "not a whole gzip file: %v", a.readErr)
	}
}

func checkUnpacks(a *app) {
	switch {
	case a.readErr != nil && !isCompressionError(a.readErr):
		a.fail(a.fileName, 0, mendPackage, "does not unpack: %v", a.readErr)
	case a.readErr == nil && len(a.pkg.Members) == 0:
		a.fail(a.fileName, 0, mendPackage, "an empty archive")
	}
}

func checkVisibleName(a *app) {
	if strings.HasPrefix(path.Base(a.fileName), ".") {
		a.fail(a.fileName, 0, "rename the package", "its name begins with a dot")
	}
}

func checkVisibleDirectory(a *app) {
	if strings.HasPrefix(a.id, ".") {
		a.fail(a.id, 0, "name the top directory like the app", "unpacks to a hidden directory")
	}
}

func checkOneDirectory(a *app) {
	for _, m := range a.pkg.Members {
		if top, _, inside := strings.Cut(m.Name, "/"); top != a.id || !inside {
			a.fail(m.Name, 0, "pack one directory and nothing beside it", "lies outside %s/", a.id)
		}
	}
}

func checkProhibitedNames(a *app) {
	for _, m := range a.pkg.Members {
		if strings.HasPrefix(m.Name, "./") || strings.HasPrefix(m.Name, "/") {
			a.fail(m.Name, 0, "pack paths that begin with the app's directory", "a path that begins with ./ or /")
			continue
		}
		for part := range strings.SplitSeq(strings.TrimSuffix(m.Name, "/"), "/") {
			if strings.HasPrefix(part, ".") || part == "__MACOSX" {
				a.fail(m.Name, 0, "leave it out of the package", "hidden files and __MACOSX are prohibited")
				break
			}
		}
	}
}

func checkAppConf(a *app) {
	if a.files["default/app.conf"] == nil {
		a.fail("default/app.conf", 0, "write it", "is missing")
	}
}

func checkNotOnlyAppConf(a *app) {
	if len(a.files) == 1 && a.files["default/app.conf"] != nil {
		a.fail(a.id, 0, "pack the whole app", "nothing but app.conf")
	}
}

func checkDirectoryModes(a *app) {
	for _, m := range a.pkg.Members {
		if m.Typeflag == tar.TypeDir && m.Mode&0o700 != 0o700 {
			a.fail(m.Name, 0, "use mode 0755", "mode %04o: the owner needs read, write and search", m.Mode)
		}
	}
}

func checkFileModes(a *app) {
	for name, m := range a.sorted() {
		if m.Mode&0o600 != 0o600 {
			a.fail(name, 0, "use mode 0644, 0755 for programs", "mode %04o: the owner needs read and write", m.Mode)
		}
	}
}

func checkWorldWritable(a *app) {
	for _, m := range a.pkg.Members {
		if m.Mode&0o002 != 0 {
			a.fail(m.Name, 0, "use mode 0644, 0755 for programs and directories", "mode %04o: everybody may write", m.Mode)
		}
	}
}

func checkExecuteBits(a *app) {
	for name, m := range a.sorted() {
		if m.Mode&0o111 != 0 && !inBin(name) && !strings.HasPrefix(name, "appserver/controllers/") {
			a.fail(name, 0, "use mode 0644", "mode %04o: execute bits belong below bin directories", m.Mode)
		}
	}
}

// format tells executables apart by their first bytes; "" is none.
func format(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte("\x7fELF")):
		return "ELF"
	case bytes.HasPrefix(data, []byte("MZ")):
		return "PE"
	case bytes.HasPrefix(data, []byte("\xcf\xfa\xed\xfe")), bytes.HasPrefix(data, []byte("\xce\xfa\xed\xfe")):
		return "Mach-O"
	case bytes.HasPrefix(data, []byte("\xca\xfe\xba\xbe")):
		return "universal Mach-O"
	}
	return ""
}

func checkProgramsInBin(a *app) {
	for name, m := range a.sorted() {
		if f := format(m.Data); f != "" && !inBin(name) {
			a.fail(name, 0, "move it below a bin directory, or leave it out", "an executable (%s) outside bin directories", f)
		}
	}
}

func checkLinks(a *app) {
	for _, m := range a.pkg.Members {
		if m.Typeflag != tar.TypeReg && m.Typeflag != tar.TypeDir {
			a.fail(m.Name, 0, "pack regular files and directories only", "a link, device or other special member (type %q)", m.Typeflag)
		}
	}
}

func checkLocal(a *app) {
	for _, m := range a.pkg.Members {
		if m.Name == a.id+"/local" || strings.HasPrefix(m.Name, a.id+"/local/") {
			a.fail(m.Name, 0, "leave it out of the package", "local/ belongs to one installation")
		}
	}
}

func checkLocalMeta(a *app) {
	if a.files["metadata/local.meta"] != nil {
		a.fail("metadata/local.meta", 0, "leave it out of the package", "belongs to one installation")
	}
}

func checkSpaces(a *app) {
	for name := range a.sorted() {
		if strings.HasPrefix(name, "default/") && strings.Contains(name, " ") {
			a.fail(name, 0, "rename it", "a blank in the name of a conf file or view")
		}
	}
}

func checkMetadataNames(a *app) {
	for name := range a.sorted() {
		if strings.HasPrefix(name, "metadata/") && path.Ext(name) != ".meta" {
			a.fail(name, 0, "move it", "metadata/ holds .meta files only")
		}
	}
}

func checkStaticNames(a *app) {
	for name := range a.sorted() {
		if !strings.HasPrefix(name, "static/") {
			continue
		}
		switch strings.ToLower(path.Ext(name)) {
		case ".png", ".jpg", ".jpeg", ".gif", ".svg", ".css", ".js", ".txt", ".html", ".ico":
		default:
			a.fail(name, 0, "move it", "static/ holds pictures, styles and texts only")
		}
	}
}

func checkLookupNames(a *app) {
	for name := range a.sorted() {
		if !strings.HasPrefix(name, "lookups/") {
			continue
		}
		ok := false
		for _, suffix := range []string{".csv", ".csv.default", ".csv.gz", ".csv.tgz", ".kmz"} {
			ok = ok || strings.HasSuffix(name, suffix)
		}
		if !ok {
			a.fail(name, 0, "move it", "lookups/ holds .csv, .csv.default, .csv.gz, .csv.tgz and .kmz files only")
		}
	}
}

// maxLookupHeader is AppInspect's bound, in characters.
const maxLookupHeader = 4096

func checkLookupCSV(a *app) {
	for name, m := range a.sorted() {
		if !strings.HasPrefix(name, "lookups/") || !strings.HasSuffix(strings.TrimSuffix(name, ".default"), ".csv") {
			continue
		}
		const mend = "write it as UTF-8 CSV with a header of two columns or more"
		header, _, _ := bytes.Cut(m.Data, []byte("\n"))
		switch {
		case !utf8.Valid(m.Data):
			a.fail(name, 0, mend, "not UTF-8")
			continue
		case bytes.Contains(bytes.ReplaceAll(m.Data, []byte("\r\n"), nil), []byte("\r")):
			a.fail(name, 0, mend, "a line that ends in CR only")
			continue
		case utf8.RuneCount(header) > maxLookupHeader:
			a.fail(name, 1, mend, "the header has more than %d characters", maxLookupHeader)
			continue
		}
		rows, err := csv.NewReader(bytes.NewReader(m.Data)).ReadAll()
		switch {
		case err != nil:
			a.fail(name, 0, mend, "%v", err)
		case len(rows) == 0 || len(rows[0]) < 2:
			a.fail(name, 1, mend, "fewer than two columns")
		}
	}
}

func checkCompiledPython(a *app) {
	for name := range a.sorted() {
		if e := path.Ext(name); e == ".pyc" || e == ".pyo" {
			a.fail(name, 0, "leave it out of the package", "compiled Python")
		}
	}
}

func checkArchives(a *app) {
	for name, m := range a.sorted() {
		switch strings.ToLower(path.Ext(name)) {
		case ".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".rar", ".7z", ".jar", ".spl":
		default:
			if !bytes.HasPrefix(m.Data, []byte("PK\x03\x04")) && !bytes.HasPrefix(m.Data, []byte("\x1f\x8b")) {
				continue
			}
		}
		a.warn(name, 0, "unpack it, or say in the README what is in it", "an archive inside the package")
	}
}

func checkSetupXML(a *app) {
	if a.files["default/setup.xml"] != nil {
		a.fail("default/setup.xml", 0, "use a view and [ui] setup_view", "setup.xml is refused")
	}
}

func checkWindowsFiles(a *app) {
	for name, m := range a.sorted() {
		ext := strings.ToLower(path.Ext(name))
		if format(m.Data) == "PE" || ext == ".bat" || ext == ".cmd" || ext == ".ps1" {
			a.note(name, 0, "use the Linux package for Splunk Cloud", "Splunk Cloud warns of files for Windows")
		}
	}
}

func checkReadme(a *app) {
	if readme(a) == nil {
		a.fail("README.md", 0, "write it", "no README at the top of the app")
	}
}

// readme returns the app's README, or nil.
func readme(a *app) *archive.Member {
	for _, name := range []string{"README.md", "README.txt", "README"} {
		if m := a.files[name]; m != nil {
			return m
		}
	}
	return nil
}
