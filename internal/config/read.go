package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

// maxFile is the most bytes of one configuration file.
const maxFile = 1 << 20

// read returns the contents and the mode of a file.
func read(name string) ([]byte, fs.FileMode, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if info.Size() > maxFile {
		return nil, 0, errTooLarge
	}
	data := make([]byte, 0, info.Size()+512)
	for {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case err == io.EOF:
			return data, info.Mode(), nil
		case err != nil:
			return nil, 0, err
		case len(data) > maxFile:
			return nil, 0, errTooLarge
		case len(data) == cap(data):
			data = slices.Grow(data, len(data))
		}
	}
}

var errTooLarge = fmt.Errorf("larger than %s, which no configuration is", formatSize(maxFile))

// reason is the message of an error without the path, which is said already.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return err.Error()
}
