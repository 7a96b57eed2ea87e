package chunkedtest

import (
	"errors"
	"fmt"
)

// A Search plays a whole search with one command in it.
type Search struct {
	// Dial starts the command, once for each process splunkd would start.
	Dial func() (*Conversation, error)
	Info Info
	// Probes is the number of processes that get only getinfo, before the one
	// that gets rows. splunkd starts two to four.
	Probes int
	// ChunkRows is the number of rows of a request, in order; the last one is
	// for all further requests. None means 50,000.
	ChunkRows []int
	// LastEmpty makes the last request one with a header and without rows.
	LastEmpty bool
}

// A Result is what came of a search.
type Result struct {
	// Getinfo is the reply to getinfo.
	Getinfo *Reply
	// Table holds the resulting events.
	Table *Table
	// Messages and Metrics are those of all replies.
	Messages []Message
	Metrics  map[string]Metric
	// Replies is the number of replies to execute requests.
	Replies int
}

// Run sends the events to the command. A generating command gets none. If the
// command failed the search it returns a *CommandError, and the Result holds
// what came before.
func (s *Search) Run(events *Table) (res *Result, err error) {
	for range s.Probes {
		if err := s.probe(); err != nil {
			return nil, err
		}
	}
	c, err := s.Dial()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.closeOnce(err)) }()
	info, err := c.Getinfo(s.Info)
	if err != nil {
		return nil, err
	}
	res = &Result{Table: &Table{}, Getinfo: info}
	if err := res.take(info); err != nil {
		return res, err
	}
	if info.Generating {
		return res, s.generate(c, res)
	}
	return res, s.feed(c, res, events)
}

// closeOnce closes without repeating the violation in err.
func (c *Conversation) closeOnce(err error) error {
	closed := c.Close()
	if errors.Is(err, closed) {
		return nil
	}
	return closed
}

func (s *Search) probe() error {
	c, err := s.Dial()
	if err != nil {
		return err
	}
	_, err = c.Getinfo(s.Info)
	if err := errors.Join(err, c.closeOnce(err)); err != nil {
		return fmt.Errorf("in a process that gets only getinfo: %w", err)
	}
	return nil
}

func (r *Result) take(reply *Reply) error {
	r.Messages = append(r.Messages, reply.Messages...)
	for k, m := range reply.Metrics {
		if r.Metrics == nil {
			r.Metrics = map[string]Metric{}
		}
		r.Metrics[k] = m
	}
	if reply.Error != "" {
		return &CommandError{reply.Error}
	}
	r.Table.add(reply.Merged)
	return nil
}

// maxRounds bounds the loop of a generating command.
const maxRounds = 100_000

func (s *Search) generate(c *Conversation, res *Result) error {
	for range maxRounds {
		reply, err := c.Send(nil, true)
		if err != nil {
			return err
		}
		res.Replies++
		if err := res.take(reply); err != nil {
			return err
		}
		if reply.Finished {
			return nil
		}
	}
	return c.violated(broken(RuleFinished, "the command generates without end"))
}

func (s *Search) feed(c *Conversation, res *Result, events *Table) error {
	if events == nil {
		events = &Table{}
	}
	rows := events.Rows
	for n := 0; ; n++ {
		size := s.chunk(n)
		last := len(rows) < size || len(rows) == size && !s.LastEmpty
		if s.LastEmpty {
			last = len(rows) == 0
		}
		size = min(size, len(rows))
		reply, err := c.Send(&Table{Columns: events.Columns, Rows: rows[:size:size]}, last)
		if err != nil {
			return err
		}
		res.Replies++
		if err := res.take(reply); err != nil {
			return err
		}
		if last {
			return nil
		}
		rows = rows[size:]
	}
}

func (s *Search) chunk(n int) int {
	if len(s.ChunkRows) == 0 {
		return maxResultRows
	}
	return max(1, s.ChunkRows[min(n, len(s.ChunkRows)-1)])
}
