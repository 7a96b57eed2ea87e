package disk

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// How a report's body is kept, in its first byte.
const (
	plainBody = 0
	zstdBody  = 1
)

// maxReport bounds what a body may unpack to.
const maxReport = 64 << 20

var encoder = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true))
})

var decoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxReport), zstd.WithDecoderLowmem(true))
})

// packReport returns the body of a report.
func packReport(raw []byte) []byte {
	if len(raw) >= 100 {
		if e, err := encoder(); err == nil {
			if b := e.EncodeAll(raw, []byte{zstdBody}); len(b) < len(raw) {
				return b
			}
		}
	}
	return append([]byte{plainBody}, raw...)
}

// unpackReport returns the report of a body, in memory of its own.
func unpackReport(body []byte) ([]byte, error) {
	switch {
	case len(body) > 0 && body[0] == plainBody:
		return append([]byte{}, body[1:]...), nil
	case len(body) > 0 && body[0] == zstdBody:
		d, err := decoder()
		if err != nil {
			return nil, err
		}
		return d.DecodeAll(body[1:], nil)
	}
	return nil, fmt.Errorf("report of an unknown form")
}
