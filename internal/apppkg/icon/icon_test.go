package icon

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

// TestShipped: the pictures in the app are the ones this package draws. When
// they are not, run "go run ./internal/cmd/apptool icons".
func TestShipped(t *testing.T) {
	for _, p := range Pictures() {
		data, err := os.ReadFile(filepath.Join("..", "..", "..", "app", "static", p.Name))
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		want := p.Image()
		if got.Bounds() != want.Bounds() {
			t.Errorf("%s: %v, want %v", p.Name, got.Bounds(), want.Bounds())
			continue
		}
		for y := range p.Height {
			for x := range p.Width {
				// Another CPU may round otherwise.
				if !near(got.At(x, y), want.At(x, y)) {
					t.Fatalf("%s: pixel %d,%d is %v, drawn %v", p.Name, x, y, got.At(x, y), want.At(x, y))
				}
			}
		}
	}
}

func near(a, b interface{ RGBA() (r, g, b, a uint32) }) bool {
	r1, g1, b1, a1 := a.RGBA()
	r2, g2, b2, a2 := b.RGBA()
	for _, d := range [][2]uint32{{r1, r2}, {g1, g2}, {b1, b2}, {a1, a2}} {
		if max(d[0], d[1])-min(d[0], d[1]) > 0x300 {
			return false
		}
	}
	return true
}

func TestPNGIsRepeatable(t *testing.T) {
	for _, p := range Pictures() {
		first, err := p.PNG()
		if err != nil {
			t.Fatal(err)
		}
		again, err := p.PNG()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, again) {
			t.Errorf("%s: drawn twice, two files", p.Name)
		}
		c, err := png.DecodeConfig(bytes.NewReader(first))
		if err != nil || c.Width != p.Width || c.Height != p.Height {
			t.Errorf("%s: %d×%d, error %v", p.Name, c.Width, c.Height, err)
		}
	}
}
