// Package logline writes what is logged as single lines: on stderr, or kept for
// the next reply of a search.
package logline

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// handler is a slog.Handler that gives each message to a function as one
// line.
type handler struct {
	level slog.Level
	attrs []slog.Attr
	line  func(level slog.Level, text string)
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

// Handle implements slog.Handler.
func (h *handler) Handle(_ context.Context, r slog.Record) error {
	var text strings.Builder
	text.WriteString(r.Message)
	add := func(a slog.Attr) bool {
		text.WriteByte(' ')
		text.WriteString(a.String())
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	h.line(r.Level, strings.Join(strings.Fields(text.String()), " "))
	return nil
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = append(append([]slog.Attr{}, h.attrs...), attrs...)
	return &c
}

// WithGroup implements slog.Handler; there are no groups in a line.
func (h *handler) WithGroup(string) slog.Handler { return h }

// Text returns a logger to w, in lines like those of all other messages.
func Text(w io.Writer, level slog.Level) *slog.Logger {
	names := map[slog.Level]string{slog.LevelDebug: "debug: ", slog.LevelInfo: "", slog.LevelWarn: "warning: ", slog.LevelError: "error: "}
	var mu sync.Mutex
	return slog.New(&handler{level: level, line: func(l slog.Level, text string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(w, "tclookup: %s%s\n", names[l], text)
	}})
}

// Notes keeps warnings for the next reply, where the user of a search sees
// them. On stderr each line would be an error in search.log.
type Notes struct {
	mu    sync.Mutex
	texts []string
}

// Logger returns a logger whose warnings are kept.
func (n *Notes) Logger() *slog.Logger {
	return slog.New(&handler{level: slog.LevelWarn, line: func(_ slog.Level, text string) { n.Add(text) }})
}

// Add keeps a text.
func (n *Notes) Add(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.texts = append(n.texts, text)
}

// Take returns what was noted since the last call.
func (n *Notes) Take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.texts
	n.texts = nil
	return t
}
