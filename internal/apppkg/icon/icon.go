// Package icon draws the app's pictures for Splunk: a magnifying glass over
// three linked points, and the name beside it.
package icon

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
)

// Picture is one PNG file of the app's directory static.
type Picture struct {
	Name          string
	Width, Height int
	paint         func(c *canvas)
}

// The colours: a dark ground, a light figure, and one accent for the point that
// was found.
var (
	ground = color.NRGBA{0x12, 0x3a, 0x4d, 0xff}
	figure = color.NRGBA{0xf4, 0xfa, 0xfb, 0xff}
	accent = color.NRGBA{0xff, 0xa6, 0x2b, 0xff}
)

// Pictures are all files, in the sizes that Splunk asks for: icons of 36×36 for
// the launcher, Alt ones for its bar, logos of 160×40, each also in double size.
func Pictures() []Picture {
	return []Picture{
		{"appIcon.png", 36, 36, paintIcon},
		{"appIcon_2x.png", 72, 72, paintIcon},
		{"appIconAlt.png", 36, 36, paintAlt},
		{"appIconAlt_2x.png", 72, 72, paintAlt},
		{"appLogo.png", 160, 40, paintLogo},
		{"appLogo_2x.png", 320, 80, paintLogo},
	}
}

// Image draws the picture, the same every time.
func (p Picture) Image() *image.NRGBA {
	c := &canvas{img: image.NewNRGBA(image.Rect(0, 0, p.Width, p.Height))}
	p.paint(c)
	return c.img
}

// PNG returns the picture as a PNG file.
func (p Picture) PNG() ([]byte, error) {
	var b bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	if err := enc.Encode(&b, p.Image()); err != nil {
		return nil, fmt.Errorf("picture %s: %w", p.Name, err)
	}
	return b.Bytes(), nil
}

// Shapes are drawn in a square of 36 units; paintLogo puts one into 40.

func paintIcon(c *canvas) {
	c.scale = float64(c.img.Rect.Dx()) / 36
	c.fill(roundedSquare(18, 18, 17.5, 7), ground)
	paintGlyph(c, figure, accent)
}

func paintAlt(c *canvas) {
	c.scale = float64(c.img.Rect.Dx()) / 36
	paintGlyph(c, figure, figure)
}

func paintGlyph(c *canvas, main, found color.NRGBA) {
	// The linked points inside the lens.
	c.fill(segment(11.6, 17.6, 15.4, 10.8, 0.75), main)
	c.fill(segment(15.4, 10.8, 19.6, 16.8, 0.75), main)
	c.fill(segment(11.6, 17.6, 19.6, 16.8, 0.75), main)
	c.fill(disc(11.6, 17.6, 2.0), main)
	c.fill(disc(15.4, 10.8, 2.0), main)
	c.fill(disc(19.6, 16.8, 2.6), found)
	// The lens and its handle.
	c.fill(ring(15.5, 15.2, 9.7, 1.3), main)
	c.fill(segment(23.2, 22.9, 29.2, 28.9, 2.2), main)
}

func paintLogo(c *canvas) {
	c.scale = float64(c.img.Rect.Dx()) / 160
	c.dx, c.dy = 2, 2
	c.fill(roundedSquare(18, 18, 17.5, 7), ground)
	paintGlyph(c, figure, accent)
	c.dx, c.dy = 46, 0
	for _, s := range wordmark() {
		c.fill(s, figure)
	}
}

// wordmark is "tclookup" in strokes; the letters stand on y = 26 and are 12 high.
func wordmark() []shape {
	const (
		w    = 1.25 // half the width of a stroke
		base = 25.5
		r    = 4.9 // of the round letters, at the middle of the stroke
		mid  = base - r
		top  = 10.5
	)
	round := func(x float64) shape { return ring(x, mid, r, w) }
	var s []shape
	s = append(s, segment(3, 13.2, 3, base-2.6, w), arc(5.6, base-2.6, 2.6, w, 90, 180), segment(0.6, mid-r+0.4, 6, mid-r+0.4, w)) // t
	s = append(s, arc(15.2, mid, r, w, 45, 315))                                                                                   // c
	s = append(s, segment(24.4, top, 24.4, base, w))                                                                               // l
	s = append(s, round(33.4), round(46.9))                                                                                        // oo
	s = append(s, segment(56.2, top, 56.2, base, w), segment(56.4, mid+0.9, 62.4, mid-r+0.2, w), segment(58.6, mid-0.9, 63, base, w))
	s = append(s, segment(67.4, mid-r, 67.4, mid+0.9, w), segment(75.4, mid-r, 75.4, base, w), arc(71.4, mid+0.9, 4, w, 0, 180)) // u
	s = append(s, segment(80.8, mid-r, 80.8, base+5.2, w), round(85.8))                                                          // p
	return s
}

// canvas paints shapes with soft edges.
type canvas struct {
	img    *image.NRGBA
	scale  float64 // pixels per unit
	dx, dy float64 // where the origin of the shapes lies, in units
}

// fill paints a shape; a pixel that its edge goes through is covered in part.
func (c *canvas) fill(distance shape, col color.NRGBA) {
	b := c.img.Rect
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			d := distance((float64(x)+0.5)/c.scale-c.dx, (float64(y)+0.5)/c.scale-c.dy)
			cover := int(math.Round(255 * min(1, max(0, 0.5-d*c.scale))))
			if cover > 0 {
				c.img.SetNRGBA(x, y, over(c.img.NRGBAAt(x, y), col, cover))
			}
		}
	}
}

// over lays col, of which cover/255 is there, over what is below.
func over(under, col color.NRGBA, cover int) color.NRGBA {
	rest := int(under.A) * (255 - cover) / 255
	alpha := cover + rest
	mix := func(a, b uint8) uint8 { return uint8((int(a)*rest + int(b)*cover + alpha/2) / alpha) }
	return color.NRGBA{mix(under.R, col.R), mix(under.G, col.G), mix(under.B, col.B), uint8(alpha)}
}

// shape returns the distance of a point to the edge, negative inside.
type shape func(x, y float64) float64

func disc(cx, cy, r float64) shape {
	return func(x, y float64) float64 { return math.Hypot(x-cx, y-cy) - r }
}

// ring is a circle drawn with a pen of twice the given half width.
func ring(cx, cy, r, half float64) shape {
	return func(x, y float64) float64 { return math.Abs(math.Hypot(x-cx, y-cy)-r) - half }
}

// segment is a straight stroke with round ends.
func segment(x1, y1, x2, y2, half float64) shape {
	return func(x, y float64) float64 {
		dx, dy := x2-x1, y2-y1
		t := min(1, max(0, ((x-x1)*dx+(y-y1)*dy)/(dx*dx+dy*dy)))
		return math.Hypot(x-x1-t*dx, y-y1-t*dy) - half
	}
}

// arc is the part of a ring between two angles in degrees, clockwise from the
// right, with round ends.
func arc(cx, cy, r, half, from, to float64) shape {
	whole := ring(cx, cy, r, half)
	end := func(deg float64) shape {
		rad := deg * math.Pi / 180
		return disc(cx+r*math.Cos(rad), cy+r*math.Sin(rad), half)
	}
	first, last := end(from), end(to)
	return func(x, y float64) float64 {
		deg := math.Atan2(y-cy, x-cx) * 180 / math.Pi
		if deg < 0 {
			deg += 360
		}
		if deg >= from && deg <= to {
			return whole(x, y)
		}
		return min(first(x, y), last(x, y))
	}
}

func roundedSquare(cx, cy, half, radius float64) shape {
	return func(x, y float64) float64 {
		dx, dy := math.Abs(x-cx)-half+radius, math.Abs(y-cy)-half+radius
		return math.Hypot(max(0, dx), max(0, dy)) + min(0, max(dx, dy)) - radius
	}
}
