package audit_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/isolation/audit"
)

const docs = "../../../docs/"

// page compares a page with what the tables give, or writes it with -update.
func page(t *testing.T, name, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(docs+name, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(want, read(t, name)); d != "" {
		t.Errorf("docs/%s is not what the tables say (make gen writes it):\n%s", name, d)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(docs + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestEveryRuleIsDocumented(t *testing.T) {
	t.Parallel()
	page(t, "isolation/rules.md", audit.RulesPage())
}

const (
	mutationsBegin = "<!-- audit: begin -->\n"
	mutationsEnd   = "<!-- audit: end -->\n"
)

func TestMutationsAreDocumented(t *testing.T) {
	t.Parallel()
	text := read(t, "isolation/mutations.md")
	head, rest, ok := strings.Cut(text, mutationsBegin)
	_, tail, ok2 := strings.Cut(rest, mutationsEnd)
	if !ok || !ok2 {
		t.Fatal("docs/isolation/mutations.md has lost the marks of the audit's part")
	}
	page(t, "isolation/mutations.md", head+mutationsBegin+mutationTable()+mutationsEnd+tail)
}

// TestQueriesOfThePage runs every query of docs/isolation.md as the auditor: those
// that say so must return nothing, the others at least one row.
func TestQueriesOfThePage(t *testing.T) {
	t.Parallel()
	conn := testkit.Conn(t, testkit.New(t).Auditor)
	blocks := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(read(t, "isolation.md"), -1)
	if len(blocks) < 10 {
		t.Fatalf("%d queries", len(blocks))
	}
	for _, b := range blocks {
		rows, err := conn.Query(t.Context(), b[1])
		if err != nil {
			t.Errorf("%s\n%v", b[1], err)
			continue
		}
		got, err := pgx.CollectRows(rows, pgx.RowToMap)
		if err != nil {
			t.Errorf("%s\n%v", b[1], err)
		} else if nothing := strings.HasPrefix(b[1], "-- nothing"); nothing != (len(got) == 0) {
			t.Errorf("%s\nreturned %d rows: %s", b[1], len(got), fmt.Sprint(got))
		}
	}
}
