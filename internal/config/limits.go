package config

import (
	"fmt"
	"strconv"
	"strings"
)

// ClassLimit is a line of class-limits; what is left out is -1.
type ClassLimit struct {
	Class         string
	PerSecond     float64
	Burst, AtOnce int
}

// ParseClassLimits reads class-limits. Whether there is such a class, its reader knows.
func (c *Config) ParseClassLimits() (out []ClassLimit, err error) {
	for _, line := range c.ClassLimits {
		name, text, _ := strings.Cut(line, "=")
		parts := strings.Split(text, "/")
		if len(parts) != 3 {
			return nil, fmt.Errorf("%q is not of the form CLASS=RATE/BURST/AT-ONCE", line)
		}
		var numbers [3]float64
		for i, part := range parts {
			if part = strings.TrimSpace(part); part == "" {
				numbers[i] = -1
				continue
			}
			n, err := strconv.ParseFloat(part, 64)
			if err != nil || n < 0 || n > 1e6 || i > 0 && n != float64(int(n)) {
				return nil, fmt.Errorf("%q has a part that is no number from 0 to a million", line)
			}
			numbers[i] = n
		}
		out = append(out, ClassLimit{strings.TrimSpace(name), numbers[0], int(numbers[1]), int(numbers[2])})
	}
	return out, nil
}
