package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/tclookup/tclookup/internal/config"
)

// secretVariables are the variables that hold secrets. They are no settings.
var secretVariables = []string{splunkdToken}

// maxSecret is the size of the largest secret that is read from a file.
const maxSecret = 64 << 10

// secret returns a secret from a file, which flag names, or from a variable of
// the environment. It never comes from the command line, which every user of
// the machine can read. It is zero when neither is given.
func (p place) secret(flag, file, variable string) (config.Secret, error) {
	if file == "" {
		return config.NewSecret(strings.TrimSpace(p.getenv(variable))), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return config.Secret{}, fmt.Errorf("%s: %w", flag, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return config.Secret{}, fmt.Errorf("%s: %w", flag, err)
	}
	// Windows has other rights than these.
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return config.Secret{}, fmt.Errorf("%s: others than its owner may use %s (mode %04o): chmod 600 it, and change the secret if they have read it", flag, file, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return config.Secret{}, fmt.Errorf("%s: %w", flag, err)
	}
	secret := strings.TrimSpace(string(text))
	switch {
	case len(text) > maxSecret:
		return config.Secret{}, fmt.Errorf("%s: %s is larger than %d KiB: it is no secret", flag, file, maxSecret>>10)
	case secret == "":
		return config.Secret{}, fmt.Errorf("%s: %s is empty", flag, file)
	}
	return config.NewSecret(secret), nil
}
