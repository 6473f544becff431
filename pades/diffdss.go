package pades

import (
	"slices"

	"github.com/paraph/paraph/pades/pdffile"
)

// validationData allows a document security store (EN 319 142-1, 5.4.2) to be
// added or extended.
func (c *comparison) validationData() error {
	a, err := c.old.Catalog()
	if err != nil {
		return err
	}
	b, err := c.new.Catalog()
	if err != nil {
		return err
	}
	dss, err := c.new.Resolve(b["DSS"])
	if err != nil {
		return err
	}
	switch d := dss.(type) {
	case pdffile.Null:
		if a["DSS"] != nil {
			return forbid("the validation data was removed")
		}
		return nil
	case pdffile.Dict:
		for key := range d {
			if !slices.Contains([]pdffile.Name{"Type", "VRI", "Certs", "OCSPs", "CRLs"}, key) {
				return forbid("the validation data has the entry /%s", key)
			}
		}
	default:
		return forbid("the validation data is no dictionary")
	}
	if err := c.explainNew(b["DSS"], 0); err != nil {
		return err
	}
	if err := c.nothingTaken(a["DSS"], b["DSS"]); err != nil {
		return err
	}
	replaced, err := c.replacedStore(a["DSS"], b["DSS"])
	if err != nil || len(replaced) == 0 {
		return err
	}
	// An object of the store that the pages use too would change what they show.
	shared, err := c.usedBeside(replaced, "DSS")
	if err != nil {
		return err
	}
	if shared {
		return forbid("validation data was changed that other parts of the document use")
	}
	for num := range replaced {
		c.explained[num] = true
	}
	return nil
}

// replacedStore lists dictionaries and arrays of the old store that were
// changed, and explains what they newly reach.
func (c *comparison) replacedStore(before, after pdffile.Object) (map[uint32]bool, error) {
	reach, err := reachable(c.old, before, nil)
	if err != nil {
		return nil, err
	}
	replaced := map[uint32]bool{}
	if err := c.explainNew(after, 0); err != nil {
		return nil, err
	}
	for num := range reach {
		if !c.changed[num] {
			continue
		}
		ref, _, _, ok := c.new.Place(num)
		if !ok {
			return nil, forbid("validation data was removed")
		}
		o, err := c.new.Object(ref)
		if err != nil {
			return nil, err
		}
		if _, stream := o.(*pdffile.Stream); stream {
			return nil, forbid("a certificate or revocation answer was replaced")
		}
		replaced[num] = true
		if err := c.explainNew(o, 0); err != nil {
			return nil, err
		}
	}
	return replaced, nil
}

// usedBeside tells whether the old document reaches one of the objects without
// going through an entry of its catalog.
func (c *comparison) usedBeside(nums map[uint32]bool, entry pdffile.Name) (bool, error) {
	catalog, err := c.old.Catalog()
	if err != nil {
		return false, err
	}
	rest := catalog.Clone()
	delete(rest, entry)
	root, _ := c.old.Trailer()["Root"].(pdffile.Ref)
	seen, err := reachable(c.old, rest, map[uint32]bool{root.Num: true})
	if err != nil {
		return false, err
	}
	for num := range nums {
		if seen[num] {
			return true, nil
		}
	}
	return false, nil
}

// nothingTaken refuses a store that lacks what the one before had: evidence may be
// added, never taken away or exchanged.
func (c *comparison) nothingTaken(before, after pdffile.Object) error {
	was, err := c.old.Dict(before)
	if err != nil || was == nil {
		return err
	}
	is, err := c.new.Dict(after)
	if err != nil {
		return err
	}
	for _, key := range []pdffile.Name{"Certs", "OCSPs", "CRLs"} {
		x, err := c.old.Array(was[key])
		if err != nil {
			return err
		}
		y, err := c.new.Array(is[key])
		if err != nil {
			return err
		}
		if slices.Equal(x, y[:min(len(x), len(y))]) {
			continue
		}
		held, err := digests(c.new, y)
		if err != nil {
			return err
		}
		needed, err := digests(c.old, x)
		if err != nil {
			return err
		}
		for sum := range needed {
			if _, there := held[sum]; !there {
				return forbid("validation data was removed or exchanged (/%s)", key)
			}
		}
	}
	return nil
}

// reachable lists the objects that o leads to, not counting those in seen.
func reachable(f *pdffile.File, o pdffile.Object, seen map[uint32]bool) (map[uint32]bool, error) {
	if seen == nil {
		seen = map[uint32]bool{}
	}
	todo := []pdffile.Object{o}
	for len(todo) > 0 {
		o := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch v := o.(type) {
		case pdffile.Ref:
			if seen[v.Num] {
				continue
			}
			seen[v.Num] = true
			target, err := f.Object(v)
			if err != nil {
				return nil, err
			}
			todo = append(todo, target)
		case pdffile.Array:
			todo = append(todo, v...)
		case pdffile.Dict:
			for _, e := range v {
				todo = append(todo, e)
			}
		case *pdffile.Stream:
			todo = append(todo, v.Dict)
		}
	}
	return seen, nil
}
