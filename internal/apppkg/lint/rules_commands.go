package lint

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

func commandChecks() []check {
	return []check{
		{"check_command_scripts_exist", checkCommandsExist},
		{"check_ignored_parameters_v2_command", checkChunkedKeys},
		{"check_ignored_parameters_v1_command", checkOldKeys},
		{"command_name", checkCommandNames},
		{"command_arguments", checkCommandArguments},
		{"command_help", checkHelp},
		{"command_export", checkCommandExport},
	}
}

func checkCommandsExist(a *app) {
	for _, s := range a.stanzas("commands") {
		found := a.programsOf(s)
		if len(found) == 0 {
			a.fail("default/commands.conf", s.Line, "put the program into bin or a platform directory, under the stanza's name or its filename", "[%s] has no program", s.Name)
		}
		dirs := map[string]string{}
		for _, p := range found {
			if other, twice := dirs[path.Dir(p)]; twice {
				a.fail("default/commands.conf", s.Line, "keep one of them", "[%s] is both %s and %s, in an order nobody documents", s.Name, other, p)
			}
			dirs[path.Dir(p)] = p
		}
	}
}

var commandArg = regexp.MustCompile(`^command\.arg\.[1-9]\d*$`)

func checkChunkedKeys(a *app) {
	for _, s := range a.stanzas("commands") {
		chunked, ok := lookup(s, "chunked")
		if !ok || !isTrue(chunked.Value) {
			continue
		}
		if chunked.Value != "true" {
			a.fail("default/commands.conf", chunked.Line, "write chunked = true", "[%s] chunked = %s: vetting compares the text with true", s.Name, chunked.Value)
		}
		for _, e := range s.Entries {
			switch e.Key {
			case "filename", "chunked", "is_risky", "maxchunksize", "maxwait", "python.version", "disabled":
			default:
				if !commandArg.MatchString(e.Key) {
					a.fail("default/commands.conf", e.Line, "take it out", "[%s] %s is ignored with chunked = true", s.Name, e.Key)
				}
			}
		}
	}
}

func checkOldKeys(a *app) {
	for _, s := range a.stanzas("commands") {
		if isTrue(get(s, "chunked")) {
			continue
		}
		for _, key := range []string{"maxwait", "maxchunksize"} {
			if e, ok := lookup(s, key); ok {
				a.fail("default/commands.conf", e.Line, "take it out, or set chunked = true", "[%s] %s is ignored without chunked = true", s.Name, key)
			}
		}
	}
}

var commandName = regexp.MustCompile(`^[a-z0-9]+$`)

func checkCommandNames(a *app) {
	for _, s := range a.stanzas("commands") {
		if !commandName.MatchString(s.Name) {
			a.fail("default/commands.conf", s.Line, "use lower-case letters and digits", "[%s] cannot be called in a search", s.Name)
		}
	}
}

// checkCommandArguments sees to it that one program can tell its commands apart.
func checkCommandArguments(a *app) {
	for _, s := range a.stanzas("commands") {
		n := 0
		for _, e := range s.Entries {
			if commandArg.MatchString(e.Key) {
				n++
			}
		}
		for i := 1; i <= n; i++ {
			if key := fmt.Sprintf("command.arg.%d", i); get(s, key) == "" {
				a.fail("default/commands.conf", s.Line, "number the arguments 1, 2, …", "[%s] has %d arguments, but no %s", s.Name, n, key)
			}
		}
		if get(s, "command.arg.1") != "splunk" || get(s, "command.arg.2") != s.Name {
			a.fail("default/commands.conf", s.Line, "set command.arg.1 = splunk and command.arg.2 = "+s.Name, "[%s] does not tell the program which command it is", s.Name)
		}
	}
}

func checkHelp(a *app) {
	for _, s := range a.stanzas("commands") {
		want := s.Name + "-command"
		found := false
		for _, h := range a.stanzas("searchbnf") {
			if h.Name != want {
				continue
			}
			found = true
			for _, key := range []string{"syntax", "shortdesc", "description", "usage", "example1", "comment1"} {
				if get(h, key) == "" {
					a.fail("default/searchbnf.conf", h.Line, "write it", "[%s] has no %s", want, key)
				}
			}
			if syntax := get(h, "syntax"); !strings.HasPrefix(syntax, s.Name+" ") && syntax != s.Name {
				a.fail("default/searchbnf.conf", h.Line, "begin the syntax with the command", "[%s] syntax does not begin with %s", want, s.Name)
			}
			for _, ref := range optionRef.FindAllStringSubmatch(get(h, "syntax"), -1) {
				if a.value("searchbnf", ref[1], "syntax") == "" {
					a.fail("default/searchbnf.conf", h.Line, "write the stanza", "[%s] refers to [%s], which has no syntax", want, ref[1])
				}
			}
		}
		if !found {
			a.fail("default/searchbnf.conf", 0, "write the stanza", "[%s] is missing: the search bar has no help for %s", want, s.Name)
		}
	}
}

var optionRef = regexp.MustCompile(`\(([a-z0-9]+-options)\)`)

func checkCommandExport(a *app) {
	if len(a.stanzas("commands")) == 0 {
		return
	}
	for _, category := range []string{"commands", "searchbnf"} {
		if !a.exported(category) {
			a.fail("metadata/default.meta", 0, "add export = system to ["+category+"]", "%s works inside the app only", category)
		}
	}
}
