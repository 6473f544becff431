package access

import (
	"slices"

	"github.com/paraph/paraph/internal/fault"
)

// Class is a kind of request that has limits of its own, so that what is dear does
// not take the place of what is cheap.
type Class string

// The classes.
const (
	Reads    Class = "reads"
	Writes   Class = "writes"
	Uploads  Class = "uploads"
	Searches Class = "searches"
	Waits    Class = "waits"  // reads that wait for something to happen: only how many at once counts
	Tokens   Class = "tokens" // at the authorization server, of clients that have proved themselves
)

// Classes lists the classes.
func Classes() []Class { return []Class{Reads, Writes, Uploads, Searches, Waits, Tokens} }

// RequestLimit is how many requests of a class somebody may make; 0 is without a limit,
// and in a client's own limits what the installation says.
type RequestLimit struct {
	PerSecond float64 `json:"per_second,omitempty"` // lasting
	Burst     int     `json:"burst,omitempty"`      // beyond that, after a pause
	AtOnce    int     `json:"at_once,omitempty"`
}

// RequestLimits are the limits of each class.
type RequestLimits map[Class]RequestLimit

// Over gives the limit of a class: what these say, and else what base does.
func (l RequestLimits) Over(base RequestLimits, c Class) RequestLimit {
	out, own := base[c], l[c]
	if own.PerSecond > 0 {
		out.PerSecond = own.PerSecond
	}
	if own.Burst > 0 {
		out.Burst = own.Burst
	}
	if own.AtOnce > 0 {
		out.AtOnce = own.AtOnce
	}
	if out.PerSecond > 0 && out.Burst < 1 {
		out.Burst = max(1, int(out.PerSecond))
	}
	return out
}

// Exceed gives a class in which these allow more than base does; "" for none.
func (l RequestLimits) Exceed(base RequestLimits) Class {
	for _, c := range Classes() {
		own, most := l[c], base[c]
		if most.PerSecond > 0 && (own.PerSecond > most.PerSecond || own.Burst > most.Burst) || most.AtOnce > 0 && own.AtOnce > most.AtOnce {
			return c
		}
	}
	return ""
}

func (l RequestLimits) check(list *fault.List) {
	for c, own := range l {
		if !slices.Contains(Classes(), c) {
			list.Add("/request_limits", "unknown_class", "There is no class of requests %q.", c)
		}
		if own.PerSecond < 0 || own.Burst < 0 || own.AtOnce < 0 || own.PerSecond > 1e6 || own.Burst > 1e6 || own.AtOnce > 1e6 {
			list.Add("/request_limits", "out_of_range", "A limit is a number from 1 to a million; left out, it is the installation's.")
		}
	}
}
