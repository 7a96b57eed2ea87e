// Command stub stands in for the real program in tests of the packager. It has
// a module linked in, as that has.
package main

import (
	"fmt"
	"os"

	"github.com/mattn/go-isatty"

	"github.com/tclookup/tclookup/internal/version"
)

func main() {
	fmt.Println("tclookup", version.String(), version.Commit(), isatty.IsTerminal(os.Stdout.Fd()))
}
