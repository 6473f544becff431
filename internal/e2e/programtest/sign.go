package programtest

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

var (
	shownDigest   = regexp.MustCompile(`name="document" value="([0-9a-f]{64})"`)
	consentDigest = regexp.MustCompile(`name="consent" value="([0-9a-f]{64})"`)
)

// Sign does what a person does on the signing page, as far as requests go.
func Sign(link string) error {
	page, err := visit(http.MethodGet, link, nil)
	if err != nil {
		return err
	}
	shown, consent := shownDigest.FindStringSubmatch(page), consentDigest.FindStringSubmatch(page)
	if shown == nil || consent == nil {
		return fmt.Errorf("the signing page is %s", page)
	}
	for _, step := range []string{"GET /pages/1/image", "POST /viewed", "POST /consented"} {
		method, path, _ := strings.Cut(step, " ")
		if _, err := visit(method, link+path, nil); err != nil {
			return err
		}
	}
	done, err := visit(http.MethodPost, link+"/sign", url.Values{"document": {shown[1]}, "consent": {consent[1]}, "zone": {"Europe/Berlin"}, "kind": {"typed"}, "text": {"Mara Lind"}})
	if err == nil && !strings.Contains(done, `"state":"done"`) {
		err = fmt.Errorf("signing answered %s", done)
	}
	return err
}

// visit asks as a browser and gives the page.
func visit(method, address string, form url.Values) (string, error) {
	req, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
	if method == http.MethodPost {
		req.Header.Set("Accept", "application/json")
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 400 {
		err = fmt.Errorf("%s %s: %d %s", method, address, res.StatusCode, raw)
	}
	return string(raw), err
}
