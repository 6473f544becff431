//go:build judges

package attack

import (
	"os"
	"slices"
	"testing"

	"github.com/paraph/paraph/internal/journal"
)

// attack is something done to an installation at rest, and who notices it.
type attack struct {
	name string
	do   func(v *victim)

	start      string // code with which the next start is refused; "": it is not
	audit      string // code that is among those of `paraph audit verify`; "": it finds the store sound
	background string // code that the background audit finds; "": none
}

// attacks is the table. Where all three columns are empty, nothing on this machine
// notices: docs/security.md names these, and what a witness adds.
var attacks = []attack{
	{name: "nothing", do: func(*victim) {}},

	{name: "edit a numbered entry", background: "entry", audit: "entry",
		do: func(v *victim) { v.exec("UPDATE entry SET data = '{}' WHERE idx = 5") }},
	{name: "edit who did it", background: "entry", audit: "entry",
		do: func(v *victim) { v.exec("UPDATE entry SET principal = 'mallory@example.org' WHERE idx = 5") }},
	{name: "leave a row that cannot be read", background: "entry", audit: "entry",
		do: func(v *victim) { v.exec("UPDATE entry SET salt = ? WHERE idx = 5", []byte{1}) }},
	{name: "move text from one column to the next", background: "entry", audit: "entry",
		do: func(v *victim) { v.exec("UPDATE entry SET org = org || unit, unit = '' WHERE idx = 5") }},
	{name: "edit a numbered entry and its leaf", start: "log_damaged", background: "hash", audit: "hash",
		do: func(v *victim) {
			e := v.entries()[5]
			e.Data = []byte(`{"lie": true}`)
			if err := journal.Seal(&e, e.PrevLeaf); err != nil {
				v.Fatal(err)
			}
			v.exec("UPDATE entry SET data = ?, leaf = ? WHERE idx = 5", string(e.Data), e.Leaf)
		}},
	{name: "swap two entries", start: "log_damaged", background: "hash", audit: "hash",
		do: func(v *victim) {
			v.exec("UPDATE entry SET idx = 1000000 WHERE idx = 5")
			v.exec("UPDATE entry SET idx = 5 WHERE idx = 6")
			v.exec("UPDATE entry SET idx = 6 WHERE idx = 1000000")
		}},
	{name: "delete an entry in the middle", start: "log_damaged", background: "gap", audit: "gap",
		do: func(v *victim) { v.exec("DELETE FROM entry WHERE idx = 5") }},
	{name: "delete the last entries", start: "log_damaged", background: "missing", audit: "missing",
		do: func(v *victim) { v.exec("DELETE FROM entry WHERE idx >= ?", v.size()-3) }},
	{name: "put an entry behind the end", start: "log_damaged", audit: "beyond",
		do: func(v *victim) {
			v.exec(`INSERT INTO entry SELECT 'evt_00000000000000000000000000', idx + 1, org, unit, kind, subject_type, subject_id, '', 0, 0, at, actor_kind,
				actor_id, principal, on_behalf_of, peer, forwarded, user_agent, request_id, digests, data, trace, salt, prev_leaf, leaf FROM entry WHERE idx = ?`, v.size()-1)
		}},

	{name: "change a stored hash on the right edge", start: "log_damaged", background: "hash", audit: "hash",
		do: func(v *victim) {
			hash := [32]byte{1}
			v.exec("UPDATE tree_hash SET hash = ? WHERE pos = ?", hash[:], journal.StoredHashCount(v.size())-1)
		}},
	{name: "change a stored hash inside", background: "hash", audit: "hash",
		do: func(v *victim) {
			hash := [32]byte{1}
			v.exec("UPDATE tree_hash SET hash = ? WHERE pos = 2", hash[:])
		}},
	{name: "truncate the stored hashes", start: "log_damaged", background: "hash", audit: "hash",
		do: func(v *victim) { v.exec("DELETE FROM tree_hash WHERE pos > 9") }},
	{name: "delete a stored hash inside", background: "hash", audit: "hash",
		do: func(v *victim) { v.exec("DELETE FROM tree_hash WHERE pos = 2") }},
	{name: "move the head back", start: "log_damaged", audit: "log_damaged",
		do: func(v *victim) { v.exec("UPDATE log_head SET size = size - 1") }},
	{name: "change the head's root", start: "log_damaged", audit: "log_damaged",
		do: func(v *victim) {
			root := [32]byte{1}
			v.exec("UPDATE log_head SET root = ?", root[:])
		}},

	{name: "forge the newest checkpoint", start: "checkpoint_forged", background: "checkpoint", audit: "checkpoint",
		do: func(v *victim) {
			cp, err := v.signer(v.strangersKey()).Sign(journal.Head{Size: v.size()})
			if err != nil {
				v.Fatal(err)
			}
			v.exec("UPDATE checkpoint SET note = ? WHERE size = ?", string(cp.Note), v.size())
		}},
	{name: "forge an old checkpoint", audit: "checkpoint",
		do: func(v *victim) {
			cp, err := v.signer(v.strangersKey()).Sign(journal.Head{Size: 5})
			if err != nil {
				v.Fatal(err)
			}
			v.exec("DELETE FROM checkpoint WHERE size = 5")
			root := [32]byte{}
			v.exec("INSERT INTO checkpoint (size, root, epoch, note, at) VALUES (5, ?, 1, ?, 0)", root[:], string(cp.Note))
		}},
	{name: "sign an old checkpoint over something else, with the key", audit: "checkpoint",
		do: func(v *victim) {
			head := journal.Head{Size: 5, Root: journal.Hash{1}}
			cp, err := v.signer(v.logKey()).Sign(head)
			if err != nil {
				v.Fatal(err)
			}
			v.exec("DELETE FROM checkpoint WHERE size = 5")
			v.exec("INSERT INTO checkpoint (size, root, epoch, note, at) VALUES (5, ?, 1, ?, 0)", head.Root[:], string(cp.Note))
		}},

	{name: "cut off the end everywhere, and sign the rest with another key", start: "checkpoint_forged", background: "checkpoint", audit: "chain",
		do: func(v *victim) { cutOff(v, v.strangersKey()) }},
	{name: "rewrite everything without the key", start: "checkpoint_forged", background: "checkpoint", audit: "checkpoint",
		do: func(v *victim) { v.forge(v.strangersKey(), lie(5)) }},
	{name: "cut off the end everywhere, with the key", start: "log_rolled_back", audit: "log_rolled_back",
		do: func(v *victim) { cutOff(v, v.logKey()) }},
	{name: "rewrite everything with the key", start: "log_forked", audit: "log_forked",
		do: func(v *victim) { v.forge(v.logKey(), lie(5)) }},
	{name: "rewrite everything with the key, and let it grow", start: "log_forked", audit: "log_forked",
		do: func(v *victim) { grow(v, v.forge(v.logKey(), lie(5))) }},
	// Whoever has the key and the data folder can deceive everybody on this machine.
	{name: "rewrite everything with the key, and the high-water mark",
		do: func(v *victim) { v.writeMark(v.forge(v.logKey(), lie(5))) }},
	{name: "rewrite everything with the key, and the mark, and let it grow",
		do: func(v *victim) { v.writeMark(grow(v, v.forge(v.logKey(), lie(5)))) }},

	{name: "restore an old backup", start: "log_rolled_back", audit: "log_rolled_back",
		do: func(v *victim) { oldBackup(v)() }},
	{name: "restore an old backup, and let it grow past what was seen", start: "log_forked", audit: "log_forked",
		do: func(v *victim) {
			restore := oldBackup(v)
			seen := v.file(v.mark())
			restore()
			v.writeMark(v.note())
			grow(v, "")
			v.writeMark(string(seen)) // as it would be, had the mark been kept elsewhere
		}},
	{name: "restore an old backup, and the high-water mark of that time",
		do: func(v *victim) {
			before := v.file(v.mark())
			oldBackup(v)()
			v.writeMark(string(before))
		}},

	{name: "forge the high-water mark", start: "mark_damaged", audit: "mark_damaged",
		do: func(v *victim) {
			cp, err := v.signer(v.strangersKey()).Sign(journal.Head{Size: 1, Root: journal.Hash{1}})
			if err != nil {
				v.Fatal(err)
			}
			v.writeMark(string(cp.Note))
		}},
	{name: "rename the log in the database", start: "mark_damaged", background: "checkpoint", audit: "checkpoint",
		do: func(v *victim) { v.exec("UPDATE setting SET value = 'example.org/other' WHERE name = 'log_origin'") }},

	{name: "approve a document by its row", audit: "document",
		do: func(v *victim) { v.exec("UPDATE document SET state = 'approved' WHERE id = ?", v.docs[0]) }},
	{name: "change a document's metadata", audit: "document",
		do: func(v *victim) { v.exec(`UPDATE document SET metadata = '{"amount": 1}' WHERE id = ?`, v.docs[0]) }},
	{name: "change a version's digest", audit: "version",
		do: func(v *victim) {
			v.exec("UPDATE version SET sha256 = ? WHERE document_id = ?", "00"+"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8", v.docs[0])
		}},
	{name: "delete a version", audit: "version",
		do: func(v *victim) { v.exec("DELETE FROM version WHERE document_id = ?", v.docs[0]) }},
	{name: "name another document's file", audit: "blob",
		do: func(v *victim) {
			v.exec("UPDATE version SET blob = (SELECT blob FROM version w WHERE w.document_id = ?) WHERE document_id = ?", v.docs[1], v.docs[0])
		}},
	{name: "delete a document", audit: "stray",
		do: func(v *victim) {
			v.exec("DELETE FROM version WHERE document_id = ?", v.docs[0])
			v.exec("DELETE FROM document WHERE id = ?", v.docs[0])
		}},
}

func TestAttacks(t *testing.T) {
	t.Parallel()
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(v *victim) {
				a.do(v)
				// The start comes last: where it is not refused, it remembers what it sees.
				if got := v.onAudit(); a.audit == "" && len(got) > 0 || a.audit != "" && !slices.Contains(got, a.audit) {
					v.Errorf("paraph audit verify finds %q, want %q", got, a.audit)
				}
				if got := v.inBackground(); got != a.background {
					v.Errorf("the background audit finds %q, want %q", got, a.background)
				}
				if got := v.onStart(); got != a.start {
					v.Errorf("a start is refused with %q, want %q", got, a.start)
				}
			})
		})
	}
}

// cutOff takes the last entries away and everything that tells of them but the
// documents' rows.
func cutOff(v *victim, key []byte) {
	v.Helper()
	all := v.entries()
	kept := len(all) - 4
	v.exec("DELETE FROM entry WHERE idx >= ?", kept)
	leaves := make([][]byte, kept)
	for i := range leaves {
		leaves[i] = all[i].Leaf
	}
	v.plant(key, leaves)
}

// grow lets the program itself go on with the log, on another machine, as it
// were: one without the high-water mark. It gives the newest checkpoint.
func grow(v *victim, note string) string {
	v.Helper()
	seen := v.file(v.mark())
	if note != "" {
		v.writeMark(note)
	}
	v.run(v.moreWork)
	if note != "" {
		v.writeMark(string(seen))
	}
	return v.note()
}

// oldBackup lets the log grow after a backup, and gives what restores that.
func oldBackup(v *victim) (restore func()) {
	v.Helper()
	restore = v.backup()
	v.run(v.moreWork)
	return restore
}

func (v *victim) writeMark(note string) {
	v.Helper()
	if err := os.WriteFile(v.mark(), []byte(note), 0o600); err != nil {
		v.Fatal(err)
	}
}
