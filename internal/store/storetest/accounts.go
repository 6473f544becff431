package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/people"
	"github.com/paraph/paraph/internal/service"
)

// lost checks that a change of a state that is not the newest is refused.
func lost(t *testing.T, s service.Store, change func(ctx context.Context, tx service.Tx) error) {
	t.Helper()
	refused(t, s.Write(t.Context(), change), fault.Conflict, "stale")
}

// taken checks that what is there already cannot be made once more.
func taken(t *testing.T, s service.Store, make func(ctx context.Context, tx service.Tx) error) {
	t.Helper()
	refused(t, s.Write(t.Context(), make), fault.Conflict, "exists")
}

func newUser(orgID, name string) people.User {
	return people.User{ID: newID("usr"), Org: orgID, Name: name, Display: "Mara Lind", Active: true, Roles: []access.Role{"viewer", "clerk"}, Units: []string{"buying"}, Locale: "de-CH", ExternalID: "x-" + name,
		CreatedAt: at(1), UpdatedAt: at(2), Revision: 1}
}

// users: who is known, by id, by name, and in lists.
func users(t *testing.T, s service.Store) {
	mara, ben, foreign := newUser(org, "mara@people.example"), newUser(org, "ben@people.example"), newUser(other, "mara@people.example")
	ben.Roles, ben.Units, ben.Active, ben.DeactivatedAt = []access.Role{}, nil, false, at(3)
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.InsertUser(ctx, mara), tx.InsertUser(ctx, ben), tx.InsertUser(ctx, foreign))
	})
	again := newUser(org, mara.Name)
	taken(t, s, func(ctx context.Context, tx service.Tx) error { return tx.InsertUser(ctx, again) })
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		for _, want := range []people.User{mara, ben, foreign} {
			got, err := tx.User(ctx, want.ID)
			same(t, "by id", got, want)
			named, err2 := tx.UserNamed(ctx, want.Org, want.Name)
			same(t, "by name", named, want)
			if err := errors.Join(err, err2); err != nil {
				return err
			}
		}
		_, err := tx.User(ctx, "usr_none")
		gone(t, "a user", err)
		_, err = tx.UserNamed(ctx, other, ben.Name)
		gone(t, "a name of another organisation", err)
		all, err := tx.UsersNamed(ctx, mara.Name)
		same(t, "in every organisation", all, []people.User{mara, foreign})
		return err
	})
	old := mara
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		next := old
		next.Display, next.Roles, next.Units, next.DeletedAt, next.Active = "M. L.", nil, []string{}, at(9), false
		if err := tx.UpdateUser(ctx, &next); err != nil {
			return err
		}
		mara = next
		mara.Roles = []access.Role{}
		return nil
	})
	lost(t, s, func(ctx context.Context, tx service.Tx) error { o := old; return tx.UpdateUser(ctx, &o) })
	yes, no := true, false
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.User(ctx, mara.ID)
		same(t, "changed", got, mara)
		for name, c := range map[string]struct {
			f    service.UserFilter
			want []people.User
		}{
			"who was deleted is in no list": {service.UserFilter{Name: mara.Name}, nil},
			"by name":                       {service.UserFilter{Name: ben.Name}, []people.User{ben}},
			"by external id":                {service.UserFilter{ExternalID: ben.ExternalID}, []people.User{ben}},
			"not active":                    {service.UserFilter{Name: ben.Name, Active: &no}, []people.User{ben}},
			"active":                        {service.UserFilter{Name: ben.Name, Active: &yes}, nil},
			"older than itself":             {service.UserFilter{Name: ben.Name, Before: ben.ID}, nil},
		} {
			c.f.Org = org
			found, err := tx.Users(ctx, c.f)
			if err != nil {
				return err
			}
			same(t, name, found, c.want)
		}
		return err
	})
}

// groupsOfPeople: groups, and who is in them.
func groupsOfPeople(t *testing.T, s service.Store) {
	u, v := newUser(org, "ann@groups.example"), newUser(org, "bob@groups.example")
	g := people.Group{ID: newID("grp"), Org: org, Name: "Buyers", ExternalID: "g-1", Roles: []access.Role{"viewer"}, Units: []string{"buying"}, CreatedAt: at(1), UpdatedAt: at(2), Revision: 1}
	empty := people.Group{ID: newID("grp"), Org: org, Name: "Nobody", Roles: []access.Role{}, CreatedAt: at(1), UpdatedAt: at(1), Revision: 1}
	foreign := people.Group{ID: newID("grp"), Org: other, Name: "Buyers", Roles: []access.Role{}, CreatedAt: at(1), UpdatedAt: at(1), Revision: 1}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.InsertUser(ctx, u), tx.InsertUser(ctx, v), tx.InsertGroup(ctx, g), tx.InsertGroup(ctx, empty), tx.InsertGroup(ctx, foreign))
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.AddMember(ctx, g.ID, v.ID), tx.AddMember(ctx, g.ID, u.ID), tx.AddMember(ctx, g.ID, u.ID), tx.DropMember(ctx, empty.ID, u.ID))
	})
	again := empty
	again.ID = newID("grp")
	taken(t, s, func(ctx context.Context, tx service.Tx) error { return tx.InsertGroup(ctx, again) })
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.Group(ctx, org, g.ID)
		same(t, "group", got, g)
		_, foreignErr := tx.Group(ctx, other, g.ID)
		gone(t, "a group of another organisation", foreignErr)
		in, err2 := tx.GroupsOf(ctx, u.ID)
		same(t, "whose", in, []people.Group{g})
		members, err3 := tx.Members(ctx, g.ID, empty.ID)
		same(t, "members", members, map[string][]people.Member{g.ID: {{UserID: u.ID, Name: u.Name, Display: u.Display}, {UserID: v.ID, Name: v.Name, Display: v.Display}}})
		none, err4 := tx.Members(ctx)
		same(t, "of no group", none, map[string][]people.Member{})
		found, err5 := tx.Users(ctx, service.UserFilter{Org: org, GroupID: g.ID, Limit: 1})
		same(t, "users of the group, newest first", found, []people.User{v})
		list, err6 := tx.Groups(ctx, service.GroupFilter{Org: org, Name: "Buyers"})
		same(t, "by name", list, []people.Group{g})
		external, err7 := tx.Groups(ctx, service.GroupFilter{Org: org, ExternalID: "g-1", Before: empty.ID})
		same(t, "by external id", external, []people.Group{g})
		return errors.Join(err, err2, err3, err4, err5, err6, err7)
	})
	old := g
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		next := old
		next.Name, next.Units = "Purchasing", nil
		err := tx.UpdateGroup(ctx, &next)
		g = next
		return err
	})
	lost(t, s, func(ctx context.Context, tx service.Tx) error { o := old; return tx.UpdateGroup(ctx, &o) })
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.DropMember(ctx, g.ID, v.ID), tx.DropMember(ctx, g.ID, v.ID))
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.Group(ctx, org, g.ID)
		same(t, "changed", got, g)
		in, err2 := tx.GroupsOf(ctx, v.ID)
		same(t, "who is out", in, []people.Group(nil))
		return errors.Join(err, err2)
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.DropGroup(ctx, g.ID) })
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		_, err := tx.Group(ctx, org, g.ID)
		gone(t, "a group that was deleted", err)
		in, err := tx.GroupsOf(ctx, u.ID)
		same(t, "who was in it", in, []people.Group(nil))
		return err
	})
}

// proofs: by what people prove who they are.
func proofs(t *testing.T, s service.Store) {
	u, v := newUser(org, "ann@proofs.example"), newUser(org, "bob@proofs.example")
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.InsertUser(ctx, u), tx.InsertUser(ctx, v))
	})
	first := people.Passkey{ID: []byte("passkey 1"), UserID: u.ID, Name: "Laptop", Credential: []byte(`{"a": 1}`), CreatedAt: at(1), Revision: 1}
	second := people.Passkey{ID: []byte("passkey 2"), UserID: u.ID, Name: "Key", Credential: []byte(`{}`), CreatedAt: at(2), UsedAt: at(3), Revision: 1}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.InsertPasskey(ctx, second), tx.InsertPasskey(ctx, first))
	})
	stolen := first
	stolen.UserID = v.ID
	taken(t, s, func(ctx context.Context, tx service.Tx) error { return tx.InsertPasskey(ctx, stolen) })
	old := first
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		next := old
		next.UsedAt, next.Credential = at(5), []byte(`{"a":2}`)
		err := tx.UpdatePasskey(ctx, &next)
		first = next
		return err
	})
	lost(t, s, func(ctx context.Context, tx service.Tx) error { o := old; return tx.UpdatePasskey(ctx, &o) })
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.Passkeys(ctx, u.ID)
		same(t, "passkeys, oldest first", got, []people.Passkey{first, second})
		none, err2 := tx.Passkeys(ctx, v.ID)
		same(t, "another's", none, []people.Passkey(nil))
		return errors.Join(err, err2)
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.DropPasskey(ctx, v.ID, second.ID), tx.DropPasskey(ctx, u.ID, first.ID)) // another's is not dropped
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.Passkeys(ctx, u.ID)
		same(t, "what is left", got, []people.Passkey{second})
		return err
	})

	o := people.TOTP{UserID: u.ID, Sealed: []byte("sealed"), CreatedAt: at(1), Revision: 1}
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.PutTOTP(ctx, o) })
	before := o
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		next := before
		next.ConfirmedAt, next.LastStep = at(2), 77
		err := tx.UpdateTOTP(ctx, &next)
		o = next
		return err
	})
	lost(t, s, func(ctx context.Context, tx service.Tx) error { b := before; return tx.UpdateTOTP(ctx, &b) })
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.TOTP(ctx, u.ID)
		same(t, "codes by time", got, o)
		_, none := tx.TOTP(ctx, v.ID)
		gone(t, "another's codes", none)
		return err
	})
	codes := []people.RecoveryCode{{UserID: u.ID, Hash: hashOf("code 1"), CreatedAt: at(1)}, {UserID: u.ID, Hash: hashOf("code 2"), CreatedAt: at(1)}}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.DropTOTP(ctx, u.ID), tx.ReplaceRecoveryCodes(ctx, u.ID, []people.RecoveryCode{{UserID: u.ID, Hash: hashOf("old"), CreatedAt: at(0)}}))
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.ReplaceRecoveryCodes(ctx, u.ID, codes) })
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return tx.UseRecoveryCode(ctx, u.ID, hashOf("code 1"), at(4))
	})
	lost(t, s, func(ctx context.Context, tx service.Tx) error {
		return tx.UseRecoveryCode(ctx, u.ID, hashOf("code 1"), at(5))
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		_, err := tx.TOTP(ctx, u.ID)
		gone(t, "codes that were dropped", err)
		got, err := tx.RecoveryCodes(ctx, u.ID)
		used := 0
		for _, c := range got {
			if !c.UsedAt.IsZero() {
				used++
			}
		}
		if len(got) != 2 || used != 1 {
			t.Errorf("recovery codes: %+v", got)
		}
		return err
	})
}

// logins: where people are logged in, and the links by which they get in.
func logins(t *testing.T, s service.Store) {
	u := newUser(org, "ann@logins.example")
	session := func(name string, minutes int) people.Session {
		return people.Session{Hash: hashOf(name), ID: newID("ses"), Org: org, UserID: u.ID, Methods: []string{"hwk", "user"}, Passkey: []byte("passkey"), Address: "192.0.2.7", UserAgent: "ua",
			CreatedAt: at(minutes), UsedAt: at(minutes), ExpiresAt: at(600), IdleUntil: at(minutes + 60)}
	}
	old, later := session("login 1", 1), session("login 2", 90)
	later.Passkey, later.Methods = nil, []string{"pwd"}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.InsertUser(ctx, u), tx.InsertLoginSession(ctx, old), tx.InsertLoginSession(ctx, later))
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.LoginSession(ctx, old.Hash)
		same(t, "login", got, old)
		_, none := tx.LoginSession(ctx, hashOf("none"))
		gone(t, "a login", none)
		both, err2 := tx.LoginSessions(ctx, u.ID, at(30))
		same(t, "newest first", both, []people.Session{later, old})
		lasting, err3 := tx.LoginSessions(ctx, u.ID, at(100))
		same(t, "those that last", lasting, []people.Session{later})
		return errors.Join(err, err2, err3)
	})
	later.UsedAt, later.IdleUntil = at(120), at(180)
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.TouchLoginSession(ctx, later), tx.DropLoginSession(ctx, old.Hash))
	})
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		left, err := tx.LoginSessions(ctx, u.ID, at(130))
		same(t, "what is left", left, []people.Session{later})
		return err
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.DropLoginSessions(ctx, u.ID) })

	i := people.Invitation{ID: newID("inv"), Org: org, UserID: u.ID, Purpose: people.ToLogIn, Hash: hashOf("link"), Browser: hashOf("browser"), By: "ann", CreatedAt: at(1), ExpiresAt: at(10), Revision: 1}
	unsent := people.Invitation{ID: newID("inv"), Org: org, UserID: u.ID, Purpose: people.ToLogIn, By: "ann", CreatedAt: at(2), ExpiresAt: at(10), Revision: 1}
	join := people.Invitation{ID: newID("inv"), Org: org, UserID: u.ID, Purpose: people.ToJoin, By: "ann", CreatedAt: at(3), ExpiresAt: at(10), Revision: 1}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.InsertInvitation(ctx, i), tx.InsertInvitation(ctx, unsent), tx.InsertInvitation(ctx, join))
	})
	first := i
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		next := first
		next.Tries, next.EndedAt = 2, at(5)
		err := tx.UpdateInvitation(ctx, &next)
		i = next
		return err
	})
	lost(t, s, func(ctx context.Context, tx service.Tx) error { o := first; return tx.UpdateInvitation(ctx, &o) })
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		none, err := tx.LoginSessions(ctx, u.ID, at(130))
		same(t, "all are ended", none, []people.Session(nil))
		got, err2 := tx.Invitation(ctx, org, i.ID)
		same(t, "invitation", got, i)
		_, foreign := tx.Invitation(ctx, other, i.ID)
		gone(t, "an invitation of another organisation", foreign)
		linked, err3 := tx.InvitationOf(ctx, hashOf("link"))
		same(t, "by its link", linked, i)
		all, err4 := tx.Invitations(ctx, org, u.ID, people.ToLogIn)
		same(t, "newest first", all, []people.Invitation{unsent, i})
		return errors.Join(err, err2, err3, err4)
	})
}

// vouchers: who outside knows people, which directories say who they are, and which
// devices are demanded of them.
func vouchers(t *testing.T, s service.Store) {
	p := people.Provider{ID: newID("idp"), Org: org, Name: "Work", Settings: people.ProviderSettings{Issuer: "https://idp.example", ClientID: "c", Domains: []string{"people.example"}, Groups: map[string]string{"a": "grp_1"}}, Sealed: []byte("s"), CreatedAt: at(1), UpdatedAt: at(1), Revision: 1}
	foreign := p
	foreign.ID, foreign.Org = newID("idp"), other
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.InsertLoginProvider(ctx, p), tx.InsertLoginProvider(ctx, foreign))
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return tx.InsertIdentity(ctx, p.ID, "subject", "usr_1", at(2))
	})
	again := p
	again.ID = newID("idp")
	taken(t, s, func(ctx context.Context, tx service.Tx) error { return tx.InsertLoginProvider(ctx, again) })
	old := p
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		next := old
		next.Settings.Disabled, next.Sealed = true, nil
		err := tx.UpdateLoginProvider(ctx, &next)
		p = next
		return err
	})
	lost(t, s, func(ctx context.Context, tx service.Tx) error { o := old; return tx.UpdateLoginProvider(ctx, &o) })
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.LoginProvider(ctx, p.ID)
		same(t, "provider", got, p)
		list, err2 := tx.LoginProviders(ctx, org)
		same(t, "of the organisation", list, []people.Provider{p})
		all, err3 := tx.LoginProviders(ctx, "")
		same(t, "of all", all, []people.Provider{p, foreign})
		who, err4 := tx.Identity(ctx, p.ID, "subject")
		same(t, "whom it knows", who, "usr_1")
		_, none := tx.Identity(ctx, foreign.ID, "subject")
		gone(t, "whom another knows", none)
		return errors.Join(err, err2, err3, err4)
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.DropLoginProvider(ctx, p.ID) })
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		_, err := tx.LoginProvider(ctx, p.ID)
		gone(t, "a provider that was removed", err)
		_, err = tx.Identity(ctx, p.ID, "subject")
		gone(t, "whom it knew", err)
		return nil
	})
	directories(t, s)
	deviceRules(t, s)
}

func directories(t *testing.T, s service.Store) {
	day := 24 * time.Hour
	d := people.DirectoryToken{ID: newID("dirt"), Org: org, Name: "Entra ID", Hash: hashOf("directory"), By: "ann", CreatedAt: at(0), ExpiresAt: at(0).Add(100 * day), Revision: 1}
	next := people.DirectoryToken{ID: newID("dirt"), Org: org, Name: "Entra ID", Hash: hashOf("directory 2"), By: "ann", CreatedAt: at(0), ExpiresAt: at(0).Add(300 * day), Revision: 1}
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		return errors.Join(tx.InsertDirectoryToken(ctx, d), tx.InsertDirectoryToken(ctx, next))
	})
	d.UsedAt = at(7)
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.TouchDirectoryToken(ctx, d) })
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.DirectoryToken(ctx, d.Hash)
		same(t, "by its hash", got, d)
		_, none := tx.DirectoryToken(ctx, hashOf("none"))
		gone(t, "a token", none)
		list, err2 := tx.DirectoryTokens(ctx, org)
		same(t, "newest first", list, []people.DirectoryToken{next, d})
		elsewhere, err3 := tx.DirectoryTokens(ctx, other)
		same(t, "of another organisation", elsewhere, []people.DirectoryToken(nil))
		early, err4 := tx.EndingDirectoryTokens(ctx, d.WarnAt().Add(-time.Second))
		same(t, "not yet", early, []people.DirectoryToken(nil))
		ending, err5 := tx.EndingDirectoryTokens(ctx, d.WarnAt())
		same(t, "about to end", ending, []people.DirectoryToken{d})
		return errors.Join(err, err2, err3, err4, err5)
	})
	old := d
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		o := old
		o.WarnedAt = at(8)
		return tx.UpdateDirectoryToken(ctx, &o)
	})
	lost(t, s, func(ctx context.Context, tx service.Tx) error { o := old; return tx.UpdateDirectoryToken(ctx, &o) })
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		ending, err := tx.EndingDirectoryTokens(ctx, d.ExpiresAt)
		same(t, "told already", ending, []people.DirectoryToken(nil))
		return err
	})
}

func deviceRules(t *testing.T, s service.Store) {
	r := access.DeviceRule{Org: org, Name: "board", Title: "Board", Off: true, For: access.DeviceScope{Clients: []string{"cli_1"}, Roles: []access.Role{"viewer"}, Actions: []access.Action{access.ReadDocument}},
		Demands: access.DeviceDemands{Passkey: &access.PasskeyDemand{Roots: "r", Models: []string{"m"}, MaxAge: time.Minute}, Certificate: &access.CertificateDemand{Roots: "c"}}, CreatedAt: at(1), UpdatedAt: at(1)}
	foreign := r
	foreign.Org = other
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		mine, theirs := r, foreign
		err := errors.Join(tx.SaveDeviceRule(ctx, &mine), tx.SaveDeviceRule(ctx, &theirs))
		r.Revision = 1
		return err
	})
	unseen := r
	unseen.Revision = 0
	lost(t, s, func(ctx context.Context, tx service.Tx) error { o := unseen; return tx.SaveDeviceRule(ctx, &o) })
	old := r
	write(t, s, func(ctx context.Context, tx service.Tx) error {
		next := old
		next.Off, next.Demands.Passkey, next.UpdatedAt = false, nil, at(2)
		err := tx.SaveDeviceRule(ctx, &next)
		r = next
		return err
	})
	lost(t, s, func(ctx context.Context, tx service.Tx) error { o := old; return tx.SaveDeviceRule(ctx, &o) })
	lost(t, s, func(ctx context.Context, tx service.Tx) error { return tx.RemoveDeviceRule(ctx, old) })
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.DeviceRules(ctx, org)
		same(t, "device rules", got, []access.DeviceRule{r})
		return err
	})
	write(t, s, func(ctx context.Context, tx service.Tx) error { return tx.RemoveDeviceRule(ctx, r) })
	read(t, s, func(ctx context.Context, tx service.Reader) error {
		got, err := tx.DeviceRules(ctx, org)
		same(t, "none is left", got, []access.DeviceRule(nil))
		theirs, err2 := tx.DeviceRules(ctx, other)
		same(t, "another organisation's is", len(theirs), 1)
		return errors.Join(err, err2)
	})
}
