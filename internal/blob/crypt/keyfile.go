package crypt

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/paraph/paraph/internal/durable"
)

// A key file is text, one line each ended by a newline:
//
//	paraph-key@v1 <purpose>
//	<key id> <32 bytes in base 64>
//
// and a line more for each earlier key after a rotation, the current one first.
// The purpose ("master", "log", …) keeps one file from being taken for another.
// The id is Key.ID, so a damaged line is noticed.
const keyFileVersion = "paraph-key@v1"

// ErrNoKeyFile says that there is no key file where one was expected.
var ErrNoKeyFile = errors.New("crypt: there is no key file")

// PermissionError says that others than the owner could reach a key, and how to
// mend it.
type PermissionError struct {
	Path string
	Mode fs.FileMode
	Mend string // a shell command
}

// Error implements error.
func (e *PermissionError) Error() string {
	return fmt.Sprintf("crypt: %s has mode %04o, so others than its owner can reach a secret key; mend it with: %s", e.Path, e.Mode.Perm(), e.Mend)
}

// LoadKeys reads a key file, the current key first. ErrNoKeyFile where there is
// none, *PermissionError where the file or its folder is open to others, and
// another error where it is no key file for the purpose.
func LoadKeys(path, purpose string) ([]NamedKey, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNoKeyFile, path)
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("crypt: %s is not a file", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, &PermissionError{path, info.Mode(), "chmod 600 " + quote(path)}
	}
	if err := checkFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return parseKeys(text, path, purpose)
}

// checkFolder refuses a folder that others than its owner can reach.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return &PermissionError{dir, info.Mode(), "chmod 700 " + quote(dir)}
	}
	return nil
}

// quote makes a shell word of a path.
func quote(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }

func parseKeys(text []byte, path, purpose string) ([]NamedKey, error) {
	bad := func(why string) error { return fmt.Errorf("crypt: %s is no %s key file: %s", path, purpose, why) }
	lines := strings.Split(string(text), "\n")
	if lines[0] != keyFileVersion+" "+purpose {
		return nil, bad("its first line is not " + keyFileVersion + " " + purpose)
	}
	if len(lines) < 3 || lines[len(lines)-1] != "" {
		return nil, bad("it is cut off")
	}
	var keys []NamedKey
	for _, line := range lines[1 : len(lines)-1] {
		id, b64, _ := strings.Cut(line, " ")
		raw, err := base64.StdEncoding.Strict().DecodeString(b64)
		if err != nil || len(raw) != len(Key{}) || Key(raw).ID("key") != id {
			return nil, bad("a line of it is damaged")
		}
		keys = append(keys, NamedKey{id, Key(raw)})
		clear(raw)
	}
	return keys, nil
}

// CreateKeys makes a key file with one new key: mode 0600 in a folder of mode
// 0700, which is made where it is missing. The file appears whole, and file and
// folders are synced, before CreateKeys returns; an existing file is never
// touched (fs.ErrExist).
func CreateKeys(path, purpose string) ([]NamedKey, error) {
	if purpose == "" || strings.ContainsAny(purpose, " \n") {
		return nil, fmt.Errorf("crypt: %q cannot be the purpose of a key", purpose)
	}
	dir := filepath.Dir(path)
	if err := durable.MakeFolder(dir); err != nil {
		return nil, err
	}
	if err := checkFolder(dir); err != nil {
		return nil, err
	}
	text := format(purpose, DrawKey())
	defer clear(text)
	if err := durable.Create(path, text, 0o600); err != nil {
		return nil, err
	}
	return LoadKeys(path, purpose)
}

// DrawKey draws a key for a key file.
func DrawKey() NamedKey {
	key := NewKey()
	return NamedKey{key.ID("key"), key}
}

// format writes the text of a key file.
func format(purpose string, keys ...NamedKey) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s\n", keyFileVersion, purpose)
	for _, k := range keys {
		fmt.Fprintf(&b, "%s %s\n", k.ID, base64.StdEncoding.EncodeToString(k.Key[:]))
	}
	return b.Bytes()
}

// EditKeys changes a key file to what edit makes of its keys, the current one
// first. Nobody sees a half-written file, a crash leaves the old one or the new
// one, and of two editors one waits for the other.
func EditKeys(path, purpose string, edit func([]NamedKey) ([]NamedKey, error)) ([]NamedKey, error) {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer dir.Close() // and gives the lock back
	for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
		err = syscall.Flock(int(dir.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		return nil, err
	}
	keys, err := LoadKeys(path, purpose)
	if err != nil {
		return nil, err
	}
	if keys, err = edit(keys); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("crypt: %s would hold no key", path)
	}
	text := format(purpose, keys...)
	defer clear(text)
	return keys, durable.Replace(path, text, 0o600)
}

// LoadOrCreateKeys reads a key file, or makes it at the first start. Call it for
// a master key only where nothing can be stored yet that an earlier key, now
// lost, has encrypted; otherwise use LoadKeys and say what is missing.
func LoadOrCreateKeys(path, purpose string) (keys []NamedKey, created bool, err error) {
	keys, err = LoadKeys(path, purpose)
	if !errors.Is(err, ErrNoKeyFile) {
		return keys, false, err
	}
	keys, err = CreateKeys(path, purpose)
	if errors.Is(err, fs.ErrExist) {
		keys, err = LoadKeys(path, purpose)
		return keys, false, err
	}
	return keys, err == nil, err
}
