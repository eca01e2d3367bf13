package audit

import (
	"fmt"
	"strings"
)

// areas are the hundreds of the rules' ids.
var areas = []struct{ digit, title string }{
	{"1", "Walls of tables"}, {"2", "Policies"}, {"3", "Roles"}, {"4", "Grants"}, {"5", "Functions"}, {"6", "Objects"}, {"7", "The trail"},
	{"8", "Registry and fingerprints"}, {"9", "The server"},
}

// RulesPage is docs/isolation/rules.md: what each rule means and how to mend what
// it finds, so that no rule is without a page.
func RulesPage() string {
	var b strings.Builder
	b.WriteString("# Rules of the isolation audit\n\nGenerated from the table of rules (`make gen`); do not edit. " +
		"An id never changes its meaning. How the audit is run: [isolation.md](../isolation.md).\n")
	for _, a := range areas {
		fmt.Fprintf(&b, "\n## %s\n", a.title)
		for _, r := range rules {
			if !strings.HasPrefix(r.id, "CLO-A"+a.digit) {
				continue
			}
			fmt.Fprintf(&b, "\n### %s\n\n**%s** (%s). %s\n\nMend: %s.\n", r.id, r.title, r.severity, r.why, r.mend)
		}
	}
	return b.String()
}
