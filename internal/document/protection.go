package document

import (
	"slices"
	"time"
)

// Level is how far the PDF signatures of a file are protected: a PAdES baseline
// level (ETSI EN 319 142-1, 6.1).
type Level string

// The levels, in rising order.
const (
	Unmeasured Level = ""    // not known, or there is no signature
	LevelB     Level = "b"   // signed
	LevelT     Level = "t"   // with a time from outside
	LevelLT    Level = "lt"  // with what a verifier needs later
	LevelLTA   Level = "lta" // and a document timestamp over all of that
)

var levels = []Level{Unmeasured, LevelB, LevelT, LevelLT, LevelLTA}

// Levels lists what a file can be brought to, in rising order.
func Levels() []Level { return slices.Clone(levels[1:]) }

// Reaches tells whether l is the level or a higher one.
func (l Level) Reaches(other Level) bool {
	return slices.Index(levels, l) >= slices.Index(levels, other)
}

// Valid tells whether l is a level.
func (l Level) Valid() bool { return l != Unmeasured && slices.Contains(levels, l) }

// Higher gives the higher one of two levels.
func Higher(a, b Level) Level {
	if a.Reaches(b) {
		return a
	}
	return b
}

// Standing is what protects the signatures of a version, and until when.
type Standing struct {
	Level   Level     // of the least protected signature
	Until   time.Time // then the protection runs out; zero where there is no signature
	Because string    // what ends then, in words for people
	Stamped time.Time // by the newest time stamp; zero: there is none
}

// Lack is why a level could not be reached. The zero value says that nothing is lacking.
type Lack struct {
	Code   string // timestamp_…, evidence_…
	Reason string // in words for people
	// Outside says that a time stamping authority is away, which concerns every
	// document; otherwise it is about this one's certificates.
	Outside bool
	// Lasting says that nothing will change by itself, as for a certificate that
	// names nobody who could be asked: it is not tried again unless somebody asks.
	Lasting bool
}

// Protection is how a signed file of a document fares over the years: the newest
// version of its line, how far that is protected, and what comes next. A line
// begins with a sealed version, with a certificate of completion that is a file of
// its own, or with an upload that others have signed.
type Protection struct {
	Org, DocumentID string
	Line            int  // number of the version that the line began with
	Version         int  // of its newest version
	Own             bool // the signature is a seal of this installation
	Standing
	Wanted   Level
	Renew    bool      // a further time stamp is wanted although the level is reached
	Code     string    // why not more; "": nothing is lacking
	Reason   string    // the same for people
	Since    time.Time // since when something is lacking
	Attempts int       // since then
	DueAt    time.Time // when something is done about it next; zero: nothing is, by itself
}

// Plan is what an installation wants for its signed files.
type Plan struct {
	Level Level
	// Highest says that Level is no demand but the most the configured authorities
	// may give: a lasting lack is then how things are.
	Highest bool
	// Foreign says that files which others have signed are raised and renewed too.
	Foreign bool
	// Margin is how long before its end a protection is renewed.
	Margin time.Duration
	// Stamps says that there is a time stamping authority.
	Stamps bool
}

// For gives the level that is wanted for a file that this installation sealed,
// or for one of others.
func (p Plan) For(own bool) Level {
	if own || p.Foreign {
		return p.Level
	}
	return LevelB
}

// Follow lets a line want what the plan wants now. It is false where it did already.
func (p *Protection) Follow(plan Plan, now time.Time) bool {
	want := Higher(p.Wanted, plan.For(p.Own))
	if want == p.Wanted {
		return false
	}
	p.Wanted, p.DueAt = want, now
	return true
}

// Begin gives the row of a line that a version begins.
func Begin(v Version, own bool, plan Plan) Protection {
	return Protection{Org: v.Org, DocumentID: v.DocumentID, Line: v.No, Version: v.No, Own: own, Standing: v.Standing, Wanted: plan.For(own)}
}

// retries are the waits after the 1st, 2nd … attempt that failed for a document's
// own reason; the last one repeats.
var retries = []time.Duration{10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}

// Measured notes how things stand after an attempt, and when the next thing is due.
func (p *Protection) Measured(version int, s Standing, l Lack, plan Plan, now time.Time) {
	p.Version, p.Standing = version, s
	p.Code, p.Reason = l.Code, l.Reason
	if l.Lasting && plan.Highest {
		p.Wanted = s.Level // as high as it goes
	}
	reached := s.Level.Reaches(p.Wanted) && !p.Renew
	switch {
	case reached:
		p.Since, p.Attempts = time.Time{}, 0
		if !l.Lasting {
			p.Code, p.Reason = "", ""
		}
		p.DueAt = p.renewal(plan)
	case l.Code == "": // it goes on at once
		p.DueAt = now
	default:
		if p.Since.IsZero() {
			p.Since = now
		}
		p.Attempts++
		switch {
		case l.Lasting:
			p.DueAt = p.renewal(plan)
		case l.Outside:
			p.DueAt = now // who starts the attempts waits for the authority
		default:
			p.DueAt = now.Add(retries[min(p.Attempts, len(retries))-1])
		}
	}
}

// renewal gives the time at which a further time stamp is due; zero where none
// can be had, or none is there that could weaken. A stamp by a certificate that
// lives shorter than the margin is renewed at half of what was left.
func (p *Protection) renewal(plan Plan) time.Time {
	if !plan.Stamps || !p.Level.Reaches(LevelT) || p.Until.IsZero() {
		return time.Time{}
	}
	return p.Until.Add(-min(plan.Margin, p.Until.Sub(p.Stamped)/2))
}

// Ask wants a level, or a renewal, of a line. It is false where that is so already.
func (p *Protection) Ask(want Level, renew bool, now time.Time) bool {
	higher := Higher(p.Wanted, want)
	if higher == p.Wanted && p.Level.Reaches(higher) && !renew {
		return false
	}
	p.Wanted, p.Renew, p.DueAt = higher, p.Renew || renew, now
	return true
}

// RenewalDue tells whether the protection is about to run out, so that the next
// attempt has to add a time stamp.
func (p *Protection) RenewalDue(plan Plan, now time.Time) bool {
	at := p.renewal(plan)
	return p.Renew || !at.IsZero() && !now.Before(at)
}

// LineOf gives the newest version of the line that begins with a version.
func LineOf(versions []Version, first int) Version {
	var newest Version
	for _, v := range versions {
		if v.No == first || v.Kind == Protected && v.DerivedFrom == newest.No && newest.No > 0 {
			newest = v
		}
	}
	return newest
}
