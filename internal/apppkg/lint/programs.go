package lint

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/tclookup/tclookup/internal/config"
)

// natives returns the paths of all native executables of the app.
func (a *app) natives() []string {
	var names []string
	for name, m := range a.sorted() {
		if format(m.Data) != "" {
			names = append(names, name)
		}
	}
	return names
}

// programsOf returns the files splunkd may start for a command: in the platform
// directories and bin, under the stanza's filename, or without one under the
// stanza's name with each extension.
func (a *app) programsOf(s config.Stanza) []string {
	names := []string{get(s, "filename")}
	if names[0] == "" {
		names = nil
		for _, ext := range commandExtensions() {
			names = append(names, s.Name+ext)
		}
	}
	return a.inPlatformDirs(names...)
}

func (a *app) inPlatformDirs(names ...string) []string {
	var found []string
	for _, dir := range platformDirs() {
		for _, name := range names {
			if p := dir + "/" + name; a.files[p] != nil {
				found = append(found, p)
			}
		}
	}
	return found
}

// pointer returns the file of this app that a path pointer leads to.
func (a *app) pointer(name string) (string, error) {
	text := string(a.files[name].Data)
	if strings.ContainsAny(text, "\r\n") {
		return "", errors.New("more than the bare path: splunkd may take the line end as part of it")
	}
	target := strings.ReplaceAll(text, `\`, "/")
	below, ok := strings.CutPrefix(target, "$SPLUNK_HOME/etc/apps/"+a.id+"/")
	if !ok || path.Clean(below) != below {
		return "", fmt.Errorf("%q does not lead into this app", text)
	}
	if a.files[below] == nil {
		return "", fmt.Errorf("%s is not in the package", below)
	}
	return below, nil
}

// cpu says what a platform directory's programs must be built for; "" is any.
func cpu(name string) (want string, formats []string) {
	switch dir, _, _ := strings.Cut(name, "/"); dir {
	case "linux_x86_64":
		return "amd64", []string{"ELF"}
	case "linux_x86":
		return "386", []string{"ELF"}
	case "windows_x86_64":
		return "amd64", []string{"PE"}
	case "windows_x86":
		return "386", []string{"PE"}
	case "darwin_x86_64", "darwin_x86":
		return "", []string{"Mach-O", "universal Mach-O"}
	}
	return "", nil
}

// arches returns the CPUs a native executable has code for, in Go's names.
func arches(data []byte) ([]string, error) {
	switch format(data) {
	case "ELF":
		f, err := elf.NewFile(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		return []string{elfArch(f.Machine)}, nil
	case "PE":
		f, err := pe.NewFile(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		switch f.Machine {
		case pe.IMAGE_FILE_MACHINE_AMD64:
			return []string{"amd64"}, nil
		case pe.IMAGE_FILE_MACHINE_ARM64:
			return []string{"arm64"}, nil
		case pe.IMAGE_FILE_MACHINE_I386:
			return []string{"386"}, nil
		}
		return []string{"other"}, nil
	}
	slices, err := machSlices(data)
	var out []string
	for _, s := range slices {
		out = append(out, s.arch)
	}
	return out, err
}

func elfArch(m elf.Machine) string {
	switch m {
	case elf.EM_X86_64:
		return "amd64"
	case elf.EM_AARCH64:
		return "arm64"
	case elf.EM_ARM:
		return "arm"
	case elf.EM_386:
		return "386"
	}
	return m.String()
}

type machSlice struct {
	arch string
	data []byte
}

// machSlices returns the thin files in a Mach-O file.
func machSlices(data []byte) ([]machSlice, error) {
	if format(data) == "Mach-O" {
		f, err := macho.NewFile(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		return []machSlice{{machArch(f.Cpu), data}}, nil
	}
	fat, err := macho.NewFatFile(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	var out []machSlice
	for _, a := range fat.Arches {
		end := uint64(a.Offset) + uint64(a.Size)
		if end > uint64(len(data)) {
			return nil, io.ErrUnexpectedEOF
		}
		out = append(out, machSlice{machArch(a.Cpu), data[a.Offset:end]})
	}
	return out, nil
}

func machArch(c macho.Cpu) string {
	switch c {
	case macho.CpuAmd64:
		return "amd64"
	case macho.CpuArm64:
		return "arm64"
	}
	return c.String()
}

// dynamic says what an ELF file needs of the system to start; "" is nothing.
func dynamic(data []byte) string {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return err.Error()
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return "an interpreter"
		}
	}
	libs, err := f.ImportedLibraries()
	if err == nil && len(libs) > 0 {
		return strings.Join(libs, ", ")
	}
	return ""
}

// isConsole says whether a PE file is a console program: one for the GUI has no
// standard streams.
func isConsole(data []byte) bool {
	f, err := pe.NewFile(bytes.NewReader(data))
	if err != nil {
		return false
	}
	switch h := f.OptionalHeader.(type) {
	case *pe.OptionalHeader64:
		return h.Subsystem == pe.IMAGE_SUBSYSTEM_WINDOWS_CUI
	case *pe.OptionalHeader32:
		return h.Subsystem == pe.IMAGE_SUBSYSTEM_WINDOWS_CUI
	}
	return false
}

// images returns the builds in an executable: the slices of a universal file, or
// the file itself.
func images(data []byte) [][]byte {
	if format(data) != "universal Mach-O" {
		return [][]byte{data}
	}
	parts, err := machSlices(data)
	if err != nil {
		return nil
	}
	var out [][]byte
	for _, p := range parts {
		out = append(out, p.data)
	}
	return out
}

// goSettings returns what Go recorded about a build.
func goSettings(image []byte) (map[string]string, error) {
	info, err := buildinfo.Read(bytes.NewReader(image))
	if err != nil {
		return nil, err
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	return settings, nil
}

// commandFiles are the programs of all commands and external lookups, each once.
func (a *app) commandFiles() []string {
	var names []string
	for _, s := range a.stanzas("commands") {
		if isTrue(get(s, "local")) {
			continue
		}
		for _, p := range a.programsOf(s) {
			if path.Ext(p) == ".path" {
				target, err := a.pointer(p)
				if err != nil {
					continue
				}
				p = target
			}
			names = append(names, p)
		}
	}
	for _, s := range a.stanzas("transforms") {
		if f := strings.Fields(get(s, "external_cmd")); len(f) > 0 && a.files["bin/"+f[0]] != nil {
			names = append(names, "bin/"+f[0])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
