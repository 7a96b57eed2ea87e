package main

import (
	"fmt"

	"github.com/tclookup/tclookup/internal/cmd/benchtool/workload"
)

// memoryBound is the bound of what a search keeps of answers in memory, in
// bytes: 18 MiB in the enricher and 16 MiB in the memory tier, which internal/engine
// gives it when there is a disk cache behind.
const memoryBound = 34 << 20

// spl returns the arguments of a search as splunkd hands them on.
func spl(allFields bool) (args, raw []string) {
	args = []string{"field=domain", "output=" + columnsWanted}
	raw = []string{"field=domain", `output="` + columnsWanted + `"`}
	if allFields {
		args, raw = append(args, "all_fields=true"), append(raw, "all_fields=true")
	}
	return args, raw
}

// talk makes a conversation of requests with rows of the log. The first
// request, which is not counted, holds every domain once.
func talk(requests, rows int, selected, prime bool) *conversation {
	log := workload.New(distinct, true)
	bodies := make([]workload.Body, requests)
	for i := range bodies {
		bodies[i] = log.Body(rows, selected)
	}
	args, raw := spl(!selected)
	var first *workload.Body
	if prime {
		body := workload.New(distinct, false).Body(distinct, selected)
		first = &body
	}
	return newConversation(args, raw, bodies, first)
}

// speaker is a contestant in a conversation.
func (b *bench) speaker(name string, c *conversation, p program, check func([]byte, *workload.Body) error) contestant {
	run := func() (sample, error) { c.check = check; return c.hold(p) }
	if p.path == b.tclookup {
		return b.counted(name, run)
	}
	return contestant{name, run}
}

// chunked measures the search command with all fields and with selected ones.
func (b *bench) chunked() error {
	if err := b.lab.fill(b.filterProgram("warm"), distinct); err != nil {
		return err
	}
	const requests, selectedRequests = 4, 20
	rows := b.scaled(requestRows)
	all := talk(requests, rows, false, true)
	few := talk(selectedRequests, rows, true, true)
	fresh := talk(requests, rows, false, false)
	plain := program{path: b.stdcsv, args: []string{"-chunked", "-table", b.table}, env: b.lab.environment()}
	list := []contestant{
		b.speaker(ours+", all fields", all, b.splunk("warm"), joined),
		b.speaker("echo, all fields", all, b.echoProgram(), nil),
		b.speaker(ours+", selected", few, b.splunk("warm"), joined),
		b.speaker("echo, selected", few, b.echoProgram(), nil),
		b.speaker(ours+", all, from disk", fresh, b.splunk("warm"), joined),
		b.speaker("echo, all, at once", fresh, b.echoProgram(), nil),
		b.speaker("encoding/csv, all fields", all, plain, joined),
		b.speaker("encoding/csv, selected", few, plain, joined),
	}
	base, n := len(list), len(b.rivals)
	list = b.against(list, ", all fields", b.splunk("warm"), func(name string, p program) contestant { return b.speaker(name, all, p, joined) })
	list = b.against(list, ", selected", b.splunk("warm"), func(name string, p program) contestant { return b.speaker(name, few, p, joined) })
	r := b.compete("chunked", b.runs, list...)
	b.skip("chunked", "Splunk's Python SDK", "needs the splunk-sdk package and a Python; the figures in bench/README.md are not of this run")
	b.compare(target{Path: "chunked, all fields", Against: "echo", Unit: "MB/s", AtLeast: 0.7}, r[0], r[1], sample.bytesPerSecond)
	b.compare(target{Path: "chunked, all fields, processor time", Against: "echo", Unit: "ms"}, r[0], r[1], milliseconds(sample.cpuSeconds))
	b.compare(target{Path: "chunked, all fields, new process, answers from disk", Against: "echo", Unit: "MB/s"}, r[4], r[5], sample.bytesPerSecond)
	b.compare(target{Path: "chunked, all fields", Against: "encoding/csv", Unit: "MB/s"}, r[0], r[6], sample.bytesPerSecond)
	b.compare(target{Path: "chunked, selected fields", Against: "echo", Unit: "rows/s", AtLeast: 0.25}, r[2], r[3], sample.rowsPerSecond)
	b.compare(target{Path: "chunked, selected fields, processor time", Against: "echo", Unit: "ms"}, r[2], r[3], milliseconds(sample.cpuSeconds))
	b.compare(target{Path: "chunked, selected fields", Against: "our all fields", Unit: "rows/s", AtLeast: 3}, r[2], r[0], sample.rowsPerSecond)
	b.compare(target{Path: "chunked, selected fields", Against: "encoding/csv", Unit: "rows/s"}, r[2], r[7], sample.rowsPerSecond)
	b.rivalry("chunked, all fields", "MB/s", r[0], r[base:base+n], sample.bytesPerSecond)
	b.rivalry("chunked, all fields, processor time", "ms", r[0], r[base:base+n], milliseconds(sample.cpuSeconds))
	b.rivalry("chunked, selected fields", "rows/s", r[2], r[base+n:], sample.rowsPerSecond)
	b.rivalry("chunked, selected fields, processor time", "ms", r[2], r[base+n:], milliseconds(sample.cpuSeconds))
	if len(r[0].Samples) > 0 {
		bound := 2.5*float64(all.largest) + memoryBound
		b.bound(target{
			Path: "memory, chunked", Unit: "MiB", Under: bound / (1 << 20),
			Note: fmt.Sprintf("2.5 × the largest request (%.1f MiB) + the bounds of what is kept of answers (34 MiB)", float64(all.largest)/(1<<20)),
		}, float64(r[0].peak())/(1<<20))
	}
	return nil
}

// start measures what a user waits for: the reply to getinfo, and the first
// result, with a large cache on disk.
func (b *bench) start() error {
	const data = "crowd"
	size := b.scaled(crowdSize)
	// One run of the program makes the database.
	if err := b.lab.fill(b.filterProgram(data), 100); err != nil {
		return err
	}
	if err := b.lab.crowd(data, 100, size); err != nil {
		return err
	}
	b.log("disk cache of %d answers, %d MB", size, fileSize(b.lab.path(data+"/tclookup.db"))/1e6)
	args, raw := spl(true)
	silent := newConversation(args, raw, nil, nil)
	r := b.compete("start", 4*b.runs,
		b.speaker(ours, silent, b.splunk(data), nil), b.speaker("echo", silent, b.echoProgram(), nil))
	note := fmt.Sprintf("disk cache of %d answers present", size)
	b.compare(target{Path: "start to getinfo reply", Against: "echo", Unit: "ms", AtMost: 5, Note: note}, r[0], r[1], milliseconds(sample.startSeconds))
	if len(r[0].Samples) > 0 {
		b.bound(target{Path: "start to getinfo reply", Unit: "ms", Under: 10, Note: note}, median(r[0].values(milliseconds(sample.startSeconds))))
	}

	log := workload.New(freshKnown, false) // each of them ten times
	first := newConversation(args, raw, []workload.Body{log.Body(requestRows, false)}, nil)
	args, raw = spl(false)
	few := newConversation(args, raw, []workload.Body{workload.New(freshKnown, false).Body(requestRows, true)}, nil)
	r = b.compete("first result", b.runs,
		b.speaker(ours, first, b.splunk(data), joined), b.speaker("echo", first, b.echoProgram(), nil),
		b.speaker(ours+", selected", few, b.splunk(data), joined),
		b.forgetful(data, b.speaker(ours+", never asked before", first, b.splunk(data), joined)))
	note = fmt.Sprintf("%d rows, %d distinct, on disk only", requestRows, freshKnown)
	if len(r[0].Samples) > 0 {
		b.bound(target{Path: "first result, all fields", Unit: "ms", Under: 120, Note: note}, median(r[0].values(milliseconds(sample.firstSeconds))))
	}
	if len(r[2].Samples) > 0 {
		b.bound(target{Path: "first result, selected fields", Unit: "ms", Note: note}, median(r[2].values(milliseconds(sample.firstSeconds))))
	}
	if len(r[3].Samples) > 0 {
		b.bound(target{Path: "first result, all fields, never asked before", Unit: "ms", Note: note}, median(r[3].values(milliseconds(sample.firstSeconds))))
	}
	b.compare(target{Path: "first result, all fields", Against: "echo", Unit: "ms", Note: note}, r[0], r[1], milliseconds(sample.firstSeconds))
	return nil
}

func milliseconds(f func(sample) float64) func(sample) float64 {
	return func(s sample) float64 { return 1e3 * f(s) }
}
