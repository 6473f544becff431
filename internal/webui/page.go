package webui

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/brand"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

// pageSize is how many rows a list shows at once.
const pageSize = 50

//go:embed page.html
var pageHTML string

//go:embed page.css
var style string

//go:embed page.js
var script string

var (
	styleSource, scriptSource = source(style), source(script)
	pages                     = template.Must(template.New("page").Parse(pageHTML))
)

// source names an inline text as a content security policy does.
func source(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// model is everything the template shows.
type model struct {
	Kind       string // "enter", "endpoints", "endpoint", "delivery", "note"
	Title      string
	Note       string
	Next       string // query of the next page; "": there is none
	State      string // of the deliveries that are shown; "": all
	Portal     *service.Portal
	Endpoints  []service.EndpointView
	Endpoint   *service.EndpointView
	Deliveries []service.DeliveryView
	Replay     *webhook.Replay
	Detail     *service.DeliveryDetail
	now        time.Time
}

func (s *site) show(w http.ResponseWriter, status int, m *model) {
	m.now = s.Now()
	var b bytes.Buffer
	if err := pages.Execute(&b, m); err != nil {
		s.Log.Error("the page of endpoints could not be made", "error", err)
		http.Error(w, "Something went wrong on our side.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a reader who left needs no answer
}

// Style, Script, Mark and Prefix are what every page has.
func (*model) Style() template.CSS { return template.CSS(style) }
func (*model) Script() template.JS { return template.JS(script) }
func (*model) Mark() template.HTML { return template.HTML(brand.Inline) }
func (*model) Prefix() string      { return Prefix }

// MayWrite tells whether the link allows to send anew.
func (m *model) MayWrite() bool { return m.Portal != nil && m.Portal.MayWrite }

// standing says how an endpoint stands: a shape, the words, and their tone.
type standing struct{ Shape, Words, Tone string }

// Standing says how an endpoint stands.
func (*model) Standing(v service.EndpointView) standing {
	switch v.Standing() {
	case service.Disabled:
		return standing{"■", "Disabled", "bad"}
	case service.Blocked:
		return standing{"■", "Blocked by a dead event", "bad"}
	case service.Resting:
		return standing{"▲", "Resting after failures", "warn"}
	case service.Slowed:
		return standing{"▲", "Slowed down", "warn"}
	}
	if v.Queue.Health.Strikes > 0 {
		return standing{"▲", "Failing", "warn"}
	}
	return standing{"●", "Well", "good"}
}

// What says what became of a delivery.
func (*model) What(d webhook.Delivery) standing {
	switch d.State {
	case webhook.Delivered:
		return standing{"●", "Received", "good"}
	case webhook.Dead:
		return standing{"■", "Dead", "bad"}
	case webhook.Skipped:
		return standing{"○", "Skipped", ""}
	}
	if d.Tries > 0 {
		return standing{"▲", "Waits for another attempt", "warn"}
	}
	return standing{"○", "Waits", ""}
}

// States are the lists of deliveries that can be shown.
func (*model) States() []struct{ Name, Words string } {
	return []struct{ Name, Words string }{{"", "All"}, {"pending", "Waiting"}, {"delivered", "Received"}, {"dead", "Dead"}, {"skipped", "Skipped"}}
}

// Request gives what is sent, in a form for people; "" where its document was disposed of.
func (m *model) Request() string {
	if m.Detail.Entry.Erased() {
		return ""
	}
	body, _ := event.Render(m.Detail.Form.Form, &m.Detail.Entry, m.Detail.Form.Source)
	var b bytes.Buffer
	if json.Indent(&b, body, "", "  ") != nil {
		return string(body)
	}
	return b.String()
}

// Answer gives what came back, as text.
func (*model) Answer(a webhook.Attempt) string {
	return strings.ToValidUTF8(string(a.Answer), "\ufffd")
}

// Headers gives the headers of an answer, one a line.
func (*model) Headers(a webhook.Attempt) (lines []string) {
	var all map[string]string
	if json.Unmarshal(a.Header, &all) != nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		lines = append(lines, name+": "+all[name])
	}
	return lines
}

// Took gives how long an attempt took.
func (*model) Took(a webhook.Attempt) string { return fmt.Sprintf("%d ms", a.Took.Milliseconds()) }

// Events says how many events.
func (*model) Events(n int64) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}

// Exact gives a time for machines, Ago how long ago it was or is to be.
func (*model) Exact(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Ago gives how long ago a time was, or how far ahead it is.
func (m *model) Ago(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	d := m.now.Sub(t)
	if d < 0 {
		return "in " + about(-d)
	}
	return about(d) + " ago"
}

// Due says how far ahead a delivery's next attempt is; "" where it has none, or where
// its time has come already and it waits for something else, such as the endpoint's rest.
func (m *model) Due(d webhook.Delivery) string {
	if d.State != webhook.Pending || !d.Next.After(m.now) {
		return ""
	}
	return m.Ago(d.Next)
}

func about(d time.Duration) string {
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := int(d / u.of); n == 1 {
			return "1 " + u.name
		} else if n > 1 {
			return fmt.Sprintf("%d %ss", n, u.name)
		}
	}
	return "a moment"
}
