package main

import (
	"os"
	"testing"
)

// TestCommitted compares proxy.csv in the tree with what the generator makes.
func TestCommitted(t *testing.T) {
	want, err := generate("../data")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../data/proxy.csv")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("data/proxy.csv is not what the generator makes: run go generate ./internal/demodata")
	}
}

func TestZipf(t *testing.T) {
	c := chance(1)
	var count [8]int
	list := []int{0, 1, 2, 3, 4, 5, 6, 7}
	for range 10000 {
		count[zipf(&c, list)]++
	}
	for i, n := range count {
		// 1/(i+1) of about 10000/2.72, give or take a fifth.
		want := 10000 * 100 / 272 / (i + 1)
		if n < want*4/5 || n > want*6/5 {
			t.Errorf("element %d: %d times, want about %d", i, n, want)
		}
	}
}

func TestInterleave(t *testing.T) {
	in := make([]int, 23)
	for i := range in {
		in[i] = i
	}
	seen := map[int]bool{}
	for _, v := range interleave(in) {
		seen[v] = true
	}
	if len(seen) != len(in) {
		t.Errorf("%d of %d elements left", len(seen), len(in))
	}
}

func TestUnknownType(t *testing.T) {
	if _, err := readEntities([]byte("type,value,votes,sha1\nurl,x,,\n")); err == nil {
		t.Error("no error about an unknown type")
	}
}
