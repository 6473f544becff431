package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/paraph/paraph/internal/demodata"
)

// findBrowser gives the browser asked for, or the first one there is.
func findBrowser(asked string, getenv func(string) string) (string, error) {
	if asked == "" {
		asked = getenv("PARAPH_BROWSER")
	}
	names := []string{"chromium", "google-chrome", "chromium-browser", "google-chrome-stable", "chrome-headless-shell"}
	if asked != "" {
		names = []string{asked}
	}
	for _, name := range names {
		if p, err := exec.LookPath(name); err == nil {
			return p, nil
		}
	}
	if asked != "" {
		return "", fmt.Errorf("there is no browser at %s", asked)
	}
	return "", errors.New("no Chromium or Chrome was found to sign with; on Debian: apt-get install chromium; or name one with --browser")
}

// signer is one person in front of the signing page.
type signer struct {
	url, name string
	file      string // beginning of the pictures' names
	draws     bool
	phone     bool
	last      bool // nobody signs after this one, so the sealed PDF appears
	truth     []demodata.Page
}

// signatory drives the page of one signer.
type signatory struct {
	signer
	out string

	mu     sync.Mutex
	faults []error // of the page: exceptions, requests to other hosts
}

// signTime bounds one signer's visit.
const signTime = 3 * time.Minute

// signInBrowser opens the link in a headless browser with a fresh profile, reads,
// agrees and signs as a person would, by pointer and keys, and says what was seen.
func signInBrowser(ctx context.Context, browser, out string, s signer) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, signTime)
	defer cancel()
	profile, err := os.MkdirTemp("", "paraph-demo-browser-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(profile) // the browser may still be closing a file; the folder is temporary
	flags := append([]chromedp.ExecAllocatorOption{}, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.ExecPath(browser), chromedp.UserDataDir(profile), chromedp.Flag("headless", "new"), chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-default-apps", true), chromedp.Flag("disable-extensions", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("mute-audio", true), chromedp.WSURLReadTimeout(time.Minute))
	if os.Geteuid() == 0 {
		flags = append(flags, chromedp.NoSandbox) // Chromium refuses its sandbox to root
	}
	ctx, closeAllocator := chromedp.NewExecAllocator(ctx, flags...)
	defer closeAllocator()
	ctx, closeTab := chromedp.NewContext(ctx, chromedp.WithErrorf(func(string, ...any) {})) // a browser newer than the library is no fault
	defer closeTab()
	p := &signatory{signer: s, out: out}
	seen, err := p.visit(ctx)
	if err != nil {
		p.picture(ctx, "fault") // helps to see why; its own fault would hide the first
		return "", errors.Join(append(p.found(), err)...)
	}
	return seen, errors.Join(p.found()...)
}

func (p *signatory) found() []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults
}

// watch gathers what must not happen on the page.
func (p *signatory) watch(ctx context.Context) error {
	home, err := url.Parse(p.url)
	if err != nil {
		return err
	}
	add := func(format string, args ...any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.faults = append(p.faults, fmt.Errorf(format, args...))
	}
	err = chromedp.Listen(ctx, func(ev any) {
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			add("the page's script failed: %s", e.ExceptionDetails.Text)
		case *network.EventRequestWillBeSent:
			if u, err := url.Parse(e.Request.URL); err == nil && strings.HasPrefix(u.Scheme, "http") && u.Host != home.Host {
				add("the page asked another host: %s", u.Host)
			}
		}
	})
	if err != nil {
		return fmt.Errorf("the browser did not start: %w", err)
	}
	_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	return err
}

func (p *signatory) visit(ctx context.Context) (string, error) {
	width, viewport := 1280, chromedp.EmulateViewport(1280, 900)
	if p.phone {
		width, viewport = 360, chromedp.EmulateViewport(360, 740, chromedp.EmulateScale(2), chromedp.EmulateMobile)
	}
	if err := p.watch(ctx); err != nil {
		return "", err
	}
	if err := chromedp.Do(ctx, viewport, chromedp.Navigate(p.url), chromedp.WaitReady("#form")); err != nil {
		return "", fmt.Errorf("the signing page did not open: %w", err)
	}
	pages, err := p.look(ctx)
	if err != nil {
		return "", err
	}
	for _, act := range []struct {
		what string
		run  func(context.Context) error
	}{
		{"take a picture", func(ctx context.Context) error { return p.picture(ctx, fmt.Sprintf("page-%d", width)) }},
		{"agree", p.agree}, {"sign", p.put}, {"send", p.send},
		{"take a picture", func(ctx context.Context) error { return p.picture(ctx, fmt.Sprintf("after-%d", width)) }},
	} {
		if err := act.run(ctx); err != nil {
			return "", fmt.Errorf("%s could not %s: %w", p.name, act.what, err)
		}
	}
	return fmt.Sprintf("%d page pictures loaded, at %d px; pictures kept as %s-*.png", pages, width, p.file), nil
}

// look scrolls through all pages until every picture and its text are there, and
// checks that they show the document.
func (p *signatory) look(ctx context.Context) (int, error) {
	type pages struct {
		Pictures []struct{ Width, Height int }
		Texts    []string
	}
	const script = `(async () => {
		document.documentElement.style.scrollBehavior = "auto";
		const pictures = [];
		for (const i of document.querySelectorAll(".sheet img")) {
			i.scrollIntoView({block: "center"});
			await i.decode().catch(() => {});
			pictures.push({Width: i.naturalWidth, Height: i.naturalHeight});
		}
		for (let n = 0; n < 200 && [...document.querySelectorAll("[data-words]")].some((s) => !s.childElementCount); n++) await new Promise((r) => setTimeout(r, 50));
		scrollTo(0, 0);
		return {Pictures: pictures, Texts: [...document.querySelectorAll("section.page")].map((s) => (s.querySelector("svg") || {}).textContent || "")};
	})()`
	found, err := ask[pages](ctx, script)
	if err != nil {
		return 0, err
	}
	if len(found.Pictures) != len(p.truth) || len(found.Texts) != len(p.truth) {
		return 0, fmt.Errorf("the signing page shows %d pages, want %d", len(found.Pictures), len(p.truth))
	}
	for i, t := range p.truth {
		if found.Pictures[i].Width == 0 || found.Pictures[i].Height == 0 {
			return 0, fmt.Errorf("the picture of page %d did not load", i+1)
		}
		text := strings.Join(strings.Fields(found.Texts[i]), " ")
		for _, phrase := range t.Phrases {
			if !strings.Contains(text, phrase) {
				return 0, fmt.Errorf("page %d has no text %q for readers who cannot see it", i+1, phrase)
			}
		}
	}
	return len(found.Pictures), nil
}

func (p *signatory) agree(ctx context.Context) error {
	if err := p.click(ctx, "#consent"); err != nil {
		return err
	}
	return p.holds(ctx, `document.getElementById("consent").checked`, "the box stayed empty")
}

// put draws or types the signature.
func (p *signatory) put(ctx context.Context) error {
	if !p.draws {
		if err := p.click(ctx, "#text"); err != nil {
			return err
		}
		// The field offers the name by which the person was asked; typing replaces it.
		if _, err := ask[bool](ctx, `(document.getElementById("text").select(), true)`); err != nil {
			return err
		}
		if err := chromedp.Do(ctx, chromedp.KeyEvent(p.name)); err != nil {
			return err
		}
		return p.holds(ctx, `document.getElementById("text").value == `+quote(p.name), "the name did not arrive in its field")
	}
	if err := p.click(ctx, `label:has(input[name="kind"][value="drawn"])`); err != nil {
		return err
	}
	if err := p.draw(ctx); err != nil {
		return err
	}
	return p.holds(ctx, `document.getElementById("form").strokes.value.length > 100`, "the drawing did not arrive")
}

// draw moves the pointer over the pad: a wave, then a stroke beneath it.
func (p *signatory) draw(ctx context.Context) error {
	b, err := p.box(ctx, "#pad")
	if err != nil {
		return err
	}
	at := func(u, v float64) (x, y float64) { return b.X + u*b.W, b.Y + v*b.H }
	stroke := func(path func(t float64) (u, v float64)) error {
		const steps = 40
		for i := 0; i <= steps; i++ {
			x, y := at(path(float64(i) / steps))
			kind := input.DispatchMouseEventTypeMouseMoved
			if i == 0 {
				kind = input.DispatchMouseEventTypeMousePressed
			}
			if err := p.mouse(ctx, kind, x, y); err != nil {
				return err
			}
		}
		x, y := at(path(1))
		return p.mouse(ctx, input.DispatchMouseEventTypeMouseReleased, x, y)
	}
	if err := stroke(func(t float64) (float64, float64) { return 0.12 + 0.7*t, 0.5 - 0.26*math.Sin(t*5*math.Pi)*(1-t/2) }); err != nil {
		return err
	}
	return stroke(func(t float64) (float64, float64) { return 0.2 + 0.55*t, 0.78 - 0.05*t })
}

// send follows the page's one button to the end, as often as it asks for a step
// more, and waits for the page behind it.
func (p *signatory) send(ctx context.Context) error {
	for range 40 {
		open, err := ask[bool](ctx, `!!document.getElementById("form")`)
		if err != nil {
			return err
		}
		if !open {
			break
		}
		if err := p.press(ctx, "#go"); err != nil {
			return err
		}
		if err := nap(ctx, 600*time.Millisecond); err != nil { // the page takes no second tap within half a second
			return err
		}
	}
	if err := p.holds(ctx, `!document.getElementById("form") && !!document.querySelector("main.status h1")`, "the page did not thank for the signature"); err != nil {
		return err
	}
	if !p.last {
		return nil
	}
	return p.holds(ctx, `!!document.querySelector('a[href$="/sealed.pdf"]')`, "the sealed PDF was not offered")
}

// picture keeps the whole page as it looks, with the bar at its end: fixed to the
// window it would cover the middle.
func (p *signatory) picture(ctx context.Context, what string) error {
	const bar = `(() => { const b = document.querySelector(".bar"); if (b) b.style.position = %q; return true; })()`
	if _, err := ask[bool](ctx, fmt.Sprintf(bar, "static")); err != nil {
		return err
	}
	layout, err := chromedp.Call(ctx, page.GetLayoutMetrics, struct{}{})
	if err != nil {
		return err
	}
	beyond, size := true, layout.CSSContentSize
	shot, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
		CaptureBeyondViewport: &beyond, Clip: &page.Viewport{Width: size.Width, Height: min(size.Height, 8000), Scale: 1},
	})
	if err != nil {
		return err
	}
	if _, err := ask[bool](ctx, fmt.Sprintf(bar, "")); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.out, p.file+"-"+what+".png"), shot.Data, 0o644)
}

// box is where an element stands in the window, in CSS pixels.
type box struct{ X, Y, W, H float64 }

// box brings an element to the middle of the window.
func (p *signatory) box(ctx context.Context, selector string) (box, error) {
	return p.measure(ctx, selector, `e.scrollIntoView({block: "center"});`)
}

func (p *signatory) measure(ctx context.Context, selector, before string) (box, error) {
	found, err := ask[*box](ctx, fmt.Sprintf(`(async () => {
		const e = document.querySelector(%s);
		if (!e || !e.checkVisibility()) return null;
		%s
		await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));
		const b = e.getBoundingClientRect(), over = document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2);
		if (!over || (over != e && !e.contains(over) && !over.contains(e))) return null;
		return {X: b.x, Y: b.y, W: b.width, H: b.height};
	})()`, quote(selector), before))
	if err == nil && found == nil {
		err = fmt.Errorf("%s cannot be seen or touched", selector)
	}
	if err != nil {
		return box{}, err
	}
	return *found, nil
}

// click brings an element into the window and clicks its middle.
func (p *signatory) click(ctx context.Context, selector string) error {
	b, err := p.box(ctx, selector)
	if err != nil {
		return err
	}
	return p.clickAt(ctx, b)
}

// press clicks an element where it is.
func (p *signatory) press(ctx context.Context, selector string) error {
	b, err := p.measure(ctx, selector, "")
	if err != nil {
		return err
	}
	return p.clickAt(ctx, b)
}

func (p *signatory) clickAt(ctx context.Context, b box) error {
	x, y := b.X+b.W/2, b.Y+b.H/2
	for _, kind := range []input.DispatchMouseEventType{
		input.DispatchMouseEventTypeMouseMoved, input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased,
	} {
		if err := p.mouse(ctx, kind, x, y); err != nil {
			return err
		}
	}
	return nil
}

func (p *signatory) mouse(ctx context.Context, kind input.DispatchMouseEventType, x, y float64) error {
	_, err := chromedp.Call(ctx, input.DispatchMouseEvent, input.DispatchMouseEventParams{
		Type: kind, X: x, Y: y, Button: input.MouseButtonLeft, Buttons: 1, ClickCount: 1, PointerType: input.DispatchMouseEventPointerTypeMouse,
	})
	return err
}

// holds waits until an expression of the page is true.
func (p *signatory) holds(ctx context.Context, expression, otherwise string) error {
	var last error
	for range 300 {
		yes, err := ask[bool](ctx, expression)
		if err == nil && yes {
			return nil
		}
		last = err // while a page is left there is nobody to ask
		if err := nap(ctx, 200*time.Millisecond); err != nil {
			return errors.Join(errors.New(otherwise), err)
		}
	}
	return errors.Join(errors.New(otherwise), last)
}

// ask runs a script on the page, waits for its promise if it makes one, and gives
// its result.
func ask[T any](ctx context.Context, script string) (T, error) {
	return chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

// quote makes a string of JavaScript.
func quote(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		return `""` // strings always marshal
	}
	return string(raw)
}
