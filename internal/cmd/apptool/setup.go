package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/tclookup/tclookup/internal/apppkg"
	"github.com/tclookup/tclookup/internal/apppkg/setuppage"
)

// setup writes the table of settings into the script of the setup page.
func setup(args []string) error {
	flags := flag.NewFlagSet("apptool setup", flag.ContinueOnError)
	name := flags.String("o", "app/appserver/static/setup.js", "script to bring up to date")
	if err := parse(flags, args); err != nil {
		return err
	}
	script, err := os.ReadFile(*name)
	if err != nil {
		return err
	}
	if script, err = setuppage.Update(script); err != nil {
		return fmt.Errorf("%s: %w", *name, err)
	}
	return apppkg.WriteFile(*name, script)
}
