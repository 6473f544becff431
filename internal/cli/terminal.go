package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

// onTerminal tells whether somebody watches what is written.
func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// table writes rows under a head, in columns; a cell is one line.
func table(w io.Writer, head []string, rows [][]string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = plain(cell)
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	_ = t.Flush() // what cannot be written to a terminal is nobody's loss
}

// plain keeps what others have written from steering the terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, s)
}

// bar shows how far a file has got, where somebody watches.
type bar struct {
	w     io.Writer
	name  string
	shown time.Time
	long  int // of the line that stands there
}

// newBar gives what to tell of progress, and what to call at the end.
func newBar(env *Env, name string) (progress func(done, total int64), end func()) {
	b := &bar{w: env.Stderr, name: plain(name)}
	if !onTerminal(env.Stderr) {
		return func(int64, int64) {}, func() {}
	}
	return b.show, func() { fmt.Fprintf(b.w, "\r%s\r", strings.Repeat(" ", b.long)) }
}

func (b *bar) show(done, total int64) {
	if now := time.Now(); done == total || now.Sub(b.shown) > 100*time.Millisecond {
		b.shown = now
		line := barLine(b.name, done, total)
		fmt.Fprintf(b.w, "\r%s%s", line, strings.Repeat(" ", max(0, b.long-len([]rune(line)))))
		b.long = len([]rune(line))
	}
}

// barLine draws a bar of 24 places.
func barLine(name string, done, total int64) string {
	if total <= 0 {
		return fmt.Sprintf("%s  %s", name, size(done))
	}
	full := int(min(24*done/total, 24))
	return fmt.Sprintf("%s  %s%s  %d %%  %s of %s", name, strings.Repeat("█", full), strings.Repeat("░", 24-full), 100*done/total, size(done), size(total))
}

// pagesOf says how long a document is.
func pagesOf(n int) string {
	if n == 1 {
		return "1 page"
	}
	return fmt.Sprintf("%d pages", n)
}

// size writes a number of bytes for people.
func size(n int64) string {
	for _, unit := range []string{"bytes", "kB", "MB"} {
		if n < 10_000 {
			return fmt.Sprintf("%d %s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%d GB", n)
}

// when writes a time for people: how long ago, where that is soon.
func when(at, now time.Time) string {
	switch ago := now.Sub(at); {
	case ago < 0:
		return at.Local().Format(time.DateTime)
	case ago < time.Minute:
		return "just now"
	case ago < time.Hour:
		return fmt.Sprintf("%d min ago", int(ago.Minutes()))
	case ago < 24*time.Hour:
		return fmt.Sprintf("%d h ago", int(ago.Hours()))
	}
	return at.Local().Format(time.DateOnly)
}
