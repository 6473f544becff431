package service

import (
	"testing"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
)

func TestConfinedAdministratorsStayConfined(t *testing.T) {
	t.Parallel()
	scopes := []access.Scope{access.DocumentsRead}
	for name, tc := range map[string]struct {
		by    []string
		units []string
		want  int
	}{
		"free, all units":            {nil, nil, 0},
		"free, one unit":             {nil, []string{"a"}, 0},
		"confined, own unit":         {[]string{"a", "b"}, []string{"a"}, 0},
		"confined, all units":        {[]string{"a"}, nil, 1},
		"confined, another unit":     {[]string{"a"}, []string{"b"}, 1},
		"confined, own and another":  {[]string{"a"}, []string{"a", "b"}, 1},
		"confined to nothing at all": {[]string{}, []string{"a"}, 1},
	} {
		var l fault.List
		cl := access.OAuthClient{Name: "x", Principal: "x", Scopes: scopes, Units: tc.units}
		cl.Check(access.BuiltIn(), access.Actor{Units: tc.by}, &l)
		err := l.Err("x", "x")
		if got := len(fault.From(err).GetDetails()); got != tc.want {
			t.Errorf("%s: %d faults, want %d: %v", name, got, tc.want, err)
		}
	}
}
