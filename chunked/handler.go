package chunked

import (
	"context"
	"errors"
	"fmt"
)

// A Handler is a search command at the level of frames. Its methods are called
// one after the other by one goroutine.
//
// If the Handler has a method Finish(), Serve calls it once before it returns,
// however the conversation ended.
type Handler interface {
	// Getinfo checks the arguments and says what the command is. It is also
	// called by processes that never get a row, so it must be quick and
	// without side effects. A returned error refuses the search and is shown
	// to the user; a nil Config is the zero Config.
	Getinfo(ctx context.Context, info *Info) (*Config, error)

	// Execute answers one request by appending to reply. The context is
	// cancelled when splunkd hangs up during a request that is not the last.
	// A returned error fails the search and is shown to the user; what the
	// body of the reply is then is left out.
	Execute(ctx context.Context, req *Request, reply *Reply) error
}

// A Request is one execute request.
type Request struct {
	// Body is CSV: a header record and then rows, or the header alone, or
	// nothing. It is valid until Execute returns, or until the reply is written
	// for [Reply.Stream], and may be changed.
	Body []byte
	// Finished marks the last request. It may have rows. Generating commands
	// get only requests that are finished.
	Finished bool
	// Number counts the execute requests of the conversation from 0.
	Number int
}

// A Reply is the answer to one execute request, in the making. It is valid
// until Execute returns and not safe for concurrent use.
type Reply struct {
	// Inspector takes messages and metrics for this reply.
	Inspector
	// Body is the CSV of the reply. It starts empty, with the capacity of
	// earlier replies: append to it. Empty means no rows.
	Body []byte
	// Finished is preset to that of the request. Only generating commands can
	// change it: with false splunkd asks again, with true it stops asking.
	Finished bool

	place []byte // Body lies at offset headroom of it, unless it outgrew it
	given bool   // Body was set by SetBody
	use   usage

	size int // of the body that next makes, if next is not nil
	next func(dst []byte) []byte
}

// headroom is kept in front of a reply's body for header and metadata, in
// bytes.
const headroom = 512

// Grow makes sure that n more bytes fit into Body, in the place from which a
// body is written without a copy. Calling it first with a good estimate saves
// growing the body in steps.
func (r *Reply) Grow(n int) {
	if cap(r.Body)-len(r.Body) >= n {
		return
	}
	place := makeBuffer(headroom, headroom+len(r.Body)+max(n+n/8, len(r.Body)))
	r.place = append(place, r.Body...)
	r.Body = r.place[headroom:]
}

// Size returns the length of the body in bytes, however it was set.
func (r *Reply) Size() int {
	if r.next != nil {
		return r.size
	}
	return len(r.Body)
}

// Write appends p to Body. It never fails.
func (r *Reply) Write(p []byte) (int, error) {
	r.Body = append(r.Body, p...)
	return len(p), nil
}

// WriteString appends s to Body. It never fails.
func (r *Reply) WriteString(s string) (int, error) {
	r.Body = append(r.Body, s...)
	return len(s), nil
}

// SetBody makes b the body, instead of what was appended. It is not copied and
// not kept or changed after Execute returned; b may be the request's body.
func (r *Reply) SetBody(b []byte) { r.Body, r.given = b[:len(b):len(b)], true }

// Stream sets a body that is made while it is written, so that it is never in
// memory as a whole, and splunkd reads its beginning while the rest is being
// made. size is its exact length in bytes. Body must be empty.
//
// next is called after Execute has returned, by the same goroutine, until size
// bytes have come. It appends the next piece to dst, a good deal at a time
// (some 100 KiB), and returns the result; it may use the request's body and
// must not fail. Should it append nothing or too much, the conversation ends
// with an error, since the length has been announced.
func (r *Reply) Stream(size int, next func(dst []byte) []byte) { r.size, r.next = size, next }

// reset prepares the reply for the next request.
func (r *Reply) reset(finished bool) {
	r.Inspector.reset()
	r.Finished, r.next = finished, nil
	switch {
	case !r.given && len(r.Body) > cap(r.place)-headroom:
		r.place = make([]byte, headroom, headroom+cap(r.Body))
	case r.use.shrink(len(r.Body), cap(r.place)):
		r.place = nil
	}
	if cap(r.place) < headroom {
		r.place = make([]byte, headroom, 8<<10)
	}
	r.Body, r.given = r.place[headroom:headroom], false
}

// append appends the metadata of the reply.
func (r *Reply) append(dst []byte, s *sent) []byte {
	dst = append(dst, '{')
	dst = s.append(dst, &r.Inspector)
	if r.Finished {
		return append(dst, `"finished":true}`...)
	}
	return append(dst, `"finished":false}`...)
}

// appendFailure appends the metadata of a reply that fails the search. splunkd
// stops reading at "error", so that comes last.
func appendFailure(dst []byte, s *sent, i *Inspector, typ Type, err error) []byte {
	text := cut(oneLine(err.Error(), "; "), maxMessage)
	if text == "" {
		text = "the command failed without a reason"
	}
	i.Message(LevelError, text)
	dst = append(dst, '{')
	if typ != "" {
		dst = append(dst, `"type":`...)
		dst = appendJSON(dst, string(typ))
		dst = append(dst, ',')
	}
	dst = s.append(dst, i)
	dst = append(dst, `"finished":true,"error":`...)
	dst = appendJSON(dst, text)
	return append(dst, '}')
}

// ErrHangup is the cause (see context.Cause) of the cancelled context of a
// handler when splunkd closed the command's stdin in the middle of a request.
var ErrHangup = errors.New("chunked: the search ended before the reply")

// A ReportedError is an error that splunkd and so the user has been told of.
// The program should exit with status 1 and need not print it: every line on
// stderr goes to search.log as an error.
type ReportedError struct {
	// Err is what the handler returned, a *PanicError, or the fault found in
	// a request.
	Err error
}

func (e *ReportedError) Error() string { return e.Err.Error() }

func (e *ReportedError) Unwrap() error { return e.Err }

// A PanicError is a panic of a handler.
type PanicError struct {
	// Value is what panic was called with.
	Value any
	// Stack is the stack as debug.Stack formats it.
	Stack []byte
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("internal error: panic: %s", cut(oneLine(fmt.Sprint(e.Value), " "), 300))
}

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
