package apppkg

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tclookup/tclookup/internal/apppkg/archive"
)

// licenseName matches the files in which Go modules keep their terms.
var licenseName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([-_.].*)?$`)

// ErrNoLicense says that a module linked into the program has no licence file.
var ErrNoLicense = errors.New("no licence file")

type listedPackage struct {
	ImportPath string
	Dir        string
	Standard   bool
	Module     *listedModule
}

type listedModule struct {
	Path, Version, Dir string
	Main               bool
	Replace            *listedModule
}

// Licenses collects the licence texts of every module that is linked into the
// main package for any of the targets, and of Go's own library: as files below
// LICENSES/, with a list of modules and versions in LICENSES/modules.txt.
func Licenses(ctx context.Context, root, mainPackage string, targets []Target) ([]archive.File, error) {
	files := map[string][]byte{}
	modules := map[string]string{}
	for _, t := range targets {
		listed, err := listPackages(ctx, root, mainPackage, t)
		if err != nil {
			return nil, err
		}
		for _, p := range listed {
			if p.Standard || p.Module == nil || p.Module.Main {
				continue
			}
			if err := addLicenses(files, p); err != nil {
				return nil, err
			}
			modules[p.Module.Path] = p.Module.Version
		}
	}
	for m, v := range modules {
		if !hasPrefixKey(files, "LICENSES/"+m+"/") {
			return nil, fmt.Errorf("module %s %s: %w: look where it keeps its terms", m, v, ErrNoLicense)
		}
	}
	if err := addGoLicense(ctx, root, files); err != nil {
		return nil, err
	}
	files["LICENSES/modules.txt"] = moduleList(modules)
	var out []archive.File
	for _, name := range slices.Sorted(maps.Keys(files)) {
		out = append(out, archive.File{Path: name, Data: files[name]})
	}
	return out, nil
}

func listPackages(ctx context.Context, root, mainPackage string, t Target) ([]listedPackage, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=ImportPath,Dir,Standard,Module", mainPackage)
	cmd.Dir = root
	cmd.Env = goEnv(t)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s for %s: %w\n%s", mainPackage, t, err, strings.TrimSpace(stderr.String()))
	}
	var listed []listedPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := dec.Decode(&p); err == io.EOF {
			return listed, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list %s for %s: %w", mainPackage, t, err)
		}
		listed = append(listed, p)
	}
}

// addLicenses adds the licence files of a package's directory and of those above
// it up to the module's: parts of a module may have terms of their own.
func addLicenses(files map[string][]byte, p listedPackage) error {
	dir := p.Module.Dir
	if p.Module.Replace != nil {
		dir = p.Module.Replace.Dir
	}
	below, err := filepath.Rel(dir, p.Dir)
	if err != nil || !filepath.IsLocal(below) {
		return fmt.Errorf("package %s: directory %s is not in its module's, %s", p.ImportPath, p.Dir, dir)
	}
	for below = filepath.ToSlash(below); ; below = path.Dir(below) {
		into := path.Join("LICENSES", p.Module.Path, below)
		if err := addLicenseFiles(files, filepath.Join(dir, filepath.FromSlash(below)), into); err != nil {
			return fmt.Errorf("package %s: %w", p.ImportPath, err)
		}
		if below == "." {
			return nil
		}
	}
}

func addLicenseFiles(files map[string][]byte, dir, into string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(into, e.Name())
		if _, have := files[name]; have || !e.Type().IsRegular() || !licenseName.MatchString(e.Name()) {
			continue
		}
		if strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		files[name] = data
	}
	return nil
}

func addGoLicense(ctx context.Context, root string, files map[string][]byte) error {
	cmd := exec.CommandContext(ctx, "go", "env", "GOROOT")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	goroot := strings.TrimSpace(string(out))
	if err := addLicenseFiles(files, goroot, "LICENSES/go"); err != nil {
		return fmt.Errorf("licence of Go: %w", err)
	}
	if !hasPrefixKey(files, "LICENSES/go/") {
		return fmt.Errorf("licence of Go: %w in %s: use a toolchain from go.dev", ErrNoLicense, goroot)
	}
	return nil
}

func moduleList(modules map[string]string) []byte {
	var b bytes.Buffer
	b.WriteString("Modules in the programs of this app; their licences lie beside this file.\n")
	b.WriteString("The standard library of Go is in all of them (go/LICENSE).\n\n")
	for _, m := range slices.Sorted(maps.Keys(modules)) {
		fmt.Fprintf(&b, "%s %s\n", m, modules[m])
	}
	return b.Bytes()
}

func hasPrefixKey(m map[string][]byte, prefix string) bool {
	for k := range m {
		if strings.HasPrefix(k, prefix) {
			return true
		}
	}
	return false
}
