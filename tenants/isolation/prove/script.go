package prove

import (
	"fmt"
	"regexp"
	"strings"
)

var signature = regexp.MustCompile(`'[0-9a-z]+:[0-9a-f]{64}'`)

// nobodys comes in a script before the statement that an outcome is compared with.
const nobodys = "-- with a value that nobody has the outcome is another:"

// script is an attempt as one that psql runs. Signatures of the run are not in
// it: the owner of the key makes them anew, as the service would.
func (w *world) script(s seen) string {
	if s.attack == nil {
		return ""
	}
	var b strings.Builder
	body := w.statements(s.setup, s.attack, s.line)
	if s.miss != nil {
		body += nobodys + "\n" + w.statements(s.setup, s.miss, "")
	}
	known := w.signed()
	names := map[string]string{}
	body = signature.ReplaceAllStringFunc(body, func(sig string) string {
		words, ok := known[sig]
		if !ok {
			return sig // an invented one
		}
		if names[sig] == "" {
			names[sig] = fmt.Sprintf("sig%d", len(names)+1)
			fmt.Fprintf(&b, "select kid || ':' || encode(sha256(outer_pad || sha256(inner_pad || convert_to(%s, 'UTF8'))), 'hex') as %s from platform.scope_keys limit 1 \\gset\n", quote(words), names[sig])
		}
		return ":'" + names[sig] + "'"
	})
	if len(names) > 0 {
		return "\\c - cloister_migrator\nset role cloister_owner;\n" + b.String() + "\\c - cloister_app\n" + body
	}
	return "\\c - cloister_app\n" + body
}

func (w *world) statements(setup, attack []string, line string) string {
	text := strings.Join(append(append([]string{}, setup...), attack...), ";\n") + ";\n"
	if line != "" {
		text += line + "\\.\n"
	}
	return text + "rollback;\n"
}

// signed are the words under the signatures that attacks of this world carry.
func (w *world) signed() map[string]string {
	known := map[string]string{}
	sign := func(clinic, actor, role string) {
		known[quote(w.keys.SignScope(clinic, actor, role))] = clinic + "|" + actor + "|" + role
	}
	for _, c := range w.clinics {
		for _, role := range w.roles {
			s := w.scopeOf(c, role)
			sign(s.clinic, s.actor, s.role)
			sign("", s.actor, s.role)
		}
	}
	return known
}
