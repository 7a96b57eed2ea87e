// Package fatmacho joins Mach-O files for several CPUs into one universal file
// and checks their ad-hoc signatures.
package fatmacho

import (
	"bytes"
	"debug/macho"
	"encoding/binary"
	"errors"
	"fmt"
)

// Layout of the universal header (Apple's mach-o/fat.h): big-endian magic and
// count, then per slice CPU type, CPU subtype, offset, size, log2 of alignment.
const (
	fatHeaderSize = 8
	fatArchSize   = 20

	// alignBits is the page size of arm64, 16 KiB, which suits x86-64 too.
	alignBits = 14
)

// ErrNoSlice says that Join was called without a file.
var ErrNoSlice = errors.New("a universal file needs at least one Mach-O file")

// Join returns a universal file with the given thin Mach-O files in that order.
// Equal inputs give equal bytes.
func Join(thin ...[]byte) ([]byte, error) {
	if len(thin) == 0 {
		return nil, ErrNoSlice
	}
	out := binary.BigEndian.AppendUint32(nil, macho.MagicFat)
	out = binary.BigEndian.AppendUint32(out, uint32(len(thin)))
	offset := align(fatHeaderSize + fatArchSize*len(thin))
	seen := map[macho.Cpu]bool{}
	for i, slice := range thin {
		f, err := macho.NewFile(bytes.NewReader(slice))
		if err != nil {
			return nil, fmt.Errorf("slice %d: %w", i, err)
		}
		if seen[f.Cpu] {
			return nil, fmt.Errorf("slice %d: a second slice for %s", i, f.Cpu)
		}
		seen[f.Cpu] = true
		if offset+len(slice) > 1<<32-1 {
			return nil, fmt.Errorf("slice %d: the universal file would exceed 4 GiB", i)
		}
		for _, v := range []uint32{uint32(f.Cpu), f.SubCpu, uint32(offset), uint32(len(slice)), alignBits} {
			out = binary.BigEndian.AppendUint32(out, v)
		}
		offset = align(offset + len(slice))
	}
	for _, slice := range thin {
		out = append(out, make([]byte, align(len(out))-len(out))...)
		out = append(out, slice...)
	}
	return out, nil
}

func align(n int) int { return (n + 1<<alignBits - 1) &^ (1<<alignBits - 1) }
