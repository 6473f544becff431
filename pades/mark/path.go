package mark

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Path is a drawing with curves, as SVG writes paths: M, L, H, V, C, S, Q and Z,
// absolute or relative, on a canvas that is fitted into Box without distortion.
type Path struct {
	Box           Rect    // within the mark; the zero Rect is the whole mark
	Width, Height float64 // of the canvas that the path is on
	Data          string
	Pen           float64 // width of the line on the canvas; 0 fills the path instead
	Color         Color
}

func (p Path) draw(d *drawing) error {
	x, top, w, h, err := d.box(p.Box)
	if err != nil {
		return err
	}
	if !finite(p.Width, p.Height, p.Pen) || p.Width <= 0 || p.Height <= 0 || p.Pen < 0 {
		return fault("a drawing's canvas has no usable size")
	}
	scale := min(w/p.Width, h/p.Height)
	t := tracer{d: d, scale: scale, x: x + (w-p.Width*scale)/2, top: top - (h-p.Height*scale)/2}
	d.out.WriteString("q 1 J 1 j\n")
	if p.Pen > 0 {
		d.color(p.Color, "RG")
		fmt.Fprintf(&d.out, "%s w\n", num(max(0.2, p.Pen*scale)))
	} else {
		d.color(p.Color, "rg")
	}
	if err := t.run(p.Data); err != nil {
		return err
	}
	op := "S"
	if p.Pen == 0 {
		op = "f"
	}
	d.out.WriteString(op + "\nQ\n")
	return nil
}

// tracer follows a path from point to point.
type tracer struct {
	d             *drawing
	scale, x, top float64
	at, start     Point
	control       Point // the last curve's second one, where the last command was a curve
	points        int
}

// numbers that each command takes.
var pathArguments = map[byte]int{'M': 2, 'L': 2, 'H': 1, 'V': 1, 'C': 6, 'S': 4, 'Q': 4, 'Z': 0}

func (t *tracer) run(data string) error {
	var command byte
	for rest := data; ; {
		rest = strings.TrimLeftFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || r == ',' })
		if rest == "" {
			return nil
		}
		if c := rest[0]; unicode.IsLetter(rune(c)) {
			command, rest = c, rest[1:]
		} else if command == 0 || command|0x20 == 'z' {
			return fault("a path has a number without a command")
		}
		n, known := pathArguments[command&^0x20]
		if !known {
			return fault("a path has the command %q, which is not drawn here", command)
		}
		var v [6]float64
		for i := range n {
			var err error
			if v[i], rest, err = number(rest); err != nil {
				return err
			}
		}
		if t.points++; t.points > maxPoints {
			return fault("a drawing has more than %d points", maxPoints)
		}
		if t.points == 1 && command&^0x20 != 'M' {
			return fault("a path does not begin with a point to move to")
		}
		t.step(command, v)
		switch command { // more numbers behind a move are lines
		case 'M':
			command = 'L'
		case 'm':
			command = 'l'
		}
	}
}

// number reads a number from the beginning of s. One may end where the next
// begins with a sign or a second point.
func number(s string) (float64, string, error) {
	s = strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == ',' })
	end := 0
	for dot := false; end < len(s); end++ {
		c := s[end]
		behindE := end > 0 && s[end-1]|0x20 == 'e'
		digit := c >= '0' && c <= '9' || c|0x20 == 'e' && end > 0
		sign := (c == '-' || c == '+') && (end == 0 || behindE)
		if !digit && !sign && (c != '.' || dot) {
			break
		}
		dot = dot || c == '.'
	}
	v, err := strconv.ParseFloat(s[:end], 64)
	if err != nil || !finite(v) {
		return 0, "", fault("a path has an impossible number")
	}
	return v, s[end:], nil
}

// step draws one command; lower case counts from the current point.
func (t *tracer) step(command byte, v [6]float64) {
	var from Point
	if command >= 'a' {
		from = t.at
	}
	p := func(i int) Point { return Point{from.X + v[i], from.Y + v[i+1]} }
	var control Point
	defer func() { t.control = control }()
	switch command &^ 0x20 {
	case 'M':
		t.at = p(0)
		t.start = t.at
		t.write("m", t.at)
	case 'L':
		t.at = p(0)
		t.write("l", t.at)
	case 'H':
		t.at.X = from.X + v[0]
		t.write("l", t.at)
	case 'V':
		t.at.Y = from.Y + v[0]
		t.write("l", t.at)
	case 'C':
		a, b, c := p(0), p(2), p(4)
		t.at, control = c, b
		t.write("c", a, b, c)
		return
	case 'S': // its first control mirrors the last one
		a, b, c := Point{2*t.at.X - t.control.X, 2*t.at.Y - t.control.Y}, p(0), p(2)
		t.at, control = c, b
		t.write("c", a, b, c)
		return
	case 'Q': // a quadratic curve as a cubic one
		q, c := p(0), p(2)
		third := func(a, b Point) Point { return Point{a.X + 2*(b.X-a.X)/3, a.Y + 2*(b.Y-a.Y)/3} }
		t.write("c", third(t.at, q), third(c, q), c)
		t.at = c
	case 'Z':
		t.at = t.start
		t.d.out.WriteString("h\n")
	}
	control = t.at
}

func (t *tracer) write(op string, points ...Point) {
	for _, p := range points {
		t.d.point(t.x+p.X*t.scale, t.top-p.Y*t.scale)
	}
	t.d.out.WriteString(op + "\n")
}

// Initials gives the first letters of a name's words, at most four: what a
// person writes in the margin.
func Initials(name string) string {
	var b strings.Builder
	for i, word := range strings.FieldsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || r == '-' }) {
		if i == 4 {
			break
		}
		for _, r := range word {
			b.WriteRune(unicode.ToUpper(r))
			break
		}
	}
	return b.String()
}
