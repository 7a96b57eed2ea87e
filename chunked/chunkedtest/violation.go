package chunkedtest

import "fmt"

// Rule names a rule of the protocol.
type Rule string

// The rules that are checked.
const (
	RuleHeader   Rule = "frame header has the exact form"
	RuleLength   Rule = "frame is as long as its header says"
	RuleMetadata Rule = "metadata is one JSON object"
	RuleKeys     Rule = "metadata has only known keys of the right type"
	RuleOneReply Rule = "exactly one reply for each request"
	RuleLockstep Rule = "request is read to its end before the reply is written"
	RuleFinished Rule = "reply is finished when the request is"
	RuleError    Rule = "error comes after inspector, with finished true"
	RuleMessage  Rule = "message has a known level and one line not sent before"
	RuleMetric   Rule = "metric is a list of four numbers or nulls"
	RuleNoBody   Rule = "reply to getinfo or with an error has no body"
	RuleCSV      Rule = "body is CSV with unique names and equally long records"
	RuleStable   Rule = "header is the same in every reply"
	RuleMV       Rule = "__mv_ column agrees with its field"
	RuleIndex    Rule = "_chunked_idx is returned unchanged"
	RuleRequired Rule = "required fields are returned"
	RuleReply    Rule = "reply comes in time"
)

// A Violation says which rule a command broke.
type Violation struct {
	Rule Rule
	// Reply is the number of the reply; 0 is the one to getinfo.
	Reply int
	// Detail says what was found.
	Detail string
	// Err is the cause, if there is one.
	Err error
}

func (v *Violation) Error() string {
	s := fmt.Sprintf("chunkedtest: reply %d breaks the rule %q: %s", v.Reply, string(v.Rule), v.Detail)
	if v.Err != nil {
		s += ": " + v.Err.Error()
	}
	return s
}

func (v *Violation) Unwrap() error { return v.Err }

// A CommandError is the text with which a command failed a search. That is
// no violation.
type CommandError struct{ Text string }

func (e *CommandError) Error() string { return "the command failed the search: " + e.Text }

func broken(rule Rule, format string, args ...any) *Violation {
	return &Violation{Rule: rule, Detail: fmt.Sprintf(format, args...)}
}
