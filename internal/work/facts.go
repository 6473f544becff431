package work

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/safehttp"
)

// Facts reads what a sender's own interface says.
type Facts interface {
	// Get gives the JSON at an address, asked for with a header where one is named.
	// Faults: NotFound "facts_missing"; Invalid "facts_refused", "facts_unreadable",
	// "facts_not_reached" where the address may not be asked; TooLarge "facts_too_large";
	// Unavailable "facts_unavailable".
	Get(ctx context.Context, url, header, value string) ([]byte, error)
}

// maxFacts is the longest answer that is read, in bytes.
const maxFacts = 1 << 20

// FactsClient reads facts over HTTP. It cannot be turned inward: see safehttp.
type FactsClient struct{ client *http.Client }

// NewFactsClient makes a FactsClient that may also reach the named networks.
func NewFactsClient(allow []netip.Prefix) *FactsClient {
	return &FactsClient{safehttp.New(safehttp.Options{Allow: allow, PlainHTTP: len(allow) > 0, Timeout: 20 * time.Second, MaxBody: maxFacts})}
}

// Get implements Facts.
func (f *FactsClient) Get(ctx context.Context, url, header, value string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fault.New(fault.Invalid, "facts_not_reached", "The address of the facts is none.")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Paraph")
	if header != "" && value != "" {
		req.Header.Set(header, value)
	}
	res, err := f.client.Do(req)
	if err != nil {
		return nil, unreached(ctx, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, answered(res)
	}
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, unreached(ctx, err)
	}
	if !json.Valid(raw) {
		return nil, fault.New(fault.Invalid, "facts_unreadable", "The sender's interface answered with something that is not JSON.")
	}
	return raw, nil
}

func unreached(ctx context.Context, err error) error {
	var denied *safehttp.DeniedError
	switch {
	case ctx.Err() != nil:
		return err
	case errors.As(err, &denied):
		return fault.Wrap(err, fault.Invalid, "facts_not_reached", "The address of the facts may not be asked: %s.", denied.Error())
	case errors.Is(err, safehttp.ErrTooLong):
		return fault.Wrap(err, fault.TooLarge, "facts_too_large", "The facts are longer than %d bytes.", maxFacts)
	}
	return fault.Wrap(err, fault.Unavailable, "facts_unavailable", "The sender's interface cannot be reached.")
}

// answered makes a fault of any answer but 200.
func answered(res *http.Response) error {
	switch s := res.StatusCode; {
	case s == http.StatusNotFound || s == http.StatusGone:
		return fault.New(fault.NotFound, "facts_missing", "The sender's interface knows nothing there (%d).", s)
	case s == http.StatusTooManyRequests || s >= 500:
		f := fault.New(fault.Unavailable, "facts_unavailable", "The sender's interface answered %d.", s)
		if n, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && n > 0 {
			f.RetryAfter = min(time.Duration(min(n, 86400))*time.Second, 24*time.Hour)
		}
		return f
	}
	return fault.New(fault.Invalid, "facts_refused", "The sender's interface answered %d. Look at the address of the facts and its credential, then redrive the event.", res.StatusCode)
}
