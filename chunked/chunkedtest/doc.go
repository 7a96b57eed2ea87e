// Package chunkedtest plays splunkd for tests of Splunk search commands, in
// process or against a started program, and checks every rule of the protocol
// while doing so.
//
// [Start], [Exec] and [Dial] begin a [Conversation], whose methods send one
// request and read its reply, in strict lockstep. A [Search] plays a whole
// search: getinfo-only starts, requests of some size, merging of the replies
// when the command asked for some fields only, the loop of a generating
// command. What breaks a rule is returned as a [Violation].
package chunkedtest
