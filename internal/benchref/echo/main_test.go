package main

import (
	"bytes"
	"strings"
	"testing"
)

// lockstep gives one request for each Read.
type lockstep []string

func (l *lockstep) Read(p []byte) (int, error) {
	if len(*l) == 0 {
		return strings.NewReader("").Read(p)
	}
	n := copy(p, (*l)[0])
	if (*l)[0] = (*l)[0][n:]; (*l)[0] == "" {
		*l = (*l)[1:]
	}
	return n, nil
}

func TestServe(t *testing.T) {
	big := "chunked 1.0,2,3000000\n{}" + strings.Repeat("x", 3000000)
	in := lockstep{"chunked 1.0,2,0\n{}", big, "chunked 1.0,2,3\n{}a,b"}
	var out bytes.Buffer
	if err := serve(&in, &out); err != nil {
		t.Fatal(err)
	}
	if want := "chunked 1.0,20,0\n{\"type\":\"streaming\"}" + big + "chunked 1.0,2,3\n{}a,b"; out.String() != want {
		t.Errorf("%d bytes, want %d", out.Len(), len(want))
	}
	if err := serve(&lockstep{"chunked 1.0,2"}, &out); err == nil {
		t.Error("a broken frame went through")
	}
}
