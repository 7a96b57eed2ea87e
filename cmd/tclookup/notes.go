package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// lineHandler is a slog.Handler that gives each message to a function as one
// line.
type lineHandler struct {
	level slog.Level
	attrs []slog.Attr
	line  func(level slog.Level, text string)
}

// Enabled implements slog.Handler.
func (h *lineHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

// Handle implements slog.Handler.
func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
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
func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = append(append([]slog.Attr{}, h.attrs...), attrs...)
	return &c
}

// WithGroup implements slog.Handler; there are no groups in a line.
func (h *lineHandler) WithGroup(string) slog.Handler { return h }

// textLog logs to w in lines like those of all other messages.
func textLog(w io.Writer, level slog.Level) *slog.Logger {
	names := map[slog.Level]string{slog.LevelDebug: "debug: ", slog.LevelInfo: "", slog.LevelWarn: "warning: ", slog.LevelError: "error: "}
	var mu sync.Mutex
	return slog.New(&lineHandler{level: level, line: func(l slog.Level, text string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(w, "tclookup: %s%s\n", names[l], text)
	}})
}

// notes keeps warnings for the next reply, where the user of a search sees
// them. On stderr each line would be an error in search.log.
type notes struct {
	mu    sync.Mutex
	texts []string
}

// log returns a logger whose warnings are kept.
func (n *notes) log() *slog.Logger {
	return slog.New(&lineHandler{level: slog.LevelWarn, line: func(_ slog.Level, text string) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.texts = append(n.texts, text)
	}})
}

// take returns what was noted since the last call.
func (n *notes) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.texts
	n.texts = nil
	return t
}
