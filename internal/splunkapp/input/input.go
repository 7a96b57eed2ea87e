// Package input is the modular input tclookup://NAME: in the background, with
// the rights of the system, it works off the queue or downloads feeds. Its wire
// is Splunk's:
// --scheme and --validate-arguments, or an XML document on stdin and a stream
// of events on stdout. Lines on stderr that begin with a level go to
// splunkd.log.
package input

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tclookup/tclookup/chunked"
	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/splunkapp"
)

const scheme = `<scheme>
  <title>tclookup: background look-ups and feeds</title>
  <description>Asks for what searches could not wait for, at the pace of the budgets, so that it is there the next time; downloads feeds into intelligence of your own.</description>
  <use_external_validation>true</use_external_validation>
  <streaming_mode>xml</streaming_mode>
  <use_single_instance>false</use_single_instance>
  <endpoint>
    <args>
      <arg name="for">
        <title>Run for</title>
        <description>Stop after this time and let Splunk start it again, such as 50m. Default: 50m.</description>
        <data_type>string</data_type>
        <required_on_create>false</required_on_create>
        <required_on_edit>false</required_on_edit>
      </arg>
      <arg name="task">
        <title>Task</title>
        <description>What is done: queue works off the queue of look-ups, feeds downloads the feeds of tclookup.conf. Default: queue.</description>
        <data_type>string</data_type>
        <required_on_create>false</required_on_create>
        <required_on_edit>false</required_on_edit>
      </arg>
    </args>
  </endpoint>
</scheme>
`

// param is a setting of an input.
type param struct {
	Name  string `xml:"name,attr"`
	Value string `xml:",chardata"`
}

// item is one input that is to be checked or run.
type item struct {
	Name   string  `xml:"name,attr"`
	Params []param `xml:"param"`
}

// document is what splunkd sends: stanzas to run, or an item to check.
type document struct {
	Host       string `xml:"server_host"`
	URI        string `xml:"server_uri"`
	SessionKey string `xml:"session_key"`
	Stanzas    []item `xml:"configuration>stanza"`
	Items      []item `xml:"item"`
}

const defaultTime = 50 * time.Minute

// tasks are what an input can do, by the value of task.
var tasks = map[string]func(context.Context, *job) error{"queue": drain, "feeds": pull}

// settings are the parameters of an input, read.
type settings struct {
	life time.Duration // how long it may run
	task string
}

// settings reads the parameters.
func (i *item) settings() (settings, error) {
	s := settings{defaultTime, "queue"}
	for _, p := range i.Params {
		v := strings.TrimSpace(p.Value)
		if v == "" {
			continue
		}
		switch p.Name {
		case "for":
			d, err := config.ParseDuration(v)
			if err == nil && d < time.Second {
				err = errors.New("it must be a second or more")
			}
			if err != nil {
				return s, fmt.Errorf("for = %s: %w", v, err)
			}
			s.life = d
		case "task":
			if tasks[v] == nil {
				return s, fmt.Errorf("task = %s: unknown; allowed are %s", v, strings.Join(slices.Sorted(maps.Keys(tasks)), ", "))
			}
			s.task = v
		}
	}
	return s, nil
}

func read(r io.Reader) (*document, error) {
	var d document
	if err := xml.NewDecoder(io.LimitReader(r, 1<<20)).Decode(&d); err != nil {
		return nil, fmt.Errorf("the input's configuration on stdin cannot be read: %w", err)
	}
	return &d, nil
}

// Scheme answers --scheme.
func Scheme(w io.Writer) error {
	_, err := io.WriteString(w, scheme)
	return err
}

// ErrInvalid: the parameters are wrong, and stdout says how.
var ErrInvalid = errors.New("the input's parameters are wrong")

// Validate answers --validate-arguments.
func Validate(r io.Reader, w io.Writer) error {
	d, err := read(r)
	if err == nil {
		for _, i := range d.Items {
			_, e := i.settings()
			err = errors.Join(err, e)
		}
	}
	if err == nil {
		return nil
	}
	var text strings.Builder
	_ = xml.EscapeText(&text, []byte(oneLine(err)))
	if _, err := fmt.Fprintf(w, "<error><message>%s</message></error>\n", text.String()); err != nil {
		return err
	}
	return ErrInvalid
}

// Streams are what an input is given. End, which may be nil, ends the input
// when it ends.
type Streams struct {
	In, End  io.Reader
	Out, Log io.Writer
}

// job is one run of an input.
type job struct {
	run    *splunkapp.Run
	place  splunkapp.Place
	host   string
	config *config.Config
	say    func(level, format string, args ...any)
	// account is what the log line tells, set by the task.
	account any
	idle    bool // there was nothing to do: no line
}

// Run is the input itself. It ends when its time is up, when its task is done
// or the task's turn is taken from it, and within moments of being told: by the
// end of ctx or of s.End. An error has been said on s.Log.
func Run(ctx context.Context, p splunkapp.Place, s Streams) error {
	say := func(level, format string, args ...any) { fmt.Fprintf(s.Log, level+" tclookup: "+format+"\n", args...) }
	err := run(ctx, p, s, say)
	if err != nil {
		say("ERROR", "%s", oneLine(err))
	}
	return err
}

func run(ctx context.Context, p splunkapp.Place, s Streams, say func(level, format string, args ...any)) error {
	start := time.Now()
	d, err := read(s.In)
	if err != nil {
		return err
	}
	set := settings{defaultTime, "queue"}
	name := "tclookup"
	for _, i := range d.Stanzas { // splunkd starts a process for each
		name = i.Name
		if set, err = i.settings(); err != nil {
			return fmt.Errorf("[%s] %w", i.Name, err)
		}
	}
	j := &job{place: p, host: d.Host, say: say}
	if j.config, err = p.Load("", nil); err != nil {
		return err
	}
	j.run = &splunkapp.Run{
		Place: p, Role: "input", Command: name, User: "splunk-system-user", URI: d.URI, SessionKey: chunked.NewSecret(d.SessionKey),
	}
	defer j.run.Close()
	ctx, cancel := context.WithTimeout(ctx, set.life)
	defer cancel()
	if s.End != nil {
		go func() {
			_, _ = io.Copy(io.Discard, s.End)
			cancel()
		}()
	}
	if _, err := io.WriteString(s.Out, "<stream>"); err != nil {
		return err
	}
	err = tasks[set.task](ctx, j)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = nil
	}
	if !j.idle || err != nil {
		j.run.Log(j.account, start, err, s.Log)
	}
	if _, werr := io.WriteString(s.Out, "</stream>\n"); err == nil {
		err = werr
	}
	return err
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
