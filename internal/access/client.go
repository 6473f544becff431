package access

import "time"

// OAuthClient is a program, or a person's program, that may ask for tokens.
type OAuthClient struct {
	ID         string // cli_…
	Org        string
	Name       string
	Principal  string // whom it speaks for
	Scopes     []Scope
	Roles      []Role   // whose scopes it has too
	Units      []string // nil: all
	SecretHash []byte   // SHA-256 of 256 random bits
	CreatedAt  time.Time
	RevokedAt  time.Time // zero: in force
}

// Organisation is a tenant.
type Organisation struct {
	ID        string
	Name      string
	CreatedAt time.Time
}
