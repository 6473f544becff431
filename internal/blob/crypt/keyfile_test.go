package crypt

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestAKeyFileIsMadeOnceAndKeptFromOthers(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data", "keys")
	path := filepath.Join(dir, "master.key")
	if _, err := LoadKeys(path, "master"); !errors.Is(err, ErrNoKeyFile) {
		t.Errorf("no file: %v", err)
	}
	first, created, err := LoadOrCreateKeys(path, "master")
	if err != nil || !created || len(first) != 1 {
		t.Fatal(first, created, err)
	}
	again, created, err := LoadOrCreateKeys(path, "master")
	if err != nil || created || again[0] != first[0] {
		t.Fatal(created, err)
	}
	for name, want := range map[string]fs.FileMode{path: 0o600, dir: 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if _, err := CreateKeys(path, "master"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made over an existing file: %v", err)
	}
	if _, err := LoadKeys(path, "log"); err == nil {
		t.Error("taken for another purpose")
	}
	if _, err := CreateKeys(path+"2", "two words"); err == nil {
		t.Error("a purpose of two words was taken")
	}
}

func TestLooseModesAreRefusedWithTheCommandThatMends(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "it's keys")
	path := filepath.Join(dir, "master.key")
	if _, err := CreateKeys(path, "master"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path string
		mode fs.FileMode
		good fs.FileMode
		mend string
	}{
		{path, 0o640, 0o600, "chmod 600 '"},
		{path, 0o604, 0o600, "chmod 600 '"},
		{dir, 0o750, 0o700, "chmod 700 '"},
		{dir, 0o701, 0o700, "chmod 700 '"},
	} {
		if err := os.Chmod(test.path, test.mode); err != nil {
			t.Fatal(err)
		}
		_, err := LoadKeys(path, "master")
		var p *PermissionError
		if !errors.As(err, &p) || !strings.HasPrefix(p.Mend, test.mend) || !strings.Contains(p.Mend, `it'\''s keys`) || p.Path != test.path {
			t.Errorf("%s at %o: %v", test.path, test.mode, err)
		}
		if test.path == dir {
			if _, err := CreateKeys(filepath.Join(dir, "other.key"), "log"); !errors.As(err, &p) {
				t.Errorf("made in an open folder: %v", err)
			}
		}
		if err := os.Chmod(test.path, test.good); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := LoadKeys(path, "master"); err != nil {
		t.Error(err)
	}
}

func TestADamagedKeyFileIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys", "master.key")
	if _, err := CreateKeys(path, "master"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range text {
		if keys, err := parseKeys(append(append([]byte{}, text[:at]...), text[at+1:]...), path, "master"); err == nil {
			t.Fatalf("without byte %d: %v", at, keys)
		}
		changed := append([]byte{}, text...)
		changed[at] ^= 1
		if keys, err := parseKeys(changed, path, "master"); err == nil {
			t.Fatalf("byte %d changed: %v", at, keys)
		}
	}
	// After a rotation there is a line more, the new one first.
	lines := strings.SplitAfter(string(text), "\n")
	k := NewKey()
	two := lines[0] + k.ID("key") + " " + "x"
	if _, err := parseKeys([]byte(two), path, "master"); err == nil {
		t.Error("half a line was taken")
	}
}

func TestOfManyStartsAtOnceOneMakesTheKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys", "master.key")
	var mu sync.Mutex
	var wg sync.WaitGroup
	made, seen := 0, map[Key]bool{}
	for range 16 {
		wg.Go(func() {
			keys, created, err := LoadOrCreateKeys(path, "master")
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			seen[keys[0].Key] = true
			if created {
				made++
			}
		})
	}
	wg.Wait()
	if made != 1 || len(seen) != 1 {
		t.Errorf("%d made, %d keys", made, len(seen))
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add("paraph-key@v1 master\nkey_0 AAAA\n")
	f.Fuzz(func(t *testing.T, text string) {
		if keys, err := parseKeys([]byte(text), "x", "master"); err == nil && len(keys) == 0 {
			t.Error("a file without a key was taken")
		}
	})
}
