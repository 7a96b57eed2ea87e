package pages

import (
	"fmt"
	"html/template"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tclookup/tclookup/graph"
)

// Measures of a time line, in pixels at its natural size.
const (
	timeWidth = 900
	timeRow   = 20
	timeTop   = 26
	timeLabel = 36  // characters
	timeGlyph = 7.3 // width of one
)

// timeLine draws when the start of a graph resolved to what: a line for each,
// the newest first. It is empty when no date is known.
func timeLine(g *graph.Graph) template.HTML {
	type line struct {
		name        string
		first, last time.Time
	}
	var lines []line
	var lo, hi time.Time
	more, longest := 0, 0
	for i := range g.Edges {
		e := &g.Edges[i]
		last, err := time.Parse(time.DateOnly, e.LastSeen)
		if e.Relation != graph.Resolution || e.Source != 0 || err != nil {
			continue
		}
		if len(lines) == maxDates {
			more++
			continue
		}
		first, err := time.Parse(time.DateOnly, e.FirstSeen)
		if err != nil {
			first = last
		}
		lines = append(lines, line{g.Nodes[e.Target].Value, first, last})
		longest = max(longest, min(timeLabel, utf8.RuneCountInString(g.Nodes[e.Target].Value)))
		if lo.IsZero() || first.Before(lo) {
			lo = first
		}
		if last.After(hi) {
			hi = last
		}
	}
	if len(lines) == 0 {
		return ""
	}
	// A margin, so that nothing stands on the edge and one day is no point.
	pad := max(hi.Sub(lo)/30, 7*24*time.Hour)
	from, span := lo.Add(-pad), hi.Sub(lo)+2*pad
	labels := int(float64(longest)*timeGlyph) + 20
	x := func(t time.Time) float64 {
		return float64(labels) + float64(t.Sub(from))/float64(span)*float64(timeWidth-labels)
	}
	height := timeTop + len(lines)*timeRow + 8
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="tc-time" xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-labelledby="tc-time-title">`+"\n", timeWidth, height, timeWidth, height)
	fmt.Fprintf(&b, "<title id=\"tc-time-title\">%d resolutions seen between %s and %s; the table has the dates</title>\n", len(lines), lo.Format(time.DateOnly), hi.Format(time.DateOnly))
	for _, t := range ticks(from, from.Add(span)) {
		fmt.Fprintf(&b, `<path class="tick" d="M%.1f %dV%d"/><text class="date" x="%.1f" y="14" text-anchor="middle">%s</text>`+"\n", x(t.at), timeTop-6, height, x(t.at), t.label)
	}
	for i, l := range lines {
		y := timeTop + i*timeRow + timeRow/2
		when := l.last.Format(time.DateOnly)
		if !l.first.Equal(l.last) {
			when = l.first.Format(time.DateOnly) + " to " + when
		}
		fmt.Fprintf(&b, `<g><title>%s: %s</title><text class="name" x="%d" y="%d" text-anchor="end">%s</text>`, template.HTMLEscapeString(l.name), when, labels-12, y+4, template.HTMLEscapeString(cut(l.name, timeLabel)))
		if !l.first.Equal(l.last) {
			fmt.Fprintf(&b, `<path class="span" d="M%.1f %dH%.1f"/><circle class="dot" cx="%.1f" cy="%d" r="3"/>`, x(l.first), y, x(l.last), x(l.first), y)
		}
		fmt.Fprintf(&b, `<circle class="dot" cx="%.1f" cy="%d" r="5"/></g>`+"\n", x(l.last), y)
	}
	b.WriteString("</svg>\n")
	if more > 0 {
		fmt.Fprintf(&b, "<p class=\"note\">The newest %d are drawn; %d more are in the table.</p>\n", maxDates, more)
	}
	return template.HTML(b.String()) //nolint:gosec // values are escaped above
}

type tick struct {
	at    time.Time
	label string
}

// ticks returns the beginnings of months or years in a span, at most 12.
func ticks(from, to time.Time) []tick {
	months := (to.Year()-from.Year())*12 + int(to.Month()) - int(from.Month())
	for _, step := range []int{1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 12000} {
		if months/step > 9 {
			continue
		}
		var out []tick
		// Steps of whole years begin at years that they divide.
		m := from.Year()*12 + int(from.Month()) - 1
		for m -= m % step; len(out) < 12; m += step {
			at := time.Date(m/12, time.Month(m%12+1), 1, 0, 0, 0, 0, time.UTC)
			if at.After(to) {
				break
			}
			if at.Before(from) {
				continue
			}
			label := at.Format("2006")
			if step < 12 {
				label = at.Format("2006-01")
			}
			out = append(out, tick{at, label})
		}
		return out
	}
	return nil
}

// cut shortens a text to some characters, in its middle.
func cut(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most*3/5]) + "…" + string(r[len(r)-(most-1-most*3/5):])
}
