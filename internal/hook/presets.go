package hook

import (
	"maps"
	"slices"
)

// Preset is the scheme of a known sender.
type Preset struct {
	Name  string
	Title string
	// Vector names the public source whose secret, body and signature the tests
	// hold this preset to; "": it was built after the sender's words and is not verified.
	Vector string
	About  string // what whoever sets it up has to know
	Scheme Scheme
	Trust  Trust
}

// Custom is the name of a scheme that was not made of a preset.
const Custom = "custom"

// stamped is the scheme of Standard Webhooks 1.0.
func stamped(kind Kind, prefix string) Scheme {
	s := Scheme{
		Kind: kind, Payload: "{header:Webhook-Id}.{timestamp}.{body}", Encoding: "base64",
		Signature: Pick{Place: "header:Webhook-Signature", Split: " ", Prefix: prefix},
		Time:      &Time{Pick: Pick{Place: "header:Webhook-Timestamp"}},
		ID:        "{header:Webhook-Id}", Type: "{item#/type?}",
	}
	if kind == HMAC {
		s.KeyEncoding, s.KeyPrefix = "base64", "whsec_"
	} else {
		s.KeyPrefix = "whpk_"
	}
	return s
}

// overBody is the scheme of an HMAC with SHA-256 over the body alone.
func overBody(place, prefix, encoding string) Scheme {
	return Scheme{Kind: HMAC, Encoding: encoding, Signature: Pick{Place: place, Prefix: prefix}}
}

// with changes a scheme.
func (s Scheme) with(change func(*Scheme)) Scheme {
	change(&s)
	return s
}

var presets = func() map[string]Preset {
	out := map[string]Preset{}
	for _, p := range []Preset{
		{Name: "standard_webhooks", Title: "Standard Webhooks", Vector: "standard-webhooks/standard-webhooks libraries/go/webhook_symmetric_test.go",
			About: "The secret begins with whsec_.", Scheme: stamped(HMAC, "v1,")},
		{Name: "standard_webhooks_ed25519", Title: "Standard Webhooks with a key pair", Vector: "standard-webhooks/standard-webhooks libraries/go/webhook_asymmetric_test.go",
			About: "The secret is the sender's public key, which begins with whpk_.", Scheme: stamped(Ed25519, "v1a,")},
		{Name: "github", Title: "GitHub", Vector: "github/docs content/webhooks/using-webhooks/validating-webhook-deliveries.md",
			About: "The signature covers the body, not the headers: the kind of event stands only in X-GitHub-Event. A redelivery counts as a repetition.",
			Scheme: overBody("header:X-Hub-Signature-256", "sha256=", "hex").with(func(s *Scheme) {
				s.ID, s.Type, s.Keep = "{header:X-GitHub-Event?} {digest}", "{header:X-GitHub-Event}", []string{"X-GitHub-Event", "X-GitHub-Delivery"}
			})},
		{Name: "shopify", Title: "Shopify", Vector: "sqlpage/SQLPage tests/sql_test_files/data/hmac_shopify_webhook.sql",
			About: "The secret is the app's client secret. The signature covers the body, not the headers: topic and shop stand only there.",
			Scheme: overBody("header:X-Shopify-Hmac-Sha256", "", "base64").with(func(s *Scheme) {
				s.ID, s.Type = "{header:X-Shopify-Topic?} {digest}", "{header:X-Shopify-Topic}"
				s.Keep = []string{"X-Shopify-Topic", "X-Shopify-Shop-Domain", "X-Shopify-Webhook-Id"}
			})},
		{Name: "stripe", Title: "Stripe", Vector: "stripe/stripe-dotnet src/StripeTests/Services/Events/EventUtilityTest.cs",
			About: "The secret is the endpoint's, which begins with whsec_ and is used as it stands there.",
			Scheme: Scheme{
				Kind: HMAC, Payload: "{timestamp}.{body}", Signature: Pick{Place: "header:Stripe-Signature", Split: ",", Prefix: "v1="},
				Time: &Time{Pick: Pick{Place: "header:Stripe-Signature", Split: ",", Prefix: "t="}}, ID: "{item#/id}", Type: "{item#/type}",
			}},
		{Name: "slack", Title: "Slack", Vector: "slackapi/python-slack-sdk tests/slack_sdk/signature/test_signature_verifier.py",
			About: "The secret is the app's signing secret. Slack's url_verification is answered.",
			Scheme: Scheme{
				Kind: HMAC, Payload: "v0:{timestamp}:{body}", Signature: Pick{Place: "header:X-Slack-Signature", Prefix: "v0="},
				Time: &Time{Pick: Pick{Place: "header:X-Slack-Request-Timestamp"}}, ID: "{item#/event_id}", Type: "{item#/event/type?}",
				Handshakes: []Handshake{{Value: "body#/challenge", When: "body#/type=url_verification"}},
			}},
		{Name: "hubspot", Title: "HubSpot", Vector: "HubSpot/hubspot-api-python tests/spec/utils/test_signature.py",
			About: "The secret is the app's client secret. Signed are method and address too: public-url has to be the address HubSpot calls.",
			Scheme: Scheme{
				Kind: HMAC, Payload: "{method}{url}{body}{timestamp}", Encoding: "base64", Signature: Pick{Place: "header:X-HubSpot-Signature-V3"},
				Time: &Time{Pick: Pick{Place: "header:X-HubSpot-Request-Timestamp"}, Unit: "ms"}, Each: "body#/*",
				ID: "{item#/subscriptionId?}:{item#/eventId}:{item#/occurredAt?}", Type: "{item#/subscriptionType}",
			}},
		{Name: "twilio", Title: "Twilio", Vector: "twilio/twilio-python tests/unit/test_request_validator.py",
			About: "The secret is the account's auth token. Signed are the address and a form's fields, joined without a border between names and values; so the facts are fetched. public-url has to be the address Twilio calls.",
			Scheme: Scheme{
				Kind: HMAC, Hash: "sha1", Payload: "{url}{form}", Encoding: "base64", Signature: Pick{Place: "header:X-Twilio-Signature"},
				Digest: &Digest{Pick: Pick{Place: "query:bodySHA256"}}, Type: "{form:MessageStatus?}{form:CallStatus?}",
			}},
		{Name: "sendgrid", Title: "SendGrid", Vector: "sendgrid/sendgrid-python test/unit/test_eventwebhook.py",
			About: "The secret is the verification key that SendGrid shows: a public key.",
			Scheme: Scheme{
				Kind: ECDSA, Payload: "{timestamp}{body}", Encoding: "base64", Signature: Pick{Place: "header:X-Twilio-Email-Event-Webhook-Signature"},
				Time: &Time{Pick: Pick{Place: "header:X-Twilio-Email-Event-Webhook-Timestamp"}}, Each: "body#/*", ID: "{item#/sg_event_id}", Type: "{item#/event}",
			}},
		{Name: "dropbox_sign", Title: "Dropbox Sign", Vector: "hellosign/hellosign-openapi test_fixtures/EventCallbackHelper_AccountCallbacks.json",
			About: "The secret is the API key. Its event_hash covers time and kind of the event and nothing else, so the facts are fetched.",
			Scheme: Scheme{
				Kind: HMAC, Payload: "{form:json#/event/event_time}{form:json#/event/event_type}", Signature: Pick{Place: "form:json#/event/event_hash"},
				ID: "{form:json}", Type: "{form:json#/event/event_type}", Answer: Answer{MediaType: "text/plain", Body: "Hello API Event Received"},
			}},
		{Name: "docusign", Title: "DocuSign Connect", About: "The secret is a Connect key, used as the text it is. DocuSign signs with every key that is active.",
			Scheme: overBody("header:X-Docusign-Signature-*", "", "base64").with(func(s *Scheme) {
				s.ID, s.Type = "{item#/event}:{item#/data/envelopeId}:{item#/data/recipientId?}:{item#/generatedDateTime}", "{item#/event}"
			})},
		{Name: "adobe_sign", Title: "Adobe Acrobat Sign", About: "The secret is the application's client id, which is sent along and has to be repeated: no secret at all. So the facts are fetched.",
			Scheme: Scheme{
				Kind: Token, Signature: Pick{Place: "header:X-Adobesign-Clientid"}, ID: "{item#/webhookNotificationId}", Type: "{item#/event}",
				Handshakes: []Handshake{{Value: "header:X-Adobesign-Clientid", Header: "X-AdobeSign-ClientId", Member: "xAdobeSignClientId", Event: true}},
			}},
		{Name: "xero", Title: "Xero", About: "The secret is the webhook's key. Xero tries right and wrong signatures at first and wants empty answers.",
			Scheme: overBody("header:X-Xero-Signature", "", "base64").with(func(s *Scheme) {
				s.Each, s.ID = "body#/events/*", "{item#/resourceId}:{item#/eventType?}:{item#/eventDateUtc}"
				s.Type, s.Answer.Quiet = "{item#/eventCategory?}.{item#/eventType?}", true
			})},
		{Name: "salesforce", Title: "Salesforce, with a token", About: "Salesforce signs nothing. The secret is a token that your Apex code sends in X-Hook-Token; whoever reads it can send anything.",
			Scheme: Scheme{Kind: Token, Signature: Pick{Place: "header:X-Hook-Token"}, ID: "{item#/id?}{digest}", Type: "{item#/type?}"}},
		{Name: "salesforce_outbound", Title: "Salesforce outbound message", About: "Unsigned SOAP. The secret is a token in the address: …?token=. The facts are fetched.",
			Scheme: Scheme{Kind: Token, Signature: Pick{Place: "query:token"}, Answer: Answer{MediaType: "text/xml", Body: soapAck}}},
		{Name: "microsoft_graph", Title: "Microsoft Graph", About: "The secret is the subscription's clientState. Graph asks with validationToken when it is set up; a notification only says that something changed, so the facts are fetched.",
			Scheme: Scheme{
				Kind: Token, Signature: Pick{Place: "item#/clientState"}, Each: "body#/value/*", Answer: Answer{Status: 202},
				ID: "{item#/subscriptionId}:{digest}:{received}", Type: "{item#/changeType?}{item#/lifecycleEvent?}",
				Handshakes: []Handshake{{Value: "query:validationToken", Before: true}},
			}},
	} {
		p.Trust = p.Scheme.DefaultTrust()
		out[p.Name] = p
	}
	return out
}()

const soapAck = `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>` +
	`<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>`

// Presets gives all presets by name.
func Presets() []Preset {
	return slices.SortedFunc(maps.Values(presets), func(a, b Preset) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
}

// PresetOf gives a preset by its name.
func PresetOf(name string) (Preset, bool) {
	p, ok := presets[name]
	return p, ok
}
