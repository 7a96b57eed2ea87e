// Command stub stands in for the real program in tests of the packager.
package main

import (
	"fmt"

	"github.com/tclookup/tclookup/internal/version"
)

func main() { fmt.Println("tclookup", version.String(), version.Commit()) }
