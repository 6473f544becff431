package journal

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/paraph/paraph/internal/fault"
)

// MaxPolicy is the longest policy file read, in bytes; maxPolicyNames is the
// most logs, witnesses and groups in it.
const (
	MaxPolicy      = 256 << 10
	maxPolicyNames = 256
)

// Policy says which logs are known, which witnesses, and how many of these must
// have cosigned a checkpoint for it to be believed: a C2SP tlog-policy file.
type Policy struct {
	Logs      []PolicyLog
	Witnesses []PolicyWitness
	quorum    string // name of a witness or group; "none"
	groups    map[string]policyGroup
}

// PolicyLog is a log of a policy.
type PolicyLog struct {
	Verifier *Verifier
	URL      string // "" where the file names none
}

// PolicyWitness is a witness of a policy. Its Name has a meaning in the file only.
type PolicyWitness struct {
	Name string
	Key  *WitnessKey
	URL  string // the submission prefix; "" where the file names none
}

type policyGroup struct {
	need    int
	members []string
}

// ParsePolicy reads a policy file. Invalid, "bad_policy", with the line.
func ParsePolicy(file []byte) (*Policy, error) {
	if len(file) > MaxPolicy {
		return nil, fault.New(fault.Invalid, "bad_policy", "The policy file is longer than %d bytes.", MaxPolicy)
	}
	r := policyReader{policy: &Policy{groups: map[string]policyGroup{}}, names: map[string]bool{}, keys: map[string]bool{}, used: map[string]bool{}}
	for i, line := range strings.Split(string(file), "\n") {
		if why := r.line(line); why != "" {
			return nil, fault.New(fault.Invalid, "bad_policy", "Line %d of the policy file: %s.", i+1, why)
		}
	}
	if r.policy.quorum == "" {
		return nil, fault.New(fault.Invalid, "bad_policy", "The policy file has no quorum line.")
	}
	return r.policy, nil
}

// policyReader reads a policy line by line. Its methods say what is wrong with
// a line, or "".
type policyReader struct {
	policy *Policy
	names  map[string]bool // of witnesses and groups
	keys   map[string]bool // public keys, by use
	used   map[string]bool // names that are a member of a group
}

func (r *policyReader) line(line string) string {
	for i := range len(line) {
		if c := line[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return "it holds a control character"
		}
	}
	fields := strings.FieldsFunc(line, func(c rune) bool { return c == ' ' || c == '\t' })
	if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
		return ""
	}
	args := fields[1:]
	switch fields[0] {
	case "log":
		return r.log(args)
	case "witness":
		return r.witness(args)
	case "group":
		return r.group(args)
	case "quorum":
		return r.setQuorum(args)
	}
	return "it begins with none of log, witness, group, quorum"
}

func (r *policyReader) log(args []string) string {
	if len(args) != 1 && len(args) != 2 {
		return "a log has a key and perhaps an address"
	}
	v, err := NewVerifier(args[0])
	if err != nil {
		return fault.From(err).Message
	}
	_, raw, _ := strings.Cut(args[0], "+")
	if _, raw, _ = strings.Cut(raw, "+"); !strictBase64(raw) {
		return "the key has stray bits"
	}
	if !r.fresh("log " + raw) {
		return "this log's key stands in the file twice"
	}
	r.policy.Logs = append(r.policy.Logs, PolicyLog{v, at(args, 1)})
	return r.crowded()
}

func (r *policyReader) witness(args []string) string {
	if len(args) != 2 && len(args) != 3 {
		return "a witness has a name, a key and perhaps an address"
	}
	key, err := ParseWitnessKey(args[1])
	if err != nil {
		return fault.From(err).Message
	}
	if !r.fresh("witness " + string(key.pub)) {
		return "this witness' key stands in the file twice"
	}
	if why := r.define(args[0]); why != "" {
		return why
	}
	r.policy.Witnesses = append(r.policy.Witnesses, PolicyWitness{args[0], key, at(args, 2)})
	return r.crowded()
}

func (r *policyReader) group(args []string) string {
	if len(args) < 3 {
		return "a group has a name, a number and members"
	}
	name, members := args[0], args[2:]
	need, ok := int64(0), true
	switch args[1] {
	case "any":
		need = 1
	case "all":
		need = int64(len(members))
	default:
		need, ok = parseDecimal(args[1])
	}
	if !ok || need < 1 || need > int64(len(members)) {
		return "the number of members needed is not between 1 and " + strconv.Itoa(len(members))
	}
	for _, m := range members {
		switch {
		case !r.names[m]:
			return "the member " + strconv.Quote(m) + " is not named on a line before"
		case r.used[m]:
			return "the member " + strconv.Quote(m) + " is a member already"
		}
		r.used[m] = true
	}
	if why := r.define(name); why != "" {
		return why
	}
	r.policy.groups[name] = policyGroup{int(need), members}
	return r.crowded()
}

func (r *policyReader) setQuorum(args []string) string {
	switch {
	case len(args) != 1:
		return "the quorum is one name"
	case r.policy.quorum != "":
		return "there is a second quorum line"
	case args[0] != "none" && !r.names[args[0]]:
		return "the quorum " + strconv.Quote(args[0]) + " is not named on a line before"
	}
	r.policy.quorum = args[0]
	return ""
}

func (r *policyReader) define(name string) string {
	if name == "none" || r.names[name] {
		return "the name " + strconv.Quote(name) + " is taken"
	}
	r.names[name] = true
	return ""
}

func (r *policyReader) fresh(key string) bool {
	seen := r.keys[key]
	r.keys[key] = true
	return !seen
}

func (r *policyReader) crowded() string {
	if len(r.names)+len(r.policy.Logs) > maxPolicyNames {
		return "there are more than " + strconv.Itoa(maxPolicyNames) + " logs, witnesses and groups"
	}
	return ""
}

func at(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

// Open reads a checkpoint and checks that one of the policy's logs has signed it
// and that the quorum of witnesses is reached. Invalid: "checkpoint_refused",
// "checkpoint_malformed", or "quorum_not_reached".
func (p *Policy) Open(signed []byte) (Checkpoint, []Cosignature, error) {
	origin, err := OriginOf(signed)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	err = fault.New(fault.Invalid, "checkpoint_refused", "The policy knows no log %s.", origin)
	for _, l := range p.Logs {
		if l.Verifier.Origin() != origin {
			continue
		}
		var cp Checkpoint
		var sigs []Cosignature
		if cp, sigs, err = p.OpenFor(l.Verifier, signed); err == nil {
			return cp, sigs, nil
		}
	}
	return Checkpoint{}, nil, err
}

// OpenFor is Open for a log that is known from elsewhere than the policy.
func (p *Policy) OpenFor(v *Verifier, signed []byte) (Checkpoint, []Cosignature, error) {
	cp, sigs, err := v.OpenCosigned(signed, p.keys()...)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	if !p.Reached(sigs) {
		return Checkpoint{}, nil, fault.New(fault.Invalid, "quorum_not_reached", "The checkpoint carries %d cosignatures of the policy's witnesses; that is not the quorum it demands.", len(sigs))
	}
	return cp, sigs, nil
}

// Quorum gives the name that the quorum line names.
func (p *Policy) Quorum() string { return p.quorum }

func (p *Policy) keys() []*WitnessKey {
	keys := make([]*WitnessKey, len(p.Witnesses))
	for i, w := range p.Witnesses {
		keys[i] = w.Key
	}
	return keys
}

// Witness gives the policy's witness of a public key, in the form String writes.
func (p *Policy) Witness(vkey string) (PolicyWitness, bool) {
	i := slices.IndexFunc(p.Witnesses, func(w PolicyWitness) bool { return w.Key.String() == vkey })
	if i < 0 {
		return PolicyWitness{}, false
	}
	return p.Witnesses[i], true
}

// Reached tells whether these cosignatures, which have been checked, make the quorum.
func (p *Policy) Reached(sigs []Cosignature) bool {
	return p.ReachedBy(func(k *WitnessKey) bool {
		return slices.ContainsFunc(sigs, func(s Cosignature) bool { return bytes.Equal(s.Witness.pub, k.pub) })
	})
}

// ReachedBy tells whether the witnesses for which has is true make the quorum.
func (p *Policy) ReachedBy(has func(*WitnessKey) bool) bool {
	if p.quorum == "none" {
		return true
	}
	return p.witnessed(p.quorum, has)
}

// witnessed follows a name down; groups name only what was defined before them.
func (p *Policy) witnessed(name string, has func(*WitnessKey) bool) bool {
	group, ok := p.groups[name]
	if !ok {
		return slices.ContainsFunc(p.Witnesses, func(w PolicyWitness) bool { return w.Name == name && has(w.Key) })
	}
	n := 0
	for _, m := range group.members {
		if p.witnessed(m, has) {
			n++
		}
	}
	return n >= group.need
}
