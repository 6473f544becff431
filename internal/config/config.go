// Package config is the one documented struct that says how Paraph runs.
//
// Every setting has a working default, so no file is needed. What is set comes,
// in rising order, from the defaults, a file (YAML), the environment
// (PARAPH_…) and flags; for each setting it is known where its value came from.
package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Secret is a setting that never shows itself in logs or listings.
type Secret string

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[redacted]"
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the secret from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal gives the secret itself, for the one place that needs it.
func (s Secret) Reveal() string { return string(s) }

// The roles a process can take. One process takes them all unless told otherwise.
const (
	RoleAPI       = "api"       // the HTTP API and the signing page
	RoleSequencer = "sequencer" // numbers and signs the journal
	RoleDispatch  = "dispatch"  // makes jobs of journal entries
	RoleWork      = "work"      // works the jobs
)

// What a new bus gets.
const (
	BusNew = "new"
	BusAll = "all"
)

// Roles lists all roles.
func Roles() []string { return []string{RoleAPI, RoleSequencer, RoleDispatch, RoleWork} }

// Config is how Paraph runs. The name tag is the setting's name in files and
// flags (data-dir) and, in capitals with PARAPH_ in front, in the environment
// (PARAPH_DATA_DIR); doc is its sentence in `paraph config` and --help.
type Config struct {
	DataDir      string   `name:"data-dir" doc:"Folder for database, documents and keys."`
	Listen       string   `name:"listen" doc:"Address and port to serve on."`
	AdminListen  string   `name:"admin-listen" doc:"Address and port for /livez, /readyz and /metrics, in every role. The main address then serves no /metrics. Empty: none."`
	PublicURL    string   `name:"public-url" doc:"Address under which people reach this server, on a host name of its own; links in messages start with it. Empty: http:// and the listen address."`
	VerifyURL    string   `name:"verify-url" doc:"Where the code on certificates of completion leads: a page that checks files, as make verify-page builds it. Empty: /verify of this server, which says how."`
	KeysDir      string   `name:"keys-dir" doc:"Folder of the key files, the same for all processes of an installation. Empty: keys in the data folder."`
	Organisation string   `name:"organisation" doc:"Name of the first organisation, and what certificates made here say."`
	Roles        []string `name:"roles" doc:"What this process does: api, sequencer, dispatch, work; all by default."`

	Database        Secret        `name:"database" doc:"postgres://… for PostgreSQL 15 or newer. Empty: SQLite in the data folder."`
	LogHighWater    string        `name:"log-high-water" doc:"File that remembers the log's newest checkpoint, so that a database that was rolled back is noticed; best on another disk than the database. Empty: log.highwater in the data folder."`
	Blobs           string        `name:"blobs" doc:"Where documents are kept: s3://bucket/prefix?endpoint=https://…&region=…&path-style=1&ca=FILE. Empty: the data folder."`
	BlobsAccessKey  Secret        `name:"blobs-access-key" doc:"Access key for the bucket. Empty: AWS_ACCESS_KEY_ID and its companions of the environment."`
	BlobsSecretKey  Secret        `name:"blobs-secret-key" doc:"Secret key for the bucket."`
	AuditInterval   time.Duration `name:"audit-interval" doc:"How often the whole log is re-read in the background and compared with what was signed; 0: once, at the first start."`
	CrossOrigins    []string      `name:"cross-origins" doc:"Origins of web pages that may call the API from a browser with a token, such as https://app.example.com. Empty: none."`
	TrustedProxies  []string      `name:"trusted-proxies" doc:"Networks (CIDR) of proxies whose X-Forwarded-For is believed."`
	DrainDelay      time.Duration `name:"drain-delay" doc:"How long a stopping server says in /readyz that it is not ready, and still serves, before it takes no more requests: longer than the load balancer takes to notice."`
	ShutdownTimeout time.Duration `name:"shutdown-timeout" doc:"How long running requests and jobs may take to finish when the server stops."`

	Lease time.Duration `name:"lease" doc:"On PostgreSQL: how long a leading process that says nothing is believed to live; workers five times as long."`

	MaxUpload       int64         `name:"max-upload" doc:"Largest file taken in, in bytes."`
	MaxResumable    int64         `name:"max-resumable-upload" doc:"Largest file taken in that comes in pieces (tus), in bytes."`
	MaxPages        int           `name:"max-pages" doc:"Most pages of a document."`
	MaxPixels       int64         `name:"max-pixels" doc:"Most pixels of one picture or page."`
	RateLimit       float64       `name:"rate-limit" doc:"Requests a second that one client may make; 0: no limit."`
	RateBurst       int           `name:"rate-burst" doc:"Requests a client may make at once beyond the rate."`
	ClassLimits     []string      `name:"class-limits" doc:"Limits of a client by class of requests, as CLASS=RATE/BURST/AT-ONCE, for reads, writes, uploads, searches, waits and tokens; a part that is left out is rate-limit and rate-burst, and as many at once as wanted."`
	AddressRate     float64       `name:"address-rate" doc:"Requests a second without an access token that one address may make (of IPv6, one /64); 0: no limit."`
	AddressBurst    int           `name:"address-burst" doc:"Requests that it may make at once beyond the rate."`
	Workers         int           `name:"workers" doc:"Child processes, and pages read at once; 0: one per core."`
	MemoryBudget    int64         `name:"memory-budget" doc:"Bytes that the pages being read may take together; larger pages wait for smaller ones to end. 0: 768 MiB for each of the workers."`
	PagesPerTurn    int           `name:"pages-per-turn" doc:"Pages of a document that are read before others that wait get its place; longer documents are divided among the worker processes. 0: 64."`
	QueueAgeWarning time.Duration `name:"queue-age-warning" doc:"Work that has waited longer is told in the log, with the reason; 0: never."`
	Scanner         string        `name:"scanner" doc:"Where files are looked through for malware before they are read or handed out: unix:/run/clamav/clamd.ctl or tcp://HOST:PORT of a ClamAV daemon. Empty: they are not."`
	OCRLanguages    string        `name:"ocr-languages" doc:"Languages to recognise, as Tesseract names them, joined by +."`

	DelegationLifetime      time.Duration `name:"delegation-lifetime" doc:"How long a program may act for a person who let it, at most; then the person logs in again."`
	DelegationIdle          time.Duration `name:"delegation-idle" doc:"How long it may when it does not."`
	ClientRoots             string        `name:"client-roots" doc:"File of root certificates (PEM) of the authorities by whose certificates clients may prove themselves (tls_client_auth). Empty: none."`
	ClientCertificateHeader string        `name:"client-certificate-header" doc:"Header in which a trusted proxy hands on the certificate that a client has proved to hold, as RFC 9440 has it or as escaped PEM. The proxy has to take it out of all other requests. Empty: none is believed."`
	MTLSURL                 string        `name:"mtls-url" doc:"Address of this server at which the proxy asks clients for certificates. Empty: the public one."`

	TokenLifetime    time.Duration `name:"token-lifetime" doc:"How long an access token works."`
	BoundTokens      bool          `name:"bound-tokens" doc:"Give out only access tokens that are bound to a key of the client (DPoP) or to its certificate."`
	KeyLogins        bool          `name:"key-logins" doc:"Let people log in by an access key, which is one factor."`
	CustomRoles      []string      `name:"custom-roles" doc:"Roles of this installation beside the built-in ones, as NAME=SCOPE+SCOPE: clerk=documents:write+tasks:read."`
	LinkLifetime     time.Duration `name:"link-lifetime" doc:"How long a signing link works."`
	EnvelopeLifetime time.Duration `name:"envelope-lifetime" doc:"How long an envelope can be signed unless it says otherwise."`
	ReminderInterval time.Duration `name:"reminder-interval" doc:"Time between reminders to a recipient; 0: none."`

	WitnessPolicy string   `name:"witness-policy" doc:"File that names the witnesses of the log, their addresses and the quorum (C2SP tlog-policy). Empty: none."`
	EvidenceAck   string   `name:"evidence-ack" doc:"How far the log must vouch for a document before it is sealed or archived: checkpointed or witnessed."`
	OutboundAllow []string `name:"outbound-allow" doc:"Networks (CIDR) that witnesses, time stamping authorities, endpoints for events and the interfaces of webhooks' senders may be reached in although they are not public, such as 10.0.0.0/8."`

	SealKey            string `name:"seal-key" doc:"Where the sealing key lies: csc:https://HOST/csc/v2#credential=ID at a trust service provider, pkcs11:token=NAME;object=LABEL?module-path=FILE in a hardware module, vault:https://HOST/v1/transit#key=NAME at a Vault. Empty: in a file among the keys."`
	SealKeyCredentials Secret `name:"seal-key-credentials" doc:"Credentials for that place, NAME=VALUE, percent-encoded, with white space between them: user and password, client and secret, or token; pin; auth.ID."`
	SealChain          string `name:"seal-chain" doc:"File with the certificate that somebody has issued for that key, and its issuers (PEM). Empty: that of the trust service provider, else the installation's own root issues one."`

	SealLevel      string        `name:"seal-level" doc:"How far signatures are protected: b signed, t with a time stamp, lt with the evidence a verifier needs later, lta with a time stamp over that; auto: as far as the time stamping authorities allow."`
	SealCertify    int           `name:"seal-certify" doc:"Whether the seal certifies the document (DocMDP), where it is the first signature: 1 allows nothing afterwards but what protects it, 2 also further signatures; 0: it does not certify."`
	RenewBefore    time.Duration `name:"renew-before" doc:"How long before the protection of a signature runs out another time stamp is added."`
	ProtectForeign bool          `name:"protect-foreign" doc:"Raise and renew the signatures of archived files that others have signed, too."`

	WebhookHistory     time.Duration `name:"webhook-history" doc:"How long deliveries of events that were received or skipped are kept, with every attempt."`
	WebhookDeadHistory time.Duration `name:"webhook-dead-history" doc:"How long deliveries whose attempts were used up are kept; until then they can be sent anew."`

	TimestampAuthorities []string      `name:"timestamp-authorities" doc:"Addresses of time stamping authorities (RFC 3161) in the order in which they are asked; #policy=OID and #roots=FILE behind an address hold for it alone, joined by &. Empty: none."`
	TimestampRoots       string        `name:"timestamp-roots" doc:"File of root certificates (PEM) that an authority's certificate must lead to. Empty: the system's."`
	TimestampPolicy      string        `name:"timestamp-policy" doc:"Policy (OID) that is asked for and demanded. Empty: the authority's own choice."`
	TimestampCredentials Secret        `name:"timestamp-credentials" doc:"Credentials of authorities that want them, HOST=USER:PASSWORD or HOST=bearer:TOKEN, percent-encoded, with white space between them; sent over https only."`
	AnchorInterval       time.Duration `name:"anchor-interval" doc:"How often the log's newest checkpoint is time-stamped, where something was logged; and at each day's end. 0: never."`

	Bus        Secret   `name:"bus" doc:"Event bus: nats://user:password@host:4222?… or kafka://host:9092,host2:9092?… Empty: none."`
	BusStart   string   `name:"bus-start" doc:"What a bus that is new gets: new, the events from then on, or all, every event of the log."`
	BusClients []string `name:"bus-clients" doc:"Ids of clients as which command messages of the bus may be carried out. Empty: none is taken in."`

	WebhookMaxBody int64         `name:"webhook-max-body" doc:"Longest webhook taken in, in bytes. It rests in the database."`
	InboundKeep    time.Duration `name:"inbound-keep" doc:"How long what came with a webhook, or with a message of the event bus, is kept after it has been processed."`

	BulkKeep time.Duration `name:"bulk-keep" doc:"How long the cells of a bulk send's rows are kept that were not sent, after its end, or after it was paused. The cells of one that was sent go with its document."`

	SMTPHost     string `name:"smtp-host" doc:"Mail server. Empty: messages are written to the log, but for those about tasks, which the inbox shows."`
	SMTPPort     int    `name:"smtp-port" doc:"Port of the mail server."`
	SMTPUser     string `name:"smtp-user" doc:"User name at the mail server."`
	SMTPPassword Secret `name:"smtp-password" doc:"Password at the mail server."`
	SMTPFrom     string `name:"smtp-from" doc:"Sender of all messages."`
	SMTPTLS      string `name:"smtp-tls" doc:"starttls, tls or none."`

	LogLevel     string `name:"log-level" doc:"debug, info, warn or error."`
	LogFormat    string `name:"log-format" doc:"text or json."`
	OTLPEndpoint string `name:"otlp-endpoint" doc:"OpenTelemetry collector for traces, over HTTP. Empty: none."`
	Metrics      bool   `name:"metrics" doc:"Serve /metrics for Prometheus."`
}

// Default gives the settings nobody has to think about.
func Default() Config {
	return Config{
		DataDir: defaultDataDir(), Listen: "127.0.0.1:8080", Organisation: "Paraph", Roles: Roles(),
		ShutdownTimeout: 20 * time.Second, Lease: 3 * time.Second, AuditInterval: 24 * time.Hour,
		MaxUpload: 300 << 20, MaxResumable: 16 << 30, MaxPages: 2000, MaxPixels: 120_000_000, RateLimit: 200, RateBurst: 400, AddressRate: 100, AddressBurst: 400,
		ClassLimits: []string{"reads=//128", "writes=//128", "uploads=50/200/32", "searches=50/200/16", "waits=//100", "tokens=50/200/32"}, OCRLanguages: "eng+deu", QueueAgeWarning: 15 * time.Minute,
		TokenLifetime: 10 * time.Minute, LinkLifetime: 14 * 24 * time.Hour, EnvelopeLifetime: 30 * 24 * time.Hour, ReminderInterval: 3 * 24 * time.Hour,
		DelegationLifetime: 90 * 24 * time.Hour, DelegationIdle: 14 * 24 * time.Hour,
		BusStart: BusNew, WebhookMaxBody: 1 << 20, InboundKeep: 30 * 24 * time.Hour, BulkKeep: 30 * 24 * time.Hour, WebhookHistory: 30 * 24 * time.Hour, WebhookDeadHistory: 90 * 24 * time.Hour,
		EvidenceAck: "checkpointed", AnchorInterval: time.Hour, SealLevel: "auto", RenewBefore: 90 * 24 * time.Hour,
		SMTPPort: 587, SMTPFrom: "Paraph <paraph@localhost>", SMTPTLS: "starttls",
		LogLevel: "info", LogFormat: "text", Metrics: true, KeyLogins: true,
	}
}

// defaultDataDir follows the XDG base directory specification.
func defaultDataDir() string {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "paraph")
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "share", "paraph")
	}
	return "paraph-data"
}

// Problem is one thing wrong with the settings.
type Problem struct {
	Setting string
	Message string
}

// Problems is everything wrong at once.
type Problems []Problem

// Error lists the problems, one a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Setting + ": " + one.Message
	}
	return "the configuration has faults:\n  " + strings.Join(lines, "\n  ")
}

// Check lists everything wrong with the settings, as Problems, or nil.
func (c *Config) Check() error {
	var p Problems
	add := func(setting, format string, args ...any) {
		p = append(p, Problem{setting, fmt.Sprintf(format, args...)})
	}
	if c.DataDir == "" {
		add("data-dir", "a folder is needed")
	}
	if !strings.Contains(c.Listen, ":") {
		add("listen", "%q is not host:port", c.Listen)
	}
	if c.AdminListen != "" && !strings.Contains(c.AdminListen, ":") {
		add("admin-listen", "%q is not host:port", c.AdminListen)
	}
	if c.VerifyURL != "" {
		if u, err := url.Parse(c.VerifyURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			add("verify-url", "%q is not an http or https address", c.VerifyURL)
		}
	}
	if c.PublicURL != "" {
		if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" {
			add("public-url", "%q is not an http or https address", c.PublicURL)
		} else if strings.Trim(u.Path, "/") != "" {
			add("public-url", "%q has a path: Paraph wants a host name of its own, so that no other application shares its origin and cookies", c.PublicURL)
		}
	}
	if u, err := url.Parse(c.MTLSURL); c.MTLSURL != "" && (err != nil || u.Host == "" || u.Scheme != "https" || u.RawQuery != "") {
		add("mtls-url", "%q is not an https address", c.MTLSURL)
	}
	if c.ClientCertificateHeader != "" && len(c.TrustedProxies) == 0 {
		add("client-certificate-header", "only trusted proxies are believed, and there are none")
	}
	if db := c.Database.Reveal(); db != "" && !strings.HasPrefix(db, "postgres://") && !strings.HasPrefix(db, "postgresql://") {
		add("database", "only postgres:// addresses are known; leave it empty for SQLite")
	}
	if c.Blobs != "" && !strings.HasPrefix(c.Blobs, "s3://") {
		add("blobs", "only s3:// addresses are known; leave it empty for the data folder")
	}
	if (c.BlobsAccessKey == "") != (c.BlobsSecretKey == "") {
		add("blobs-secret-key", "access key and secret key go together")
	}
	for _, o := range c.CrossOrigins {
		if u, err := url.Parse(o); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || o != strings.ToLower(u.Scheme+"://"+u.Host) {
			add("cross-origins", "%q is not an origin as browsers write it: scheme, host and perhaps a port, without a path", o)
		}
	}
	for _, r := range c.Roles {
		if !slices.Contains(Roles(), r) {
			add("roles", "there is no role %q; there are %s", r, strings.Join(Roles(), ", "))
		}
	}
	if c.Database == "" && len(c.Roles) > 0 && len(c.Roles) < len(Roles()) {
		add("roles", "on SQLite one process takes all roles; separate roles need PostgreSQL")
	}
	if c.Database != "" && c.PublicURL == "" && len(c.Roles) > 0 && len(c.Roles) < len(Roles()) {
		add("public-url", "separate roles need it: no process knows by itself where another is reached")
	}
	if _, err := c.Proxies(); err != nil {
		add("trusted-proxies", "%v", err)
	}
	if _, err := prefixes(c.OutboundAllow); err != nil {
		add("outbound-allow", "%v", err)
	}
	if _, err := c.Timestamping(); err != nil {
		add("timestamp-authorities", "%v", err)
	}
	for _, r := range c.CustomRoles {
		if name, scopes, ok := strings.Cut(r, "="); !ok || name == "" || scopes == "" {
			add("custom-roles", "%q is not of the form NAME=SCOPE+SCOPE", r)
		}
	}
	if _, err := c.ParseClassLimits(); err != nil {
		add("class-limits", "%v", err)
	}
	c.checkNumbers(add)
	c.checkChoices(add)
	if len(p) == 0 {
		return nil
	}
	return p
}

func (c *Config) checkNumbers(add func(setting, format string, args ...any)) {
	for setting, bad := range map[string]bool{
		"max-upload": c.MaxUpload < 1, "max-resumable-upload": c.MaxResumable < 1, "max-pages": c.MaxPages < 1, "max-pixels": c.MaxPixels < 1,
		"token-lifetime":      c.TokenLifetime < time.Minute || c.TokenLifetime > time.Hour,
		"delegation-lifetime": c.DelegationLifetime < time.Minute, "delegation-idle": c.DelegationIdle < time.Minute,
		"link-lifetime": c.LinkLifetime < time.Minute, "envelope-lifetime": c.EnvelopeLifetime < time.Minute,
		"smtp-port": c.SMTPPort < 1 || c.SMTPPort > 65535, "workers": c.Workers < 0, "memory-budget": c.MemoryBudget < 0, "queue-age-warning": c.QueueAgeWarning < 0, "rate-limit": c.RateLimit < 0 || c.RateLimit > 0 && c.RateBurst < 1, "address-rate": c.AddressRate < 0 || c.AddressRate > 0 && c.AddressBurst < 1,
		"webhook-history": c.WebhookHistory < time.Hour, "webhook-dead-history": c.WebhookDeadHistory < time.Hour,
		"reminder-interval": c.ReminderInterval < 0, "audit-interval": c.AuditInterval < 0, "shutdown-timeout": c.ShutdownTimeout < time.Second,
		"webhook-max-body": c.WebhookMaxBody < 1<<10 || c.WebhookMaxBody > 32<<20, "inbound-keep": c.InboundKeep < 24*time.Hour, "bulk-keep": c.BulkKeep < time.Hour,
		"anchor-interval": c.AnchorInterval != 0 && (c.AnchorInterval < time.Minute || c.AnchorInterval > 24*time.Hour),
		"seal-certify":    c.SealCertify < 0 || c.SealCertify > 2, "renew-before": c.RenewBefore < 24*time.Hour,
		"lease": c.Lease < time.Second || c.Lease > time.Minute, "drain-delay": c.DrainDelay < 0 || c.DrainDelay > 10*time.Minute,
	} {
		if bad {
			add(setting, "the value is out of range")
		}
	}
}

func (c *Config) checkChoices(add func(setting, format string, args ...any)) {
	choice := func(setting, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			add(setting, "%q is not one of %s", value, strings.Join(allowed, ", "))
		}
	}
	choice("bus-start", c.BusStart, BusNew, BusAll)
	choice("smtp-tls", c.SMTPTLS, "starttls", "tls", "none")
	choice("seal-level", c.SealLevel, "auto", "b", "t", "lt", "lta")
	if c.SealLevel != "auto" && c.SealLevel != "b" && len(c.TimestampAuthorities) == 0 {
		add("seal-level", "the level %s needs time stamps: name an authority in timestamp-authorities", c.SealLevel)
	}
	if _, err := c.SealingKey(); err != nil {
		add("seal-key", "%v", err)
	}
	if _, _, err := c.ScannerAddress(); err != nil {
		add("scanner", "%v", err)
	}
	choice("evidence-ack", c.EvidenceAck, "checkpointed", "witnessed")
	choice("log-level", c.LogLevel, "debug", "info", "warn", "error")
	choice("log-format", c.LogFormat, "text", "json")
	for _, lang := range strings.Split(c.OCRLanguages, "+") {
		if lang == "" || strings.ContainsFunc(lang, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' }) {
			add("ocr-languages", "%q is not a language as Tesseract names it", lang)
		}
	}
}

// Proxies gives the trusted networks.
func (c *Config) Proxies() ([]netip.Prefix, error) { return prefixes(c.TrustedProxies) }

// Outbound gives the networks that may be reached although they are not public.
func (c *Config) Outbound() ([]netip.Prefix, error) { return prefixes(c.OutboundAllow) }

// OwnRoles gives the scopes of each custom role by its name.
func (c *Config) OwnRoles() map[string][]string {
	out := make(map[string][]string, len(c.CustomRoles))
	for _, r := range c.CustomRoles {
		name, scopes, _ := strings.Cut(r, "=")
		out[strings.TrimSpace(name)] = strings.Split(scopes, "+")
	}
	return out
}

func prefixes(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			addr, addrErr := netip.ParseAddr(s)
			if addrErr != nil {
				return nil, fmt.Errorf("%q is neither a network nor an address", s)
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// Has tells whether the process takes the role.
func (c *Config) Has(role string) bool { return len(c.Roles) == 0 || slices.Contains(c.Roles, role) }
