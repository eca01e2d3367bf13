package web

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var (
	tableOfPatient = regexp.MustCompile(`(?s)create table (\w+) \(([^;]*?\bpatient_id\b[^;]*?)\n\);`)
	viewed         = regexp.MustCompile(`RecordView\(ctx, "([a-z_]+(?:\.(?:file|id_number))?)", `)
)

// Who looked at a record is told in words: whatever of a patient can change or
// be seen has one.
func TestTheTrailOfAPatientIsInWords(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	found := map[string]bool{"patients": true}
	add := func(pattern string, all *regexp.Regexp) {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatal(pattern, err)
		}
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range all.FindAllStringSubmatch(string(b), -1) {
				found[m[1]] = true
			}
		}
	}
	add("db/tenant/*.sql", tableOfPatient)
	add("internal/*/*.go", viewed)
	if len(found) < 20 {
		t.Fatalf("only %d kinds were found", len(found))
	}
	delete(found, "trail") // which has no trail itself
	for name := range found {
		if trailWords[name] == "" {
			t.Errorf("%s has no word on the trail", name)
		}
	}
}
