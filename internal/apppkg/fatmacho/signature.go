package fatmacho

import (
	"bytes"
	"crypto/sha256"
	"debug/macho"
	"encoding/binary"
	"errors"
	"fmt"
)

// Facts of the embedded signature, from Apple's cs_blobs.h.
const (
	loadCommandSignature = 0x1d       // LC_CODE_SIGNATURE
	magicSuperBlob       = 0xfade0cc0 // CSMAGIC_EMBEDDED_SIGNATURE
	magicCodeDirectory   = 0xfade0c02 // CSMAGIC_CODEDIRECTORY
	slotCodeDirectory    = 0
	flagAdhoc            = 0x2
	hashSHA256           = 2
)

// ErrUnsigned says that a Mach-O file carries no signature. macOS on arm64
// kills such a program when it starts.
var ErrUnsigned = errors.New("Mach-O file is not signed")

// CheckSignature checks that a thin Mach-O file is signed ad hoc and that the
// signature's page hashes are those of the file.
func CheckSignature(thin []byte) error {
	f, err := macho.NewFile(bytes.NewReader(thin))
	if err != nil {
		return err
	}
	blob, err := signatureBlob(f, thin)
	if err != nil {
		return err
	}
	dir, err := codeDirectory(blob)
	if err != nil {
		return err
	}
	return checkPages(dir, thin)
}

func signatureBlob(f *macho.File, thin []byte) ([]byte, error) {
	for _, l := range f.Loads {
		raw := l.Raw()
		if len(raw) < 16 || f.ByteOrder.Uint32(raw) != loadCommandSignature {
			continue
		}
		return cut(thin, f.ByteOrder.Uint32(raw[8:]), f.ByteOrder.Uint32(raw[12:]))
	}
	return nil, ErrUnsigned
}

func codeDirectory(blob []byte) ([]byte, error) {
	if len(blob) < 12 || binary.BigEndian.Uint32(blob) != magicSuperBlob {
		return nil, fmt.Errorf("signature: no super blob: %w", ErrUnsigned)
	}
	n := binary.BigEndian.Uint32(blob[8:])
	for i := range n {
		at, err := cut(blob, 12+8*i, 8)
		if err != nil || i > 64 {
			break
		}
		if binary.BigEndian.Uint32(at) != slotCodeDirectory {
			continue
		}
		offset := binary.BigEndian.Uint32(at[4:])
		head, err := cut(blob, offset, 44)
		if err != nil || binary.BigEndian.Uint32(head) != magicCodeDirectory {
			return nil, errors.New("signature: damaged code directory")
		}
		return cut(blob, offset, binary.BigEndian.Uint32(head[4:]))
	}
	return nil, errors.New("signature: no code directory")
}

func checkPages(dir, thin []byte) error {
	be := binary.BigEndian
	if len(dir) < 44 {
		return errors.New("signature: damaged code directory")
	}
	if be.Uint32(dir[12:])&flagAdhoc == 0 {
		return errors.New("signature: not an ad-hoc one")
	}
	hashOffset, slots, limit := be.Uint32(dir[16:]), be.Uint32(dir[28:]), be.Uint32(dir[32:])
	hashSize, hashType, pageBits := uint32(dir[36]), dir[37], dir[39]
	if hashSize != sha256.Size || hashType != hashSHA256 || pageBits < 9 || pageBits > 20 {
		return fmt.Errorf("signature: hash type %d with pages of 2^%d bytes is not understood", hashType, pageBits)
	}
	page := uint64(1) << pageBits
	code, err := cut(thin, 0, limit)
	if err != nil {
		return err
	}
	if want := (uint64(limit) + page - 1) / page; uint64(slots) != want {
		return fmt.Errorf("signature: %d hashes for %d pages", slots, want)
	}
	hashes, err := cut(dir, hashOffset, slots*hashSize)
	if err != nil {
		return err
	}
	for i := range uint64(slots) {
		sum := sha256.Sum256(code[i*page : min((i+1)*page, uint64(limit))])
		if !bytes.Equal(sum[:], hashes[i*sha256.Size:(i+1)*sha256.Size]) {
			return fmt.Errorf("signature: page %d was changed after signing", i)
		}
	}
	return nil
}

// cut returns b[offset:offset+size].
func cut(b []byte, offset, size uint32) ([]byte, error) {
	end := uint64(offset) + uint64(size)
	if end > uint64(len(b)) {
		return nil, fmt.Errorf("signature: bytes %d to %d lie outside the file", offset, end)
	}
	return b[offset:end], nil
}
