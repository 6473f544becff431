package xmlsig_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/pades/internal/xmlsig"
)

const (
	space  = "http://uri.etsi.org/02231/v2#"
	signed = "../../trust/tsl/testdata/signed"
)

func list(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(signed, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func signerOf(t testing.TB, name string) func(*x509.Certificate) bool {
	t.Helper()
	block, _ := pem.Decode([]byte(list(t, name+".pem")))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c.Equal
}

func verify(t testing.TB, text string) (*xmlsig.Signed, error) {
	t.Helper()
	return xmlsig.Verify([]byte(text), space, "TrustServiceStatusList", signerOf(t, "operator-xx"))
}

// between gives the part of a text from one mark to the end of another.
func between(text, from, to string) string {
	i := strings.Index(text, from)
	j := strings.Index(text[i:], to)
	return text[i : i+j+len(to)]
}

const status = "<ServiceStatus>http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted</ServiceStatus>"

// TestWrapping moves and doubles what EU DSS signed, as attacks on XML signatures
// do: in each the signature value still fits SignedInfo.
func TestWrapping(t *testing.T) {
	t.Parallel()
	good := list(t, "xx.xml")
	if _, err := verify(t, good); err != nil {
		t.Fatal(err)
	}
	head := between(good, "<TrustServiceStatusList", ">")
	sig := between(good, "<ds:Signature ", "</ds:Signature>")
	props := between(good, "<xades:QualifyingProperties", "</xades:QualifyingProperties>")
	info := between(good, "<ds:SignedInfo>", "</ds:SignedInfo>")
	root := good[strings.Index(good, "<TrustServiceStatusList"):]
	bare := strings.Replace(root, sig, "", 1) // what was signed
	evil := strings.Replace(bare, status, strings.Replace(status, "granted", "withdrawn", 1), 1)
	with := func(in, what string) string {
		return strings.Replace(in, "</TrustServiceStatusList>", what+"</TrustServiceStatusList>", 1)
	}
	last := func(in, what string) string {
		i := strings.LastIndex(in, "</TrustServiceStatusList>")
		return in[:i] + what + in[i:]
	}
	byID := strings.NewReplacer(`URI=""`, `URI="#list-xx"`).Replace(sig)
	inObject := strings.Replace(sig, "</ds:Signature>", "<ds:Object>"+bare+"</ds:Object></ds:Signature>", 1)
	other := strings.Replace(evil, `Id="list-xx"`, `Id="list-yy"`, 1)
	for _, c := range []struct{ name, text, reason string }{
		{"content changed", strings.Replace(root, status, strings.Replace(status, "granted", "withdrawn", 1), 1), "digest differs"},
		{"the signed list inside the signature", with(evil, inObject), "stands 2 times"},
		{"the signed list in its place, referred to by its identifier", with(other, strings.Replace(byID, "</ds:Signature>", "<ds:Object>"+bare+"</ds:Object></ds:Signature>", 1)), "not one Object"},
		{"the signed list behind another root", head + "<Wrapped>" + bare + "</Wrapped>" + byID + "</TrustServiceStatusList>", "stands 2 times"},
		{"the signed list under a root of another name", "<Wrapped>" + root + "</Wrapped>", "root element"},
		{"the signature deeper in another list", strings.Replace(evil, "<SchemeInformation>", "<Extension>"+sig+"</Extension><SchemeInformation>", 1), "not exactly one signature"},
		{"two signatures", last(with(bare, sig), sig), "not exactly one signature"},
		{"a second list with the whole signed one in an element of it", with(other, "<Old>"+root+"</Old>"), "not exactly one signature"},
		{"a signature inside the signature", with(evil, strings.Replace(sig, "<ds:Object>", "<ds:Object>"+sig+"</ds:Object><ds:Object>", 1)), "not exactly one signature"},
		{"properties doubled", with(bare, strings.Replace(sig, props, props+strings.NewReplacer("xades-id-", "xades-jd-").Replace(props), 1)), "SignedProperties"},
		{"properties of another identifier", with(bare, strings.Replace(sig, `<xades:SignedProperties Id="xades-`, `<xades:SignedProperties Id="x-`, 1)), "not as it must be"},
		{"properties aimed at another signature", with(bare, strings.Replace(sig, `Target="#id-`, `Target="#jd-`, 1)), "of another signature"},
		{"identifier of the properties on the root", strings.Replace(with(evil, sig), `Id="list-xx"`, `Id="`+regexp.MustCompile(`xades-id-[0-9a-f]+`).FindString(sig)+`"`, 1), "stands 2 times"},
		{"identifiers in other letters", strings.Replace(with(bare, sig), "<SchemeInformation>", `<SchemeInformation ID="list-xx">`, 1), "stands 2 times"},
		{"a second SignedInfo", with(evil, strings.Replace(sig, info, info+strings.Replace(info, `Id="ref-`, `Id="ref2-`, 1), 1)), "no SignedInfo"},
		{"the reference to the list by the identifier of a part", with(bare, strings.Replace(sig, `URI=""`, `URI="#other"`, 1)), "does not fit"},
		{"a transform that chooses", with(bare, strings.Replace(sig, `enveloped-signature"/>`, `enveloped-signature"/><ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>false()</ds:XPath></ds:Transform>`, 1)), "does not fit"},
		{"a keyed digest instead of a signature", with(bare, strings.Replace(sig, "xmldsig-more#ecdsa-sha512", "xmldsig-more#hmac-sha512", 1)), "not accepted"},
		{"a document type with an entity", "<!DOCTYPE TrustServiceStatusList [<!ENTITY e 'granted'>]>" + root, "document types"},
		{"a processing instruction", "<?xml-stylesheet href='evil.xsl'?>" + root, "not XML 1.0"},
		{"an instruction inside", strings.Replace(root, "<SchemeInformation>", "<?php evil ?><SchemeInformation>", 1), "element expected"},
		{"a namespace moved under a prefix", strings.Replace(root, `xmlns:sie="http://uri.etsi.org`, `xmlns:sie="http://evil.example`, 1), "digest differs"},
		{"the default namespace taken from a part", strings.Replace(root, "<SchemeInformation>", `<SchemeInformation xmlns="http://evil.example/">`, 1), "digest differs"},
		{"blanks added", strings.Replace(root, "<SchemeInformation>", "<SchemeInformation> ", 1), "digest differs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := verify(t, c.text)
			if err == nil || !strings.Contains(err.Error(), c.reason) || got != nil {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestSameMeaning: what canonicalization evens out changes nothing, and what is read
// is what was signed: a comment does not cut a text in two.
func TestSameMeaning(t *testing.T) {
	t.Parallel()
	good := list(t, "xx.xml")
	for name, text := range map[string]string{
		"comment in a text":    strings.Replace(good, "Svcstatus/granted", "Svcstatus/gran<!-- withdrawn -->ted", 1),
		"comment at the end":   good + "<!-- the end -->\n",
		"CDATA":                strings.Replace(good, "Svcstatus/granted<", "Svcstatus/<![CDATA[granted]]><", 1),
		"character references": strings.Replace(good, "Svcstatus/granted", "Svcstatus/&#x67;ranted", 1),
		"quotes":               strings.Replace(good, `Id="list-xx"`, `Id  =  'list-xx'`, 1),
		"line ends":            strings.ReplaceAll(good, "\n", "\r\n"),
		"unused prefix":        strings.Replace(good, "<SchemeInformation>", `<SchemeInformation xmlns:unused="http://evil.example/">`, 1),
	} {
		got, err := verify(t, text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s := got.Root.Path(space, "TrustServiceProviderList", "TrustServiceProvider", "TSPServices").Children(space, "TSPService")[0].Path(space, "ServiceInformation", "ServiceStatus")
		if !strings.HasSuffix(s.Value(), "/granted") {
			t.Errorf("%s: the status is read as %q", name, s.Value())
		}
	}
}

// resign signs a list anew with a key of the attacker's, all as it should be.
func resign(t *testing.T, text string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Operator operator-xx"}, NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	set := func(pattern, value string) {
		re := regexp.MustCompile(pattern)
		if !re.MatchString(text) {
			t.Fatalf("%s is not there", pattern)
		}
		text = re.ReplaceAllString(text, "${1}"+strings.ReplaceAll(value, "$", "$$")+"${2}")
	}
	digest := func(b []byte) string {
		sum := sha512.Sum512(b)
		return base64.StdEncoding.EncodeToString(sum[:])
	}
	part := func(find func(root, sig *xmlsig.Element) []byte) []byte {
		root, err := xmlsig.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return find(root, root.Child("http://www.w3.org/2000/09/xmldsig#", "Signature"))
	}
	const dsig, xades = "http://www.w3.org/2000/09/xmldsig#", "http://uri.etsi.org/01903/v1.3.2#"
	set(`(<ds:X509Certificate>)[^<]*(</ds:X509Certificate>)`, base64.StdEncoding.EncodeToString(der))
	set(`(<xades:CertDigest>.*?<ds:DigestValue>)[^<]*(<)`, digest(der))
	set(`(URI="">.*?<ds:DigestValue>)[^<]*(<)`, digest(part(func(root, sig *xmlsig.Element) []byte { return xmlsig.Canonical(root, sig) })))
	set(`(#SignedProperties".*?<ds:DigestValue>)[^<]*(<)`, digest(part(func(_, sig *xmlsig.Element) []byte {
		return xmlsig.Canonical(sig.Child(dsig, "Object").Path(xades, "QualifyingProperties", "SignedProperties"), nil)
	})))
	sum := sha512.Sum512(part(func(_, sig *xmlsig.Element) []byte { return xmlsig.Canonical(sig.Child(dsig, "SignedInfo"), nil) }))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	set(`(<ds:SignatureValue[^>]*>)[^<]*(<)`, base64.StdEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)))
	return text
}

// TestForeignSigner: a list that is rightly signed, but by nobody who may.
func TestForeignSigner(t *testing.T) {
	t.Parallel()
	text := resign(t, strings.Replace(list(t, "xx.xml"), "Svcstatus/granted", "Svcstatus/withdrawn", 1))
	if _, err := verify(t, text); !errors.Is(err, xmlsig.ErrSigner) {
		t.Fatal(err)
	}
	if _, err := xmlsig.Verify([]byte(text), space, "TrustServiceStatusList", func(*x509.Certificate) bool { return true }); err != nil {
		t.Errorf("it is not refused for its signer alone: %v", err)
	}
	// The certificate of the right operator beside the attacker's changes nothing.
	right := regexp.MustCompile(`<ds:X509Certificate>[^<]*</ds:X509Certificate>`).FindString(list(t, "xx.xml"))
	both := strings.Replace(text, "<ds:X509Data>", "<ds:X509Data>"+right, 1)
	if _, err := verify(t, both); !errors.Is(err, xmlsig.ErrSigner) {
		t.Errorf("with the operator's certificate beside it: %v", err)
	}
}

func TestSyntax(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty": "", "open": "<a>", "crossed": "<a><b></a></b>", "two roots": "<a/><b/>", "text before": "x<a/>",
		"undeclared": "<p:a/>", "attribute twice": `<a b="1" b="2"/>`, "attribute twice by two prefixes": `<a xmlns:p="u" xmlns:q="u" p:b="1" q:b="2"/>`,
		"xml bound": `<a xmlns:xml="u"/>`, "prefix undone": `<a xmlns:p="u"><b xmlns:p=""/></a>`, "latin": "<a>\xE4</a>", "other encoding": `<?xml version="1.0" encoding="utf-16"?><a/>`,
		"version 1.1": `<?xml version="1.1"?><a/>`, "entity": "<a>&evil;</a>", "control character": "<a>\x01</a>", "null by reference": "<a>&#0;</a>", "surrogate": "<a>&#xD800;</a>",
		"two hyphens": "<a><!-- a -- b --></a>", "bracket": "<a>]]></a>", "less in a value": `<a b="<"/>`, "deep": strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100),
		"name with two colons": `<a:b:c xmlns:a="u"/>`, "no blank": `<a b="1"c="2"/>`, "no quote": `<a b=1/>`,
	} {
		if _, err := xmlsig.Parse([]byte(text)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestCanonical compares with examples of Exclusive XML Canonicalization 1.0.
func TestCanonical(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`<a  z='1' b = "2" ></a >`: `<a b="2" z="1"></a>`,
		`<n0:pdu xmlns:n0='http://a.example' xmlns:n1='http://b.example'><n1:elem2 xml:lang='en' xmlns:n3="http://c"><n3:stuff/></n1:elem2></n0:pdu>`: `<n0:pdu xmlns:n0="http://a.example"><n1:elem2 xmlns:n1="http://b.example" xml:lang="en"><n3:stuff xmlns:n3="http://c"></n3:stuff></n1:elem2></n0:pdu>`,
		`<a xmlns="u"><b xmlns=""><c xmlns="u"/></b></a>`:                           `<a xmlns="u"><b xmlns=""><c xmlns="u"></c></b></a>`,
		`<a xmlns="u"><b xmlns="u"/></a>`:                                           `<a xmlns="u"><b></b></a>`,
		"<a t='&#9;&#10;&#13;&quot;&lt;&gt;&amp;'>&#13;&gt;&lt;\"</a>":              `<a t="&#x9;&#xA;&#xD;&quot;&lt;>&amp;">&#xD;&gt;&lt;"</a>`,
		`<a xmlns:p="u1" xmlns:q="u0" p:x="1" q:y="2" w="3"/>`:                      `<a xmlns:p="u1" xmlns:q="u0" w="3" q:y="2" p:x="1"></a>`,
		`<p:a xmlns:p="u"><p:b xmlns:p="v"><p:c xmlns:p="u"/></p:b><p:d/></p:a>`:    `<p:a xmlns:p="u"><p:b xmlns:p="v"><p:c xmlns:p="u"></p:c></p:b><p:d></p:d></p:a>`,
		"<!-- before --><a>\n x<!-- c --> y<![CDATA[<&]]>\n</a><!-- behind -->\n\n": "<a>\n x y&lt;&amp;\n</a>",
	} {
		root, err := xmlsig.Parse([]byte(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := string(xmlsig.Canonical(root, nil)); got != want {
			t.Errorf("%s\n gives %s\n  not  %s", in, got, want)
		}
	}
}

func FuzzVerify(f *testing.F) {
	for _, name := range []string{"xx.xml", "yy.xml", "lotl.xml"} {
		f.Add([]byte(list(f, name)))
	}
	f.Add([]byte(`<a xmlns="u"><!-- c --><b p:c="&#x9;" xmlns:p="v"/>&lt;<![CDATA[x]]></a>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		root, err := xmlsig.Parse(b)
		if err != nil {
			return
		}
		// What is written canonically is read as the same, and written alike.
		c := xmlsig.Canonical(root, nil)
		again, err := xmlsig.Parse(c)
		if err != nil {
			t.Fatalf("the canonical form cannot be read: %v\n%s", err, c)
		}
		if string(xmlsig.Canonical(again, nil)) != string(c) {
			t.Errorf("the canonical form of\n%s\nis not stable", b)
		}
		_, _ = xmlsig.Verify(b, space, "TrustServiceStatusList", func(*x509.Certificate) bool { return true }) // must end
	})
}
