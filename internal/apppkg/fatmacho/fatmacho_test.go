package fatmacho_test

import (
	"bytes"
	"debug/macho"
	"errors"
	"testing"

	"github.com/tclookup/tclookup/internal/apppkg"
	"github.com/tclookup/tclookup/internal/apppkg/apptest"
	"github.com/tclookup/tclookup/internal/apppkg/fatmacho"
)

var (
	amd64 = apppkg.Target{OS: "darwin", Arch: "amd64"}
	arm64 = apppkg.Target{OS: "darwin", Arch: "arm64"}
)

func TestJoin(t *testing.T) {
	builds := apptest.Builds(t, amd64, arm64)
	fat, err := fatmacho.Join(builds[amd64], builds[arm64])
	if err != nil {
		t.Fatal(err)
	}
	f, err := macho.NewFatFile(bytes.NewReader(fat))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := []struct {
		cpu  macho.Cpu
		thin []byte
	}{{macho.CpuAmd64, builds[amd64]}, {macho.CpuArm64, builds[arm64]}}
	if len(f.Arches) != len(want) {
		t.Fatalf("%d slices", len(f.Arches))
	}
	for i, a := range f.Arches {
		if a.FatArchHeader.Cpu != want[i].cpu || a.FatArchHeader.SubCpu != a.File.SubCpu {
			t.Errorf("slice %d: header says %v/%#x, file %v/%#x", i, a.FatArchHeader.Cpu, a.FatArchHeader.SubCpu, a.File.Cpu, a.File.SubCpu)
		}
		if a.Offset%(1<<a.Align) != 0 || a.Align < 14 {
			t.Errorf("slice %d: offset %#x, alignment 2^%d: arm64 maps pages of 16 KiB", i, a.Offset, a.Align)
		}
		if got := fat[a.Offset : a.Offset+a.Size]; !bytes.Equal(got, want[i].thin) {
			t.Errorf("slice %d differs from the file that went in", i)
		}
	}
}

func TestJoinRefuses(t *testing.T) {
	thin := apptest.Builds(t, arm64)[arm64]
	if _, err := fatmacho.Join(); !errors.Is(err, fatmacho.ErrNoSlice) {
		t.Errorf("no file: error %v", err)
	}
	if _, err := fatmacho.Join(thin, thin); err == nil {
		t.Error("the same CPU twice: no error")
	}
	if _, err := fatmacho.Join([]byte("#!/bin/sh")); err == nil {
		t.Error("a script: no error")
	}
}

func TestCheckSignature(t *testing.T) {
	builds := apptest.Builds(t, amd64, arm64)
	if err := fatmacho.CheckSignature(builds[arm64]); err != nil {
		t.Errorf("as the linker wrote it: %v", err)
	}
	if err := fatmacho.CheckSignature(builds[amd64]); err != nil && !errors.Is(err, fatmacho.ErrUnsigned) {
		t.Errorf("x86-64: %v", err)
	}
	thin := bytes.Clone(builds[arm64])
	thin[len(thin)/2] ^= 1
	if err := fatmacho.CheckSignature(thin); err == nil {
		t.Error("one bit changed: no error")
	}
	// The number of LC_CODE_SIGNATURE, behind the header of 32 bytes, becomes that of another command.
	thin = bytes.Clone(builds[arm64])
	at := bytes.Index(thin[32:4096], []byte{0x1d, 0, 0, 0, 16, 0, 0, 0})
	if at < 0 {
		t.Fatal("no signature command in the file")
	}
	thin[32+at] = 0x26
	if err := fatmacho.CheckSignature(thin); !errors.Is(err, fatmacho.ErrUnsigned) {
		t.Errorf("no signature: error %v, want ErrUnsigned", err)
	}
}

// FuzzCheckSignature changes one byte of a signed file, cuts it, and wants an error
// for every change, but no panic.
func FuzzCheckSignature(f *testing.F) {
	good := apptest.Builds(f, arm64)[arm64]
	f.Add(uint32(0), byte(1), uint32(0))
	f.Add(uint32(len(good)-100), byte(0xff), uint32(0))
	f.Add(uint32(16), byte(3), uint32(64))
	f.Fuzz(func(t *testing.T, at uint32, flip byte, cut uint32) {
		bad := bytes.Clone(good)
		// Look most of the time at the load commands and the signature.
		at %= uint32(len(bad))
		if at%3 == 0 {
			at %= 4096
		} else if at%3 == 1 {
			at = uint32(len(bad)) - 1 - at%20000
		}
		bad[at] ^= flip
		bad = bad[:len(bad)-int(cut%uint32(len(bad)))]
		err := fatmacho.CheckSignature(bad)
		if len(bad) == len(good) && flip != 0 && at < uint32(len(bad)*3/4) && err == nil {
			t.Fatalf("byte %d changed by %#x: no error", at, flip)
		}
	})
}
