package chunked_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tclookup/tclookup/chunked"
	"github.com/tclookup/tclookup/chunked/chunkedtest"
)

// A streaming command that counts the words of a field:
// index=main | wordcount field=text
func ExampleStreamingCommand() {
	var options struct {
		Field string `arg:"field,required" help:"the field whose words are counted"`
	}
	command := &chunked.StreamingCommand{
		Options: &options,
		Outputs: []string{"words"},
		Each: func(_ context.Context, rec *chunked.Record) error {
			rec.Set("words", strconv.Itoa(len(strings.Fields(rec.Get(options.Field)))))
			return nil
		},
	}
	// In a program: chunked.Main(command)

	show(command, "wordcount field=text", chunkedtest.NewTable("text").Add("to be or not").Add(""))
	// Output:
	// text=to be or not words=4
	// text= words=0
}

// A generating command: | hello count=3
func ExampleGeneratingCommand() {
	var options struct {
		Count int `arg:"count" default:"2" min:"1" max:"1000"`
	}
	command := &chunked.GeneratingCommand{
		Options: &options,
		Outputs: []string{"_time", "_raw"},
		Generate: func(_ context.Context, rec *chunked.Record, yield func() bool) error {
			for i := range options.Count {
				rec.Set("_time", strconv.Itoa(1700000000+i))
				rec.Set("_raw", fmt.Sprintf("Hello %d", i))
				if !yield() {
					break
				}
			}
			return nil
		},
	}
	// In a program: chunked.Main(command)

	show(command, "hello count=3", nil)
	// Output:
	// _time=1700000000 _raw=Hello 0
	// _time=1700000001 _raw=Hello 1
	// _time=1700000002 _raw=Hello 2
}

// A reporting command that counts the values of a field:
// index=main | tally field=user
func ExampleReportingCommand() {
	var options struct {
		Field string `arg:"field,required" help:"the field whose values are counted"`
	}
	counts := map[string]int{}
	command := &chunked.ReportingCommand{
		Options: &options,
		Outputs: []string{"value", "count"},
		Each: func(_ context.Context, rec *chunked.Record) error {
			for _, v := range rec.Values(options.Field) {
				counts[v]++
			}
			return nil
		},
		Report: func(_ context.Context, rec *chunked.Record, yield func() bool) error {
			for _, v := range slices.Sorted(maps.Keys(counts)) {
				rec.Set("value", v)
				rec.Set("count", strconv.Itoa(counts[v]))
				yield()
			}
			return nil
		},
	}
	// In a program: chunked.Main(command)

	show(command, "tally field=user",
		chunkedtest.NewTable("user").Add("ann").Add([]string{"ann", "bob"}))
	// Output:
	// value=ann count=2
	// value=bob count=1
}

// An events command that sorts by the length of a field.
func ExampleEventsCommand() {
	command := &chunked.EventsCommand{
		Arrange: func(_ context.Context, recs []*chunked.Record) ([]*chunked.Record, error) {
			slices.SortStableFunc(recs, func(a, b *chunked.Record) int { return len(a.Get("text")) - len(b.Get("text")) })
			return recs, nil
		},
	}
	show(command, "bylength", chunkedtest.NewTable("text").Add("three").Add("a").Add("to"))
	// Output:
	// text=a
	// text=to
	// text=three
}

func ExampleParseArgs() {
	var options struct {
		Fields []string `arg:"field,required,positional"`
		Mode   string   `arg:"mode" default:"live" enum:"live,cache"`
	}
	fmt.Println(chunked.ParseArgs([]string{"src", "dest", "mode=cache"}, nil, &options), options)
	fmt.Println(chunked.ParseArgs([]string{"fild=src", "mode=fast"}, nil, &options))
	// Output:
	// <nil> {[src dest] cache}
	// unknown option "fild"; did you mean "field"?; option "mode" cannot be "fast"; use live or cache
}

// show runs a command over events and prints the result.
func show(h chunked.Handler, spl string, events *chunkedtest.Table) {
	search := chunkedtest.Search{
		Dial: func() (*chunkedtest.Conversation, error) {
			return chunkedtest.Start(context.Background(), nil, h), nil
		},
		Info: chunkedtest.Parse(spl),
	}
	result, err := search.Run(events)
	if err != nil {
		fmt.Println(err)
		return
	}
	for n := range result.Table.Rows {
		for i, c := range result.Table.Columns {
			if i > 0 {
				fmt.Print(" ")
			}
			fmt.Printf("%s=%s", c, result.Table.Get(n, c))
		}
		fmt.Println()
	}
}
