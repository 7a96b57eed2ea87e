package apppkg

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/tclookup/tclookup/internal/apppkg/archive"
)

// Input is what packages are made of.
type Input struct {
	App      fs.FS          // the directory app/ of the project
	License  []byte         // the project's licence text
	Changes  []byte         // its changelog, which the manifest names as release notes
	Licenses []archive.File // those of the linked modules, from Licenses
	Version  string
	Commit   string // the revision of the sources, empty when nobody knows
	Builds   Builds
}

// ErrNoPlaceholder says that a file that must carry the version does not.
var ErrNoPlaceholder = errors.New("no placeholder for the version")

const (
	versionPlaceholder = "@VERSION@"
	buildPlaceholder   = "@BUILD@"
)

// Assemble returns the files of one package, below the app's directory.
//
// The package for all platforms is the directory app/ with the programs put in.
// In one for a single platform the path pointers are left out, and every command
// names the program file itself.
func Assemble(in Input, p Platform) ([]archive.File, error) {
	number, err := BuildNumber(in.Version)
	if err != nil {
		return nil, err
	}
	replace := strings.NewReplacer(versionPlaceholder, in.Version, buildPlaceholder, strconv.FormatInt(number, 10))
	files, err := sourceFiles(in.App)
	if err != nil {
		return nil, err
	}
	kept := files[:0]
	for _, f := range files {
		switch {
		case f.Path == "default/app.conf", f.Path == "app.manifest":
			if !bytes.Contains(f.Data, []byte(versionPlaceholder)) {
				return nil, fmt.Errorf("%s: %w: write %s where it belongs", f.Path, ErrNoPlaceholder, versionPlaceholder)
			}
			f.Data = []byte(replace.Replace(string(f.Data)))
		case f.Path == "default/commands.conf" && p.Name != All:
			f.Data = setFilename(f.Data, path.Base(p.Programs[0].Path))
		case f.Path == "default/transforms.conf" && p.windows():
			f.Data = withoutLauncher(f.Data)
		case path.Ext(f.Path) == ".sh" && p.windows():
			continue
		case path.Ext(f.Path) == ".path" && p.Name != All:
			continue
		}
		kept = append(kept, f)
	}
	kept = append(kept, archive.File{Path: "LICENSE", Data: in.License}, archive.File{Path: "CHANGELOG.md", Data: in.Changes})
	kept = append(kept, in.Licenses...)
	for _, prog := range p.Programs {
		image, err := in.Builds.image(prog)
		if err != nil {
			return nil, err
		}
		kept = append(kept, archive.File{Path: prog.Path, Data: image, Executable: true})
	}
	for i := range kept {
		kept[i].Path = path.Join(AppID, kept[i].Path)
	}
	return kept, nil
}

// sourceFiles reads the app's directory without what belongs to one installation:
// local settings, hidden files, and programs somebody put there for a trial.
func sourceFiles(app fs.FS) ([]archive.File, error) {
	var files []archive.File
	err := fs.WalkDir(app, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := name != "." && strings.HasPrefix(d.Name(), ".")
		if d.IsDir() {
			if hidden || name == "local" {
				return fs.SkipDir
			}
			return nil
		}
		inBin := path.Base(path.Dir(name)) == "bin"
		launcher := inBin && path.Ext(name) == ".sh"
		if hidden || name == "metadata/local.meta" || inBin && path.Ext(name) != ".path" && !launcher {
			return nil
		}
		data, err := fs.ReadFile(app, name)
		if err != nil {
			return err
		}
		files = append(files, archive.File{Path: name, Data: data, Executable: launcher})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("app directory: %w", err)
	}
	return files, nil
}

// withoutLauncher takes the stanzas out of transforms.conf that start a shell
// script, and the comments before them.
func withoutLauncher(conf []byte) []byte {
	var out, block bytes.Buffer
	drop := false
	flush := func() {
		if !drop {
			out.Write(block.Bytes())
		}
		block.Reset()
		drop = false
	}
	inStanza := false
	for line := range bytes.Lines(conf) {
		trimmed := bytes.TrimSpace(line)
		if inStanza && (len(trimmed) > 0 && (trimmed[0] == '#' || trimmed[0] == '[')) { // the next block begins
			flush()
			inStanza = false
		}
		if len(trimmed) > 0 && trimmed[0] == '[' {
			inStanza = true
		}
		key, value, _ := bytes.Cut(trimmed, []byte("="))
		if string(bytes.TrimSpace(key)) == "external_cmd" && bytes.Contains(value, []byte(".sh")) {
			drop = true
		}
		block.Write(line)
	}
	flush()
	return out.Bytes()
}

// setFilename gives every stanza of commands.conf the same filename.
func setFilename(conf []byte, filename string) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(conf) {
		trimmed := bytes.TrimSpace(line)
		if key, _, ok := bytes.Cut(trimmed, []byte("=")); ok && string(bytes.TrimSpace(key)) == "filename" {
			continue
		}
		out.Write(line)
		if bytes.HasPrefix(trimmed, []byte("[")) {
			fmt.Fprintf(&out, "filename = %s\n", filename)
		}
	}
	return out.Bytes()
}
