package audit

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/cloister-health/cloister/db"
)

// view is a view of schema isolation as the migrations of this program define it.
type view struct{ name, text string }

var (
	viewForm = regexp.MustCompile(`(?s)create (?:or replace )?view isolation\.(\w+) as\n(.*?)\$sql\$|alter view isolation\.(\w+) rename to (\w+)`)
	viewName = regexp.MustCompile(`\bisolation\.(\w+)\b(\()?`)
)

// views are read once: the last definition of each name, in the order in which
// they were first made, so that each stands on those before it.
var views = sync.OnceValue(func() []view {
	names, err := fs.Glob(db.Platform(), "*.sql")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	slices.Sort(names)
	var all []view
	for _, name := range names {
		text, err := fs.ReadFile(db.Platform(), name)
		if err != nil {
			panic(err) // the file is compiled in
		}
		up, _, _ := strings.Cut(string(text), "-- +goose Down")
		for _, m := range viewForm.FindAllStringSubmatch(up, -1) {
			i := slices.IndexFunc(all, func(o view) bool { return o.name == m[1]+m[3] })
			switch {
			case m[3] != "":
				all[i].name = m[4]
			case i >= 0:
				all[i].text = m[2]
			default:
				all = append(all, view{m[1], m[2]})
			}
		}
	}
	return all
})

// with is the WITH clause that defines views, and those that they stand on, as
// isolation_<name>. Each is worked out once, however many use it.
func with(names ...string) string { return clause(func(v view) string { return v.text }, names) }

// narrowed is with over the tables of the schemas in $1 alone. What stands beside
// tables (functions, types, the schemas themselves) is told of all of them.
func narrowed(names ...string) string {
	return clause(func(v view) string {
		text := strings.Replace(v.text, "from pg_catalog.pg_policy pol\n", "from (select * from pg_catalog.pg_policy where polrelid in (select oid from isolation.relations)) pol\n", 1)
		if v.name == "relations" {
			text = strings.Replace(text, "where c.relkind", "where h.oid = any ($1) and c.relkind", 1)
		}
		if text == v.text && (v.name == "relations" || v.name == "policy_groups") {
			panic("audit: the view " + v.name + " can no longer be narrowed") // its text is compiled in, and tests run it
		}
		return text
	}, names)
}

func clause(text func(view) string, names []string) string {
	need := map[string]bool{}
	for _, name := range names {
		need[name] = true
	}
	all := views()
	for i := len(all) - 1; i >= 0; i-- {
		if need[all[i].name] {
			for _, m := range viewName.FindAllStringSubmatch(all[i].text, -1) {
				if m[2] == "" {
					need[m[1]] = true
				}
			}
		}
	}
	var parts []string
	for _, v := range all {
		if need[v.name] {
			parts = append(parts, "isolation_"+v.name+" as (\n"+renamed(text(v))+")")
		}
	}
	return "with " + strings.Join(parts, ",\n") + "\n"
}

// renamed makes the views' names those of the WITH clause; functions keep theirs.
func renamed(text string) string {
	known := map[string]bool{}
	for _, v := range views() {
		known[v.name] = true
	}
	return viewName.ReplaceAllStringFunc(text, func(s string) string {
		m := viewName.FindStringSubmatch(s)
		if m[2] != "" || !known[m[1]] {
			return s
		}
		return "isolation_" + m[1]
	})
}
