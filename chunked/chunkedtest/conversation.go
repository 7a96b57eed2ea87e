package chunkedtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"

	"github.com/tclookup/tclookup/chunked"
)

const (
	maxResultRows = 50_000
	maxFrame      = 1 << 31 // bytes of metadata or body of a reply
)

// transport carries the bytes.
type transport interface {
	// send writes a whole request.
	send(p []byte) error
	// Read reads bytes of the reply, io.EOF when there can be none.
	Read(p []byte) (int, error)
	// answered is told that a whole reply was read. It reports bytes that
	// were written after it.
	answered() error
	// close ends the requests, waits for the command to end and reports what
	// it wrote since and how it ended.
	close() (extra []byte, err error)
}

// A Conversation is the part of splunkd in a conversation with a command. Its
// methods are called one after the other. After an error only Close makes
// sense.
type Conversation struct {
	t       transport
	info    *Reply // the reply to getinfo
	n       int    // number of the next reply
	over    bool   // the last reply was read
	failed  bool   // that had an error
	closed  bool
	end     error // what Close returned
	err     error // the first violation
	sent    map[string]bool
	headers map[string]string // header of a request → of its reply
}

func newConversation(t transport) *Conversation {
	return &Conversation{t: t, sent: map[string]bool{}, headers: map[string]string{}}
}

// Getinfo sends the first request. A reply that refuses the search is no
// error; its Error is set.
func (c *Conversation) Getinfo(info Info) (*Reply, error) {
	if c.info != nil || c.over {
		return nil, errors.New("chunkedtest: getinfo is the first request and the only one of its kind")
	}
	r, err := c.roundTrip(info.metadata(), nil)
	if err != nil {
		return r, err
	}
	if v := r.parse(true, c.sent); v != nil {
		return r, c.violated(v)
	}
	if r.Type == "" {
		r.Type = "streaming"
	}
	c.info = r
	c.done(r)
	return r, nil
}

// Execute sends an execute request with a body as it is and checks the reply.
func (c *Conversation) Execute(body []byte, finished bool) (*Reply, error) {
	if c.info == nil || c.over {
		return nil, errors.New("chunkedtest: execute requests come after getinfo and before the last reply")
	}
	r, err := c.roundTrip(fmt.Appendf(nil, `{"action":"execute","finished":%t}`, finished), body)
	if err != nil {
		return r, err
	}
	if v := r.parse(false, c.sent); v != nil {
		return r, c.violated(v)
	}
	if r.Error != "" {
		c.done(r)
		return r, nil
	}
	if !c.info.Generating && r.Finished != finished {
		return r, c.violated(broken(RuleFinished, "the request has finished %t, the reply %t", finished, r.Finished))
	}
	var v *Violation
	if r.records, v = parseCSV(r.Body); v != nil {
		return r, c.violated(v)
	}
	if r.records != nil {
		if v := c.checkBody(body, r.records); v != nil {
			return r, c.violated(v)
		}
		r.Table = r.records.table()
		r.Merged = r.Table
	}
	c.done(r)
	return r, nil
}

// selects reports whether the command gets some fields only, with
// _chunked_idx.
func (c *Conversation) selects() bool {
	return len(c.info.RequiredFields) > 0 && !slices.Contains(c.info.RequiredFields, "*") &&
		(c.info.Type == "streaming" || c.info.Type == "stateful") && !c.info.Generating
}

// Send sends events: all their fields, or those the command asked for. A nil
// table is an empty body.
func (c *Conversation) Send(t *Table, finished bool) (*Reply, error) {
	if t == nil || c.info == nil {
		return c.Execute(nil, finished)
	}
	if !c.selects() {
		if c.info.Type == "reporting" && len(c.info.RequiredFields) > 0 && !slices.Contains(c.info.RequiredFields, "*") {
			t = t.project(c.info.RequiredFields)
		}
		return c.Execute(t.Encode(), finished)
	}
	r, err := c.Execute(t.project(c.info.RequiredFields).index().Encode(), finished)
	if err == nil && r.Error == "" {
		r.Merged = t.merge(r.Table)
	}
	return r, err
}

// Close ends the requests and waits for the command to end. It reports the
// first violation again, bytes behind the last reply, and an error the command
// ended with, except that after a reply with an error it has to end with one.
// Further calls return the same.
func (c *Conversation) Close() error {
	if !c.closed {
		c.closed, c.over = true, true
		c.end = c.close()
	}
	return c.end
}

func (c *Conversation) close() error {
	extra, err := c.t.close()
	switch {
	case c.err != nil:
		return c.err
	case len(extra) > 0:
		return c.violated(broken(RuleOneReply, "%d bytes follow the last reply: %.60q", len(extra), extra))
	case c.failed && err != nil:
		var v *Violation
		if errors.As(err, &v) {
			return err
		}
		return nil
	case c.failed:
		return c.violated(broken(RuleError, "the command failed the search and ended as if it had not"))
	}
	return err
}

// done notes the end of the conversation.
func (c *Conversation) done(r *Reply) {
	c.failed = r.Error != ""
	c.over = c.failed || r.Finished
}

func (c *Conversation) violated(v *Violation) error {
	if v.Reply == 0 {
		v.Reply = max(0, c.n-1)
	}
	c.over = true
	if c.err == nil {
		c.err = v
	}
	return v
}

// roundTrip sends a frame and reads one.
func (c *Conversation) roundTrip(meta, body []byte) (*Reply, error) {
	c.n++
	req := fmt.Appendf(nil, "chunked 1.0,%d,%d\n", len(meta), len(body))
	req = append(append(req, meta...), body...)
	if err := c.t.send(req); err != nil {
		return nil, c.trouble(RuleLockstep, "the command does not read the request", err)
	}
	r, v := c.read()
	if v != nil {
		return r, c.violated(v)
	}
	if err := c.t.answered(); err != nil {
		return r, c.trouble(RuleOneReply, "the reply is followed by another", err)
	}
	return r, nil
}

// trouble makes a violation of an error, unless it is one already.
func (c *Conversation) trouble(rule Rule, detail string, err error) error {
	var v *Violation
	if !errors.As(err, &v) {
		v = &Violation{Rule: rule, Detail: detail, Err: err}
	}
	return c.violated(v)
}

var headerForm = regexp.MustCompile(`^chunked 1\.0,(0|[1-9][0-9]*),(0|[1-9][0-9]*)\n$`)

// read reads a frame.
func (c *Conversation) read() (*Reply, *Violation) {
	var header []byte
	var b [1]byte
	for len(header) < 64 && !bytes.HasSuffix(header, []byte("\n")) {
		if _, err := io.ReadFull(c.t, b[:]); err != nil {
			return nil, readFailed(RuleOneReply, "the header of the reply", header, err)
		}
		header = append(header, b[0])
	}
	m := headerForm.FindSubmatch(header)
	if m == nil {
		return nil, broken(RuleHeader, "got %q", header)
	}
	mlen, err1 := strconv.ParseInt(string(m[1]), 10, 64)
	blen, err2 := strconv.ParseInt(string(m[2]), 10, 64)
	if err1 != nil || err2 != nil || mlen > maxFrame || blen > maxFrame {
		return nil, broken(RuleHeader, "the lengths in %q are too large", header)
	}
	r := &Reply{}
	var v *Violation
	if r.Metadata, v = c.part("metadata", mlen); v != nil {
		return r, v
	}
	r.Body, v = c.part("body", blen)
	return r, v
}

func (c *Conversation) part(name string, n int64) ([]byte, *Violation) {
	var b bytes.Buffer
	if _, err := io.CopyN(&b, c.t, n); err != nil {
		return b.Bytes(), readFailed(RuleLength, fmt.Sprintf("the %s of %d bytes", name, n), b.Bytes(), err)
	}
	return b.Bytes(), nil
}

func readFailed(rule Rule, what string, got []byte, err error) *Violation {
	var v *Violation
	if errors.As(err, &v) {
		return v
	}
	return &Violation{Rule: rule, Detail: fmt.Sprintf("reading %s failed after %d bytes", what, len(got)), Err: err}
}

// checkBody checks a body against the request's.
func (c *Conversation) checkBody(request []byte, r *records) *Violation {
	req, v := parseCSV(request)
	if v != nil {
		req = nil // a test that sends malformed rows
	}
	key := ""
	if req != nil && (c.info.Type == "streaming" || c.info.Type == "stateful") {
		key = string(req.header)
	}
	if h, seen := c.headers[key]; seen && h != string(r.header) {
		return broken(RuleStable, "it was %q and is %q", h, r.header)
	}
	c.headers[key] = string(r.header)
	if v := checkMV(req, r); v != nil {
		return v
	}
	if req == nil || !c.selects() {
		return nil
	}
	for _, f := range c.info.RequiredFields {
		if req.column(f) >= 0 && r.column(f) < 0 {
			return broken(RuleRequired, "%q is missing", f)
		}
	}
	return checkIndex(req, r)
}

// checkMV checks the __mv_ columns of a reply. Malformed lists that splunkd
// sent itself may be sent back.
func checkMV(req, r *records) *Violation {
	for i, name := range r.names {
		field, mv := chunked.MVField(name)
		if !mv {
			continue
		}
		plain := r.column(field)
		if plain < 0 {
			return broken(RuleMV, "there is a column %q and none %q", name, field)
		}
		for n, row := range r.rows {
			if row[i] == "" {
				continue
			}
			var values []string
			ok := chunked.DecodeMV([]byte(row[i]), func(v []byte) bool {
				values = append(values, string(v))
				return true
			})
			if joined := (Cell)(values).String(); ok && joined == row[plain] || sameRow(req, n, name, row[i]) && sameRow(req, n, field, row[plain]) {
				continue
			}
			return broken(RuleMV, "row %d: %q is %q, but %q is %q", n+1, field, row[plain], name, row[i])
		}
	}
	return nil
}

func sameRow(req *records, n int, column, value string) bool {
	if req == nil || n >= len(req.rows) {
		return false
	}
	i := req.column(column)
	return i >= 0 && req.rows[n][i] == value
}

func checkIndex(req, r *records) *Violation {
	from, to := req.column(chunked.ChunkedIdx), r.column(chunked.ChunkedIdx)
	if from < 0 {
		return nil
	}
	if to < 0 {
		return broken(RuleIndex, "the column is missing")
	}
	if len(r.rows) != len(req.rows) {
		return broken(RuleIndex, "%d rows were sent, %d came back", len(req.rows), len(r.rows))
	}
	for n, row := range r.rows {
		if row[to] != req.rows[n][from] {
			return broken(RuleIndex, "row %d has %q instead of %q", n+1, row[to], req.rows[n][from])
		}
	}
	return nil
}
