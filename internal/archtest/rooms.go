package archtest

// room is a part of the house: folders, and the rooms they may import.
type room struct {
	name    string
	folders []string
	may     []string // names of rooms
	modules []string // foreign modules a pure room may import all the same
	pure    bool     // no foreign modules, no outside world
	one     bool     // its folders may import one another
	free    bool     // programs beside the product: no rules
}

// leaves is what everything may import; below is what stands under the adapters.
var (
	leaves = []string{"leaf"}
	domain = []string{"leaf", "domain"}
	below  = []string{"leaf", "failpoint", "durable", "domain", "service"}
	edge   = []string{"leaf", "failpoint", "durable", "domain", "service", "pades", "anchor", "pdf", "ocr", "mapping", "sandbox", "safehttp", "condition", "crypt", "brand", "ca", "sealkey"}
)

// rooms is the table of docs/architecture.md, "Arrows".
//
// Adapters may import service because the interfaces they implement, and the
// records those interfaces speak of, are owned there. No adapter names another.
var rooms = []room{
	{name: "leaf", folders: []string{"internal/fault", "internal/clock", "internal/id"}, pure: true, one: true},
	{name: "domain", folders: []string{
		"internal/bulk", "internal/document", "internal/flow", "internal/approval", "internal/signing", "internal/extraction",
		"internal/event", "internal/fair", "internal/hook", "internal/journal", "internal/retention", "internal/webhook", "internal/access", "internal/delegation", "internal/people",
	}, may: leaves, modules: []string{"golang.org/x/mod", "github.com/transparency-dev/merkle"}, pure: true, one: true},
	{name: "service", folders: []string{"internal/service"}, may: append([]string{"failpoint", "jwks", "attestation"}, domain...)},

	{name: "entrance", folders: []string{"internal/entrance"}, may: domain},
	{name: "httpapi", folders: []string{"internal/httpapi"}, may: append([]string{"entrance", "docs", "docsite", "handover", "webform"}, below...)},
	// The texts, and what makes pages of them: they know nothing of what they tell about.
	{name: "docs", folders: []string{"docs"}, pure: true},
	{name: "docsite", folders: []string{"internal/docsite"}, may: []string{"brand"}},
	{name: "oauth", folders: []string{"internal/oauth"}, may: append([]string{"jwks", "webform", "entrance"}, below...)},
	// Logging in is a room of its own, which the authorization server knows as an interface.
	{name: "login", folders: []string{"internal/login"}, may: append([]string{"brand", "webform", "pdf", "safehttp", "entrance"}, below...)},
	{name: "scim", folders: []string{"internal/scim"}, may: append([]string{"entrance"}, below...)},
	{name: "webform", folders: []string{"internal/webform"}, may: append([]string{"brand"}, domain...)},
	{name: "signpage", folders: []string{"internal/signpage"}, may: append([]string{"entrance"}, edge...)},
	{name: "work", folders: []string{"internal/work"}, may: append([]string{"handover"}, edge...)},
	{name: "connector", folders: []string{"internal/connector"}, may: edge},

	{name: "store", folders: []string{"internal/store"}, may: below},
	{name: "blob", folders: []string{"internal/blob"}, may: append([]string{"crypt"}, below...)},
	{name: "bus", folders: []string{"internal/bus"}, may: below},
	{name: "mail", folders: []string{"internal/mail"}, may: []string{"leaf", "domain", "brand"}},
	{name: "notify", folders: []string{"internal/notify"}, may: []string{"leaf", "domain", "brand", "safehttp"}},
	{name: "telemetry", folders: []string{"internal/telemetry"}, may: leaves},
	{name: "config", folders: []string{"internal/config"}, may: leaves},

	// Libraries: they know nothing of Paraph's domain.
	{name: "pades", folders: []string{"pades"}},
	// What a time stamp over the log is: the domain's checkpoint with pades' token.
	{name: "anchor", folders: []string{"internal/anchor"}, may: append([]string{"pades"}, domain...)},
	// What Paraph hands out, judged offline: by the command line and in browsers.
	{name: "verdict", folders: []string{"internal/verdict"}, may: append([]string{"pades", "anchor", "zipform", "handover"}, domain...), one: true},
	{name: "zipform", folders: []string{"internal/zipform"}},
	// The file in which a business unit is handed over: its form, and how strangers' are read.
	{name: "handover", folders: []string{"internal/handover"}, may: append([]string{"zipform"}, domain...)},
	{name: "pdf", folders: []string{"internal/pdf"}, may: []string{"pades", "sandbox", "brand"}},
	{name: "ocr", folders: []string{"internal/ocr"}},
	{name: "jwks", folders: []string{"internal/jwks"}}, // which keys of clients are taken: asked when they are registered, and when they are used
	{name: "attestation", folders: []string{"internal/attestation"}},
	{name: "clamd", folders: []string{"internal/clamd"}, may: leaves},
	{name: "mapping", folders: []string{"internal/mapping"}, may: []string{"sandbox"}},
	{name: "sandbox", folders: []string{"internal/sandbox"}},
	{name: "safehttp", folders: []string{"internal/safehttp"}},
	{name: "condition", folders: []string{"internal/condition"}},
	{name: "crypt", folders: []string{"internal/blob/crypt"}, may: []string{"durable"}},
	{name: "durable", folders: []string{"internal/durable"}},
	{name: "failpoint", folders: []string{"internal/failpoint"}},
	{name: "brand", folders: []string{"internal/brand"}, pure: true},
	{name: "ca", folders: []string{"internal/ca"}, may: []string{"durable"}},
	{name: "sealkey", folders: []string{"internal/sealkey"}, one: true},
	{name: "demodata", folders: []string{"internal/demodata"}},

	// A backup reads rows and files through their adapters, and is built like the
	// server: by hand, over all of them.
	{name: "backup", folders: []string{"internal/backup"}, may: append([]string{"store", "blob", "crypt"}, below...)},

	{name: "server", folders: []string{"internal/server"}, may: append([]string{
		"entrance", "httpapi", "oauth", "login", "scim", "signpage", "backup", "webui", "work", "clamd", "store", "blob", "bus", "connector", "mail", "notify", "telemetry", "config",
	}, edge...)},
	{name: "witness", folders: []string{"internal/witness"}, may: append([]string{"durable"}, domain...)},
	{name: "tsa", folders: []string{"internal/tsa"}, may: []string{"leaf", "durable", "ca", "pades"}},
	{name: "webui", folders: []string{"internal/webui"}, may: append([]string{"brand", "entrance"}, below...)},
	{name: "cli", folders: []string{"internal/cli"}, may: []string{
		"server", "backup", "witness", "tsa", "config", "telemetry", "leaf", "domain", "pades", "anchor", "verdict", "pdf", "sandbox", "safehttp", "crypt", "demodata", "sdk", "brand",
	}},
	{name: "sdk", folders: []string{"sdk/go"}, pure: false},
	{name: "cmd", folders: []string{"cmd"}, may: []string{"cli"}},
	{name: "the program that asks hardware modules", folders: []string{"cmd/paraph-pkcs11"}, may: []string{"sealkey"}},

	{name: "programs beside the product", folders: []string{"bench", "scripts", "judges", "sdk/gen", "sdk/conformance"}, free: true},
	{name: "tests of the house", folders: []string{"internal/archtest", "internal/testneed", "internal/e2e"}},
}

// exceptions are single arrows that the rooms' table does not allow, each with
// its reason.
var exceptions = map[string][]string{
	// The child process is the one place where untrusted bytes are parsed, so
	// its entry binds the parsers to the sandbox's protocol.
	"internal/sandbox/childmain": {
		"internal/brand", "internal/pdf", "internal/pdf/engine", "internal/mapping/engine", "internal/ocr",
		"pades", "pades/mark", "pades/pdffile", "pades/revocation", "pades/trust", "pades/trust/tsl", "pades/validation",
	},
	// The CLI hands over to the child's entry when it is started as one, and
	// reads the database's state for migrate and doctor.
	"internal/cli": {"internal/sandbox/childmain", "internal/store"},
}

// outsideWorld is what pure rooms must not touch.
var outsideWorld = []string{"database/sql", "net/http", "net/rpc", "net/smtp", "os/exec", "plugin", "syscall", "log", "C"}
