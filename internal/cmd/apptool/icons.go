package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tclookup/tclookup/internal/apppkg"
	"github.com/tclookup/tclookup/internal/apppkg/icon"
)

// icons draws the app's pictures into its directory static.
func icons(args []string) error {
	flags := flag.NewFlagSet("apptool icons", flag.ContinueOnError)
	out := flags.String("o", "app/static", "directory to write into")
	if err := parse(flags, args); err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	for _, p := range icon.Pictures() {
		data, err := p.PNG()
		if err != nil {
			return err
		}
		name := filepath.Join(*out, p.Name)
		if err := apppkg.WriteFile(name, data); err != nil {
			return err
		}
		fmt.Println(name)
	}
	return nil
}
