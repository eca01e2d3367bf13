package prove

import (
	"fmt"
	"regexp"
	"strings"
)

var signature = regexp.MustCompile(`'[0-9a-z]+:[0-9a-f]{64}'`)

// script is an attempt as one that psql runs. Signatures of the run are not in
// it: the owner of the key makes them anew, as the service would.
func (w *world) script(s seen) string {
	if s.attack == nil {
		return ""
	}
	var b strings.Builder
	body := strings.Join(append(append([]string{}, s.setup...), s.attack...), ";\n") + ";\nrollback;\n"
	known := map[string]string{}
	for _, c := range w.clinics {
		for _, role := range w.roles {
			sc := w.scopeOf(c, role)
			known[quote(sc.sig)] = sc.clinic + "|" + sc.actor + "|" + sc.role
		}
	}
	n := 0
	body = signature.ReplaceAllStringFunc(body, func(sig string) string {
		words, ok := known[sig]
		if !ok {
			return sig // an invented one
		}
		n++
		fmt.Fprintf(&b, "select kid || ':' || encode(sha256(outer_pad || sha256(inner_pad || convert_to(%s, 'UTF8'))), 'hex') as sig%d from platform.scope_keys limit 1 \\gset\n", quote(words), n)
		return fmt.Sprintf(":'sig%d'", n)
	})
	if n > 0 {
		return "\\c - cloister_migrator\nset role cloister_owner;\n" + b.String() + "\\c - cloister_app\n" + body
	}
	return "\\c - cloister_app\n" + body
}
