package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/tenants/isolation"
)

// group is an object that stands the same in several schemas.
type group struct {
	object
	shared     bool
	definition string
	homes      []uint32
}

// drift compares the fingerprint of every schema with what its version should
// have, and names what is missing, extra or different.
func (a *run) drift(context.Context) error {
	all := a.objects
	ref := known()
	if a.platform != ref.platform {
		a.report.Gaps = append(a.report.Gaps, isolation.Gap{Rule: "CLO-A803", Reason: fmt.Sprintf("the shared schema is at version %d and this program knows version %d", a.platform, ref.platform)})
	}
	a.versions(ref)
	told := map[string]bool{} // a rule of its own has found something at this very object
	for _, f := range a.report.Findings {
		told[f.Schema+"\x00"+f.Object] = true
	}
	slow := slices.ContainsFunc(all, func(g group) bool {
		return g.name == searchFunction && strings.Contains(g.definition, " owner cloister_owner ")
	})
	seen := map[uint32]map[object]bool{}
	for _, g := range all {
		for _, oid := range a.lookedAt(g.homes) {
			h, members := a.homesBy[oid], a.membersOf(oid)
			if a.covers(h.name) {
				a.report.Checked += len(members)
			}
			want, ok := a.expected(h, ref)
			if !ok {
				continue
			}
			definition, expected := want[g.object]
			if expected {
				if seen[oid] == nil {
					seen[oid] = make(map[object]bool, len(want))
				}
				seen[oid][g.object] = true
			}
			if expected && definition == g.definition || slow && g.name == searchFunction {
				continue
			}
			for _, member := range members {
				a.differs(a.homesBy[member], g.object, definition, g.definition, told)
			}
		}
	}
	for oid, members := range a.members {
		h := a.homesBy[oid]
		want, ok := a.expected(h, ref)
		if !ok || len(seen[oid]) == len(want) {
			continue
		}
		for o, definition := range want {
			if seen[oid][o] || slow && h.kind == "shared" && strings.HasSuffix(o.name, " to cloister_search") {
				continue
			}
			for _, member := range members {
				a.differs(a.homesBy[member], o, definition, "", told)
			}
		}
	}
	return nil
}

// lookedAt are the schemas of an object that stand for their classes. Objects
// beside tables are told of every schema; those whose class is told already are
// left out.
func (a *run) lookedAt(homes []uint32) []uint32 {
	out := make([]uint32, 0, len(a.members))
	told := map[uint32]bool{}
	for _, oid := range homes {
		if all, ok := a.members[oid]; ok {
			out = append(out, oid)
			for _, member := range all {
				told[member] = len(all) > 1
			}
		}
	}
	for _, oid := range homes {
		if _, ok := a.members[oid]; !ok && !told[oid] {
			out = append(out, oid)
		}
	}
	return out
}

// membersOf are the schemas for which one is told.
func (a *run) membersOf(oid uint32) []uint32 {
	if all, ok := a.members[oid]; ok {
		return all
	}
	return []uint32{oid}
}

// searchFunction belongs to the owner where no administrator with enough rights
// ran db/server/02_search.sql; then it is slow and as right.
const searchFunction = "platform.search_patients(words text, folds text, digits text, code text, at_most integer)"

// expected is what a schema should hold; false where that is not known, which
// versions told, or where the run does not cover it.
func (a *run) expected(h home, ref reference) (expectation, bool) {
	if !a.covers(h.name) {
		return nil, false
	}
	if h.kind == "shared" {
		return ref.shared, a.platform == ref.platform
	}
	want, ok := ref.clinic[h.version]
	return want, ok
}

// versions tells which schemas can't be compared, and which wait for a migration.
func (a *run) versions(ref reference) {
	for _, h := range a.homesBy {
		if h.kind != "clinic" || !a.covers(h.name) || h.clinic == "" {
			continue
		}
		_, ok := ref.clinic[h.version]
		switch {
		case ok && h.version == ref.latest():
		case ok || h.version == 0:
			a.report.Add(isolation.Finding{Rule: "CLO-A808", Schema: h.name, Clinic: h.slug, Object: "version",
				Reason: fmt.Sprintf("it is at version %d and the program at %d", h.version, ref.latest())})
		default:
			a.report.Gaps = append(a.report.Gaps, isolation.Gap{Rule: "CLO-A803", Reason: fmt.Sprintf("%s is at version %d, which this program does not know", h.name, h.version)})
		}
	}
}

// differs reports one object: missing (is is empty), extra (want is empty) or
// different.
func (a *run) differs(h home, o object, want, is string, told map[string]bool) {
	if o.kind == "grant" {
		a.grantDiffers(h, o, want, is)
		return
	}
	f := isolation.Finding{Schema: h.name, Clinic: h.slug, Object: objectName(o)}
	if o.kind == "function" && h.kind == "shared" {
		schema, rest, _ := strings.Cut(o.name, ".")
		f.Schema, f.Object = schema, "function "+rest
	}
	if o.kind != "table" && told[f.Schema+"\x00"+f.Object] {
		return
	}
	switch {
	case is == "":
		f.Rule, f.Reason, f.Evidence = "CLO-A804", "it is missing", "should be: "+h.own(want)
	case want == "":
		f.Rule, f.Reason, f.Evidence = "CLO-A805", "no migration made it", h.own(is)
		if o.kind == "policy" {
			f.Rule = "CLO-A206"
		}
	default:
		f.Rule, f.Reason, f.Evidence = "CLO-A806", "it is not what the migration made", "is: "+h.own(is)+"\nshould be: "+h.own(want)
	}
	if o.kind == "function" && h.kind == "shared" && is != "" {
		f.Rule = "CLO-A505"
		if want == "" && strings.Contains(is, " security definer") {
			f.Rule, f.Reason = "CLO-A501", "it has its owner's rights and nobody has reviewed it"
		}
	}
	f.Mend = h.mend(o, want, is)
	a.report.Add(f)
}

// own puts the schema's own clinic back into a definition.
func (h home) own(definition string) string {
	return strings.ReplaceAll(definition, "<clinic>", h.clinic)
}

func objectName(o object) string {
	table, rest, ok := strings.Cut(o.name, ".")
	switch o.kind {
	case "policy", "constraint", "index", "trigger", "rule":
		if ok {
			return table + " " + o.kind + " " + rest
		}
	case "function", "type", "statistics":
		return o.kind + " " + o.name
	}
	return o.name
}

// grantDiffers compares privileges one by one. Those that rules of their own
// find (PUBLIC, the service's login, TRUNCATE and its like) are left to them.
func (a *run) grantDiffers(h home, o object, want, is string) {
	where, role, _ := cutLast(o.name, " to ")
	for _, x := range []struct{ rule, reason, verb, preposition, is, want string }{
		{"CLO-A401", "%s has %s, which docs/access.md does not give", "revoke", "from", is, want},
		{"CLO-A402", "%s lacks %s, which docs/access.md gives", "grant", "to", want, is},
	} {
		have := strings.Split(x.want, ", ")
		var extra []string
		for _, p := range strings.Split(x.is, ", ") {
			p = strings.TrimSuffix(p, " with grant option")
			covered := x.verb == "revoke" && h.isTable(where) && (role == "public" || role == "cloister_app" || slices.Contains([]string{"truncate", "references", "trigger", "maintain"}, p))
			if p != "" && !slices.Contains(have, p) && !slices.Contains(have, p+" with grant option") && !covered {
				extra = append(extra, p)
			}
		}
		if len(extra) == 0 {
			continue
		}
		mend := fmt.Sprintf("%s %s %s %s;", x.verb, h.privileges(extra, where), x.preposition, role)
		if x.verb == "revoke" {
			mend += a.columnsBack(h, where, role, extra)
		}
		a.report.Add(isolation.Finding{Rule: x.rule, Schema: h.name, Clinic: h.slug, Object: o.name, Reason: fmt.Sprintf(x.reason, role, strings.Join(extra, ", ")),
			Evidence: "is: " + orNothing(is) + "; should be: " + orNothing(want), Mend: mend})
	}
}

// columnsBack grants anew what goes with a privilege on the whole table: REVOKE
// takes those on its columns, too.
func (a *run) columnsBack(h home, table, role string, privileges []string) string {
	want, ok := a.expected(h, known())
	if !ok || !h.isTable(table) || strings.Contains(table, ".") {
		return ""
	}
	var back []string
	for _, p := range privileges {
		var columns []string
		for o, definition := range want {
			column, ofRole := strings.CutSuffix(o.name, " to "+role)
			column, ofTable := strings.CutPrefix(column, table+".")
			if o.kind == "grant" && ofRole && ofTable && slices.Contains(strings.Split(definition, ", "), p) {
				columns = append(columns, quoted(column))
			}
		}
		if len(columns) > 0 {
			slices.Sort(columns)
			back = append(back, fmt.Sprintf("\ngrant %s (%s) on %s to %s;", p, strings.Join(columns, ", "), quoted(h.name, table), role))
		}
	}
	return strings.Join(back, "")
}

// isTable tells a grant on a table or column from one on a schema or function.
func (h home) isTable(where string) bool {
	return where != "schema" && !strings.HasPrefix(where, "schema ") && !strings.HasPrefix(where, "function ")
}

func (h home) privileges(list []string, where string) string {
	switch {
	case where == "schema":
		return strings.Join(list, ", ") + " on schema " + h.name
	case !h.isTable(where):
		return strings.Join(list, ", ") + " on " + where
	case strings.HasPrefix(where, "isolation."):
		return strings.Join(list, ", ") + " on " + where
	}
	table, column, ok := strings.Cut(where, ".")
	if !ok {
		return strings.Join(list, ", ") + " on " + quoted(h.name, table)
	}
	return strings.Join(list, " ("+quoted(column)+"), ") + " (" + quoted(column) + ") on " + quoted(h.name, table)
}

func quoted(parts ...string) string {
	for i, p := range parts {
		if strings.Trim(p, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			parts[i] = pgx.Identifier{p}.Sanitize()
		}
	}
	return strings.Join(parts, ".")
}

// quote is for names that may be words of SQL, as the policies' are.
func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// mend is the SQL that makes the object what it should be; empty where that
// would lose data or needs the migration's own text.
func (h home) mend(o object, want, is string) string {
	var drop, make string
	table, name, _ := strings.Cut(o.name, ".")
	on := quoted(h.name, table)
	switch o.kind {
	case "policy":
		drop, make = fmt.Sprintf("drop policy %s on %s;", quote(name), on), fmt.Sprintf("create policy %s on %s %s;", quote(name), on, want)
	case "constraint":
		drop, make = fmt.Sprintf("alter table %s drop constraint %s;", on, quote(name)), fmt.Sprintf("alter table %s add constraint %s %s;", on, quote(name), want)
	case "index":
		drop, make = fmt.Sprintf("drop index %s;", h.name+"."+quote(name)), strings.TrimSuffix(want, " invalid")+";"
	case "trigger":
		drop, make = fmt.Sprintf("drop trigger %s on %s;", quote(name), on), want+";"
	case "function":
		if want == "" {
			return "drop routine " + o.name + ";"
		}
		return ""
	default:
		return ""
	}
	if is == "" {
		drop = ""
	}
	if want == "" {
		return drop
	}
	if h.kind == "clinic" {
		// The definition names tables of its own schema without it.
		make = fmt.Sprintf("set search_path = %s, pg_catalog;\n%s\nreset search_path;", h.name, h.own(make))
	}
	return strings.TrimSpace(drop + "\n" + make)
}
