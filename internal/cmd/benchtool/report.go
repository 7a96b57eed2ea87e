package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// target is a line of the table: a figure of ours, that of a reference, and
// what their ratio should be. Exactly one of AtLeast, AtMost (ratios) and Under
// (our figure) is set; none makes the line an information.
type target struct {
	Path      string  `json:"path"`
	Ours      float64 `json:"ours"`
	Unit      string  `json:"unit"`
	Against   string  `json:"against,omitempty"`
	Reference float64 `json:"reference,omitempty"`
	// Ratio is the median over the rounds of ours by the reference's in the
	// same round.
	Ratio   float64 `json:"ratio,omitempty"`
	AtLeast float64 `json:"at_least,omitempty"`
	AtMost  float64 `json:"at_most,omitempty"`
	Under   float64 `json:"under,omitempty"`
	Zero    bool    `json:"zero,omitempty"` // our figure should be 0
	// Met is not set when there is no target, or no figure.
	Met  *bool  `json:"met,omitempty"`
	Note string `json:"note,omitempty"`
}

// compare adds a line with the ratio of two results.
func (b *bench) compare(t target, own, ref *result, f func(sample) float64) {
	for _, r := range []*result{own, ref} {
		if len(r.Samples) == 0 {
			b.missing(t, r.Program+": "+r.Skipped)
			return
		}
	}
	t.Ours, t.Reference = median(own.values(f)), median(ref.values(f))
	t.Ratio = ratio(own, ref, f)
	if t.AtLeast > 0 || t.AtMost > 0 {
		met := t.Ratio >= t.AtLeast && (t.AtMost == 0 || t.Ratio <= t.AtMost)
		t.Met = &met
	}
	b.targets = append(b.targets, t)
}

// bound adds a line with a figure of ours alone.
func (b *bench) bound(t target, figure float64) {
	t.Ours = figure
	if figure == 0 && !t.Zero {
		b.missing(t, "no figure")
		return
	}
	if t.Under > 0 || t.Zero {
		met := t.Under > 0 && figure < t.Under || t.Zero && figure == 0
		t.Met = &met
	}
	b.targets = append(b.targets, t)
}

// missing adds a line without figures.
func (b *bench) missing(t target, why string) {
	if i := strings.IndexByte(why, '\n'); i >= 0 {
		why = why[:i]
	}
	t.Note = "not measured: " + why
	b.targets = append(b.targets, t)
}

func (t *target) goal() string {
	switch {
	case t.AtLeast > 0:
		return fmt.Sprintf(">= %g x", t.AtLeast)
	case t.AtMost > 0:
		return fmt.Sprintf("<= %g x", t.AtMost)
	case t.Under > 0:
		return fmt.Sprintf("< %.4g %s", t.Under, t.Unit)
	case t.Zero:
		return "0"
	}
	return ""
}

// figure is a number with three digits that count.
func figure(v float64, unit string) string {
	switch {
	case unit == "MB/s":
		v /= 1e6
	case unit == "rows/s":
		v, unit = v/1e3, "krows/s"
	}
	switch {
	case v == 0:
		return "0 " + unit
	case v >= 100:
		return fmt.Sprintf("%.0f %s", v, unit)
	case v >= 10:
		return fmt.Sprintf("%.1f %s", v, unit)
	}
	return fmt.Sprintf("%.3g %s", v, unit)
}

// print writes the table for a person.
func (b *bench) print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "path\tours\treference\tratio\ttarget\tmet\t")
	for i := range b.targets {
		t := &b.targets[i]
		own, ref, ratio, met := "-", "", "", ""
		if t.Met != nil {
			met = map[bool]string{true: "yes", false: "NO"}[*t.Met]
		}
		measured := !strings.HasPrefix(t.Note, "not measured")
		if measured {
			own = figure(t.Ours, t.Unit)
		}
		if t.Against != "" {
			ref = t.Against
			if measured {
				ref = figure(t.Reference, t.Unit) + " " + ref
				ratio = fmt.Sprintf("%.3g x", t.Ratio)
			}
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.Path, own, ref, ratio, t.goal(), met, t.Note)
	}
	return tw.Flush()
}

// account is the whole run for a program.
type account struct {
	Time     time.Time `json:"time"`
	Version  string    `json:"version"`
	Go       string    `json:"go"`
	Platform string    `json:"platform"`
	CPU      string    `json:"cpu,omitempty"`
	Cores    int       `json:"cores"`
	Quick    bool      `json:"quick,omitempty"`
	Runs     int       `json:"runs"`
	Targets  []target  `json:"targets"`
	Results  []*result `json:"results"`
}

func (b *bench) account() account {
	return account{
		Time: time.Now().UTC().Truncate(time.Second), Version: sourceVersion(), Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH, CPU: cpuName(), Cores: runtime.NumCPU(),
		Quick: b.quick, Runs: b.runs, Targets: b.targets, Results: b.results,
	}
}

func (b *bench) writeJSON(name string) error {
	text, err := json.MarshalIndent(b.account(), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}

// sourceVersion is the version of the tree that is measured.
func sourceVersion() string {
	text, err := os.ReadFile("VERSION")
	if err != nil {
		return "devel"
	}
	return strings.TrimSpace(string(text))
}

// cpuName is what the processor calls itself, empty where that is not known.
func cpuName() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
