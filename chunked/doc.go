// Package chunked lets a Go program be a Splunk custom search command: it
// speaks the "chunked 1.0" protocol (version 2, commands.conf "chunked = true")
// on stdin and stdout.
//
// Splunk's search process, splunkd, starts the program, sends one getinfo
// request with the arguments and facts about the search, and then execute
// requests with rows as CSV. The program answers each request with exactly one
// reply. Splunk starts a command several times for one search only to ask for
// getinfo, so Getinfo has to be fast and free of side effects.
//
// There are two levels. The row level is for ordinary commands: fill in a
// [StreamingCommand], [GeneratingCommand],
// [ReportingCommand] or [EventsCommand] and give it to
// [Main]. The frame level is a [Handler], which gets the bytes of each request
// and appends the bytes of its reply, without a copy or an allocation per row.
//
// The package needs the standard library only, writes nothing to os.Stdout
// other than what a writer given to it leads to, and has no global state.
package chunked
