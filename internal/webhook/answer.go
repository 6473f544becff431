package webhook

import (
	"fmt"
	"time"
)

// Trouble is why no answer came, or none that can be used.
type Trouble string

// The kinds of trouble; they are codes of attempts.
const (
	NoTrouble    Trouble = ""
	NoConnection Trouble = "no_connection"  // nobody is there, or the name has no address
	BadTLS       Trouble = "tls_failed"     // certificate or handshake
	TimedOut     Trouble = "timed_out"      // no answer within the endpoint's time
	Denied       Trouble = "address_denied" // an address that must not be reached
	BrokenOff    Trouble = "broken_off"     // the connection ended before an answer
	NoAnswer     Trouble = "bad_answer"     // what came is no HTTP answer
	NotSendable  Trouble = "not_sendable"   // the endpoint's settings do not let a request be made
)

// Answer is what came back of an attempt.
type Answer struct {
	Status     int
	RetryAfter time.Duration // 0: not said
	Trouble    Trouble
	Detail     string // what the trouble was, in the words of the network
}

// Verdict is what an answer means.
type Verdict struct {
	Delivered bool
	Code      string
	Reason    string
	// Gone: the endpoint wants nothing any more.
	Gone bool
	// Slow: the endpoint as a whole has too much to do.
	Slow bool
	// AtFault: whatever was sent, it would have failed.
	AtFault bool
	Wait    time.Duration // asked for by the endpoint
}

// Judge says what an answer means. Only 2xx is a success; a redirect is a failure,
// since what is behind it was never checked.
func (a Answer) Judge() Verdict {
	v := Verdict{Wait: min(a.RetryAfter, MaxWait)}
	if a.Trouble != NoTrouble {
		v.Code, v.Reason, v.AtFault = string(a.Trouble), a.Detail, true
		return v
	}
	switch s := a.Status; {
	case s >= 200 && s < 300:
		return Verdict{Delivered: true}
	case s >= 300 && s < 400:
		v.Code, v.Reason = "redirected", fmt.Sprintf("It answered %d; redirects are not followed. Give the address it leads to.", s)
	case s == 410:
		v.Code, v.Reason, v.Gone = "gone", "It answered 410: it wants no more events.", true
	case s == 429, s == 502, s == 503, s == 504:
		v.Code, v.Reason, v.Slow, v.AtFault = fmt.Sprintf("status_%d", s), fmt.Sprintf("It answered %d: it has too much to do, or is away.", s), true, true
	default:
		v.Code, v.Reason = fmt.Sprintf("status_%d", s), fmt.Sprintf("It answered %d.", s)
	}
	return v
}

// MaxWait is the longest wait that an endpoint can ask for.
const MaxWait = 24 * time.Hour

// DefaultRetries are the waits between attempts: those of Standard Webhooks'
// example, ten attempts over three days.
var DefaultRetries = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// jitter is the share of a wait by which it is longer or shorter, so that what
// failed together does not come back together.
const jitter = 0.1

// NextTry gives when the next attempt is due after the last one failed; false
// where there is none any more. chance is a random number from 0 to 1.
func (e *Endpoint) NextTry(attempts int, v Verdict, now time.Time, chance float64) (time.Time, bool) {
	waits := e.Waits()
	if attempts > len(waits) {
		return time.Time{}, false
	}
	wait := time.Duration(float64(waits[max(attempts, 1)-1]) * (1 - jitter + 2*jitter*chance))
	return now.Add(max(wait, v.Wait)), true
}

// Waits gives the waits between attempts.
func (e *Endpoint) Waits() []time.Duration {
	if len(e.Retries) == 0 {
		return DefaultRetries
	}
	return e.Retries
}
