package legacy

import (
	"encoding/json"
	"slices"
)

// book keeps the account of one table while its rows are judged.
type book struct {
	read  int
	ids   []int64 // of every row, when the rows are known one by one
	said  map[Kind]map[int64]bool
	gone  map[int64]bool // not imported as rows of their own
	there map[int64]bool // imported by an earlier run
	whole Kind           // the one kind of a table that is only counted
}

func newBook(rows []Row) *book {
	b := &book{read: len(rows), said: map[Kind]map[int64]bool{}, gone: map[int64]bool{}, there: map[int64]bool{}}
	b.ids = make([]int64, len(rows))
	for i, r := range rows {
		b.ids[i] = r.ID
	}
	return b
}

// say notes that a rule applied to a row.
func (b *book) say(k Kind, id int64) {
	if b.said[k] == nil {
		b.said[k] = map[int64]bool{}
	}
	b.said[k][id] = true
	switch rules[k].Class {
	case Refuse, Skip, Merge:
		b.gone[id] = true
	}
}

// unsay takes back that a rule kept a row out.
func (b *book) unsay(k Kind, id int64) {
	if b.said[k][id] {
		delete(b.said[k], id)
		delete(b.gone, id)
	}
}

func (b *book) live(id int64) bool { return !b.gone[id] }

// IDs are row ids; All stands for every row that could have been meant.
type IDs struct {
	All  bool
	List []int64
}

// MarshalJSON writes "all" or the list.
func (i IDs) MarshalJSON() ([]byte, error) {
	if i.All {
		return []byte(`"all"`), nil
	}
	if i.List == nil {
		return []byte(`[]`), nil
	}
	return json.Marshal(i.List)
}

// Rows says to how many rows, and to which, a rule applied.
type Rows struct {
	Rows int `json:"rows"`
	IDs  IDs `json:"ids"`
}

// TableReport is the reconciliation of one table:
// read = imported + merged + skipped + refused + already_there, and
// imported = imported_as_is + imported_repaired.
type TableReport struct {
	Read             int           `json:"read"`
	Imported         int           `json:"imported"`
	ImportedAsIs     int           `json:"imported_as_is"`
	ImportedRepaired int           `json:"imported_repaired"`
	Merged           int           `json:"merged"`
	Skipped          int           `json:"skipped"`
	Refused          int           `json:"refused"`
	AlreadyThere     int           `json:"already_there,omitempty"`
	Repairs          map[Kind]Rows `json:"repairs,omitempty"`
	Notes            map[Kind]Rows `json:"notes,omitempty"`
	Merges           map[Kind]Rows `json:"merges,omitempty"`
	Skips            map[Kind]Rows `json:"skips,omitempty"`
	Refusals         map[Kind]Rows `json:"refusals,omitempty"`
}

// report adds the book up. Repairs and notes are counted on rows that this run
// imports; what an earlier run brought over is already there and nothing more.
func (b *book) report(single int64) TableReport {
	t := TableReport{Read: b.read}
	if b.whole != "" {
		t.Skipped = b.read
		if b.read > 0 {
			ids := IDs{All: true}
			if b.read == 1 && single != 0 {
				ids = IDs{List: []int64{single}}
			}
			t.Skips = map[Kind]Rows{b.whole: {Rows: b.read, IDs: ids}}
		}
		return t
	}
	groups := map[Class]*map[Kind]Rows{Repair: &t.Repairs, Note: &t.Notes, Merge: &t.Merges, Skip: &t.Skips, Refuse: &t.Refusals}
	counts := map[Class]*int{Merge: &t.Merged, Skip: &t.Skipped, Refuse: &t.Refused}
	left := b.read - len(b.gone)
	touched := map[int64]bool{}
	for kind, ids := range b.said {
		class := rules[kind].Class
		var list []int64
		for id := range ids {
			if gone := b.gone[id]; (class == Repair || class == Note) && (gone || b.there[id]) {
				continue
			}
			list = append(list, id)
			if class == Repair {
				touched[id] = true
			}
		}
		if len(list) == 0 {
			continue
		}
		slices.Sort(list)
		if n := counts[class]; n != nil {
			*n += len(list)
		}
		if *groups[class] == nil {
			*groups[class] = map[Kind]Rows{}
		}
		(*groups[class])[kind] = Rows{Rows: len(list), IDs: b.shorten(list, left)}
	}
	for id := range b.there {
		if b.live(id) {
			t.AlreadyThere++
		}
	}
	t.Imported = left - t.AlreadyThere
	t.ImportedRepaired = len(touched)
	t.ImportedAsIs = t.Imported - t.ImportedRepaired
	return t
}

// shorten says "all" for a rule that applied to every row left, when that is
// more than one; where no row is left, to every row of the table.
func (b *book) shorten(list []int64, left int) IDs {
	everything := left
	if left == 0 {
		everything = b.read
	}
	if len(list) > 1 && len(list) == everything {
		return IDs{All: true}
	}
	return IDs{List: list}
}
