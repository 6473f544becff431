package qr

// draw puts codewords into a code and picks the mask that disturbs readers least.
func draw(version int, codewords []byte) *Code {
	size := 17 + 4*version
	c := &Code{Size: size, modules: make([]bool, size*size), fixed: make([]bool, size*size)}
	c.patterns(version)
	c.codewords(codewords)
	best, least := 0, int(^uint(0)>>1)
	for mask := range 8 {
		c.mask(mask)
		c.format(mask)
		if p := c.penalty(); p < least {
			best, least = mask, p
		}
		c.mask(mask) // twice is not at all
	}
	c.mask(best)
	c.format(best)
	return c
}

func (c *Code) set(x, y int, dark bool) {
	c.modules[y*c.Size+x], c.fixed[y*c.Size+x] = dark, true
}

// patterns draws what finds and aligns the code (6.3), and its version (7.10).
func (c *Code) patterns(version int) {
	for i := range c.Size {
		c.set(6, i, i%2 == 0)
		c.set(i, 6, i%2 == 0)
	}
	for _, at := range [][2]int{{3, 3}, {c.Size - 4, 3}, {3, c.Size - 4}} {
		for dy := -4; dy <= 4; dy++ {
			for dx := -4; dx <= 4; dx++ {
				x, y, ring := at[0]+dx, at[1]+dy, max(abs(dx), abs(dy))
				if x >= 0 && x < c.Size && y >= 0 && y < c.Size {
					c.set(x, y, ring != 2 && ring != 4)
				}
			}
		}
	}
	places := alignment(version)
	last := len(places) - 1
	for i, x := range places {
		for j, y := range places {
			if i == 0 && j == 0 || i == 0 && j == last || i == last && j == 0 {
				continue // a finder stands there
			}
			for dy := -2; dy <= 2; dy++ {
				for dx := -2; dx <= 2; dx++ {
					c.set(x+dx, y+dy, max(abs(dx), abs(dy)) != 1)
				}
			}
		}
	}
	c.format(0) // keeps its place free
	if version >= 7 {
		rest := version
		for range 12 {
			rest = rest<<1 ^ rest>>11*0x1F25
		}
		bits := version<<12 | rest
		for i := range 18 {
			a, b, dark := c.Size-11+i%3, i/3, bits>>i&1 == 1
			c.set(a, b, dark)
			c.set(b, a, dark)
		}
	}
}

// alignment gives the middles of the alignment patterns (Annex E).
func alignment(version int) []int {
	if version == 1 {
		return nil
	}
	count := version/7 + 2
	step := (version*8 + count*3 + 5) / (count*4 - 4) * 2
	places := make([]int, count)
	places[0] = 6
	for i, at := count-1, 4*version+10; i > 0; i, at = i-1, at-step {
		places[i] = at
	}
	return places
}

// format writes the level of correction and the mask, twice (7.9). Level M is 0.
func (c *Code) format(mask int) {
	rest := mask
	for range 10 {
		rest = rest<<1 ^ rest>>9*0x537
	}
	bits := (mask<<10 | rest) ^ 0x5412
	bit := func(i int) bool { return bits>>i&1 == 1 }
	for i := range 6 {
		c.set(8, i, bit(i))
		c.set(14-9-i, 8, bit(9+i))
	}
	c.set(8, 7, bit(6))
	c.set(8, 8, bit(7))
	c.set(7, 8, bit(8))
	for i := range 8 {
		c.set(c.Size-1-i, 8, bit(i))
	}
	for i := 8; i < 15; i++ {
		c.set(8, c.Size-15+i, bit(i))
	}
	c.set(8, c.Size-8, true)
}

// codewords fills the free modules in a zigzag of two columns (7.7.3).
func (c *Code) codewords(data []byte) {
	at := 0
	for right := c.Size - 1; right >= 1; right -= 2 {
		if right == 6 {
			right = 5
		}
		for step := range c.Size {
			y := step
			if (right+1)&2 == 0 {
				y = c.Size - 1 - step
			}
			for x := right; x > right-2; x-- {
				if !c.fixed[y*c.Size+x] && at < 8*len(data) {
					c.modules[y*c.Size+x] = data[at/8]>>(7-at%8)&1 == 1
					at++
				}
			}
		}
	}
}

// mask turns over modules by one of eight rules (Table 10).
func (c *Code) mask(rule int) {
	for y := range c.Size {
		for x := range c.Size {
			if i := y*c.Size + x; !c.fixed[i] && masked(rule, x, y) {
				c.modules[i] = !c.modules[i]
			}
		}
	}
}

func masked(rule, x, y int) bool {
	switch rule {
	case 0:
		return (x+y)%2 == 0
	case 1:
		return y%2 == 0
	case 2:
		return x%3 == 0
	case 3:
		return (x+y)%3 == 0
	case 4:
		return (x/3+y/2)%2 == 0
	case 5:
		return x*y%2+x*y%3 == 0
	case 6:
		return (x*y%2+x*y%3)%2 == 0
	}
	return ((x+y)%2+x*y%3)%2 == 0
}

// penalty counts what disturbs readers (7.8.3).
func (c *Code) penalty() int {
	total, dark := 0, 0
	for i := range c.Size {
		total += c.line(i*c.Size, 1) + c.line(i, c.Size)
	}
	for y := range c.Size {
		for x := range c.Size {
			m := c.modules[y*c.Size+x]
			if m {
				dark++
			}
			if x > 0 && y > 0 && m == c.modules[y*c.Size+x-1] && m == c.modules[(y-1)*c.Size+x] && m == c.modules[(y-1)*c.Size+x-1] {
				total += 3
			}
		}
	}
	all := c.Size * c.Size
	return total + abs(dark*20-all*10)/all*10
}

// line counts long runs and what looks like a finder in a row or a column.
func (c *Code) line(start, step int) (penalty int) {
	const finderLeft, finderRight, window = 0b00001011101, 0b10111010000, 1<<11 - 1
	run, last, bits := 0, false, 0
	for i := range c.Size {
		m := c.modules[start+i*step]
		if i > 0 && m == last {
			run++
		} else {
			run = 1
		}
		switch {
		case run == 5:
			penalty += 3
		case run > 5:
			penalty++
		}
		last = m
		bits <<= 1
		if m {
			bits |= 1
		}
		if bits &= window; i >= 10 && (bits == finderLeft || bits == finderRight) {
			penalty += 40
		}
	}
	return penalty
}

func abs(v int) int { return max(v, -v) }
