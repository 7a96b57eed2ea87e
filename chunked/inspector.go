package chunked

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Level is the level of a message for the people who look at the search.
type Level uint8

// The levels. From WARN on, Splunk shows messages above the results; the
// others are in the Job Inspector.
const (
	LevelDebug Level = iota
	LevelInfo
	LevelWarn
	LevelError
	LevelFatal
)

// String returns the level as the protocol spells it.
func (l Level) String() string {
	switch l {
	case LevelDebug:
		return "DEBUG"
	case LevelInfo:
		return "INFO"
	case LevelWarn:
		return "WARN"
	case LevelError:
		return "ERROR"
	}
	return "FATAL"
}

// Null stands for an unknown part of a metric.
const Null = -1

const (
	maxMessage  = 4 << 10 // bytes of one message
	maxMessages = 500     // messages of one conversation
)

// An Inspector collects messages and metrics for the next reply. It is part of
// [Config] and [Reply]. It is not safe for concurrent use.
//
// Splunk refuses a message whose text was sent before, so repeats are dropped,
// for the whole conversation. Put counts in one summary message rather than
// sending many alike. Line ends in a text become blanks. A conversation can
// have 500 messages.
type Inspector struct {
	messages []message
	metrics  []metric
}

type message struct {
	level Level
	text  string
}

type metric struct {
	name                 string
	elapsed              time.Duration
	invocations, in, out int64
}

// Message adds a message.
func (i *Inspector) Message(level Level, text string) {
	if text = cut(oneLine(text, " "), maxMessage); text != "" && len(i.messages) < maxMessages {
		i.messages = append(i.messages, message{level, text})
	}
}

// Debug adds a message of level DEBUG, formatted as by fmt.Sprintf.
func (i *Inspector) Debug(format string, args ...any) {
	i.Message(LevelDebug, fmt.Sprintf(format, args...))
}

// Info adds a message of level INFO.
func (i *Inspector) Info(format string, args ...any) {
	i.Message(LevelInfo, fmt.Sprintf(format, args...))
}

// Warn adds a message of level WARN.
func (i *Inspector) Warn(format string, args ...any) {
	i.Message(LevelWarn, fmt.Sprintf(format, args...))
}

// Error adds a message of level ERROR. It does not end the search; returning
// an error from the handler does.
func (i *Inspector) Error(format string, args ...any) {
	i.Message(LevelError, fmt.Sprintf(format, args...))
}

// Fatal adds a message of level FATAL. It does not end the search.
func (i *Inspector) Fatal(format string, args ...any) {
	i.Message(LevelFatal, fmt.Sprintf(format, args...))
}

// Metric adds a row "command.NAME" to the Job Inspector: the time spent, how
// often something was done, and how many things went in and came out. [Null]
// stands for what is not known. The last metric of a name in a reply counts.
func (i *Inspector) Metric(name string, elapsed time.Duration, invocations, in, out int64) {
	m := metric{name, elapsed, invocations, in, out}
	for j := range i.metrics {
		if i.metrics[j].name == name {
			i.metrics[j] = m
			return
		}
	}
	i.metrics = append(i.metrics, m)
}

func (i *Inspector) reset() {
	clear(i.messages)
	clear(i.metrics)
	i.messages, i.metrics = i.messages[:0], i.metrics[:0]
}

// sent remembers the texts of a conversation's messages.
type sent struct {
	prefix string // "NAME: " or empty
	texts  map[string]struct{}
	full   bool
}

// full text of a message, prefixed once.
func (s *sent) text(t string) string {
	if strings.HasPrefix(t, s.prefix) {
		return t
	}
	return s.prefix + t
}

// admit reports whether a message with that text may be sent and remembers it.
func (s *sent) admit(text string) bool {
	if _, dup := s.texts[text]; dup {
		return false
	}
	if s.texts == nil {
		s.texts = make(map[string]struct{})
	}
	s.texts[text] = struct{}{}
	return true
}

// append appends the "inspector" key with a comma behind it, or nothing.
func (s *sent) append(dst []byte, i *Inspector) []byte {
	start := len(dst)
	dst = append(dst, `"inspector":{`...)
	empty := len(dst)
	for _, m := range i.messages {
		t := s.text(m.text)
		switch {
		case len(s.texts) < maxMessages:
		case s.full && m.level < LevelError:
			continue
		case !s.full:
			s.full = true
			m.level, t = LevelWarn, s.text("too many messages, the others are left out")
		}
		if !s.admit(t) {
			continue
		}
		if len(dst) == empty {
			dst = append(dst, `"messages":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = append(dst, `["`...)
		dst = append(dst, m.level.String()...)
		dst = append(dst, `",`...)
		dst = appendJSON(dst, t)
		dst = append(dst, ']')
	}
	if len(dst) > empty {
		dst = append(dst, ']')
	}
	for _, m := range i.metrics {
		if len(dst) > empty {
			dst = append(dst, ',')
		}
		dst = appendMetric(dst, m)
	}
	if len(dst) == empty {
		return dst[:start]
	}
	return append(dst, '}', ',')
}

func appendMetric(dst []byte, m metric) []byte {
	dst = appendJSON(dst, "metric."+m.name)
	dst = append(dst, ':', '[')
	if s := m.elapsed.Seconds(); s >= 0 && !math.IsInf(s, 0) {
		dst = strconv.AppendFloat(dst, s, 'f', -1, 64)
	} else {
		dst = append(dst, "null"...)
	}
	for _, n := range [...]int64{m.invocations, m.in, m.out} {
		dst = append(dst, ',')
		if n >= 0 {
			dst = strconv.AppendInt(dst, n, 10)
		} else {
			dst = append(dst, "null"...)
		}
	}
	return append(dst, ']')
}
