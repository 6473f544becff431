package xmlsig

import "strings"

// Is tells whether the element has this name.
func (e *Element) Is(space, local string) bool {
	return e != nil && e.Space == space && e.Local == local
}

// Children gives the child elements of a name.
func (e *Element) Children(space, local string) []*Element {
	if e == nil {
		return nil
	}
	var list []*Element
	for _, n := range e.Nodes {
		if n.Element.Is(space, local) {
			list = append(list, n.Element)
		}
	}
	return list
}

// Child gives the only child element of a name; nil where there is none or several.
func (e *Element) Child(space, local string) *Element {
	if list := e.Children(space, local); len(list) == 1 {
		return list[0]
	}
	return nil
}

// Path follows only children of one namespace.
func (e *Element) Path(space string, names ...string) *Element {
	for _, n := range names {
		e = e.Child(space, n)
	}
	return e
}

// Elements gives all child elements.
func (e *Element) Elements() []*Element {
	if e == nil {
		return nil
	}
	var list []*Element
	for _, n := range e.Nodes {
		if n.Element != nil {
			list = append(list, n.Element)
		}
	}
	return list
}

// Value gives the text of an element that has nothing else in it, without blanks
// around it.
func (e *Element) Value() string {
	if e == nil {
		return ""
	}
	var b strings.Builder
	for _, n := range e.Nodes {
		if n.Element != nil {
			return ""
		}
		b.WriteString(n.Text)
	}
	return strings.TrimSpace(b.String())
}

// Attr gives the value of an attribute without namespace; "" where it is not there.
func (e *Element) Attr(local string) string {
	if e == nil {
		return ""
	}
	for _, a := range e.Attrs {
		if a.Space == "" && a.Local == local {
			return a.Value
		}
	}
	return ""
}

// walk visits the element and everything below it.
func (e *Element) walk(visit func(*Element)) {
	visit(e)
	for _, n := range e.Nodes {
		if n.Element != nil {
			n.walk(visit)
		}
	}
}
