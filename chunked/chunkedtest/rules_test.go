package chunkedtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// crooked is a command that sends what it is told to, without a thought.
func crooked(replies ...string) func(io.Reader, io.Writer) error {
	return func(stdin io.Reader, stdout io.Writer) error {
		r := bufio.NewReader(stdin)
		for _, reply := range replies {
			if err := readFrame(r); err != nil {
				return err
			}
			if _, err := io.WriteString(stdout, reply); err != nil {
				return err
			}
		}
		_, err := io.Copy(io.Discard, r)
		return err
	}
}

func readFrame(r *bufio.Reader) error {
	header, err := r.ReadString('\n')
	if err != nil {
		return err
	}
	var m, b int64
	if _, err := fmt.Sscanf(header, "chunked 1.0,%d,%d", &m, &b); err != nil {
		return err
	}
	_, err = io.CopyN(io.Discard, r, m+b)
	return err
}

func frame(meta, body string) string {
	return fmt.Sprintf("chunked 1.0,%d,%d\n%s%s", len(meta), len(body), meta, body)
}

const (
	streaming = `{"type":"streaming"}`
	selected  = `{"type":"stateful","required_fields":["a"]}`
	more      = `{"finished":false}`
	last      = `{"finished":true}`
)

// play sends getinfo, two requests with a row and an empty last one.
func play(c *Conversation) error {
	err := func() error {
		if r, err := c.Getinfo(Parse("crooked")); err != nil || r.Error != "" {
			return err
		}
		for i := range 3 {
			t := NewTable("a", "b")
			if i < 2 {
				t.Add([]string{"x", "y"}, "z")
			}
			if r, err := c.Send(t, i == 2); err != nil || r.Error != "" {
				return err
			}
		}
		return nil
	}()
	return errors.Join(err, c.closeOnce(err))
}

func TestGoodCommandsPass(t *testing.T) {
	const body = "a,__mv_a,b\n\"x\ny\",$x$;$y$,z\n"
	for name, replies := range map[string][]string{
		"streaming": {frame(streaming, ""), frame(more, body), frame(more, body), frame(last, "")},
		"crlf":      {frame(streaming, ""), frame(more, "a\r\n\"\r\n\"\r\n"), frame(more, ""), frame(last, "a\r\n")},
		"selected": {frame(selected, ""), frame(more, "a,_chunked_idx,c\nq,0,1\n"), frame(`{"inspector":{"messages":[["INFO","x"]],"metric.m":[1,2,null,3]},"finished":false}`,
			"a,_chunked_idx,c\nq,0,\n"), frame(last, "")},
	} {
		if err := play(StartFunc(crooked(replies...))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	failing := func(stdin io.Reader, stdout io.Writer) error {
		_ = crooked(frame(streaming, ""), frame(`{"inspector":{"messages":[["ERROR","no"]]},"finished":true,"error":"no"}`, ""))(stdin, stdout)
		return errors.New("exit status 1")
	}
	if err := play(StartFunc(failing)); err != nil {
		t.Errorf("failing: %v", err)
	}
}

func TestEveryRuleIsChecked(t *testing.T) {
	info := frame(streaming, "")
	for name, test := range map[string]struct {
		rule    Rule
		replies []string
	}{
		"blank in the header":     {RuleHeader, []string{"chunked 1.0, 20,0\n" + streaming}},
		"leading zero":            {RuleHeader, []string{"chunked 1.0,020,0\n" + streaming}},
		"crlf in the header":      {RuleHeader, []string{"chunked 1.0,20,0\r\n" + streaming}},
		"banner":                  {RuleHeader, []string{"hello\n" + info}},
		"long header":             {RuleHeader, []string{strings.Repeat("x", 100)}},
		"huge":                    {RuleHeader, []string{"chunked 1.0,99999999999,0\n"}},
		"newline behind":          {RuleOneReply, []string{info + "\n"}},
		"two replies":             {RuleOneReply, []string{info, frame(more, "") + frame(more, "")}},
		"no reply":                {RuleOneReply, []string{info, ""}},
		"short body":              {RuleLength, []string{info, "chunked 1.0,18,9\n" + more + "a\n"}},
		"no json":                 {RuleMetadata, []string{frame("{type:1}", "")}},
		"json and more":           {RuleMetadata, []string{frame(streaming+"\n", "")}},
		"duplicate key":           {RuleMetadata, []string{frame(`{"type":"events","type":"events"}`, "")}},
		"partial":                 {RuleKeys, []string{info, frame(`{"finished":false,"partial":true}`, "")}},
		"requires_preop":          {RuleKeys, []string{frame(`{"type":"reporting","requires_preop":true}`, "")}},
		"type":                    {RuleKeys, []string{frame(`{"type":"eventing"}`, "")}},
		"type of type":            {RuleKeys, []string{frame(`{"type":1}`, "")}},
		"null":                    {RuleKeys, []string{frame(`{"type":null}`, "")}},
		"empty field":             {RuleKeys, []string{frame(`{"required_fields":[""]}`, "")}},
		"no finished":             {RuleKeys, []string{info, frame(`{}`, "")}},
		"finished in getinfo":     {RuleKeys, []string{frame(`{"finished":false}`, "")}},
		"type in execute":         {RuleKeys, []string{info, frame(`{"type":"streaming","finished":false}`, "")}},
		"inspector key":           {RuleKeys, []string{info, frame(`{"inspector":{"x":1},"finished":false}`, "")}},
		"early end":               {RuleFinished, []string{info, frame(last, "")}},
		"late end":                {RuleFinished, []string{info, frame(more, ""), frame(more, ""), frame(more, "")}},
		"unfinished error":        {RuleError, []string{info, frame(`{"finished":false,"error":"x"}`, "")}},
		"empty error":             {RuleError, []string{info, frame(`{"finished":true,"error":""}`, "")}},
		"inspector behind error":  {RuleError, []string{info, frame(`{"finished":true,"error":"x","inspector":{}}`, "")}},
		"finished behind error":   {RuleError, []string{info, frame(`{"error":"x","finished":true}`, "")}},
		"regular end after error": {RuleError, []string{info, frame(`{"finished":true,"error":"x"}`, "")}},
		"level":                   {RuleMessage, []string{info, frame(`{"inspector":{"messages":[["warn","x"]]},"finished":false}`, "")}},
		"newline":                 {RuleMessage, []string{info, frame(`{"inspector":{"messages":[["WARN","x\n"]]},"finished":false}`, "")}},
		"repeat": {RuleMessage, []string{info, frame(`{"inspector":{"messages":[["WARN","x"]]},"finished":false}`, ""),
			frame(`{"inspector":{"messages":[["INFO","x"]]},"finished":false}`, "")}},
		"message of three":   {RuleMessage, []string{info, frame(`{"inspector":{"messages":[["WARN","x","y"]]},"finished":false}`, "")}},
		"metric of three":    {RuleMetric, []string{info, frame(`{"inspector":{"metric.m":[1,2,3]},"finished":false}`, "")}},
		"metric text":        {RuleMetric, []string{info, frame(`{"inspector":{"metric.m":[1,2,3,"4"]},"finished":false}`, "")}},
		"getinfo body":       {RuleNoBody, []string{frame(streaming, "a\n")}},
		"error body":         {RuleNoBody, []string{info, frame(`{"finished":true,"error":"x"}`, "a\n1\n")}},
		"bom":                {RuleCSV, []string{info, frame(more, "\xef\xbb\xbfa\n1\n")}},
		"ragged":             {RuleCSV, []string{info, frame(more, "a,b\n1\n")}},
		"open quote":         {RuleCSV, []string{info, frame(more, "a\n\"1\n")}},
		"quote inside":       {RuleCSV, []string{info, frame(more, "a\n1\"2\n")}},
		"behind a quote":     {RuleCSV, []string{info, frame(more, "a\n\"1\"2\n")}},
		"no line end":        {RuleCSV, []string{info, frame(more, "a\n1")}},
		"no name":            {RuleCSV, []string{info, frame(more, "a,\n1,2\n")}},
		"name twice":         {RuleCSV, []string{info, frame(more, "a,a\n1,2\n")}},
		"lone cr":            {RuleCSV, []string{info, frame(more, "a\n1\r2\n")}},
		"other header":       {RuleStable, []string{info, frame(more, "a,b\n1,2\n"), frame(more, "b,a\n1,2\n")}},
		"list of nothing":    {RuleMV, []string{info, frame(more, "__mv_c\n$x$;$y$\n")}},
		"other list":         {RuleMV, []string{info, frame(more, "a,__mv_a\n\"x\ny\",$x$;$z$\n")}},
		"malformed list":     {RuleMV, []string{info, frame(more, "a,__mv_a\n\"x\ny\",x;y\n")}},
		"old list":           {RuleMV, []string{info, frame(more, "a,__mv_a\nnew,$x$;$y$\n")}},
		"no index":           {RuleIndex, []string{frame(selected, ""), frame(more, "a\n1\n")}},
		"other index":        {RuleIndex, []string{frame(selected, ""), frame(more, "a,_chunked_idx\n1,1\n")}},
		"more rows":          {RuleIndex, []string{frame(selected, ""), frame(more, "a,_chunked_idx\n1,0\n1,0\n")}},
		"required not there": {RuleRequired, []string{frame(selected, ""), frame(more, "_chunked_idx\n0\n")}},
	} {
		// A command that breaks a rule of length waits for more, so it ends
		// after what it has to say.
		run := crooked(test.replies...)
		if test.rule == RuleLength || name == "no reply" || name == "huge" {
			run = func(stdin io.Reader, stdout io.Writer) error {
				r := bufio.NewReader(stdin)
				for _, reply := range test.replies {
					_ = readFrame(r)
					_, _ = io.WriteString(stdout, reply)
				}
				return nil
			}
		}
		err := play(StartFunc(run))
		var v *Violation
		if !errors.As(err, &v) || v.Rule != test.rule {
			t.Errorf("%s: got %v, want %q", name, err, test.rule)
			continue
		}
		if want := len(test.replies) - 1; v.Reply != want {
			t.Errorf("%s: reply %d, want %d", name, v.Reply, want)
		}
	}
}

func TestEarlyWriteIsFound(t *testing.T) {
	err := play(StartFunc(func(stdin io.Reader, stdout io.Writer) error {
		r := bufio.NewReader(stdin)
		_ = readFrame(r)
		_, _ = io.WriteString(stdout, frame(streaming, ""))
		if _, err := io.ReadFull(stdin, make([]byte, 10)); err != nil {
			return err
		}
		_, err := io.WriteString(stdout, frame(more, ""))
		return err
	}))
	var v *Violation
	if !errors.As(err, &v) || v.Rule != RuleLockstep || v.Reply != 1 {
		t.Errorf("got %v", err)
	}
}

func TestUnaskedWriteIsFound(t *testing.T) {
	asked := make(chan struct{})
	c := StartFunc(func(stdin io.Reader, stdout io.Writer) error {
		r := bufio.NewReader(stdin)
		_ = readFrame(r)
		_, _ = io.WriteString(stdout, frame(streaming, ""))
		<-asked
		_, err := io.WriteString(stdout, "unasked")
		return err
	})
	if _, err := c.Getinfo(Info{}); err != nil {
		t.Fatal(err)
	}
	close(asked)
	var v *Violation
	if _, err := c.Execute(nil, true); err == nil {
		t.Error("the request was answered")
	}
	if err := c.Close(); !errors.As(err, &v) || v.Rule != RuleOneReply && v.Rule != RuleLockstep {
		t.Errorf("got %v", err)
	}
}

func TestDialTimesOut(t *testing.T) {
	r, w := io.Pipe()
	c := Dial(io.Discard, r, 1)
	_, err := c.Getinfo(Info{})
	var v *Violation
	if !errors.As(err, &v) || v.Rule != RuleReply {
		t.Errorf("got %v", err)
	}
	_ = w.Close()
	if err := c.Close(); !errors.As(err, &v) {
		t.Errorf("Close forgets: %v", err)
	}
}
