package hook

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

var at = time.Unix(1_770_000_000, 0)

func sum(secret, text string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(text))
	return h.Sum(nil)
}

// ask builds a request: method, body, then header names and values.
func ask(method, url, body string, header ...string) *Request {
	r := &Request{Method: method, URL: url, Header: map[string][]string{}, Body: []byte(body)}
	for i := 0; i+1 < len(header); i += 2 {
		name := textproto.CanonicalMIMEHeaderKey(header[i])
		r.Header[name] = append(r.Header[name], header[i+1])
	}
	return r
}

// receive lets a preset decide with the secrets.
func receive(t *testing.T, preset string, r *Request, secrets ...string) (Delivery, error) {
	t.Helper()
	p, ok := PresetOf(preset)
	if !ok {
		t.Fatalf("there is no preset %s", preset)
	}
	var keys []Key
	for _, s := range secrets {
		k, err := p.Scheme.ReadKey(s)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	return p.Scheme.Receive(r, keys, at, DefaultTolerance, "r1")
}

func refused(t *testing.T, what, code string, err error) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Errorf("%s: want %s, got %v", what, code, err)
	}
}

func TestPresetsAreSound(t *testing.T) {
	t.Parallel()
	for _, p := range Presets() {
		s := Source{Name: "x", Scheme: p.Scheme, Trust: p.Trust, Tolerance: DefaultTolerance}
		var l fault.List
		s.Check(&l)
		if err := l.Err("x", "x"); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if (p.Trust == TrustHint) == p.Scheme.CoversBody() || p.Title == "" || p.About == "" {
			t.Errorf("%s: %+v", p.Name, p)
		}
	}
	for _, hint := range []string{"dropbox_sign", "adobe_sign", "salesforce", "salesforce_outbound", "microsoft_graph", "twilio"} {
		if p, _ := PresetOf(hint); p.Trust != TrustHint {
			t.Errorf("%s is believed", hint)
		}
	}
}

// TestDocuSign: one signature for each key that is active, any of which may be ours.
func TestDocuSign(t *testing.T) {
	t.Parallel()
	body := `{"event":"envelope-completed","generatedDateTime":"2026-02-02T02:40:00Z","retryCount":%d,"data":{"envelopeId":"e1"}}`
	signed := func(retry int, secrets ...string) *Request {
		r := ask("POST", "", fmt.Sprintf(body, retry), "Content-Type", "application/json")
		for i, s := range secrets {
			r.Header[fmt.Sprintf("X-Docusign-Signature-%d", i+1)] = []string{base64.StdEncoding.EncodeToString(sum(s, string(r.Body)))}
		}
		return r
	}
	first, err := receive(t, "docusign", signed(0, "k1", "k2"), "k2")
	if err != nil || len(first.Events) != 1 || first.Events[0].ID != "envelope-completed:e1::2026-02-02T02:40:00Z" || first.Events[0].Type != "envelope-completed" {
		t.Fatalf("%+v %v", first, err)
	}
	again, err := receive(t, "docusign", signed(1, "k1", "k2"), "k1")
	if err != nil || again.Events[0].ID != first.Events[0].ID {
		t.Errorf("a retry has another name: %+v %v", again, err)
	}
	_, err = receive(t, "docusign", signed(0, "k1"), "k2")
	refused(t, "another key", "bad_signature", err)
	_, err = receive(t, "docusign", signed(0), "k2")
	refused(t, "no signature", "bad_signature", err)
	xml := ask("POST", "", "<DocuSignEnvelopeInformation/>", "X-DocuSign-Signature-1", base64.StdEncoding.EncodeToString(sum("k1", "<DocuSignEnvelopeInformation/>")))
	got, err := receive(t, "docusign", xml, "k1")
	digest := sha256.Sum256(xml.Body)
	if err != nil || got.Events[0].ID != hex.EncodeToString(digest[:]) {
		t.Errorf("a body in XML goes by its digest: %+v %v", got, err)
	}
	many := signed(0, "k1")
	for i := range 200 {
		many.Header["X-Docusign-Signature-1"] = append(many.Header["X-Docusign-Signature-1"], fmt.Sprint(i))
	}
	_, err = receive(t, "docusign", many, "k1")
	refused(t, "200 signatures", "bad_signature", err)
}

// TestSeveralEvents: each event of a body has its own name and its own bytes.
func TestSeveralEvents(t *testing.T) {
	t.Parallel()
	body := `{"events": [ {"resourceId":"r1","eventDateUtc":"d1","eventCategory":"INVOICE","eventType":"UPDATE", "n": 1.0},{"resourceId":"r2","eventDateUtc":"d2"} ]}`
	signed := func(body string) *Request {
		return ask("POST", "", body, "X-Xero-Signature", base64.StdEncoding.EncodeToString(sum("k", body)))
	}
	got, err := receive(t, "xero", signed(body), "k")
	if err != nil || len(got.Events) != 2 || got.Events[0].ID != "r1:UPDATE:d1" || got.Events[0].Type != "INVOICE.UPDATE" || got.Events[1].ID != "r2::d2" {
		t.Fatalf("%+v %v", got, err)
	}
	if !strings.Contains(string(got.Events[0].Body), `"n": 1.0`) {
		t.Errorf("its bytes are not as they came: %s", got.Events[0].Body)
	}
	if got, err := receive(t, "xero", signed(`{"events":[]}`), "k"); err != nil || len(got.Events) != 0 || got.Reply != nil {
		t.Errorf("intent to receive: %+v %v", got, err)
	}
	for _, bad := range []string{`{}`, `[]`, `null`, `{"events":null}`, `{"events":{}}`, `{"events":[1}`, ``, strings.Repeat("[", 100_000), `{"events":[],"x":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`} {
		_, err := receive(t, "xero", signed(bad), "k")
		refused(t, bad[:min(len(bad), 40)], "bad_event", err)
	}
	_, err = receive(t, "xero", signed(`{"events":[`+strings.Repeat("1,", maxEvents)+`1]}`), "k")
	refused(t, "too many", "too_many_events", err)
}

// TestGraph: every notification carries the secret, and the set-up is answered unsigned.
func TestGraph(t *testing.T) {
	t.Parallel()
	got, err := receive(t, "microsoft_graph", ask("POST", "https://x/v1/hooks/h?validationToken=Validation%3A+abc%2F1", ""), "s")
	if err != nil || got.Reply == nil || string(got.Reply.Body) != "Validation: abc/1" || !strings.HasPrefix(got.Reply.MediaType, "text/plain") || got.Events != nil {
		t.Fatalf("%+v %v", got, err)
	}
	good := `{"subscriptionId":"s1","clientState":"s","changeType":"updated","resource":"a"}`
	got, err = receive(t, "microsoft_graph", ask("POST", "https://x/", `{"value":[`+good+`,`+strings.Replace(good, `"a"`, `"b"`, 1)+`]}`), "s")
	if err != nil || len(got.Events) != 2 || got.Events[0].ID == got.Events[1].ID || got.Events[0].Type != "updated" || !strings.HasSuffix(got.Events[0].ID, ":r1") {
		t.Fatalf("%+v %v", got, err)
	}
	for _, bad := range []string{`{"value":[` + good + `,{"subscriptionId":"s1"}]}`, `{"value":[` + good + `,` + strings.Replace(good, `"s"`, `"t"`, 1) + `]}`, `{"value":[]}`, `{}`, ``} {
		_, err := receive(t, "microsoft_graph", ask("POST", "https://x/", bad), "s")
		refused(t, bad, "bad_signature", err)
	}
}

func TestHandshakes(t *testing.T) {
	t.Parallel()
	question := `{"type":"url_verification","challenge":"3eZbrw1a"}`
	stamp := fmt.Sprint(at.Unix())
	sign := func(body string) []string {
		return []string{"X-Slack-Request-Timestamp", stamp, "X-Slack-Signature", "v0=" + hex.EncodeToString(sum("k", "v0:"+stamp+":"+body))}
	}
	got, err := receive(t, "slack", ask("POST", "", question, sign(question)...), "k")
	if err != nil || got.Reply == nil || string(got.Reply.Body) != "3eZbrw1a" || got.Events != nil {
		t.Errorf("Slack: %+v %v", got, err)
	}
	_, err = receive(t, "slack", ask("POST", "", question, sign("other")...), "k")
	refused(t, "an unsigned question of Slack", "bad_signature", err)

	const id = "UB7E5BXCXY"
	for _, method := range []string{"GET", "POST"} {
		got, err := receive(t, "adobe_sign", ask(method, "", `{"webhookNotificationId":"n1","event":"AGREEMENT_CREATED"}`, "X-AdobeSign-ClientId", id), id)
		reply := got.Reply
		if method == "POST" {
			reply = got.Echo
		}
		if err != nil || reply == nil || reply.Header["X-AdobeSign-ClientId"] != id || string(reply.Body) != `{"xAdobeSignClientId":"`+id+`"}` || (method == "POST") != (len(got.Events) == 1) {
			t.Errorf("Adobe %s: %+v %v", method, got, err)
		}
	}
	_, err = receive(t, "adobe_sign", ask("GET", "", "", "X-AdobeSign-ClientId", "other"), id)
	refused(t, "another's client id", "bad_signature", err)
	_, err = receive(t, "salesforce", ask("GET", "", "", "X-Hook-Token", "t"), "t")
	refused(t, "a GET that asks nothing", "bad_event", err)

	meta := Scheme{Kind: HMAC, Signature: Pick{Place: "header:X-Hub-Signature-256", Prefix: "sha256="}, Handshakes: []Handshake{{Value: "query:hub.challenge", When: "query:hub.mode=subscribe", Token: "query:hub.verify_token", Before: true}}}
	keys := []Key{{secret: []byte("tok")}}
	for query, want := range map[string]string{
		"?hub.mode=subscribe&hub.challenge=42&hub.verify_token=tok": "42", "?hub.mode=subscribe&hub.challenge=42&hub.verify_token=x": "",
		"?hub.mode=subscribe&hub.challenge=42&hub.verify_token=": "", "?hub.mode=no&hub.challenge=42&hub.verify_token=tok": "",
		"?hub.mode=subscribe&hub.challenge=4%0a2&hub.verify_token=tok": "", "?hub.mode=subscribe&hub.challenge=4&hub.challenge=2&hub.verify_token=tok": "",
		"?hub.mode=subscribe&hub.verify_token=tok&hub.challenge=" + strings.Repeat("4", 2000): "",
	} {
		got, err := meta.Receive(ask("GET", "https://x/"+query, ""), keys, at, DefaultTolerance, "r")
		if ok := err == nil && got.Reply != nil && string(got.Reply.Body) == want; ok != (want != "") {
			t.Errorf("%s: %+v %v", query, got, err)
		}
	}
}

func TestBasicAndTokens(t *testing.T) {
	t.Parallel()
	s := Scheme{Kind: Basic}
	k, err := s.ReadKey("ana:p:w")
	if err != nil {
		t.Fatal(err)
	}
	for header, ok := range map[string]bool{"Basic " + base64.StdEncoding.EncodeToString([]byte("ana:p:w")): true, "Basic " + base64.StdEncoding.EncodeToString([]byte("ana:p:v")): false, "Basic ": false, "Bearer x": false, "": false} {
		_, err := s.Receive(ask("POST", "", "{}", "Authorization", header), []Key{k}, at, DefaultTolerance, "r")
		if (err == nil) != ok {
			t.Errorf("%q: %v", header, err)
		}
	}
	_, err = receive(t, "salesforce_outbound", ask("POST", "https://x/?token=t&token=t", "<x/>"), "t")
	refused(t, "two tokens", "bad_signature", err)
	if got, err := receive(t, "salesforce_outbound", ask("POST", "https://x/?token=t", "<x/>"), "t"); err != nil || len(got.Events) != 1 {
		t.Errorf("%+v %v", got, err)
	}
}

func TestRSA(t *testing.T) {
	t.Parallel()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	body := `{"a":1}`
	digest := sha256.Sum256([]byte(body))
	v15, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	pss, err := rsa.SignPSS(rand.Reader, private, crypto.SHA256, digest[:], nil)
	if err != nil {
		t.Fatal(err)
	}
	for kind, sig := range map[Kind][]byte{RSA: v15, RSAPSS: pss} {
		s := Scheme{Kind: kind, Encoding: "base64", Signature: Pick{Place: "header:X-Signature"}}
		k, err := s.ReadKey(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, own := range [][]byte{v15, pss} {
			_, err := s.Receive(ask("POST", "", body, "X-Signature", base64.StdEncoding.EncodeToString(own)), []Key{k}, at, DefaultTolerance, "r")
			if right := string(own) == string(sig); (err == nil) != right {
				t.Errorf("%s: %v", kind, err)
			}
		}
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err == nil {
		der := x509.MarshalPKCS1PublicKey(&short.PublicKey)
		_, err = (&Scheme{Kind: RSA}).ReadKey(base64.StdEncoding.EncodeToString(der))
		refused(t, "1024 bits", "bad_secret", err)
	}
	for _, wrong := range []struct {
		kind   Kind
		secret string
	}{{Ed25519, text}, {ECDSA, text}, {RSA, "AAAA"}, {Basic, "nouser"}, {HMAC, ""}} {
		_, err := (&Scheme{Kind: wrong.kind}).ReadKey(wrong.secret)
		refused(t, string(wrong.kind), "bad_secret", err)
	}
	_, err = (&Scheme{Kind: HMAC, KeyPrefix: "whsec_", KeyEncoding: "base64"}).ReadKey("whsec_")
	refused(t, "an empty key", "bad_secret", err)
}
