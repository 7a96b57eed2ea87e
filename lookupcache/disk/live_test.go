package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/tclookup/tclookup/lookupcache"
)

// TestSpoiledWhileOpen: whatever somebody does to the file while it is in use,
// no process ends by it, no answer is wrong, and all go on.
func TestSpoiledWhileOpen(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be cut off or renamed there")
	}
	other := open(t, Options{})
	put(t, other, domains(5000, 9000), time.Now(), time.Hour)
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	backup, err := os.ReadFile(other.Path())
	if err != nil {
		t.Fatal(err)
	}
	spoil := map[string]func(path string) error{
		"copied over":   func(p string) error { return os.WriteFile(p, backup, 0o600) },
		"log cut off":   func(p string) error { return os.Truncate(p+"-wal", 0) },
		"log of junk":   func(p string) error { return os.WriteFile(p+"-wal", backup[:100000], 0o600) },
		"log deleted":   func(p string) error { return os.Remove(p + "-wal") },
		"index deleted": func(p string) error { return os.Remove(p + "-shm") },
		"index cut off": func(p string) error { return os.Truncate(p+"-shm", 0) },
	}
	for _, n := range []int64{0, 100, 4096, 9000, 200000} {
		spoil[fmt.Sprintf("cut off at %d", n)] = func(p string) error { return os.Truncate(p, n) }
	}
	for name, f := range spoil {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first := open(t, Options{Dir: dir})
			put(t, first, domains(0, 4000), time.Now(), time.Hour)
			if err := first.Close(); err != nil { // all of it is in the file
				t.Fatal(err)
			}
			j := new(journal)
			s := open(t, Options{Dir: dir, Logger: j.logger(), BusyTimeout: time.Second})
			put(t, s, domains(4000, 4100), time.Now(), time.Hour) // and in the log
			keys := domains(0, 9000)
			get(t, s, keys, true)
			read := func() error {
				out := make([]lookupcache.Entry, len(keys))
				err := s.Get(t.Context(), keys, true, out)
				for i := range out {
					if out[i].OK() {
						err = errors.Join(err, genuine(keys[i], &out[i], true))
					}
				}
				return err
			}
			ready, spoiled := make(chan struct{}), make(chan struct{})
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for i := 0; ; i++ {
						if err := read(); err != nil {
							t.Error(err)
						}
						select {
						case ready <- struct{}{}:
						case <-spoiled:
							if i > 3 {
								return
							}
						}
					}
				})
			}
			<-ready
			if err := f(s.Path()); err != nil {
				t.Error(err)
			}
			close(spoiled)
			wg.Wait()
			// Damage that is only found by the next read takes along what was
			// kept before that, once.
			for noticed := -1; ; {
				said := j.count("set aside")
				put(t, s, domains(0, 100), time.Now(), time.Hour)
				if err := read(); err != nil {
					t.Error(err)
				}
				if get(t, s, domains(0, 1), true)[0].OK() {
					break
				}
				if noticed >= 0 || j.count("set aside") == said {
					t.Fatal("what was kept afterwards is not there")
				}
				noticed = said
			}
			aside, _ := filepath.Glob(s.Path() + ".corrupt-*Z")
			if said := j.count("set aside"); said != len(aside) || said > 1 {
				t.Errorf("set aside %q, said %d times", aside, said)
			}
		})
	}
}
