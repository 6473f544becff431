package pades

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/paraph/paraph/pades/pdffile"
)

// changes compares every revision after the first signature with the one before: by
// its objects, and where they show something new, by what is seen.
func (v *verifier) changes() error {
	v.changed, v.unseen, v.notes = map[int]finding{}, map[int]finding{}, map[int][]string{}
	first := len(v.revisions)
	for _, f := range v.found {
		if f.revision >= 0 {
			first = min(first, f.revision)
		}
	}
	if first == len(v.revisions) {
		return nil // no signature covers a revision; that check has failed already
	}
	if len(v.revisions)-first > maxRevisions {
		v.checks.notRun(CheckChanges, "there are too many revisions to compare")
		return nil
	}
	old, err := v.view(first)
	if err != nil {
		return v.judge(&v.checks, CheckRevisions, err)
	}
	for k := first + 1; k < len(v.revisions); k++ {
		current, err := v.view(k)
		if err != nil {
			return v.judge(&v.checks, CheckRevisions, err)
		}
		if err := v.compare(k, old, current); err != nil {
			return err
		}
		old = current
	}
	return nil
}

// compare judges one revision.
func (v *verifier) compare(k int, old, current *pdffile.File) error {
	fields, err := old.SignatureFields()
	if err != nil {
		return v.judge(&v.checks, CheckChanges, err)
	}
	limits, err := restrictionsOf(old, fields)
	if err != nil {
		return v.judge(&v.checks, CheckChanges, err)
	}
	found, err := compare(old, current, v.revisions[k], limits.level)
	if reason, ok := errors.AsType[*forbidden](err); ok {
		v.changed[k] = finding{code: CheckChanges, why: reason.why}
		return nil
	}
	if err != nil {
		return v.judge(&v.checks, CheckChanges, err)
	}
	if bad := v.allowed(found, &limits); bad.why != "" {
		v.changed[k] = bad
		if !bad.doubt {
			return nil
		}
	}
	if found.unused > 0 {
		v.notes[k] = append(v.notes[k], fmt.Sprintf("%d object(s) were added that nothing leads to", found.unused))
	}
	if found.metadata {
		v.notes[k] = append(v.notes[k], "the document's metadata was written anew, which no page shows")
	}
	return v.compareSeen(k, old, current, found.areas)
}

// allowed judges a comparison by policy, certification and locks.
func (v *verifier) allowed(found additions, limits *restrictions) finding {
	no := func(format string, args ...any) finding {
		return finding{code: CheckChanges, why: fmt.Sprintf(format, args...)}
	}
	filled := slices.Concat(found.filled, found.replaced)
	for _, name := range slices.Concat(filled, found.signed) {
		if by, locked := limits.locks(name); locked {
			return no("the field %s was changed, which the signature in %s locks", name, by)
		}
	}
	switch {
	case limits.level == 1 && found.signatures > 0:
		return no("a signature was added, which the certification forbids")
	case limits.level == 1 && len(filled) > 0:
		return no("the form field %s was changed, which the certification forbids", filled[0])
	case found.fieldsOnly > 0:
		return no("an empty signature field was added")
	case v.opts.Policy == Sealed && found.unused > 0:
		return no("%d object(s) were added that nothing allowed needs", found.unused)
	case v.opts.Policy == Sealed && found.info:
		return no("the document information was changed")
	case v.opts.Policy == Sealed && found.metadata:
		return no("the document's metadata was changed")
	case v.opts.Policy == Sealed && len(filled) > 0:
		return no("the form field %s was changed", filled[0])
	case limits.level >= 2:
		return finding{}
	case len(found.replaced) > 0:
		return no("the value of the form field %s, as it was when signed, was changed: %s", found.replaced[0], strings.Join(found.replaced, ", "))
	case len(found.filled) > 0:
		bad := no("the form field %s was filled, and no certification says whether that is allowed", found.filled[0])
		bad.doubt = true
		return bad
	}
	return finding{}
}

// laterChanges judges for one signature what the revisions after it brought.
func (v *verifier) laterChanges(f *found) {
	list, own := &f.checks, f.revision
	if own == len(v.revisions)-1 {
		list.ok(CheckChanges, "nothing was added after this signature")
		return
	}
	var doubts []finding
	var notes []string
	for k := own + 1; k < len(v.revisions); k++ {
		for _, set := range []map[int]finding{v.changed, v.unseen} {
			bad, is := set[k]
			switch bad.why = fmt.Sprintf("revision %d: %s", k+1, bad.why); {
			case is && bad.doubt:
				doubts = append(doubts, bad)
			case is:
				list.fail(bad.code, bad.why)
				return
			}
		}
		notes = append(notes, v.notes[k]...)
	}
	for _, c := range v.checks {
		if (c.Code == CheckChanges || c.Code == CheckRevisions) && (c.Status == Failed || c.Status == NotRun) {
			list.notRun(CheckChanges, "what was added after this signature could not be compared")
			return
		}
	}
	for _, d := range doubts {
		list.notRun(d.code, d.why)
	}
	if len(doubts) == 0 {
		list.ok(CheckChanges, "only what is allowed was added after this signature")
	}
	for _, n := range slices.Compact(notes) {
		list.note(CheckChanges, n)
	}
}
