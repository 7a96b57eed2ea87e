// Package token keeps the tokens by which clients of the service identify
// themselves: a file of names, rights and hashes, never of the tokens.
package token

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// Scope is what a token allows.
type Scope string

// The scopes.
const (
	Read Scope = "read" // ask for reports, feeds and metrics
	Vote Scope = "vote" // vote as well
)

// prefix begins every token, so that one that leaked can be found and named.
const prefix = "tcs_"

// maxFile bounds the size of a token file, in bytes: some ten thousand tokens.
const maxFile = 1 << 20

// ErrName: a name is none.
var ErrName = errors.New("a name has 1 to 64 letters, digits, dots, hyphens or underscores")

// Entry is what is known about one token.
type Entry struct {
	Name    string    `json:"name"`
	Scope   Scope     `json:"scope"`
	Created time.Time `json:"created"`
	hash    string    // SHA-256, in hexadecimal
}

// hashOf returns what is kept of a token. A token is 32 random bytes, so that
// a plain hash of it cannot be turned back by guessing.
func hashOf(token string) string {
	h := sha256.Sum256([]byte(token))
	return hex.EncodeToString(h[:])
}

// ValidName reports whether a token may have this name.
func ValidName(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}

// Parse reads a token file: lines of name, scope, hash and time of creation,
// separated by blanks; # begins a comment line. The error names the file, the
// line and what is wrong with it.
func Parse(file string, data []byte) ([]Entry, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: larger than 1 MiB: this is no token file", file)
	}
	var list []Entry
	names, hashes := map[string]bool{}, map[string]bool{}
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(nil, maxFile+1)
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		e, err := parseLine(line)
		switch {
		case err != nil:
		case names[e.Name]:
			err = fmt.Errorf("the name %q is there already", e.Name)
		case hashes[e.hash]:
			err = errors.New("the same token is there already")
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w; write the file with tclookup serve token", file, n, err)
		}
		names[e.Name], hashes[e.hash] = true, true
		list = append(list, e)
	}
	return list, sc.Err()
}

func parseLine(line string) (e Entry, err error) {
	f := strings.Fields(line)
	if len(f) != 4 {
		return e, fmt.Errorf("%d words, want name, scope, hash and time", len(f))
	}
	e = Entry{Name: f[0], Scope: Scope(f[1]), hash: f[2]}
	if !ValidName(e.Name) {
		return e, ErrName
	}
	if e.Scope != Read && e.Scope != Vote {
		return e, fmt.Errorf("unknown scope; allowed are %s and %s", Read, Vote)
	}
	if h, err := hex.DecodeString(e.hash); err != nil || len(h) != sha256.Size || strings.ToLower(e.hash) != e.hash {
		return e, errors.New("the hash is no SHA-256 in lower-case hexadecimal")
	}
	if e.Created, err = time.Parse(time.RFC3339, f[3]); err != nil {
		return e, errors.New("the time is not like 2026-01-02T03:04:05Z")
	}
	return e, nil
}

// format is the inverse of Parse.
func format(list []Entry) []byte {
	var b bytes.Buffer
	b.WriteString("# Tokens of tclookup serve: name, scope, SHA-256 of the token, created.\n")
	for _, e := range list {
		fmt.Fprintf(&b, "%s %s %s %s\n", e.Name, e.Scope, e.hash, e.Created.UTC().Format(time.RFC3339))
	}
	return b.Bytes()
}

// read reads a token file; a file that is not there has no tokens. One that
// others than its owner may read or write is refused, as it decides who gets
// in. Windows has no such modes: there the directory's rights count.
func read(file string) ([]Entry, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a file", file)
	}
	if m := info.Mode().Perm(); runtime.GOOS != "windows" && m&0o077 != 0 {
		return nil, fmt.Errorf("%s: mode %04o lets others than its owner at it; run chmod 600 %s", file, m, file)
	}
	data := make([]byte, 0, min(info.Size(), maxFile)+1)
	b := bytes.NewBuffer(data)
	if _, err := b.ReadFrom(io.LimitReader(f, maxFile+1)); err != nil {
		return nil, err
	}
	return Parse(file, b.Bytes())
}

// List returns the tokens of a file in the order they were added.
func List(file string) ([]Entry, error) { return read(file) }

// Add makes a token and adds it to a file, which is created with mode 0600. It
// returns the token, which is kept nowhere. Processes that change the file at
// the same time wait for each other.
func Add(file, name string, scope Scope, now time.Time) (string, error) {
	if !ValidName(name) {
		return "", fmt.Errorf("%q: %w", name, ErrName)
	}
	if scope != Read && scope != Vote {
		return "", fmt.Errorf("scope %q: allowed are %s and %s", scope, Read, Vote)
	}
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails
	token := prefix + base64.RawURLEncoding.EncodeToString(raw[:])
	err := change(file, func(list []Entry) ([]Entry, error) {
		if slices.ContainsFunc(list, func(e Entry) bool { return e.Name == name }) {
			return nil, fmt.Errorf("a token named %q is there already; remove it first", name)
		}
		return append(list, Entry{name, scope, now.UTC().Truncate(time.Second), hashOf(token)}), nil
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// Remove takes a token out of a file. The service refuses it from then on.
func Remove(file, name string) error {
	return change(file, func(list []Entry) ([]Entry, error) {
		rest := slices.DeleteFunc(slices.Clone(list), func(e Entry) bool { return e.Name == name })
		if len(rest) == len(list) {
			return nil, fmt.Errorf("no token is named %q", name)
		}
		return rest, nil
	})
}

// change rewrites a file as one step: readers see the old or the new one.
func change(file string, f func([]Entry) ([]Entry, error)) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	unlock, err := lockedfile.MutexAt(file + ".lock").Lock()
	if err != nil {
		return err
	}
	defer unlock()
	list, err := read(file)
	if err != nil {
		return err
	}
	if list, err = f(list); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name())
		}
	}()
	_, err = tmp.Write(format(list))
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}

// Set answers who a token belongs to, as a file says. It notices within a
// second when the file has changed; a file that has become unreadable leaves
// what was known and says so once. It is safe for concurrent use.
type Set struct {
	file string
	now  func() time.Time
	warn func(error)

	mu     sync.RWMutex
	byHash map[string]Entry
	seen   os.FileInfo // of the file that byHash was read from, nil for none
	looked time.Time
	broken string // what was warned about last
}

// Open reads a token file. The function warn gets what goes wrong later.
func Open(file string, warn func(error)) (*Set, error) { return open(file, warn, time.Now) }

func open(file string, warn func(error), now func() time.Time) (*Set, error) {
	s := &Set{file: file, now: now, warn: warn}
	return s, s.load()
}

// load reads the file; what was known stays when it cannot be read.
func (s *Set) load() error {
	info, _ := os.Stat(s.file) // before reading: a later change is noticed
	list, err := read(s.file)
	s.looked, s.seen = s.now(), info
	if err != nil {
		return err
	}
	s.byHash = make(map[string]Entry, len(list))
	for _, e := range list {
		s.byHash[e.hash] = e
	}
	return nil
}

// refresh reads the file again when it has changed.
func (s *Set) refresh() {
	s.mu.RLock()
	due := s.now().Sub(s.looked) >= time.Second
	s.mu.RUnlock()
	if !due {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := os.Stat(s.file)
	s.looked = s.now()
	if same(s.seen, info) && (err == nil || errors.Is(err, fs.ErrNotExist)) && s.broken == "" {
		return
	}
	if err := s.load(); err != nil {
		if s.broken != err.Error() {
			s.broken = err.Error()
			s.warn(fmt.Errorf("tokens stay as they were: %w", err))
		}
		return
	}
	s.broken = ""
}

func same(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// Len returns the number of tokens.
func (s *Set) Len() int {
	s.refresh()
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.byHash)
}

// Find returns the entry of a token. It compares hashes only, so that the time
// it takes says nothing about the tokens there are.
func (s *Set) Find(token string) (Entry, bool) {
	if !strings.HasPrefix(token, prefix) || len(token) > 128 {
		return Entry{}, false
	}
	s.refresh()
	h := hashOf(token)
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, ok := s.byHash[h]
	return e, ok
}
