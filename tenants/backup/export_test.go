package backup

// What the tests hold against docs/classification.md.
var (
	KeptColumns    = keptColumns
	LeftTables     = left
	WithheldTables = withheldTables
)

// TakenCareOf tells whether something is said of a secret column.
func TakenCareOf(place string) bool {
	for _, o := range opened {
		if o == place {
			return true
		}
	}
	_, is := made[place]
	return is
}

// LoadRowByRow has every statement load one row.
func (s *Service) LoadRowByRow() { s.piece = 1 }

// The turns at which a restore is killed.
const (
	ClinicClosed = clinicClosed
	RowsLoaded   = rowsLoaded
	FilesPut     = filesPut
	BeforeCommit = beforeCommit
)

// OnTurn has fn called at each turn of a restore.
func (s *Service) OnTurn(fn func(string) error) { s.turn = fn }

// RestoreKey is the lock of a clinic that is being restored.
var RestoreKey = restoreKey
