package splunkdtest

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// jobs is what the paths of the search endpoints hold.
const jobs = "/search/v2/jobs"

// Job is a search job. Its results are objects in JSON.
type Job struct {
	Fields   []string
	Rows     []string
	Polls    int // how often it says that it runs before it is done
	Failed   string
	Messages []map[string]string
	Canceled bool

	Form url.Values // of the search that made it
}

// search has the shapes of Splunk's REST API Reference, Search endpoints.
func (s *Server) search(w http.ResponseWriter, r *http.Request, rest string) {
	if r.Method == http.MethodPost && (rest == "" || rest == "export") {
		if err := r.ParseForm(); err != nil || s.Search == nil {
			fail(w, http.StatusBadRequest, "no search")
			return
		}
		j := s.Search(r.PostForm)
		if j == nil {
			fail(w, http.StatusBadRequest, "Unknown search command 'nosuch'.")
			return
		}
		j.Form = r.PostForm
		if rest == "export" {
			j.export(w, r.PostForm.Get("output_mode"))
			return
		}
		sid := fmt.Sprintf("1763980000.%d", len(s.Jobs)+1)
		s.Jobs[sid] = j
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]string{"sid": sid})
		return
	}
	sid, what, _ := strings.Cut(rest, "/")
	j := s.Jobs[sid]
	if j == nil {
		fail(w, http.StatusNotFound, "Unknown sid.")
		return
	}
	switch {
	case what == "" && r.Method == http.MethodGet:
		j.Polls--
		c := map[string]any{
			"dispatchState": "RUNNING", "isDone": false, "isFailed": false, "doneProgress": 0.5, "resultCount": len(j.Rows) / 2,
			"messages": j.Messages,
		}
		if j.Polls < 0 {
			c["dispatchState"], c["isDone"], c["doneProgress"], c["resultCount"] = "DONE", true, 1, len(j.Rows)
		}
		if j.Failed != "" {
			c["dispatchState"], c["isFailed"], c["isDone"] = "FAILED", true, true
			c["messages"] = []map[string]string{{"type": "FATAL", "text": j.Failed}}
		}
		entry(w, c)
	case what == "control" && r.Method == http.MethodPost && r.PostFormValue("action") == "cancel":
		j.Canceled = true
		_ = json.NewEncoder(w).Encode(map[string]any{"messages": []any{map[string]string{"type": "INFO", "text": "Search job cancelled."}}})
	case what == "results" && r.Method == http.MethodGet && j.Polls < 0:
		q := r.URL.Query()
		from, _ := strconv.Atoi(q.Get("offset"))
		n, err := strconv.Atoi(q.Get("count"))
		if err != nil || n == 0 {
			n = 100 // splunkd's default
		}
		from = min(from, len(j.Rows))
		rows := j.Rows[from:min(len(j.Rows), from+n)]
		fields := []map[string]string{}
		for _, f := range j.Fields {
			fields = append(fields, map[string]string{"name": f})
		}
		f, _ := json.Marshal(fields)
		fmt.Fprintf(w, `{"preview": false, "init_offset": %d, "messages": [], "fields": %s, "results": [%s], "highlighted": {}}`, from, f, strings.Join(rows, ", "))
	case what == "results":
		w.WriteHeader(http.StatusNoContent)
	default:
		fail(w, http.StatusNotFound, "Not Found")
	}
}

// export streams the results.
func (j *Job) export(w http.ResponseWriter, mode string) {
	if mode == "csv" {
		out := csv.NewWriter(w)
		defer out.Flush()
		_ = out.Write(j.Fields)
		for _, r := range j.Rows {
			var row map[string]string
			_ = json.Unmarshal([]byte(r), &row)
			var cells []string
			for _, f := range j.Fields {
				cells = append(cells, row[f])
			}
			_ = out.Write(cells)
		}
		return
	}
	for _, m := range j.Messages {
		text, _ := json.Marshal(m)
		fmt.Fprintf(w, "{\"messages\":[%s]}\n", text)
	}
	for i, r := range j.Rows {
		last := ""
		if i == len(j.Rows)-1 {
			last = `"lastrow":true,`
		}
		fmt.Fprintf(w, "{\"preview\":false,\"offset\":%d,%s\"result\":%s}\n", i, last, r)
	}
	if len(j.Rows) == 0 {
		fmt.Fprintln(w, `{"preview":false,"lastrow":true}`)
	}
}
