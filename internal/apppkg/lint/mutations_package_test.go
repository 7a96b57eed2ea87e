package lint

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/macho"
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"github.com/tclookup/tclookup/internal/apppkg"
	"github.com/tclookup/tclookup/internal/apppkg/apptest"
)

func packageMutations() []mutation {
	return []mutation{
		{"check_package_compression", "no gzip", nil, fileName, func(m *mutant) { m.err = gzip.ErrHeader }},
		{"check_package_compression", "cut", nil, fileName, func(m *mutant) { m.err = io.ErrUnexpectedEOF }},
		{"check_package_compression", "checksum", nil, fileName, func(m *mutant) { m.err = gzip.ErrChecksum }},
		{"check_that_splunk_app_package_valid_compressed_file", "tar", nil, fileName, func(m *mutant) { m.err = tar.ErrHeader }},
		{"check_that_splunk_app_package_valid_compressed_file", "empty", nil, fileName, func(m *mutant) { m.pkg.Members = nil }},
		{"check_that_splunk_app_package_name_does_not_start_with_period", "dot", nil, "." + fileName, func(m *mutant) { m.fileName = "." + fileName }},
		{"check_that_splunk_app_package_extracts_to_visible_directory", "dot", nil, ".tclookup", func(m *mutant) { renameTop(m, ".tclookup") }},
		{"check_that_splunk_app_package_does_not_contain_files_outside_of_app", "directory", nil, "other/file", func(m *mutant) {
			m.add(tar.Header{Name: "other/file", Typeflag: tar.TypeReg, Mode: 0o644}, "")
		}},
		{"check_that_splunk_app_package_does_not_contain_files_outside_of_app", "file", nil, "file", func(m *mutant) {
			m.add(tar.Header{Name: "file", Typeflag: tar.TypeReg, Mode: 0o644}, "")
		}},
		{"check_that_extracted_splunk_app_does_not_contain_prohibited_directories_or_files", "hidden file", nil, "tclookup/default/.app.conf", put("default/.app.conf", "")},
		{"check_that_extracted_splunk_app_does_not_contain_prohibited_directories_or_files", "hidden directory", nil, "tclookup/.git/config", put(".git/config", "")},
		{"check_that_extracted_splunk_app_does_not_contain_prohibited_directories_or_files", "resource forks", nil, "tclookup/__MACOSX/x", put("__MACOSX/x", "")},
		{"check_that_extracted_splunk_app_does_not_contain_prohibited_directories_or_files", "dot slash", nil, "./tclookup/README.md", func(m *mutant) {
			m.member("README.md").Name = "./tclookup/README.md"
		}},
		{"check_that_extracted_splunk_app_contains_default_app_conf_file", "missing", nil, "default/app.conf", remove("default/app.conf")},
		{"check_that_extracted_splunk_app_does_not_contains_only_app_conf_file", "alone", nil, "tclookup", func(m *mutant) {
			m.pkg.Members = m.pkg.Members[m.index("default/app.conf") : m.index("default/app.conf")+1]
		}},
		{"check_that_extracted_splunk_app_does_not_contain_invalid_directories", "no search", nil, "tclookup/default/", mode("default/", 0o644)},
		{"check_that_extracted_splunk_app_does_not_contain_files_with_invalid_permissions", "read only", nil, "default/app.conf", mode("default/app.conf", 0o444)},
		{"check_for_expansive_permissions", "file", nil, "tclookup/default/app.conf", mode("default/app.conf", 0o666)},
		{"check_for_expansive_permissions", "directory", nil, "tclookup/default/", mode("default/", 0o777)},
		{"check_for_bin_files", "conf", nil, "default/app.conf", mode("default/app.conf", 0o755)},
		{"check_for_bin_files", "beside bin", nil, "tools/run", both(put("tools/run", "#!/bin/sh\n"), mode("tools/run", 0o744))},
		{"check_for_executable_flag", "elf in lib", nil, "lib/tool", func(m *mutant) { m.put("lib/tool", string(m.member("bin/tclookup").Data)) }},
		{"check_for_executable_flag", "pe in static", nil, "static/a.png", put("static/a.png", "MZ\x90\x00")},
		{"check_symlink_outside_app", "symlink", nil, "tclookup/bin/link", func(m *mutant) {
			m.add(tar.Header{Name: "tclookup/bin/link", Linkname: "../../other", Typeflag: tar.TypeSymlink, Mode: 0o777}, "")
		}},
		{"check_symlink_outside_app", "hard link", nil, "tclookup/bin/link", func(m *mutant) {
			m.add(tar.Header{Name: "tclookup/bin/link", Linkname: "tclookup/bin/tclookup", Typeflag: tar.TypeLink, Mode: 0o755}, "")
		}},
		{"check_symlink_outside_app", "device", nil, "tclookup/null", func(m *mutant) {
			m.add(tar.Header{Name: "tclookup/null", Typeflag: tar.TypeChar, Mode: 0o644}, "")
		}},
		{"check_that_local_does_not_exist", "conf", nil, "tclookup/local/tclookup.conf", put("local/tclookup.conf", "")},
		{"check_that_local_does_not_exist", "passwords", nil, "tclookup/local/passwords.conf", put("local/passwords.conf", "")},
		{"check_for_local_meta", "there", nil, "metadata/local.meta", put("metadata/local.meta", "")},
		{"check_filenames_for_spaces", "conf", nil, "default/my app.conf", put("default/my app.conf", "")},
		{"check_filenames_for_spaces", "view", nil, "default/data/ui/views/a b.xml", put("default/data/ui/views/a b.xml", "<view/>")},
		{"check_metadata_allow_list", "text", nil, "metadata/notes.txt", put("metadata/notes.txt", "")},
		{"check_static_directory_file_allow_list", "font", nil, "static/a.woff", put("static/a.woff", "")},
		{"check_lookups_allow_list", "sheet", nil, "lookups/a.xlsx", put("lookups/a.xlsx", "")},
		{"check_lookup_csv_is_valid", "one column", nil, "lookups/a.csv", put("lookups/a.csv", "a\n1\n")},
		{"check_lookup_csv_is_valid", "ragged", nil, "lookups/a.csv", put("lookups/a.csv", "a,b\n1\n")},
		{"check_lookup_csv_is_valid", "latin 1", nil, "lookups/a.csv", put("lookups/a.csv", "a,b\n1,\xe9\n")},
		{"check_lookup_csv_is_valid", "carriage returns", nil, "lookups/a.csv", put("lookups/a.csv", "a,b\r1,2\r")},
		{"check_lookup_csv_is_valid", "long header", nil, "lookups/a.csv.default", put("lookups/a.csv.default", "a,"+strings.Repeat("b", 4096)+"\n1,2\n")},
		{"check_lookup_csv_is_valid", "empty", nil, "lookups/a.csv", put("lookups/a.csv", "")},
		{"check_for_compiled_python", "pyc", nil, "bin/a.pyc", put("bin/a.pyc", "")},
		{"check_archived_files", "by name", severity(Warning), "lib/a.jar", put("lib/a.jar", "")},
		{"check_archived_files", "by content", severity(Warning), "static/a.txt", put("static/a.txt", "PK\x03\x04")},
		{"check_setup_xml", "there", nil, "default/setup.xml", put("default/setup.xml", "<setup/>")},
		{"check_that_app_contains_any_windows_specific_components", "batch file", severity(Note), "bin/a.cmd", put("bin/a.cmd", "")},
		{"check_basic_readme", "missing", nil, "README.md", remove("README.md")},
	}
}

const (
	linuxProgram   = "linux_x86_64/bin/tclookup"
	armProgram     = "bin/tclookup"
	darwinProgram  = "darwin_x86_64/bin/tclookup"
	windowsProgram = "windows_x86_64/bin/tclookup.exe"
	denyFile       = "default/distsearch.conf"
)

func binaryMutations() []mutation {
	clear := func(m *mutant) { m.put(denyFile, "[replicationDenylist]\n") }
	return []mutation{
		{"check_idx_binary_compatibility", "no deny list", nil, linuxProgram, clear},
		{"check_idx_binary_compatibility", "list for another directory", nil, linuxProgram, edit(denyFile, "|linux_x86_64", "")},
		{"check_idx_binary_compatibility", "through a pointer", nil, linuxProgram, both(clear, edit("default/commands.conf", "[tclookup]\n", "[tclookup]\nfilename = tclookup.path\n"))},
		{"check_idx_binary_compatibility", "external lookup", nil, "bin/x", func(m *mutant) {
			m.put(denyFile, strings.Replace(string(m.member(denyFile).Data), "(bin|", "(", 1))
			m.put("bin/x", string(m.member(linuxProgram).Data))
			m.put("default/transforms.conf", "[x]\nexternal_cmd = x lookup domain\nexternal_type = executable\n")
		}},
		{"check_aarch64_compatibility", "x86", severity(Note), linuxProgram, func(*mutant) {}},
		{"check_for_binary_files_without_source_code", "no heading", nil, "README.md", edit("README.md", "# Binary File Declaration", "# Programs")},
		{"check_for_binary_files_without_source_code", "not named", nil, "README.md", edit("README.md", "`"+windowsProgram+"`", "the rest")},
		{"check_distsearch_conf_for_concerning_replicated_file_size", "lookup", severity(Warning), "README/a.txt", put("README/a.txt", strings.Repeat("x", concerningSize+1))},
		{"deny_list_pattern", "slash only", nil, denyFile, put(denyFile, "[replicationDenylist]\na = apps/tclookup/(bin|linux_x86_64|darwin_x86_64|windows_x86_64)/...\n")},
		{"deny_list_pattern", "not for Python", nil, denyFile, put(denyFile, `[replicationDenylist]`+"\n"+`a = ...[/\\]tclookup[/\\](bin|linux_x86_64|darwin_x86_64|windows_x86_64)[/\\]...exe`+"\n")},
		{"deny_list_pattern", "every app", nil, denyFile, add(denyFile, `all = apps[/\\]...`+"\n")},
		{"deny_list_pattern", "configuration too", nil, denyFile, add(denyFile, `all = apps[/\\]tclookup[/\\]...`+"\n")},
		{"deny_list_pattern", "no expression", nil, denyFile, add(denyFile, "bad = apps/tclookup/(bin\n")},
		{"program_format", "ELF for Windows", nil, windowsProgram, func(m *mutant) { m.put(windowsProgram, string(m.member(linuxProgram).Data)) }},
		{"program_format", "other CPU", nil, linuxProgram, func(m *mutant) { m.put(linuxProgram, string(m.member(armProgram).Data)) }},
		{"program_format", "one CPU for macOS", nil, darwinProgram, func(m *mutant) {
			m.put(darwinProgram, string(m.builds[apppkg.Target{OS: "darwin", Arch: "amd64"}]))
		}},
		{"program_format", "damaged", nil, linuxProgram, put(linuxProgram, "\x7fELF\x02\x01")},
		{"program_format", "script", nil, linuxProgram, put(linuxProgram, "#!/bin/sh\n")},
		{"program_execute_bit", "lost", nil, linuxProgram, mode(linuxProgram, 0o644)},
		{"program_static", "interpreter", nil, linuxProgram, func(m *mutant) { m.change(linuxProgram, giveInterpreter(m)) }},
		{"program_signature", "changed after signing", nil, darwinProgram, func(m *mutant) { m.change(darwinProgram, spoilArm64(m)) }},
		{"program_console", "GUI", nil, windowsProgram, func(m *mutant) {
			m.change(windowsProgram, func(b []byte) {
				header := binary.LittleEndian.Uint32(b[0x3c:])
				b[header+24+68] = 2 // IMAGE_SUBSYSTEM_WINDOWS_GUI
			})
		}},
		{"program_build", "paths", nil, linuxProgram, editAll(linuxProgram, "-trimpath=true", "-trimpath=none")},
		{"program_build", "cgo", nil, linuxProgram, editAll(linuxProgram, "CGO_ENABLED=0", "CGO_ENABLED=1")},
		{"program_build", "not Go", nil, linuxProgram, edit(linuxProgram, "\xff Go buildinf:", "\xff No buildinf:")},
		{"bill_of_materials", "missing", nil, sbomFile, remove(sbomFile)},
		{"bill_of_materials", "other format", nil, sbomFile, put(sbomFile, "{}")},
		{"bill_of_materials", "version", nil, sbomFile, edit(sbomFile, `"version": "0.1.0"`, `"version": "0.2.0"`)},
		{"bill_of_materials", "no commit", severity(Warning), sbomFile, edit(sbomFile, "tclookup:commit", "tclookup:revision")},
		{"bill_of_materials", "other commit", nil, linuxProgram, edit(sbomFile, apptest.Commit, strings.Repeat("f", 40))},
		{"bill_of_materials", "changed program", nil, sbomFile, func(m *mutant) { m.append(linuxProgram, "x") }},
		{"bill_of_materials", "unlisted module", nil, sbomFile, edit(sbomFile, `"name": "github.com/mattn/go-isatty"`, `"name": "example.org/other"`)},
		{"bill_of_materials", "not listed", nil, sbomFile, edit(sbomFile, `"name": "`+windowsProgram, `"name": "x`+windowsProgram)},
		{"program_version", "another", nil, linuxProgram, func(m *mutant) {
			m.edit("default/app.conf", "version = 0.1.0", "version = 7.6.5")
		}},
		{"program_version", "program fails", nil, linuxProgram, func(m *mutant) {
			m.options.Version = func([]byte) (string, error) { return "", errors.New("exit status 1") }
			if !runsHere(m.member(linuxProgram).Data) {
				m.Skip("the program does not run on this machine")
			}
		}},
		{"path_pointer", "line end", nil, "bin/tclookup.path", add("bin/tclookup.path", "\n")},
		{"path_pointer", "nowhere", nil, "bin/tclookup.path", put("bin/tclookup.path", "$SPLUNK_HOME/etc/apps/tclookup/linux_arm64/bin/tclookup")},
		{"path_pointer", "out of the app", nil, "bin/tclookup.path", put("bin/tclookup.path", "/bin/sh")},
		{"path_pointer", "dots", nil, "bin/tclookup.path", put("bin/tclookup.path", "$SPLUNK_HOME/etc/apps/tclookup/bin/../bin/tclookup")},
		{"path_pointer", "no program", nil, "bin/tclookup.path", put("bin/tclookup.path", "$SPLUNK_HOME/etc/apps/tclookup/README.md")},
		{"path_pointer", "another platform", nil, "bin/tclookup.path", put("bin/tclookup.path", "$SPLUNK_HOME/etc/apps/tclookup/linux_x86_64/bin/tclookup")},
	}
}

// giveInterpreter turns a program header that says nothing, PT_GNU_STACK, into
// PT_INTERP.
func giveInterpreter(m *mutant) func([]byte) {
	return func(b []byte) {
		le := binary.LittleEndian
		at, size, n := le.Uint64(b[32:]), uint64(le.Uint16(b[54:])), uint64(le.Uint16(b[56:]))
		for i := range n {
			if h := b[at+i*size:]; le.Uint32(h) == 0x6474e551 {
				le.PutUint32(h, 3)
				return
			}
		}
		m.Fatal("no PT_GNU_STACK")
	}
}

// spoilArm64 changes one bit in the middle of the arm64 part.
func spoilArm64(m *mutant) func([]byte) {
	return func(b []byte) {
		fat, err := macho.NewFatFile(bytes.NewReader(b))
		if err != nil {
			m.Fatal(err)
		}
		for _, a := range fat.Arches {
			if a.Cpu == macho.CpuArm64 {
				b[a.Offset+a.Size/2] ^= 1
			}
		}
	}
}
