package login

import (
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/people"
)

// begin asks for a link to log in, and gives its path.
func (b *browser) begin(u people.User, next string) string {
	b.Helper()
	page := b.get(Path + "?fresh=1&next=" + next)
	b.is("asking for a link", b.post(Path+"/mail", "form", page.form, "user", strings.ToUpper(u.Name)), 200, "")
	return b.letter(u)
}

func (b *browser) code(link, code string) reply {
	b.Helper()
	return b.post(link, "form", b.get(link).form, "code", code)
}

// TestLoginByCode: a link by e-mail and a code log in the browser that asked, once.
func TestLoginByCode(t *testing.T) {
	onBoth(t, func(r *rig) {
		u, b := r.joined("mara@example.com")
		secret := b.app()
		recovery := listed.FindAllStringSubmatch(b.post(AccountPath+"/recovery", "form", b.get(AccountPath).form).body, -1)
		b.post(LogoutPath)
		link := b.begin(u, "/oauth/device")
		code := people.TOTPCode(secret, r.clock.Now())
		r.is("the code that the app was set up by", b.code(link, code), 401, "")
		r.clock.Advance(30e9)
		code = people.TOTPCode(secret, r.clock.Now())
		elsewhere := r.browser()
		r.is("the link in another browser", elsewhere.get(link), 409, "")
		form := b.get(link).form
		r.is("its form in another browser", elsewhere.post(link, "form", form, "code", code), 409, "")
		r.is("the code", b.code(link, code[:3]+" "+code[3:]), 303, "/oauth/device")
		if who, how := b.in(); who != u.Name || !same(how, []string{"mail", "otp", "mfa"}) {
			t.Errorf("%s is logged in by %v", who, how)
		}
		r.is("the link once more", b.get(link), 404, "")

		r.clock.Advance(people.LogInPause)
		link = b.begin(u, "")
		r.clock.Advance(-people.LogInPause)
		r.is("the code of before", b.code(link, code), 401, "")
		r.clock.Advance(people.LogInPause)
		r.is("a recovery code", b.code(link, strings.ToUpper(strings.ReplaceAll(recovery[3][1], "-", " "))), 303, AccountPath)
		r.clock.Advance(people.LogInPause)
		link = b.begin(u, "")
		r.is("the same once more", b.code(link, recovery[3][1]), 401, "")
		r.is("another", b.code(link, recovery[4][1]), 303, AccountPath)
		r.clock.Advance(people.LogInPause)
		link = b.begin(u, "")
		r.clock.Advance(people.LogInLife)
		r.is("a link that has run out", b.get(link), 404, "")
	})
}

// TestGuessingCodes: one link takes a handful of wrong codes, and a minute has to pass
// before the next; whoever guesses locks nobody out.
func TestGuessingCodes(t *testing.T) {
	onBoth(t, func(r *rig) {
		u, b := r.joined("mara@example.com")
		secret := b.app()
		eve := r.browser()
		link := eve.begin(u, "")
		for i := range people.LogInTries {
			want := map[bool]int{true: 409, false: 401}[i == people.LogInTries-1]
			r.is("a guess", eve.code(link, "000000"), want, "")
		}
		r.clock.Advance(30e9)
		r.is("the right code, too late", eve.post(link, "form", eve.get(Path).form, "code", people.TOTPCode(secret, r.clock.Now())), 404, "")
		page := eve.get(Path)
		r.is("a link within the minute", eve.post(Path+"/mail", "form", page.form, "user", u.Name), 200, "")
		if n := len(r.entries(journal.LoginLinkAsked)); n != 1 {
			t.Errorf("%d links", n)
		}
		r.is("the person's passkey all the while", b.loginByPasskey(Path+"?fresh=1"), 303, AccountPath)
		if n := len(r.entries(journal.LoginFailed)); n != people.LogInTries {
			t.Errorf("%d failures in the log", n)
		}
	})
}

// TestNobodyIsTold: who is not known, or has no codes, gets the same page, and no letter.
func TestNobodyIsTold(t *testing.T) {
	onBoth(t, func(r *rig) {
		u, with := r.joined("mara@example.com")
		with.app()
		r.joined("ben@example.com")
		b := r.browser()
		var pages []string
		for _, name := range []string{"mara@example.com", "ben@example.com", "nobody@example.com", "x"} {
			page := b.get(Path)
			pages = append(pages, b.post(Path+"/mail", "form", page.form, "user", name).body)
		}
		for _, p := range pages[1:] {
			if p != pages[0] {
				t.Errorf("told apart:\n%s\n%s", pages[0], p)
			}
		}
		if sent := r.entries(journal.LoginLinkAsked); len(sent) != 1 || !strings.Contains(sent[0], u.ID) {
			t.Errorf("%v", sent)
		}
		for range mailBurst {
			page := b.get(Path)
			b.post(Path+"/mail", "form", page.form, "user", "x")
		}
		page := b.get(Path)
		r.is("too many", b.post(Path+"/mail", "form", page.form, "user", "x"), 429, "")
	})
}
