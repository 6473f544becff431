package journal

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
)

// disclosedFormat is the first member of every disclosure.
const disclosedFormat = "paraph-entry@v1"

// Disclosed is an entry as it is shown to somebody who checks it against the
// log: each field either revealed, with the key of its commitment, or withheld,
// with the commitment alone. In both cases the leaf follows from it (Leaf), so a
// disclosure and a .tlog-proof file together prove the entry, and nothing else
// is needed. The entry's salt is never part of it.
type Disclosed struct {
	Format   string             `json:"format"` // "paraph-entry@v1"
	ID       string             `json:"id"`
	Kind     Kind               `json:"kind"`
	Prev     string             `json:"prev"` // leaf hash of the document's previous entry, base 64
	Document *DisclosedDocument `json:"document,omitempty"`
	Actor    *DisclosedActor    `json:"actor,omitempty"`
	Source   *DisclosedSource   `json:"source,omitempty"`
	Digests  *DisclosedDigests  `json:"digests,omitempty"`
	Data     *DisclosedData     `json:"data,omitempty"`
	Time     *DisclosedTime     `json:"time,omitempty"`
	Withheld map[Field]string   `json:"withheld,omitempty"` // commitments, base 64
}

// DisclosedDocument reveals what the entry is about.
type DisclosedDocument struct {
	Key          string `json:"key"` // of the commitment, base 64, as in every part
	Organisation string `json:"organisation"`
	Unit         string `json:"business_unit"`
	SubjectType  string `json:"subject_type"`
	SubjectID    string `json:"subject_id"`
	Document     string `json:"document_id"`
	Revision     int64  `json:"revision"`
	Sequence     int64  `json:"sequence"`
}

// DisclosedActor reveals who acted.
type DisclosedActor struct {
	Key        string    `json:"key"`
	Kind       ActorKind `json:"kind"`
	ID         string    `json:"id"`
	Principal  string    `json:"principal"`
	OnBehalfOf string    `json:"on_behalf_of"`
}

// DisclosedSource reveals where the request came from.
type DisclosedSource struct {
	Key       string `json:"key"`
	Peer      string `json:"peer"`
	Forwarded string `json:"forwarded"`
	UserAgent string `json:"user_agent"`
	RequestID string `json:"request_id"`
}

// DisclosedDigests reveals the digests of what changed.
type DisclosedDigests struct {
	Key    string            `json:"key"`
	Values map[string]string `json:"values"`
}

// DisclosedData reveals the event data: JSON text inside a JSON string, since
// the commitment is to its exact bytes.
type DisclosedData struct {
	Key  string `json:"key"`
	JSON string `json:"json"`
}

// DisclosedTime reveals when it happened.
type DisclosedTime struct {
	Key string `json:"key"`
	At  string `json:"at"` // 2006-01-02T15:04:05.000000Z
}

// Disclose makes the disclosure of an entry with the given fields revealed, all
// of them where none is named. It gives what Check gives where the entry does
// not agree with its leaf, so nobody is handed a disclosure that cannot pass.
//
// Of an erased entry nothing can be revealed: all fields are withheld.
func Disclose(e Entry, reveal ...Field) (Disclosed, error) {
	if e.Erased() {
		return withhold(e)
	}
	if err := Check(&e); err != nil {
		return Disclosed{}, err
	}
	if len(reveal) == 0 {
		reveal = Fields
	}
	shown := map[Field]bool{}
	for _, f := range reveal {
		shown[f] = true
	}
	d := Disclosed{Format: disclosedFormat, ID: e.ID, Kind: e.Kind, Prev: e.PrevLeaf.String()}
	var s scratch
	rec := s.record(&e)
	for i, f := range fields {
		if shown[f] {
			d.reveal(e, f, s.fieldKey((*Hash)(&e.Salt), f).String())
			continue
		}
		if d.Withheld == nil {
			d.Withheld = map[Field]string{}
		}
		d.Withheld[f] = rec.commits[i].String()
	}
	return d, nil
}

// withhold gives an entry by its leaf alone.
func withhold(e Entry) (Disclosed, error) {
	rec, err := parseRecord(e.Leaf)
	if err != nil {
		return Disclosed{}, err
	}
	d := Disclosed{Format: disclosedFormat, ID: rec.id, Kind: rec.kind, Prev: rec.prev.String(), Withheld: map[Field]string{}}
	for i, f := range fields {
		d.Withheld[f] = rec.commits[i].String()
	}
	return d, nil
}

// reveal fills the part of one field.
func (d *Disclosed) reveal(e Entry, f Field, key string) {
	switch f {
	case FieldDocument:
		d.Document = &DisclosedDocument{key, e.Org, e.Unit, e.SubjectType, e.SubjectID, e.DocumentID, e.DocVersion, e.DocSeq}
	case FieldActor:
		d.Actor = &DisclosedActor{key, e.Actor.Kind, e.Actor.ID, e.Actor.Principal, e.Actor.OnBehalfOf}
	case FieldSource:
		d.Source = &DisclosedSource{key, e.Source.Peer, e.Source.Forwarded, e.Source.UserAgent, e.Source.RequestID}
	case FieldDigests:
		values := e.Digests
		if values == nil {
			values = map[string]string{}
		}
		d.Digests = &DisclosedDigests{key, values}
	case FieldData:
		d.Data = &DisclosedData{key, string(e.Data)}
	case FieldTime:
		d.Time = &DisclosedTime{key, formTime(e.At)}
	}
}

// Encode writes the disclosure in its one canonical form: JSON as encoding/json
// writes this struct, without white space. It is what a .tlog-proof file
// carries as extra data.
func (d Disclosed) Encode() ([]byte, error) { return json.Marshal(d) }

// ParseDisclosed reads a disclosure in its canonical form, and no other:
// Invalid, "disclosure_malformed". What it says is only true if its Leaf is in
// the log.
func ParseDisclosed(b []byte) (Disclosed, error) {
	malformed := func(why string) (Disclosed, error) {
		return Disclosed{}, fault.New(fault.Invalid, "disclosure_malformed", "This is not a disclosed entry in canonical form: %s.", why)
	}
	var d Disclosed
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return malformed(err.Error())
	}
	again, err := d.Encode()
	if err != nil || !bytes.Equal(again, b) {
		return malformed("it is written in another way than Paraph writes it")
	}
	if _, err := d.Leaf(); err != nil {
		return Disclosed{}, err
	}
	return d, nil
}

// Leaf computes the leaf that the disclosure claims: from the values and keys of
// what is revealed and the commitments of what is withheld. An Invalid fault,
// "disclosure_malformed", says what is missing or given twice.
func (d Disclosed) Leaf() ([]byte, error) {
	malformed := func(why string) ([]byte, error) {
		return nil, fault.New(fault.Invalid, "disclosure_malformed", "This is not a disclosed entry: %s.", why)
	}
	if d.Format != disclosedFormat || !id.Valid(Prefix, d.ID) || !d.Kind.wellFormed() {
		return malformed("format, id or kind")
	}
	prev, err := parseHash(d.Prev)
	if err != nil {
		return malformed("prev is not a hash")
	}
	e, keys, err := d.open()
	if err != nil {
		return nil, err
	}
	if len(keys)+len(d.Withheld) != len(fields) {
		return malformed("a field is neither revealed nor withheld, or both")
	}
	var s scratch
	rec := record{id: d.ID, kind: d.Kind, prev: prev}
	for i, f := range fields {
		if key, ok := keys[f]; ok {
			k, err := parseHash(key)
			if err != nil {
				return malformed("the key of " + string(f))
			}
			rec.commits[i] = s.commit(&k, &e, f)
			continue
		}
		if rec.commits[i], err = parseHash(d.Withheld[f]); err != nil {
			return malformed("the commitment of " + string(f))
		}
	}
	return rec.append(nil), nil
}

// open gives the revealed values as an entry and the keys of the revealed fields.
func (d Disclosed) open() (Entry, map[Field]string, error) {
	e := Entry{ID: d.ID, Kind: d.Kind, Index: Unsequenced}
	keys := map[Field]string{}
	if p := d.Document; p != nil {
		keys[FieldDocument] = p.Key
		e.Org, e.Unit, e.SubjectType, e.SubjectID = p.Organisation, p.Unit, p.SubjectType, p.SubjectID
		e.DocumentID, e.DocVersion, e.DocSeq = p.Document, p.Revision, p.Sequence
	}
	if p := d.Actor; p != nil {
		keys[FieldActor] = p.Key
		e.Actor = Actor{p.Kind, p.ID, p.Principal, p.OnBehalfOf}
	}
	if p := d.Source; p != nil {
		keys[FieldSource] = p.Key
		e.Source = Source{p.Peer, p.Forwarded, p.UserAgent, p.RequestID}
	}
	if p := d.Digests; p != nil {
		if p.Values == nil { // the one writing of "none" is {}
			return e, nil, fault.New(fault.Invalid, "disclosure_malformed", "This is not a disclosed entry: digests without values.")
		}
		keys[FieldDigests] = p.Key
		e.Digests = p.Values
	}
	if p := d.Data; p != nil {
		keys[FieldData] = p.Key
		e.Data = json.RawMessage(p.JSON)
	}
	if p := d.Time; p != nil {
		keys[FieldTime] = p.Key
		at, err := time.Parse(timeForm, p.At)
		if err != nil || formTime(at) != p.At {
			return e, nil, fault.New(fault.Invalid, "disclosure_malformed", "This is not a disclosed entry: the time is not written as %s.", timeForm)
		}
		e.At = at
	}
	return e, keys, nil
}
