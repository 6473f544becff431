package cli

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	paraph "github.com/paraph/paraph/sdk/go"
)

// login is what `paraph login` left: where, by which client, and the tokens.
type login struct {
	URL      string         `json:"url"`
	ClientID string         `json:"client_id"`
	Session  paraph.Session `json:"session"`
}

// errNotLoggedIn says how to get in.
var errNotLoggedIn = errors.New("nobody is logged in here: run `paraph login`, or set PARAPH_CLIENT_ID and PARAPH_CLIENT_SECRET")

// loginFile keeps a login in the user's configuration folder, for the user alone. It
// is the SDK's place for its session, so that all commands share one.
type loginFile struct{ path string }

func loginOf(env *Env) (*loginFile, error) {
	dir := env.Getenv("XDG_CONFIG_HOME")
	if dir == "" {
		var err error
		if dir, err = os.UserConfigDir(); err != nil {
			return nil, err
		}
	}
	return &loginFile{filepath.Join(dir, "paraph", "login.json")}, nil
}

func (f *loginFile) read() (*login, error) {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNotLoggedIn
	}
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others, and holds tokens: run `chmod 600 %[1]s`, or `paraph logout` if others may have read it", f.path)
	}
	raw, err := os.ReadFile(f.path)
	if err != nil {
		return nil, err
	}
	var l login
	if err := json.Unmarshal(raw, &l); err != nil {
		return nil, fmt.Errorf("%s is damaged (%w): run `paraph login` again", f.path, err)
	}
	return &l, nil
}

// write replaces the file in one step.
func (f *loginFile) write(l *login) error {
	raw, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(f.path), "login-*") // made with mode 0600
	if err != nil {
		return err
	}
	_, err = part.Write(append(raw, '\n'))
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), f.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	return nil
}

// Load gives the session as it is on disk now: another command may have renewed it.
func (f *loginFile) Load() (paraph.Session, error) {
	l, err := f.read()
	if err != nil {
		return paraph.Session{}, err
	}
	return l.Session, nil
}

// Save keeps a renewed session.
func (f *loginFile) Save(s paraph.Session) error {
	l, err := f.read()
	if err != nil {
		return err
	}
	l.Session = s
	return f.write(l)
}

// apiFlags are the flags of a command that is a client of the API. The function
// makes the client, once the flags are read: by an id and a secret where they are
// given, else by the login.
func apiFlags(env *Env, fs *flag.FlagSet) func() (*paraph.Client, error) {
	var c paraph.Config
	add := partyFlags(env, fs, "PARAPH_")
	add(&c.URL, "url", "", "Address of the server. Empty: the one logged in at, or http://127.0.0.1:8080.")
	add(&c.ClientID, "client-id", "", "Id of an API client; better in PARAPH_CLIENT_ID. Empty: as whoever is logged in.")
	add(&c.ClientSecret, "client-secret", "", "Its secret; better in PARAPH_CLIENT_SECRET.")
	return func() (*paraph.Client, error) {
		c.UserAgent = "paraph-cli/" + env.Version
		if c.ClientID != "" && c.ClientSecret != "" {
			if c.URL == "" {
				c.URL = "http://127.0.0.1:8080"
			}
			return paraph.New(c)
		}
		file, err := loginOf(env)
		if err != nil {
			return nil, err
		}
		l, err := file.read()
		if err != nil {
			return nil, err
		}
		if c.URL != "" && c.URL != l.URL {
			return nil, fmt.Errorf("you are logged in at %s, not at %s: run `paraph login --url %s`", l.URL, c.URL, c.URL)
		}
		c.URL, c.ClientID, c.ClientSecret, c.Sessions = l.URL, l.ClientID, "", file
		return paraph.New(c)
	}
}

// failAPI is fail for commands that speak with a server: it says what to do about
// refusals that the person can mend.
func failAPI(env *Env, err error) int {
	code := fail(env, err)
	switch {
	case paraph.IsCode(err, "invalid_grant"):
		fmt.Fprintln(env.Stderr, "Your login has ended. Run `paraph login`.")
	case paraph.IsCode(err, "missing_scope"):
		fmt.Fprintln(env.Stderr, "What you are logged in with may not do this. Log in with more: `paraph login --scopes`.")
	}
	return code
}
