package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"unicode"

	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// proposal is a transaction that is not made yet: what a command wants written,
// decided on a snapshot. It is a conn: questions go to the snapshot, and changes
// are noted, each with the number of rows it is to change.
//
// Its engine then carries out the changes of many proposals in one transaction.
// Where one changes another number of rows than it was to, something that the
// command relied on is no longer so (each write is a compare-and-swap): then
// nothing of that proposal stays, and its command runs again in turn.
//
// A proposal is written by its command's goroutine and then read by one of the engine.
type proposal struct {
	from    conn // the snapshot
	steps   []step
	seen    seen
	tables  []string     // that it changes
	entries []freshEntry // written last, since on SQLite they get their numbers in the same moment
	topics  map[string]struct{}
	reach   string // how far its transaction reaches, on PostgreSQL
	order   string // proposals of one transaction are carried out in this order
	// inTurn says that the command asked for what cannot be proposed.
	inTurn bool
}

// step is one change.
type step struct {
	query string
	args  []any
	want  int64 // rows
}

// freshEntry is an entry that is not written yet.
type freshEntry struct {
	waiting
	row []any // the values of entryColumns, bound
}

// entryIndex is the place of the entry's number in its row.
const entryIndex = 1

func newFresh(e journal.Entry) (freshEntry, error) {
	row, err := bind(entryRow(e))
	return freshEntry{waiting{service.PendingEntry{ID: e.ID, Leaf: e.Leaf}, e.DocumentID, e.DocSeq}, row}, err
}

// errInTurn says that a command has to run in turn.
var errInTurn = errors.New("this command has to run in turn")

func (p *proposal) dialect() *dialect { return p.from.dialect() }

// exec refuses: how many rows it changes is asked for, and nobody knows yet.
func (p *proposal) exec(context.Context, string, []any) (int64, error) {
	p.inTurn = true
	return 0, errInTurn
}

func (p *proposal) change(_ context.Context, query string, args []any, want int64) (bool, error) {
	p.steps = append(p.steps, step{query, args, want})
	p.changes(changedTable(query))
	return true, nil
}

func (p *proposal) changes(table string) {
	for _, t := range p.tables {
		if t == table {
			return
		}
	}
	p.tables = append(p.tables, table)
}

// query asks the snapshot. What the command has changed itself does not stand
// there, so a table that it has changed is not asked. Nor can a question lock what
// it finds, or change it (WITH … INSERT … RETURNING).
func (p *proposal) query(ctx context.Context, query string, args []any) (rows, error) {
	if !strings.HasPrefix(query, "SELECT") || strings.HasSuffix(query, " FOR UPDATE") {
		p.inTurn = true
		return nil, errInTurn
	}
	for _, t := range p.tables {
		if mentions(query, t) {
			p.inTurn = true
			return nil, errInTurn
		}
	}
	return p.from.query(ctx, query, args)
}

// carryOut makes the changes inside a transaction, and says what it has become.
// errInTurn where one of them is not what it was to be.
func (p *proposal) carryOut(ctx context.Context, c conn) (*Tx, error) {
	for _, s := range p.steps {
		ok, err := c.change(ctx, s.query, s.args, s.want)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, errInTurn
		}
	}
	return &Tx{topics: p.topics, fresh: p.entries, entries: len(p.entries) > 0}, nil
}

// empty tells whether there is nothing to be written.
func (p *proposal) empty() bool { return len(p.steps)+len(p.entries)+len(p.topics) == 0 }

// deciding are the places for commands that decide at once. All of them wait for
// the writer, or for a lane, in the end: more of them only take the processor away.
type deciding chan struct{}

// enter takes a place; leave gives it back.
func (d deciding) enter(ctx context.Context) (leave func(), err error) {
	select {
	case d <- struct{}{}:
		return func() { <-d }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// propose runs fn on a snapshot. A proposal comes back only without an error;
// errInTurn where fn cannot be proposed.
func propose(ctx context.Context, from conn, t Tx, fn func(context.Context, *Tx) error) (*proposal, error) {
	p := &proposal{from: from, seen: seen{}}
	t.Reader.c, t.proposal = p, p
	err := guard(func() error { return fn(ctx, &t) })
	p.from, p.topics = nil, t.topics
	switch {
	case p.inTurn, isStale(err):
		return nil, errInTurn
	case err != nil:
		return nil, err
	}
	return p, nil
}

var changed sync.Map // statement → the table it changes

// changedTable gives the table that a statement of ours changes. All of them
// begin with INSERT INTO, UPDATE or DELETE FROM.
func changedTable(query string) string {
	if known, ok := changed.Load(query); ok {
		return known.(string)
	}
	words := strings.Fields(query)
	table := words[1]
	if words[0] != "UPDATE" {
		table = words[2]
	}
	changed.Store(query, table)
	return table
}

// mentions tells whether a statement holds the table's name as a word.
func mentions(query, table string) bool {
	for rest := query; ; {
		at := strings.Index(rest, table)
		if at < 0 {
			return false
		}
		end := at + len(table)
		if (at == 0 || !inWord(rest[at-1])) && (end == len(rest) || !inWord(rest[end])) {
			return true
		}
		rest = rest[end:]
	}
}

func inWord(b byte) bool { return b == '_' || unicode.IsLetter(rune(b)) || unicode.IsDigit(rune(b)) }
