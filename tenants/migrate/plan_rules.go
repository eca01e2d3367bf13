package migrate

// Level is how bad a warning is.
type Level int

// The levels.
const (
	Caution Level = iota + 1 // costs a lock for as long as the table is large
	Danger                   // stops others or breaks the program that serves meanwhile
)

// MarshalText writes the level's name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

func (l Level) String() string {
	if l == Danger {
		return "danger"
	}
	return "caution"
}

// Warning is something unsafe that a statement did.
type Warning struct {
	Name      string `json:"name"` // stable
	Level     Level  `json:"level"`
	Table     string `json:"table"`
	Object    string `json:"object,omitempty"` // column, index or constraint of the table
	Reason    string `json:"reason"`
	Instead   string `json:"instead"`
	Statement string `json:"statement"` // how it begins
	Weight
}

func (w Warning) kind() kind { return kinds[w.Name] }

// kind is what a name of a warning stands for. A name never changes its meaning.
type kind struct {
	always  bool // a danger whatever the table holds
	reason  string
	instead string
}

// A table that holds more than this is read for longer than people like to wait.
const (
	manyRows  = 100_000
	manyBytes = 64 << 20
)

func (k kind) level(w Weight) Level {
	if k.always || w.Rows >= manyRows || w.Bytes >= manyBytes {
		return Danger
	}
	return Caution
}

var kinds = map[string]kind{
	"table-rewrite": {reason: "the whole table is written anew or emptied, and nobody reads or writes it meanwhile",
		instead: "add the column without a default, or with a constant one; fill it in a later migration, some rows at a time"},
	"column-type": {always: true, reason: "a column changes its type in place: a program of the release before reads it wrongly, and prepared statements fail once (0A000)",
		instead: "add a column of the new type, let the program write both, move the values over, and drop the old one two releases later"},
	"set-not-null": {reason: "the whole table is read while nobody may read or write it",
		instead: "add CHECK (column IS NOT NULL) NOT VALID, validate it in a migration of its own, then SET NOT NULL, which believes the check"},
	"required-column": {always: true, reason: "a column without a default must have a value: it fails in every clinic with a row in the table, and every insert of the release before fails",
		instead: "add it nullable or with a constant default; require it when every program writes it"},
	"constraint-scan": {reason: "the whole table is read to check the constraint while nobody may read or write it",
		instead: "add it NOT VALID, and VALIDATE CONSTRAINT in a migration of its own, which lets everybody work"},
	"foreign-key-scan": {reason: "every row is looked up in the other table, and nobody writes to either meanwhile",
		instead: "add it NOT VALID, and VALIDATE CONSTRAINT in a migration of its own"},
	"index-build": {reason: "the table is read and sorted while nobody may write to it; a clinic's migration is one transaction, which CONCURRENTLY does not allow",
		instead: "keep it in a migration of its own, so that no stronger lock is held meanwhile; for a large table run it at a quiet hour, or split the table's use first"},
	"validate-under-lock": {reason: "the constraint is checked over the whole table in a transaction that keeps everybody else out of it",
		instead: "validate it in a migration of its own, which lets everybody work"},
	"write-under-lock": {reason: "rows are written in a transaction that keeps everybody else out of a table until it ends",
		instead: "change the rows in a migration of its own, before or after the one that changes the table"},
	"drop-column": {always: true, reason: "a program of the release before that still asks for it fails",
		instead: "drop it only when no program of the release before runs and no clinic is behind: expand, switch, contract"},
	"drop-table": {always: true, reason: "a program of the release before that still asks for it fails, and its rows are gone",
		instead: "drop it only when no program of the release before runs, and back up first"},
	"rename": {always: true, reason: "every program that knows the old name fails in the same moment",
		instead: "add the new one beside it, let the program write both, and drop the old one two releases later"},
	"shared-lock": {always: true, reason: "a clinic's migration locks a table of all clinics, so all of them wait for each",
		instead: "do it once, in a migration of the shared schema"},
}
