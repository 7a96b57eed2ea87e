//go:build never

// Package deps holds the requirements of the module while its packages are being written.
package deps

import (
	_ "github.com/alecthomas/kong"
	_ "github.com/gocarina/gocsv"
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/hashicorp/golang-lru/v2"
	_ "github.com/klauspost/compress/gzip"
	_ "github.com/klauspost/compress/zstd"
	_ "github.com/mattn/go-isatty"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "golang.org/x/net/idna"
	_ "golang.org/x/net/publicsuffix"
	_ "golang.org/x/net/http/httpproxy"
	_ "golang.org/x/sys/unix"
	_ "golang.org/x/sys/windows"
	_ "golang.org/x/text/encoding/unicode"
	_ "golang.org/x/time/rate"
	_ "modernc.org/sqlite"
)
