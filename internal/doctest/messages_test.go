package doctest

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// foreign are messages of others that the page explains.
var foreign = []string{"Unknown search command 'tclookup'", "output=verdict,votes"}

// Every message that the page on troubles explains is one that the program can
// print: its parts between … stand in the sources.
func TestMessagesExist(t *testing.T) {
	const path = "docs/troubleshoot.md"
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	code := sources(t)
	found := 0
	for n, line := range strings.Split(string(data), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		for _, span := range regexp.MustCompile("`[^`]+`").FindAllString(cells[1], -1) {
			for _, f := range foreign {
				span = strings.ReplaceAll(span, f, "")
			}
			for _, part := range strings.Split(strings.Trim(span, "`"), "…") {
				part = strings.Trim(part, " \"")
				if len(part) < 6 {
					continue
				}
				found++
				if !strings.Contains(code, part) {
					t.Errorf("%s:%d: nothing prints %q", path, n+1, part)
				}
			}
		}
	}
	if found < 50 {
		t.Errorf("%d parts of messages were found in %s", found, path)
	}
}

// sources returns the text of the program's sources, with string literals
// that go on in the next line joined and quotes in them without backslash.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (name == "doctest" || name == "accept" || name == ".git" || name == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		data, err := os.ReadFile(path)
		all.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(`\"`, `"`, `\n`, "\n").Replace(all.String())
}

// explained are the packages whose messages people in Splunk meet: the page on
// troubles explains each of them.
var explained = []string{
	"internal/splunkapp", "internal/splunkapp/command", "internal/splunkapp/input", "internal/splunkapp/alert", "internal/splunkapp/lookup",
	"internal/engine", "enrich", "source", "limit", "lookupcache", "internal/splunkd",
}

// selfEvident are messages that need no page, and why.
var selfEvident = map[string]string{
	"the input's parameters are wrong":   "is followed by what is wrong, which is explained",
	"cannot read a report of source":     "follows the removal of a source while its answers are read; the next run is right",
	"the search ended before the last":   "stands in the app's log about a search that somebody ended",
	"source %s gave no answer":           "would be a fault of the program itself",
	"output is empty":                    "says what to write",
	"bad rate":                           "says what to write",
	"a delete without a query would":     "would be a fault of the program itself",
	"it must be a second or more":        "follows the setting it is about",
	"the result lines cannot be indexed": "is followed by the reason",
}

// TestMessagesExplained: what the program can say in Splunk is on the page on
// troubles.
func TestMessagesExplained(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "docs/troubleshoot.md"))
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for line := range strings.SplitSeq(string(data), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		for _, span := range regexp.MustCompile("`[^`]+`").FindAllString(cells[1], -1) {
			for part := range strings.SplitSeq(strings.Trim(span, "`"), "…") {
				if part = strings.Trim(part, " \""); len(part) >= 10 {
					parts = append(parts, part)
				}
			}
		}
	}
	found, used := 0, map[string]bool{}
	for _, dir := range explained {
		for at, text := range literals(t, filepath.Join(root, dir)) {
			found++
			ok := false
			for _, p := range parts {
				ok = ok || strings.Contains(text, p)
			}
			for s := range selfEvident {
				if strings.Contains(text, s) {
					ok, used[s] = true, true
				}
			}
			if !ok {
				t.Errorf("%s: docs/troubleshoot.md does not explain %q", strings.TrimPrefix(at, root+string(filepath.Separator)), text)
			}
		}
	}
	for s := range selfEvident {
		if !used[s] {
			t.Errorf("nothing says %q any more", s)
		}
	}
	if found < 50 {
		t.Errorf("%d messages were found", found)
	}
}

var verb = regexp.MustCompile(`%[-+# 0-9.]*[a-zA-Z]`)

// literals returns the texts of errors and warnings in a package, by place;
// those that only put a word before another error are left out.
func literals(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no sources: %v", dir, err)
	}
	fset := gotoken.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, _ := sel.X.(*ast.Ident)
			switch {
			case sel.Sel.Name == "New" && pkg != nil && pkg.Name == "errors", sel.Sel.Name == "Errorf" && pkg != nil && pkg.Name == "fmt":
			case sel.Sel.Name == "Warn", sel.Sel.Name == "Add", sel.Sel.Name == "Sprintf" && pkg != nil && pkg.Name == "fmt":
			default:
				return true
			}
			text, ok := constant(call.Args[0])
			fixed := strings.Join(strings.Fields(verb.ReplaceAllString(text, " ")), " ")
			if ok && len(fixed) >= 16 && strings.Contains(fixed, " ") {
				out[fset.Position(call.Pos()).String()] = text
			}
			return true
		})
	}
	return out
}

// constant returns the text of a string literal, or of several added.
func constant(e ast.Expr) (string, bool) {
	switch x := e.(type) {
	case *ast.BasicLit:
		if x.Kind != gotoken.STRING {
			return "", false
		}
		s, err := strconv.Unquote(x.Value)
		return s, err == nil
	case *ast.BinaryExpr:
		a, aok := constant(x.X)
		b, _ := constant(x.Y) // what is not literal stands for anything
		return a + b, aok && x.Op == gotoken.ADD
	}
	return "", false
}
