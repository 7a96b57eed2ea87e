// Command apptool packages the Splunk app, checks packages, draws the app's
// pictures and keeps its setup page up to date:
//
//	apptool package [-platforms all,linux_x86_64,…] [-o dist]
//	apptool lint PACKAGE…
//	apptool icons [-o app/static]
//	apptool setup [-o app/appserver/static/setup.js]
//
// It ends with 0 when all is well, with 1 when something went wrong or a package
// has errors, with 2 when the command line is wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

const usage = `usage:
  apptool package [-platforms LIST] [-o DIR]   build the app's packages
  apptool lint PACKAGE...                      check packages
  apptool icons [-o DIR]                       draw the app's pictures
  apptool setup [-o FILE]                      bring the setup page's settings up to date
Each command explains its flags with -h.
`

// errUsage says that the command line is wrong and that this was said already.
var errUsage = errors.New("wrong command line")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "apptool:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "package":
			return pack(ctx, args[1:])
		case "lint":
			return check(ctx, args[1:])
		case "icons":
			return icons(args[1:])
		case "setup":
			return setup(args[1:])
		case "-h", "-help", "--help", "help":
			fmt.Print(usage)
			return nil
		}
	}
	fmt.Fprint(os.Stderr, usage)
	return errUsage
}

// parse reads flags of a command that takes no other arguments.
func parse(flags *flag.FlagSet, args []string) error {
	if err := parseFlags(flags, args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "%s: %q: takes flags only\n", flags.Name(), flags.Arg(0))
		return errUsage
	}
	return nil
}

// parseFlags reads flags; the flag package has told the user what is wrong.
func parseFlags(flags *flag.FlagSet, args []string) error {
	err := flags.Parse(args)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		return errUsage
	}
	return err
}
