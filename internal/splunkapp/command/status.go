package command

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/engine"
	"github.com/tclookup/tclookup/lookupcache/disk"
	"github.com/tclookup/tclookup/source/local"
)

// newStatus makes c the command tcstatus: one row for each figure of what the
// searches of this search head share.
func newStatus(c *command) {
	c.Options = &struct{}{}
	c.Outputs = []string{"_time", "section", "name", "metric", "value", "unit", "note"}
	c.Setup, c.Generate = c.setup, c.generate
	c.rows = func(ctx context.Context, put func(row) bool) error {
		now := time.Now()
		s := &status{now: now, put: put}
		dir := c.place.DataDir(c.config)
		s.sources(c.config, dir)
		if !c.config.Cache.Disk || dir == "" {
			s.figure("cache", "disk", "present", "0", "", "no database: [cache] disk is off, or there is no data directory")
			return nil
		}
		store, err := disk.Open(ctx, disk.Options{Dir: dir, MaxBytes: c.config.Cache.MaxDisk, Logger: c.notes.Logger()})
		if err != nil {
			s.figure("cache", "disk", "present", "0", "", oneLine(err))
			return nil
		}
		defer store.Close()
		return s.store(ctx, store)
	}
}

// status writes figures.
type status struct {
	now time.Time
	put func(row) bool
}

func (s *status) figure(section, name, metric, value, unit, note string) {
	s.put(row{"_time": epoch(s.now), "section": section, "name": name, "metric": metric, "value": value, "unit": unit, "note": note})
}

func (s *status) number(section, name, metric string, n int64, unit string) {
	s.figure(section, name, metric, strconv.FormatInt(n, 10), unit, "")
}

// sources tells of the sources that there are: intelligence of one's own, which
// is asked first, and servers.
func (s *status) sources(c *config.Config, dir string) {
	active := map[string]bool{}
	for _, l := range c.Locals() {
		active[l.Name] = true
		if l.Database.IsZero() && !local.Exists(dir) {
			s.figure("source", l.Name, "active", "0", "", "nothing has been imported yet")
		} else {
			s.figure("source", l.Name, "active", "1", "", "intelligence of one's own")
		}
	}
	for _, a := range c.Active() {
		active[a.Name] = true
	}
	for _, src := range c.All {
		if src.Kind == config.LocalKind && active[src.Name] {
			continue
		}
		note := "asks " + src.BaseURL + " for " + types(src.Types)
		switch {
		case !src.Enabled:
			note = "enabled = false"
		case src.BaseURL == "" && src.Kind != config.LocalKind:
			note = "base_url is not set"
		case !active[src.Name]:
			note = "not among sources"
		}
		s.figure("source", src.Name, "active", bit(active[src.Name]), "", note)
		if src.Kind == config.LocalKind {
			continue
		}
		key := "none"
		switch {
		case !src.APIKey.IsZero():
			key = "given"
		case src.StoredKey:
			key = "stored"
		}
		s.figure("source", src.Name, "api_key", key, "", "")
		if active[src.Name] {
			s.figure("source", src.Name, "scope", engine.Scope(src), "", "the name of its answers and its budget")
		}
	}
}

func types(set indicator.TypeSet) string {
	var names []string
	for t := indicator.Domain; t <= indicator.Antivirus; t++ {
		if set.Has(t) {
			names = append(names, t.String())
		}
	}
	return strings.Join(names, ", ")
}

// store tells of the database of the host.
func (s *status) store(ctx context.Context, store *disk.Store) error {
	st, err := store.Stats(ctx, 2*time.Second)
	if err != nil {
		return err
	}
	note := ""
	if !st.Complete {
		note = "at least: the answers could not be counted in two seconds"
	}
	s.figure("cache", "disk", "present", "1", "", st.Path)
	s.figure("cache", "disk", "found", strconv.FormatInt(st.Found, 10), "answers", note)
	s.figure("cache", "disk", "not_found", strconv.FormatInt(st.NotFound, 10), "answers", note)
	s.figure("cache", "disk", "expired", strconv.FormatInt(st.Expired, 10), "answers", note)
	s.number("cache", "disk", "bytes", st.Bytes, "bytes")
	s.number("cache", "disk", "file_bytes", st.FileBytes, "bytes")
	s.number("cache", "disk", "max_bytes", st.MaxBytes, "bytes")
	s.number("cache", "disk", "under_way", int64(st.Claims), "look-ups")
	s.number("queue", "disk", "queued", int64(st.Queued), "indicators")
	budgets, err := store.Budgets(ctx)
	if err != nil {
		return err
	}
	for _, b := range budgets {
		s.budget(&b)
	}
	return nil
}

func (s *status) budget(b *disk.BudgetStatus) {
	s.number("budget", b.Source, "available", int64(b.Available), "requests")
	if b.DailyLeft >= 0 {
		s.number("budget", b.Source, "daily_left", int64(b.DailyLeft), "requests")
	}
	s.figure("budget", b.Source, "next_in", seconds(b.Next.Sub(s.now)), "s", "")
	s.figure("budget", b.Source, "full_in", seconds(b.Full.Sub(s.now)), "s", "")
	s.figure("breaker", b.Source, "state", b.Breaker, "", "")
	s.number("breaker", b.Source, "failures", int64(b.Failures), "failures in a row")
	if b.Until.After(s.now) {
		s.figure("breaker", b.Source, "until_in", seconds(b.Until.Sub(s.now)), "s", "the source is left alone until then")
	}
}

// seconds are those left, none when the moment has passed.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f", max(d, 0).Seconds()) }

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
