package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tclookup/tclookup/internal/apppkg"
)

// pack builds the program and writes the packages, the bill of materials of each,
// and SHA256SUMS.
func pack(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("apptool package", flag.ContinueOnError)
	root := flags.String("root", ".", "the project's directory, with VERSION, LICENSE, app/ and go.mod")
	platforms := flags.String("platforms", strings.Join(apppkg.PlatformNames(), ","), "packages to make, comma separated; all is one for every platform")
	out := flags.String("o", "dist", "directory to write into")
	main := flags.String("main", "./cmd/tclookup", "main package of the program")
	commit := flags.String("commit", "", "revision of the sources; default: what git says")
	quiet := flags.Bool("q", false, "say nothing but errors")
	if err := parse(flags, args); err != nil {
		return err
	}
	chosen, err := apppkg.ParsePlatforms(*platforms)
	if err != nil {
		fmt.Fprintln(os.Stderr, "apptool package: -platforms:", err)
		return errUsage
	}
	say := func(format string, args ...any) {
		if !*quiet {
			fmt.Fprintf(os.Stderr, format+"\n", args...)
		}
	}
	version, err := apppkg.ReadVersion(*root)
	if err != nil {
		return err
	}
	mtime, err := apppkg.SourceTime(ctx, *root, os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return err
	}
	license, err := os.ReadFile(filepath.Join(*root, "LICENSE"))
	if err != nil {
		return err
	}
	changes, err := os.ReadFile(filepath.Join(*root, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	if *commit == "" {
		*commit = apppkg.Revision(ctx, *root)
	}
	builds, err := apppkg.Build(ctx, apppkg.BuildOptions{
		Root: *root, Main: *main, Version: version, Commit: *commit, Targets: apppkg.Targets(chosen...), Log: say,
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	files := map[string][]byte{}
	for _, p := range chosen {
		licenses, err := apppkg.Licenses(ctx, *root, *main, apppkg.Targets(p))
		if err != nil {
			return err
		}
		in := apppkg.Input{
			App: os.DirFS(filepath.Join(*root, "app")), License: license, Changes: changes, Licenses: licenses, Version: version, Commit: *commit, Builds: builds,
		}
		data, err := apppkg.Pack(in, p, mtime)
		if err != nil {
			return err
		}
		// Beside the package too: for those who want to know before they unpack.
		sbom, err := apppkg.SBOM(in, p, mtime)
		if err != nil {
			return err
		}
		name := p.FileName(version)
		for name, data := range map[string][]byte{name: data, strings.TrimSuffix(name, ".tgz") + ".cdx.json": sbom} {
			files[name] = data
			if err := apppkg.WriteFile(filepath.Join(*out, name), data); err != nil {
				return err
			}
		}
		say("%s: %.1f MB", filepath.Join(*out, name), float64(len(data))/1e6)
	}
	return apppkg.WriteFile(filepath.Join(*out, "SHA256SUMS"), apppkg.Sums(files))
}
