package audit

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// Kind is what is wrong.
type Kind string

// The kinds of findings.
const (
	RowChanged    Kind = "row changed"
	RowRemoved    Kind = "row removed"
	RowInserted   Kind = "row inserted"
	RowReordered  Kind = "row reordered"
	SealChanged   Kind = "seal changed"
	SealRemoved   Kind = "seal removed"
	SealUnlinked  Kind = "seal does not follow the one before"
	ChainCut      Kind = "chain cut off"
	ChainReplaced Kind = "chain is not the one of the exported head"
)

// Finding is one thing that is wrong, and where.
type Finding struct {
	Kind Kind       `json:"kind"`
	Seal int64      `json:"seal"`          // the seal's number; 0 where there is none
	Row  *uuid.UUID `json:"row,omitempty"` // the row's id
}

func (f Finding) String() string {
	s := string(f.Kind)
	if f.Seal > 0 {
		s += fmt.Sprintf(", seal %d", f.Seal)
	}
	if f.Row != nil {
		s += ", row " + f.Row.String()
	}
	return s
}

// Result is what was verified of one clinic.
type Result struct {
	Clinic   uuid.UUID `json:"clinic"`
	Slug     string    `json:"slug"`
	Seals    int       `json:"seals"`
	Sealed   int       `json:"sealed"`   // rows under a seal
	Unsealed int       `json:"unsealed"` // rows behind the last seal
	Findings []Finding `json:"findings"`
}

// place is where a seal has a row.
type place struct {
	seal  int64
	order int
	hash  Hash
	seen  bool
}

// verifier takes all seals by number, then all rows by their place, and then
// says what it found.
type verifier struct {
	result Result
	head   *Head
	last   *Seal
	places map[uuid.UUID]*place
	ids    []uuid.UUID // in the order of the seals
	at     key         // the last row that came
	order  int
	kept   Hash // of the seal that the head names
}

func newVerifier(clinic uuid.UUID, slug string, head *Head) *verifier {
	return &verifier{result: Result{Clinic: clinic, Slug: slug, Findings: []Finding{}}, head: head, places: map[uuid.UUID]*place{}, order: -1}
}

func (v *verifier) find(k Kind, seal int64, row *uuid.UUID) {
	v.result.Findings = append(v.result.Findings, Finding{k, seal, row})
}

func (v *verifier) seal(s Seal) {
	v.result.Seals++
	next, previous := int64(1), Hash{}
	if v.last != nil {
		next, previous = v.last.Number+1, v.last.Hash
	}
	for n := next; n < s.Number && n < next+10; n++ { // more of a gap tells nothing more
		v.find(SealRemoved, n, nil)
	}
	switch {
	case s.Number < next:
		v.find(SealUnlinked, s.Number, nil)
	case s.Number == next && s.Previous != previous:
		v.find(SealUnlinked, s.Number, nil)
	}
	if len(s.Rows) == 0 || len(s.Rows)%entrySize != 0 || s.digest() != s.Hash || !s.endsRight() {
		v.find(SealChanged, s.Number, nil)
	}
	for i := range s.count() {
		id, h := s.entry(i)
		if _, twice := v.places[id]; twice {
			v.find(SealChanged, s.Number, &id)
			continue
		}
		v.places[id] = &place{seal: s.Number, order: len(v.ids), hash: h}
		v.ids = append(v.ids, id)
	}
	if v.head != nil && s.Number == v.head.Number {
		v.kept = s.Hash
	}
	s.Rows = nil
	v.last = &s
}

// endsRight says whether the row that the sealer goes on from is the seal's last.
func (s Seal) endsRight() bool {
	if s.count() == 0 {
		return false
	}
	id, _ := s.entry(s.count() - 1)
	return id == s.LastID
}

func (v *verifier) row(r Row) error {
	k, err := r.key()
	if err != nil {
		return err
	}
	id := k.id
	p := v.places[id]
	switch {
	case p == nil && v.last != nil && !(key{v.last.LastXact, v.last.LastID}).less(k):
		v.find(RowInserted, v.sealOver(), &id)
	case p == nil:
		v.result.Unsealed++
		if k.less(v.at) {
			v.find(RowReordered, 0, &id)
		}
	case p.seen:
		v.find(RowInserted, p.seal, &id) // the same id once more
	default:
		p.seen = true
		v.result.Sealed++
		if r.hash() != p.hash {
			v.find(RowChanged, p.seal, &id)
		}
		if p.order < v.order {
			v.find(RowReordered, p.seal, &id)
		}
		v.order = max(v.order, p.order)
	}
	if v.at.less(k) {
		v.at = k
	}
	return nil
}

// sealOver is the seal among whose rows the verifier stands.
func (v *verifier) sealOver() int64 {
	if i := v.order + 1; i < len(v.ids) {
		return v.places[v.ids[i]].seal
	}
	return v.last.Number
}

func (v *verifier) end() Result {
	for _, id := range v.ids {
		if p := v.places[id]; !p.seen {
			v.find(RowRemoved, p.seal, &id)
		}
	}
	if v.head != nil {
		var last int64
		if v.last != nil {
			last = v.last.Number
		}
		switch {
		case v.head.Number > last:
			v.find(ChainCut, last+1, nil)
		case v.kept != v.head.Hash:
			v.find(ChainReplaced, v.head.Number, nil)
		}
	}
	slices.SortStableFunc(v.result.Findings, func(a, b Finding) int {
		if c := cmp.Or(cmp.Compare(a.Seal, b.Seal), cmp.Compare(a.Kind, b.Kind)); c != 0 || a.Row == nil || b.Row == nil {
			return c
		}
		return bytes.Compare(a.Row[:], b.Row[:])
	})
	return v.result
}
