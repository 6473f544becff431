package document

import (
	"testing"
	"time"
)

var (
	noon    = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	ends    = noon.AddDate(1, 0, 0)
	margin  = 90 * 24 * time.Hour
	highest = Plan{Level: LevelLTA, Highest: true, Margin: margin, Stamps: true}
	demand  = Plan{Level: LevelLTA, Margin: margin, Stamps: true}
	none    = Plan{Level: LevelB, Highest: true, Margin: margin}
	at      = func(l Level) Standing { return Standing{Level: l, Until: ends, Stamped: noon} }
)

// TestMeasured: what comes of an attempt, and what is due next.
func TestMeasured(t *testing.T) {
	t.Parallel()
	outside := Lack{Code: "timestamp_http", Reason: "500", Outside: true}
	own := Lack{Code: "evidence_refused", Reason: "no"}
	lasting := Lack{Code: "evidence_no_source", Reason: "names nobody", Lasting: true}
	for name, c := range map[string]struct {
		plan     Plan
		standing Standing
		lack     Lack
		attempts int // before
		renew    bool
		due      time.Time
		code     string
		wanted   Level
	}{
		"reached":                         {demand, at(LevelLTA), Lack{}, 3, false, ends.Add(-margin), "", LevelLTA},
		"reached without stamps":          {none, at(LevelB), Lack{}, 0, false, time.Time{}, "", LevelB},
		"half-way":                        {demand, at(LevelT), Lack{}, 0, false, noon, "", LevelLTA},
		"an authority is out":             {demand, at(LevelB), outside, 5, false, noon, "timestamp_http", LevelLTA},
		"a responder is out, first":       {demand, at(LevelT), own, 0, false, noon.Add(10 * time.Minute), "evidence_refused", LevelLTA},
		"a responder is out, for days":    {demand, at(LevelT), own, 9, false, noon.Add(24 * time.Hour), "evidence_refused", LevelLTA},
		"nobody could be asked":           {demand, at(LevelT), lasting, 0, false, ends.Add(-margin), "evidence_no_source", LevelLTA},
		"that is as high as it goes":      {highest, at(LevelT), lasting, 0, false, ends.Add(-margin), "evidence_no_source", LevelT},
		"a renewal that could not be had": {demand, at(LevelLTA), own, 0, true, noon.Add(10 * time.Minute), "evidence_refused", LevelLTA},
	} {
		p := Protection{Version: 3, Wanted: c.plan.Level, Attempts: c.attempts, Renew: c.renew}
		p.Measured(4, c.standing, c.lack, c.plan, noon)
		if p.Version != 4 || !p.DueAt.Equal(c.due) || p.Code != c.code || p.Wanted != c.wanted {
			t.Errorf("%s: %+v, due %v instead of %v", name, p, p.DueAt, c.due)
		}
		if waits := c.code != "" && !(p.Level.Reaches(p.Wanted) && !p.Renew); waits == p.Since.IsZero() || waits && p.Attempts != c.attempts+1 {
			t.Errorf("%s: since %v, %d attempts", name, p.Since, p.Attempts)
		}
	}
}

// TestRenewal: a stamp is renewed the margin before its end, and one that lives
// shorter than that at half of what was left.
func TestRenewal(t *testing.T) {
	t.Parallel()
	p := Protection{Wanted: LevelLTA}
	p.Measured(1, at(LevelLTA), Lack{}, demand, noon)
	if p.RenewalDue(demand, p.DueAt.Add(-time.Second)) || !p.RenewalDue(demand, p.DueAt) {
		t.Errorf("due at %v", p.DueAt)
	}
	short := at(LevelLTA)
	short.Until = noon.Add(10 * 24 * time.Hour)
	p.Measured(1, short, Lack{}, demand, noon)
	if want := noon.Add(5 * 24 * time.Hour); !p.DueAt.Equal(want) {
		t.Errorf("a short-lived one is due at %v instead of %v", p.DueAt, want)
	}
	bare := Protection{Wanted: LevelB}
	if bare.Measured(1, at(LevelB), Lack{}, demand, noon); bare.RenewalDue(demand, ends) {
		t.Error("without a time stamp there is nothing to renew")
	}
}

// TestAsk: who asks for what is there already is told so.
func TestAsk(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		has, wanted, ask Level
		renew, ok        bool
	}{
		"higher":            {LevelB, LevelB, LevelLT, false, true},
		"delayed, again":    {LevelB, LevelLTA, LevelLTA, false, true},
		"reached":           {LevelLTA, LevelLTA, LevelT, false, false},
		"reached, to renew": {LevelLTA, LevelLTA, LevelLTA, true, true},
	} {
		p := Protection{Standing: at(c.has), Wanted: c.wanted}
		if ok := p.Ask(c.ask, c.renew, noon); ok != c.ok || ok && (!p.DueAt.Equal(noon) || p.Renew != c.renew) {
			t.Errorf("%s: %v %+v", name, ok, p)
		}
	}
	foreign := Begin(Version{No: 2, Standing: at(LevelB)}, false, demand)
	if foreign.Wanted != LevelB {
		t.Errorf("of others' signatures %s is wanted", foreign.Wanted)
	}
	all := demand
	all.Foreign = true
	if !foreign.Follow(all, noon) || foreign.Wanted != LevelLTA || foreign.Follow(all, noon) {
		t.Errorf("after the setting has changed: %+v", foreign)
	}
	if foreign.Follow(none, noon) {
		t.Error("a setting that wants less took something back")
	}
}

// TestLineOf: a line goes on through the versions that protect it, and no others.
func TestLineOf(t *testing.T) {
	t.Parallel()
	versions := []Version{{No: 1, Kind: Original}, {No: 2, Kind: Sealed, DerivedFrom: 1}, {No: 3, Kind: Completion}, {No: 4, Kind: Protected, DerivedFrom: 2},
		{No: 5, Kind: Protected, DerivedFrom: 3}, {No: 6, Kind: Protected, DerivedFrom: 4}}
	for first, want := range map[int]int{2: 6, 3: 5, 1: 1, 9: 0} {
		if got := LineOf(versions, first).No; got != want {
			t.Errorf("the line of version %d ends with %d instead of %d", first, got, want)
		}
	}
	if !LevelLT.Reaches(LevelT) || LevelT.Reaches(LevelLT) || Unmeasured.Valid() || Higher(LevelB, LevelLT) != LevelLT || len(Levels()) != 4 {
		t.Error("the levels are out of order")
	}
}
