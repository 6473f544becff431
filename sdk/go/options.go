package paraph

import (
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Option changes one call.
type Option func(*request)

func header(name, value string) Option {
	return func(r *request) { r.header.Set(name, value) }
}

// IdempotencyKey names a writing call, for callers that keep their keys over a
// restart: 1 to 255 visible ASCII characters. One key serves one call.
func IdempotencyKey(key string) Option { return header("Idempotency-Key", key) }

// Wait asks the server to hold its answer back until the work has ended, for as
// long as d, 60 s at most (RFC 7240 section 4.3).
func Wait(d time.Duration) Option {
	return func(r *request) {
		if s := min(int(d.Seconds()), 60); s > 0 {
			r.wait = time.Duration(s) * time.Second
			prefer(r, "wait="+strconv.Itoa(s))
		}
	}
}

// Ack asks the server to hold its answer back until the change stands in the log:
// "checkpointed" or "witnessed".
func Ack(level string) Option { return func(r *request) { prefer(r, "ack="+level) } }

func prefer(r *request, what string) {
	if had := r.header.Get("Prefer"); had != "" {
		what = had + ", " + what
	}
	r.header.Set("Prefer", what)
}

// IfMatch lets a change happen only to what still has this ETag.
func IfMatch(etag string) Option { return header("If-Match", etag) }

// OnProgress is told how many bytes of a file have gone or come. total is -1 where
// nobody knows it. Where an upload begins anew, done does too.
func OnProgress(f func(done, total int64)) Option { return func(r *request) { r.progress = f } }

// setQuery sets a parameter that is not empty.
func setQuery(q url.Values, name string, value any) {
	switch v := value.(type) {
	case time.Time:
		if !v.IsZero() {
			q.Set(name, v.UTC().Format(time.RFC3339Nano))
		}
		return
	case bool:
		if v {
			q.Set(name, "true")
		}
		return
	}
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.String:
		if v.Len() > 0 {
			q.Set(name, v.String())
		}
	case reflect.Int, reflect.Int64:
		if v.Int() != 0 {
			q.Set(name, strconv.FormatInt(v.Int(), 10))
		}
	case reflect.Slice:
		all := make([]string, v.Len())
		for i := range all {
			all[i] = v.Index(i).String()
		}
		if len(all) > 0 {
			q.Set(name, strings.Join(all, ","))
		}
	}
}

// setDeep sets name[key]=value for each pair.
func setDeep(q url.Values, name string, values map[string]string) {
	for key, value := range values {
		q.Set(name+"["+key+"]", value)
	}
}

func decimal(n int) string { return strconv.Itoa(n) }
