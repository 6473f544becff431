package people

import (
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// DirectoryPrefix begins the id of a directory's token.
const DirectoryPrefix = "dirt"

// How long a directory's token works. Directories such as Entra ID and Okta know no
// other way to prove themselves, so it has to last; never for ever.
const (
	MinDirectoryLife = time.Hour
	MaxDirectoryLife = 366 * 24 * time.Hour
	// directoryNotice is how long before its end somebody is told, at most; a token that
	// lives shorter than four times that is told of in its last quarter.
	directoryNotice = 30 * 24 * time.Hour
	// directoryTouch is how often it is noted that a token was used.
	directoryTouch = time.Hour
)

// DirectoryToken lets a directory say who works here, by SCIM and nothing else.
type DirectoryToken struct {
	ID        string // dirt_…
	Org       string
	Name      string // which directory has it
	Hash      []byte // SHA-256 of the token
	By        string // principal who made it
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // zero: never
	WarnedAt  time.Time // when it was told that it is about to end; zero: not yet
	RevokedAt time.Time // zero: in force
	Revision  int64
}

// Check notes everything wrong with a token that is to be made.
func (d *DirectoryToken) Check(now time.Time, l *fault.List) {
	if n := len(d.Name); n < 1 || n > maxTitle {
		l.Add("/name", "bad_length", "A token's name has 1 to %d bytes.", maxTitle)
	}
	if life := d.ExpiresAt.Sub(now); life < MinDirectoryLife || life > MaxDirectoryLife {
		l.Add("/expires_at", "out_of_range", "A token works for an hour at least and 366 days at most. Make the next one before it ends.")
	}
}

// Works tells whether the token lets its directory in.
func (d *DirectoryToken) Works(now time.Time) bool {
	return d.RevokedAt.IsZero() && now.Before(d.ExpiresAt)
}

// WarnAt is when somebody is told that the token is about to end.
func (d *DirectoryToken) WarnAt() time.Time {
	return d.ExpiresAt.Add(-min(directoryNotice, d.ExpiresAt.Sub(d.CreatedAt)/4))
}

// Touch notes a use, where the last was not a moment ago; false where it was.
func (d *DirectoryToken) Touch(now time.Time) bool {
	if now.Sub(d.UsedAt) < directoryTouch {
		return false
	}
	d.UsedAt = now
	return true
}
