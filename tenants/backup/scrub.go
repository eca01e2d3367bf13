package backup

type scrubber struct{}

func newScrubber() *scrubber                                   { return &scrubber{} }
func (s *scrubber) clinic(c *Clinic)                           {}
func (s *scrubber) table(t Table) func([][]byte) (bool, error) { return nil }
func standIn(kind string) []byte                               { return []byte(kind) }
