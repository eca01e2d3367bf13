package arch

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The limits of STYLE: a longer file is two files.
const maxLines = 500

// nothingNames are names of packages that say nothing of what is inside, so
// that anything ends up there.
var nothingNames = []string{"util", "utils", "helper", "helpers", "common", "models", "types", "manager", "misc", "base", "lib", "shared"}

// source is one file of the checkout.
type source struct {
	path string // from the checkout's root, with slashes
	text []byte
}

func (s source) pkg() string { return path.Dir(s.path) }
func (s source) test() bool  { return strings.HasSuffix(s.path, "_test.go") }
func (s source) generated() bool {
	return bytes.Contains(s.text[:min(len(s.text), 400)], []byte("// Code generated "))
}

func sources(t *testing.T, extensions ...string) []source {
	t.Helper()
	root := filepath.Join("..", "..")
	var all []source
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			name := d.Name()
			if rel != "." && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "vendor" || name == "bin" || name == "testdata") || rel == "tools" {
				return fs.SkipDir
			}
			return nil
		}
		if !slices.Contains(extensions, path.Ext(rel)) {
			return nil
		}
		text, err := os.ReadFile(p)
		all = append(all, source{rel, text})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatalf("found no %v", extensions)
	}
	return all
}

func imports(t *testing.T, s source) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), s.path, s.text, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// matches reports whether a package is meant by a pattern.
func matches(pattern, pkg string) bool {
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == below || strings.HasPrefix(pkg, below+"/")
	}
	return pkg == pattern
}

func anyOf(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, pkg) })
}

// roomOf finds the room with the closest pattern, so that "tenants" and
// "tenants/..." can be two rooms.
func roomOf(pkg string) (room, bool) {
	var best room
	length := -1
	for _, r := range house {
		for _, p := range r.packages {
			if n := len(strings.TrimSuffix(p, "/...")); matches(p, pkg) && (n > length || n == length && p == pkg) {
				best, length = r, n
			}
		}
	}
	return best, length >= 0
}

func TestImportsFollowThePlan(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t, ".go") {
		if s.test() {
			continue
		}
		r, ok := roomOf(s.pkg())
		if !ok {
			t.Errorf("%s: package %s has no room in internal/arch/rules_test.go: say what it may import", s.path, s.pkg())
			continue
		}
		for _, imp := range imports(t, s) {
			if reason := forbidden(r, s.pkg(), imp); reason != "" {
				t.Errorf("%s imports %s: %s (%s: %s)", s.path, imp, reason, r.name, r.why)
			}
		}
	}
}

// forbidden says why a package of a room may not import something, or "".
func forbidden(r room, pkg, imp string) string {
	own, ours := strings.CutPrefix(imp, module)
	if !ours {
		for _, n := range r.never {
			if imp == n || strings.HasPrefix(imp, strings.TrimSuffix(n, "/")+"/") {
				return "not from here"
			}
		}
		if r.stdOnly && strings.Contains(strings.Split(imp, "/")[0], ".") {
			return "only the standard library"
		}
		return ""
	}
	if own == pkg || anyOf(r.may, own) || r.inner && anyOf(r.packages, own) {
		return ""
	}
	if slices.ContainsFunc(between, func(b struct{ from, to, why string }) bool { return b.from == pkg && b.to == own && b.why != "" }) {
		return ""
	}
	return "it is no neighbour"
}

func TestOnlyTestsImportTheTestkit(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t, ".go") {
		if s.test() || strings.HasPrefix(s.path, "internal/testkit/") {
			continue
		}
		for _, imp := range imports(t, s) {
			if strings.HasPrefix(imp, module+"internal/testkit") || imp == "testing" || strings.HasPrefix(imp, module+"cmd/") {
				t.Errorf("%s imports %s", s.path, imp)
			}
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t, ".go", ".templ", ".css", ".js", ".mjs") {
		if s.generated() {
			continue
		}
		if n := bytes.Count(s.text, []byte("\n")); n > maxLines {
			t.Errorf("%s has %d lines, more than %d", s.path, n, maxLines)
		}
	}
}

func TestPackagesAreNamedForWhatTheyHold(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t, ".go") {
		f, err := parser.ParseFile(token.NewFileSet(), s.path, s.text, parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{f.Name.Name, path.Base(s.pkg())} {
			if slices.Contains(nothingNames, name) {
				t.Errorf("%s: a package named %s", s.path, name)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	said := map[string]bool{}
	for _, s := range sources(t, ".go") {
		if s.test() {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), s.path, s.text, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		// sqlc can't write one; package db says what its output is.
		said[s.pkg()] = said[s.pkg()] || s.generated() || f.Doc != nil && len(f.Doc.Text()) > 40
	}
	for pkg, ok := range said {
		if !ok {
			t.Errorf("package %s has no comment that says what it is for and what may not go in", pkg)
		}
	}
}

// The rules themselves are tried, since a rule that allows everything is as
// green as a house in order.
func TestTheRulesForbid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pkg, imp string
		ok       bool
	}{
		{"internal/web", module + "tenants", false},
		{"internal/web/page", module + "db/tenantdb", false},
		{"internal/web", "github.com/jackc/pgx/v5", false},
		{"internal/web", module + "internal/patient", true},
		{"internal/web/page", module + "internal/web/ui", true},
		{"internal/web", module + "internal/api", false},
		{"internal/httpx", module + "tenants", true},
		{"internal/httpx", module + "internal/web", false},
		{"internal/patient", module + "internal/visit", false},
		{"internal/patient", module + "db/tenantdb", true},
		{"internal/patient", "net/http", false},
		{"internal/apperr", "github.com/google/uuid", false},
		{"internal/apperr", module + "internal/phi", false},
		{"tenants", module + "internal/keys", false},
		{"tenants/provision", module + "internal/keys", true},
		{"tenants", module + "internal/patient", false},
		{"internal/keys", module + "internal/patient", false},
		{"cmd/cloister", module + "internal/web", true},
	} {
		r, ok := roomOf(c.pkg)
		if !ok {
			t.Errorf("%s has no room", c.pkg)
			continue
		}
		if got := forbidden(r, c.pkg, c.imp) == ""; got != c.ok {
			t.Errorf("%s importing %s: allowed %v, want %v", c.pkg, c.imp, got, c.ok)
		}
	}
}
