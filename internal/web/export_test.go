package web

// Query writes a text into an address, for tests.
func Query(text string) string { return query(text) }
