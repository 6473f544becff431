package tsl

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Doer makes HTTP exchanges; *http.Client is one. It decides what may be reached.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Cache keeps lists by address, with when they were fetched.
type Cache interface {
	Get(address string) (body []byte, fetched time.Time, ok bool)
	Put(address string, body []byte, fetched time.Time) error
}

// Config says where lists come from; Signers and HTTP are required, Location too.
type Config struct {
	Location string // of the list of the lists
	Signers  Accept // who may sign the oldest list of lists that is known; later ones follow from it
	HTTP     Doer
	Cache    Cache            // nil: nothing is kept
	Refresh  time.Duration    // age at which a list is fetched anew; 0: 24 h
	Timeout  time.Duration    // of one exchange; 0: 30 s
	MaxBytes int64            // of one list; 0: 24 MiB
	Now      func() time.Time // nil: time.Now
	// Territories chooses lists; nil takes all.
	Territories []string
}

// Collected is what became of the lists.
type Collected struct {
	Set      *Set
	Lists    []Standing
	Problems []string // lists that could not be used, and why, for people
}

// Standing is a list that is in use.
type Standing struct {
	Territory string
	Location  string
	Sequence  int
	Issued    time.Time
	Next      time.Time
	Fetched   time.Time
	Services  int
}

// Bounds of the lists that are followed.
const (
	maxLists  = 80
	maxPivots = 24
	atOnce    = 6
)

// Collect reads the list of the lists and those that it points at. A list that cannot
// be had, is not rightly signed, or was to be replaced already is left out, and
// Problems says so. An error is only given where the list of the lists itself fails.
func Collect(ctx context.Context, c Config) (*Collected, error) {
	if c.Signers == nil || c.HTTP == nil || c.Location == "" {
		return nil, errors.New("collecting trusted lists needs an address, signers and a way to reach it")
	}
	if c.Refresh <= 0 {
		c.Refresh = 24 * time.Hour
	}
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = 24 << 20
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	lotl, fetched, err := c.listOfLists(ctx)
	if err != nil {
		return nil, fmt.Errorf("the list of the lists: %w", err)
	}
	out := &Collected{Set: &Set{}}
	out.Lists = append(out.Lists, Standing{lotl.Territory, c.Location, lotl.Sequence, lotl.Issued, lotl.Next, fetched, 0})
	var mu sync.Mutex
	var group sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for n, p := range lotl.Pointers {
		if p.Mime != mimeXML || p.Location == c.Location || n >= maxLists || c.Territories != nil && !slices.Contains(c.Territories, p.Territory) {
			continue
		}
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			l, fetched, err := c.list(ctx, p.Location, Signers(p.Signers...), false)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && l.Territory != p.Territory {
				err = fmt.Errorf("it is the list of %s", l.Territory)
			}
			if err != nil {
				out.Problems = append(out.Problems, fmt.Sprintf("the list of %s is not used: %v", p.Territory, err))
				return
			}
			out.Set.Add(l.Services...)
			out.Lists = append(out.Lists, Standing{l.Territory, p.Location, l.Sequence, l.Issued, l.Next, fetched, len(l.Services)})
		})
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	slices.SortFunc(out.Lists[1:], func(a, b Standing) int { return strings.Compare(a.Territory, b.Territory) })
	slices.SortStableFunc(out.Set.Services, func(a, b Service) int { return strings.Compare(a.Territory, b.Territory) })
	slices.Sort(out.Problems)
	out.describe(c.Now())
	return out, nil
}

func (o *Collected) describe(now time.Time) {
	oldest := slices.MinFunc(o.Lists, func(a, b Standing) int { return a.Fetched.Compare(b.Fetched) })
	o.Set.About = append([]string{fmt.Sprintf("the trusted lists of the European Union: %d lists with %d services, fetched %s ago at most (list of lists no. %d)",
		len(o.Lists)-1, len(o.Set.Services), age(now.Sub(oldest.Fetched)), o.Lists[0].Sequence)}, o.Problems...)
}

func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "a moment"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 72*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// listOfLists gets the list of the lists. Where it is signed by somebody who is not
// known, the pivots that it names lead from those who are to those who signed it.
func (c *Config) listOfLists(ctx context.Context) (*List, time.Time, error) {
	l, fetched, err := c.list(ctx, c.Location, c.Signers, false)
	if err == nil || !errors.Is(err, errOtherSigner) {
		return l, fetched, err
	}
	unverified, _, perr := c.list(ctx, c.Location, anybody, false)
	if perr != nil {
		return nil, fetched, perr
	}
	accept := c.Signers
	pivots := pivotsOf(unverified.URIs)
	for i := len(pivots) - 1; i >= 0; i-- { // the oldest first
		p, _, err := c.list(ctx, pivots[i], accept, true)
		if err != nil {
			if errors.Is(err, errOtherSigner) {
				continue // from before those who are known
			}
			return nil, fetched, fmt.Errorf("the pivot %s: %w", pivots[i], err)
		}
		for _, own := range p.Pointers {
			if own.Location == c.Location && len(own.Signers) > 0 {
				accept = Signers(own.Signers...)
			}
		}
	}
	return c.list(ctx, c.Location, accept, false)
}

// pivotsOf gives the pivots that a list of lists names, the newest first as it does.
func pivotsOf(uris []string) (list []string) {
	for _, u := range uris {
		if strings.HasSuffix(u, ".xml") && strings.Contains(u, "pivot") && len(list) < maxPivots {
			list = append(list, u)
		}
	}
	return list
}

// list gets one list, from the cache while it is fresh there; where it cannot be
// fetched, an older copy serves until its own end. A pivot stays what it is after
// its end, too: it only says who signed what followed.
func (c *Config) list(ctx context.Context, address string, accept Accept, pivot bool) (*List, time.Time, error) {
	now := c.Now()
	var kept *List
	var keptAt time.Time
	if c.Cache != nil {
		if body, fetched, ok := c.Cache.Get(address); ok {
			if l, err := c.read(body, accept, now, pivot); err == nil {
				if now.Sub(fetched) < c.Refresh && !fetched.After(now) {
					return l, fetched, nil
				}
				kept, keptAt = l, fetched
			}
		}
	}
	body, err := c.get(ctx, address)
	if err == nil {
		var l *List
		if l, err = c.read(body, accept, now, pivot); err == nil && kept != nil && l.Sequence < kept.Sequence {
			err = fmt.Errorf("no. %d came where no. %d was there before", l.Sequence, kept.Sequence)
		}
		if err == nil && c.Cache != nil {
			err = c.Cache.Put(address, body, now)
		}
		if err == nil {
			return l, now, nil
		}
	}
	if kept != nil && ctx.Err() == nil {
		return kept, keptAt, nil
	}
	return nil, time.Time{}, err
}

// read parses a list and refuses one that was to be replaced already.
func (c *Config) read(body []byte, accept Accept, now time.Time, pivot bool) (*List, error) {
	l, err := Parse(body, accept)
	if err != nil {
		return nil, err
	}
	if !pivot && !l.Next.IsZero() && now.After(l.Next) {
		return nil, fmt.Errorf("it was to be replaced on %s", l.Next.Format("2 January 2006"))
	}
	return l, nil
}

func (c *Config) get(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("%q is no address of http or https", address)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // nothing was written
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", res.Status)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, c.MaxBytes+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > c.MaxBytes {
		return nil, fmt.Errorf("the list is larger than %d bytes", c.MaxBytes)
	}
	return b, nil
}

// Folder is a Cache of files.
type Folder string

type folderEntry struct {
	Address string    `json:"address"`
	Fetched time.Time `json:"fetched"`
}

func (f Folder) paths(address string) (body, about string) {
	sum := sha256.Sum256([]byte(address))
	name := filepath.Join(string(f), hex.EncodeToString(sum[:12]))
	return name + ".xml", name + ".json"
}

// Get implements Cache.
func (f Folder) Get(address string) ([]byte, time.Time, bool) {
	body, about := f.paths(address)
	raw, err := os.ReadFile(about)
	var e folderEntry
	if err != nil || json.Unmarshal(raw, &e) != nil || e.Address != address {
		return nil, time.Time{}, false
	}
	b, err := os.ReadFile(body)
	return b, e.Fetched, err == nil
}

// Put implements Cache. Each file is put in place whole.
func (f Folder) Put(address string, b []byte, fetched time.Time) error {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return err
	}
	body, about := f.paths(address)
	raw, err := json.Marshal(folderEntry{address, fetched.UTC()})
	if err != nil {
		return err
	}
	if err := replace(body, b); err != nil {
		return err
	}
	return replace(about, raw)
}

func replace(path string, b []byte) error {
	t, err := os.CreateTemp(filepath.Dir(path), "list-")
	if err != nil {
		return err
	}
	_, err = t.Write(b)
	if cerr := t.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(t.Name(), path)
	}
	if err != nil {
		os.Remove(t.Name()) //nolint:errcheck // the first error tells more
	}
	return err
}
