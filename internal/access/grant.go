package access

import (
	"strings"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// MaxGrant is the longest time a grant may run.
const MaxGrant = 366 * 24 * time.Hour

// Grant lets a person read one document for a time, whatever business unit it
// lies in, as far as the person's token has the scope.
type Grant struct {
	ID         string // gra_…
	Org        string
	DocumentID string
	Principal  string // normalised e-mail address
	Purpose    string // why, for whoever reads the log
	By         string // principal who let them in
	From       time.Time
	Until      time.Time
	CreatedAt  time.Time
	RevokedAt  time.Time // zero: not taken back
}

// Runs tells whether the grant lets its principal in at a time.
func (g *Grant) Runs(now time.Time) bool {
	return g.RevokedAt.IsZero() && !now.Before(g.From) && now.Before(g.Until)
}

// Check refuses a grant that cannot be meant. Fault Invalid "invalid_grant_request".
func (g *Grant) Check(now time.Time) error {
	var l fault.List
	if n := len(g.Principal); n > 254 || !Person(g.Principal) || strings.ContainsAny(g.Principal, " \r\n\x00") {
		l.Add("/principal", "bad_principal", "Name the person by an e-mail address.")
	}
	if n := len(g.Purpose); n < 1 || n > 500 {
		l.Add("/purpose", "bad_length", "Say in 1 to 500 bytes what it is for.")
	}
	switch {
	case !g.Until.After(now):
		l.Add("/until", "past", "A grant ends in the future.")
	case !g.Until.After(g.From):
		l.Add("/until", "before_start", "A grant ends after it starts.")
	case g.Until.Sub(now) > MaxGrant:
		l.Add("/until", "too_long", "A grant runs for at most %d days. Renew it when the time comes.", int(MaxGrant.Hours()/24))
	}
	return l.Err("invalid_grant_request", "The grant has faults.")
}
