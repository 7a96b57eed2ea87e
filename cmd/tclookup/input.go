package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tclookup/tclookup/internal/config"
	"github.com/tclookup/tclookup/internal/engine"
)

// The modular input tclookup://NAME works off the queue in the background. Its
// wire is Splunk's: --scheme and --validate-arguments, or an XML document on
// stdin and a stream of events on stdout. Lines on stderr that begin with a
// level go to splunkd.log.

const scheme = `<scheme>
  <title>tclookup: background look-ups</title>
  <description>Asks for what searches could not wait for, at the pace of the budgets, so that it is there the next time.</description>
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
    </args>
  </endpoint>
</scheme>
`

// inputParam is a setting of an input.
type inputParam struct {
	Name  string `xml:"name,attr"`
	Value string `xml:",chardata"`
}

// inputItem is one input that is to be checked or run.
type inputItem struct {
	Name   string       `xml:"name,attr"`
	Params []inputParam `xml:"param"`
}

// inputDocument is what splunkd sends: stanzas to run, or an item to check.
type inputDocument struct {
	Stanzas []inputItem `xml:"configuration>stanza"`
	Items   []inputItem `xml:"item"`
}

const defaultInputTime = 50 * time.Minute

// duration returns how long the input may run.
func (i inputItem) duration() (time.Duration, error) {
	for _, p := range i.Params {
		if v := strings.TrimSpace(p.Value); p.Name == "for" && v != "" {
			d, err := config.ParseDuration(v)
			if err == nil && d < time.Second {
				err = errors.New("it must be a second or more")
			}
			if err != nil {
				return 0, fmt.Errorf("for = %s: %w", v, err)
			}
			return d, nil
		}
	}
	return defaultInputTime, nil
}

func readInput(r io.Reader) (*inputDocument, error) {
	var d inputDocument
	if err := xml.NewDecoder(io.LimitReader(r, 1<<20)).Decode(&d); err != nil {
		return nil, fmt.Errorf("the input's configuration on stdin cannot be read: %w", err)
	}
	return &d, nil
}

// printScheme answers --scheme.
func printScheme(w io.Writer) int {
	if _, err := io.WriteString(w, scheme); err != nil {
		return exitFailed
	}
	return exitOK
}

// validateInput answers --validate-arguments.
func validateInput(r io.Reader, w io.Writer) int {
	d, err := readInput(r)
	if err == nil {
		for _, i := range d.Items {
			_, e := i.duration()
			err = errors.Join(err, e)
		}
	}
	if err == nil {
		return exitOK
	}
	var text strings.Builder
	_ = xml.EscapeText(&text, []byte(err.Error()))
	fmt.Fprintf(w, "<error><message>%s</message></error>\n", text.String())
	return exitFailed
}

// runInput is the input itself. It ends when its time is up, when the queue's
// turn is taken from it, and within moments of being told: by a signal, which
// ends ctx, or by the end of end, which may be nil.
func runInput(ctx context.Context, p place, in, end io.Reader, out, log io.Writer) int {
	say := func(level, format string, args ...any) { fmt.Fprintf(log, level+" tclookup: "+format+"\n", args...) }
	d, err := readInput(in)
	if err != nil {
		say("ERROR", "%v", err)
		return exitFailed
	}
	life := defaultInputTime
	for _, i := range d.Stanzas {
		if life, err = i.duration(); err != nil {
			say("ERROR", "[%s] %v", i.Name, err)
			return exitFailed
		}
	}
	conf, err := p.load("", nil)
	if err != nil {
		say("ERROR", "%v", oneLine(err))
		return exitFailed
	}
	ctx, cancel := context.WithTimeout(ctx, life)
	defer cancel()
	if end != nil {
		go func() {
			_, _ = io.Copy(io.Discard, end)
			cancel()
		}()
	}
	conf.Mode, conf.MaxLookups = config.Live, 0
	if len(conf.Active()) == 0 {
		say("INFO", "no source is configured; nothing to do")
		return exitOK
	}
	eng, err := engine.Open(ctx, engine.Options{Config: conf, DataDir: p.dataDir(conf), Background: true, Reports: true})
	if err != nil {
		say("ERROR", "%v", oneLine(err))
		return exitFailed
	}
	defer eng.Close()
	if eng.Store == nil {
		if ctx.Err() != nil { // told to end before it began
			return exitOK
		}
		say("ERROR", "there is no queue without a database: %v", oneLine(errors.Join(errors.New("[cache] disk"), eng.StoreError)))
		return exitFailed
	}
	if _, err := io.WriteString(out, "<stream>"); err != nil {
		return exitFailed
	}
	got, err := eng.Drain(ctx, engine.DrainOptions{
		Forever: true,
		Waiting: func() { say("INFO", "another process is working off the queue; waiting for its turn") },
	})
	say("INFO", "answered=%d failed=%d excluded=%d left=%d requests=%d", got.Answered, got.Failed, got.Excluded, got.Left, eng.Requests())
	_, werr := io.WriteString(out, "</stream>\n")
	if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		say("ERROR", "%v", oneLine(err))
		return exitFailed
	}
	if werr != nil {
		return exitFailed
	}
	return exitOK
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
