package source

import "context"

// Late returns the error of a look-up for which the time of the run, max_wait,
// did not suffice. It is a context.DeadlineExceeded for errors.Is, but says so
// in the words of the settings. name is the source's.
func Late(name, text string) error { return &late{name + ": " + text} }

type late struct{ text string }

func (l *late) Error() string { return l.text }

// Is makes it a context.DeadlineExceeded.
func (*late) Is(target error) bool { return target == context.DeadlineExceeded }
