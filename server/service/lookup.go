package service

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/tclookup/tclookup/indicator"
	"github.com/tclookup/tclookup/source"
)

// maxLookupBody is the longest body of a look-up in bulk, in bytes, also once
// it is decompressed.
const maxLookupBody = 16 << 20

// lookupBatch is how many values are asked for together. Their answers are
// sent before the next are asked for.
const lookupBatch = 256

// wanted is one value of a look-up in bulk.
type wanted struct {
	value string
	kind  indicator.Type
}

// wantedJSON is how a value may be written besides as a string.
type wantedJSON struct {
	Value *string `json:"value"`
	Type  string  `json:"type"`
}

// found is one line of the answer. The names are those of `tclookup report
// --output json`.
type found struct {
	Value     string          `json:"value"`
	Status    string          `json:"status"`
	Type      string          `json:"type,omitempty"`
	Indicator string          `json:"indicator,omitempty"`
	Error     string          `json:"error,omitempty"`
	Source    string          `json:"source,omitempty"`
	Cache     string          `json:"cache,omitempty"`
	Age       *int64          `json:"age,omitempty"`
	Report    json.RawMessage `json:"report,omitempty"`
}

// lookup answers many values: JSON Lines or a JSON array in, the same out, in
// the order of the values, each batch as soon as it is answered.
func (s *Service) lookup(w http.ResponseWriter, r *http.Request) int {
	if !allow(w, r, http.MethodPost) {
		return http.StatusMethodNotAllowed
	}
	if err := s.guard.Check(r); err != nil {
		return fail(w, http.StatusForbidden, "requests from other sites are not answered")
	}
	want, err := indicator.ParseType(r.URL.Query().Get("type"))
	if err != nil && r.URL.Query().Get("type") != "" {
		return fail(w, http.StatusBadRequest, "type: "+err.Error())
	}
	if code := checkMedia(w, r); code != 0 {
		return code
	}
	data, code := readBody(w, r, maxLookupBody)
	if code != 0 {
		return code
	}
	values, array, err := parseValues(data, want, s.o.MaxValues)
	if err != nil {
		code := http.StatusBadRequest
		if errors.Is(err, errTooMany) {
			code = http.StatusRequestEntityTooLarge
		}
		return fail(w, code, err.Error())
	}
	select {
	case s.slots <- struct{}{}:
	default:
		return s.refuse(w, &answer{}, errBusy)
	}
	defer func() { <-s.slots }()
	s.stream(w, r, values, array)
	return http.StatusOK
}

func checkMedia(w http.ResponseWriter, r *http.Request) int {
	ct := r.Header.Get("Content-Type")
	if ct == "" {
		return 0
	}
	media, _, err := mime.ParseMediaType(ct)
	if err == nil {
		switch media {
		case "application/json", "application/x-ndjson", "application/ndjson", "application/jsonl", "application/jsonlines", "text/plain", "application/x-www-form-urlencoded":
			return 0 // the last is what curl --data says
		}
	}
	return fail(w, http.StatusUnsupportedMediaType, "the body is JSON Lines (application/x-ndjson) or a JSON array (application/json)")
}

// readBody reads the whole body of a request, which may be compressed by gzip;
// a code other than 0 means that it could not and has answered.
func readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, int) {
	tooLong := "the body is longer than " + strconv.FormatInt(most, 10) + " bytes"
	if r.ContentLength > most {
		w.Header().Set("Connection", "close") // it is not read
		return nil, fail(w, http.StatusRequestEntityTooLarge, tooLong)
	}
	in := io.Reader(http.MaxBytesReader(w, r.Body, most))
	switch enc := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); enc {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fail(w, http.StatusBadRequest, "the body is said to be gzip but is not")
		}
		in = z
	default:
		return nil, fail(w, http.StatusUnsupportedMediaType, "a body may be compressed by gzip only")
	}
	data, err := io.ReadAll(io.LimitReader(in, most+1))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large), int64(len(data)) > most:
		return nil, fail(w, http.StatusRequestEntityTooLarge, tooLong)
	case err != nil:
		return nil, fail(w, http.StatusBadRequest, "the body could not be read to its end")
	}
	return data, 0
}

var errTooMany = errors.New("too many values")

// parseValues reads the values of a body: a JSON array, or JSON Lines; each
// value is a string or an object with value and, if wanted, type.
func parseValues(data []byte, want indicator.Type, most int) (list []wanted, array bool, err error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	data = bytes.TrimLeft(data, " \t\r\n")
	add := func(raw []byte, at string) error {
		if len(list) == most {
			return fmt.Errorf("%w: the most in one request is %d", errTooMany, most)
		}
		v, err := parseValue(raw, want)
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		list = append(list, v)
		return nil
	}
	if len(data) > 0 && data[0] == '[' {
		dec := json.NewDecoder(bytes.NewReader(data))
		_, _ = dec.Token()
		for n := 1; dec.More(); n++ {
			var raw json.RawMessage
			if err := dec.Decode(&raw); err != nil {
				return nil, true, fmt.Errorf("element %d: broken JSON", n)
			}
			if err := add(raw, "element "+strconv.Itoa(n)); err != nil {
				return nil, true, err
			}
		}
		if _, err := dec.Token(); err != nil {
			return nil, true, errors.New("the array does not end")
		}
		if _, err := dec.Token(); !errors.Is(err, io.EOF) {
			return nil, true, errors.New("something follows the array")
		}
		return list, true, nil
	}
	n := 0
	for line := range bytes.Lines(data) {
		n++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := add(line, "line "+strconv.Itoa(n)); err != nil {
			return nil, false, err
		}
	}
	return list, false, nil
}

func parseValue(raw []byte, want indicator.Type) (v wanted, err error) {
	v.kind = want
	switch raw[0] {
	case '"':
		if json.Unmarshal(raw, &v.value) != nil {
			return v, errors.New("broken JSON")
		}
		return v, nil
	case '{':
		var o wantedJSON
		if json.Unmarshal(raw, &o) != nil || o.Value == nil {
			return v, errors.New(`not an object such as {"value": "evil.example", "type": "domain"}`)
		}
		v.value = *o.Value
		if o.Type != "" {
			if v.kind, err = indicator.ParseType(o.Type); err != nil {
				return v, err
			}
		}
		return v, nil
	}
	return v, errors.New("a value is a JSON string, or an object with value and type")
}

// stream answers values in their order.
func (s *Service) stream(w http.ResponseWriter, r *http.Request, values []wanted, array bool) {
	h := w.Header()
	if array {
		h.Set("Content-Type", "application/json")
	} else {
		h.Set("Content-Type", "application/x-ndjson")
	}
	control := http.NewResponseController(w)
	out := bufio.NewWriterSize(w, 32<<10)
	if array {
		_ = out.WriteByte('[')
	}
	// The time is for all batches together: once it is over, what the memory
	// does not know is answered as skipped.
	end := s.now().Add(s.o.MaxWait)
	first := true
	for len(values) > 0 && r.Context().Err() == nil {
		n := min(len(values), lookupBatch)
		for _, line := range s.batch(r, values[:n], end) {
			if array && !first {
				_ = out.WriteByte(',')
			}
			first = false
			_, _ = out.Write(line)
			if !array {
				_ = out.WriteByte('\n')
			}
		}
		values = values[n:]
		// A client that takes too long for this is cut off.
		_ = control.SetWriteDeadline(time.Now().Add(30 * time.Second))
		if out.Flush() != nil || control.Flush() != nil {
			return
		}
	}
	if array {
		_, _ = out.WriteString("]\n")
	}
	_ = out.Flush()
}

// batch answers some values, each distinct indicator once.
func (s *Service) batch(r *http.Request, values []wanted, end time.Time) [][]byte {
	lines := make([]found, len(values))
	at := map[indicator.Indicator][]int{}
	var in []indicator.Indicator
	for i, v := range values {
		lines[i].Value = v.value
		ind, err := s.o.Parser.Parse(v.value, v.kind)
		if err != nil {
			lines[i].Status, lines[i].Error = "invalid", err.Error()
			continue
		}
		if at[ind] == nil {
			in = append(in, ind)
		}
		at[ind] = append(at[ind], i)
	}
	s.ask(r.Context(), end.Sub(s.now()), in, func(n int, a answer) {
		s.meter.lookup(&a)
		l := s.line(in[n], &a)
		for _, i := range at[in[n]] {
			l.Value = values[i].value
			lines[i] = l
		}
	})
	out := make([][]byte, len(lines))
	for i := range lines {
		// A line of texts and numbers cannot fail.
		out[i], _ = json.Marshal(&lines[i])
	}
	return out
}

// line is the answer about one indicator in the words of the output fields.
func (s *Service) line(ind indicator.Indicator, a *answer) found {
	f := found{Type: ind.Type.String(), Indicator: ind.Value, Source: a.Source, Cache: string(a.Origin)}
	switch {
	case a.Status == source.Found:
		f.Status = "found"
		rep := *a.report
		rep.Permalink = s.wire(ind, a.report).Permalink
		f.Report = rep.AppendJSON(nil, ind, a.Source)
	case a.excluded != "":
		f.Status, f.Error = "excluded", a.excluded
	case a.Status == source.NotFound:
		f.Status = "not_found"
	case a.Status == source.Unsupported:
		f.Status = "unsupported"
	case a.Status == source.Limited && a.queued:
		f.Status = "queued"
	case a.Status == source.Limited, a.Status == source.Unasked:
		f.Status = "skipped"
	default:
		f.Status = "error"
	}
	if f.Error == "" && a.Err != nil && f.Status != "found" {
		f.Error = a.Err.Error()
	}
	if !a.Fetched.IsZero() {
		age := max(0, int64(s.now().Sub(a.Fetched)/time.Second))
		f.Age = &age
	}
	return f
}
