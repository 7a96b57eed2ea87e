package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	table := filepath.Join(t.TempDir(), "t.csv")
	if err := os.WriteFile(table, []byte("domain,v\na.example,bad\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const in = "x,domain\n1,a.example\n\"2,\"\"q\"\"\",b.example\n"
	const want = "x,domain,v\n1,a.example,bad\n\"2,\"\"q\"\"\",b.example,\n"
	var out bytes.Buffer
	if err := run(table, false, strings.NewReader(in), &out); err != nil || out.String() != want {
		t.Errorf("%v\n%s", err, &out)
	}
	out.Reset()
	talk := fmt.Sprintf("chunked 1.0,2,0\n{}chunked 1.0,18,%d\n{\"finished\":false}%s", len(in), in)
	reply := fmt.Sprintf("chunked 1.0,20,0\n{\"type\":\"streaming\"}chunked 1.0,18,%d\n{\"finished\":false}%s", len(want), want)
	if err := run(table, true, strings.NewReader(talk), &out); err != nil || out.String() != reply {
		t.Errorf("%v\n%q", err, out.String())
	}
}
