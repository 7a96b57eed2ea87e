package pages

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/tclookup/tclookup/graph"
	"github.com/tclookup/tclookup/indicator"
)

// exports are the files of a page.
var exports = []struct {
	name, text string
	format     graph.Format // empty: the report alone
}{
	{"report.json", "Report (JSON)", ""},
	{"related.csv", "CSV", graph.CSV},
	{"related.json", "JSON", graph.JSON},
	{"related.graphml", "GraphML", graph.GraphML},
	{"related.dot", "DOT", graph.DOT},
	{"related.mtgx", "Maltego", graph.Maltego},
	{"related.svg", "SVG", graph.SVG},
}

func downloadAddress(file string, ind indicator.Indicator, depth int) string {
	s := "/download/" + file + "?type=" + ind.Type.String() + "&value=" + url.QueryEscape(ind.Value)
	if depth > 1 && file != "report.json" {
		s += "&depth=" + strconv.Itoa(depth)
	}
	return s
}

// download serves the report about an indicator, or the graph around it, as a
// file.
func (h *Handler) download(w http.ResponseWriter, r *http.Request) {
	file := r.PathValue("file")
	at := -1
	for i, e := range exports {
		if e.name == file {
			at = i
		}
	}
	q := r.URL.Query()
	typ, err := indicator.ParseType(q.Get("type"))
	k, ok := kindOf(typ)
	if at < 0 || err != nil || !ok {
		h.fail(w, r, http.StatusNotFound, "There is no such file", "The page of an indicator has links to the files about it.")
		return
	}
	ind, ok := h.of(w, r, k, q.Get("value"))
	if !ok {
		return
	}
	res, rep, excluded := h.answer(r.Context(), ind)
	if rep == nil {
		p := &report{}
		code := p.status(&res, excluded)
		if code == http.StatusOK {
			code = http.StatusNotFound
		}
		h.fail(w, r, code, "There is no report", ind.Value+": "+p.Explain)
		return
	}
	var b bytes.Buffer
	mediaType, name := graph.JSON.MediaType(), fileName(ind.Value)+".json"
	if f := exports[at].format; f == "" {
		b.Write(append(rep.AppendJSON(nil, ind, res.Source), '\n'))
	} else {
		list := -1
		depth := depthOf(q.Get("depth"))
		if depth > 1 {
			list = graph.DefaultList
		}
		g := h.walk(r.Context(), ind, rep, &res, graph.Options{
			Depth: depth, MaxNodes: maxExport, MaxEdges: 2 * maxExport, List: list, Parser: h.o.Parser, Rules: h.o.Rules, Known: h.o.Known,
		})
		if err := g.Write(&b, f); err != nil {
			h.o.Log.Error("a file could not be made", "file", file, "error", err)
			h.fail(w, r, http.StatusInternalServerError, "The file could not be made", "")
			return
		}
		mediaType, name = f.MediaType(), fileName(ind.Value)+"-related"+f.Extension()
	}
	header := w.Header()
	header.Set("Content-Type", mediaType)
	header.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	header.Set("Content-Length", strconv.Itoa(b.Len()))
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes())
	}
}

// fileName makes a name for a file from a value: letters, digits, dots and
// hyphens, not too long, and no dot at its beginning.
func fileName(value string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, value)
	if len(name) > 80 {
		name = name[:80]
	}
	if name = strings.TrimLeft(name, "."); name == "" {
		return "indicator"
	}
	return name
}
