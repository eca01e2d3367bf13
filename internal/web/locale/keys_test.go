package locale

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// source is what the module's Go files say of message keys.
type source struct {
	literals map[string]bool   // every string literal outside of tests
	asked    map[string]string // key to the place that asks for it
}

// commandsOnly speak to an operator's terminal, in English; no page shows what
// they refuse.
var commandsOnly = map[string]bool{"cmd": true, "tenants/provision": true, "tenants/migrate": true, "tenants/backup": true, "tenants/isolation": true, "internal/legacy": true}

func readSource(t *testing.T) source {
	t.Helper()
	s := source{literals: map[string]bool{}, asked: map[string]string{}}
	fset := token.NewFileSet()
	root := filepath.Join("..", "..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (name == "node_modules" || strings.HasPrefix(name, ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() && commandsOnly[filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator)))] {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			s.note(fset, n)
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// note records literals, and the key of a call that can only mean one:
// l.T(key), l.N(key, n), apperr.New(code, key, text), apperr.Wrap(...),
// problems.Add(field, key, text) and AddArgs.
func (s source) note(fset *token.FileSet, n ast.Node) {
	if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		if v, err := strconv.Unquote(lit.Value); err == nil {
			s.literals[v] = true
		}
	}
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	at := -1
	switch sel.Sel.Name {
	case "T", "N":
		at = 0
	case "New", "Wrap":
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == "apperr" {
			at = 1
		}
	case "Add", "AddArgs":
		if len(call.Args) >= 3 {
			at = 1
		}
	}
	if at < 0 || at >= len(call.Args) {
		return
	}
	if lit, ok := call.Args[at].(*ast.BasicLit); ok && lit.Kind == token.STRING {
		if v, err := strconv.Unquote(lit.Value); err == nil && strings.Contains(v, ".") {
			s.asked[v] = fset.Position(call.Pos()).String()
		}
	}
}

func TestEveryKeyIsTranslatedAndUsed(t *testing.T) {
	t.Parallel()
	b, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	src := readSource(t)
	if len(src.asked) < 50 {
		t.Fatalf("only %d keys found in the source: the reader is broken", len(src.asked))
	}
	for key, where := range src.asked {
		for _, lang := range Languages() {
			if !b.langs[lang].keys[key] {
				t.Errorf("%s asks for %q, which %s.toml lacks", where, key, lang)
			}
		}
	}
	for _, lang := range Languages() {
		for key := range b.langs[lang].keys {
			if !src.literals[key] {
				t.Errorf("%s.toml has %q, which nothing uses", lang, key)
			}
			if !b.langs["en"].keys[key] {
				t.Errorf("%s.toml has %q, which en.toml lacks", lang, key)
			}
		}
	}
}

// A translation must fill the placeholders that the English one fills.
func TestPlaceholdersAgree(t *testing.T) {
	t.Parallel()
	texts := map[string]map[string]string{}
	for _, lang := range Languages() {
		texts[lang] = rawMessages(t, lang)
	}
	for key, en := range texts["en"] {
		for _, lang := range Languages() {
			if got, want := placeholders(texts[lang][key]), placeholders(en); got != want {
				t.Errorf("%s %q fills %s, English %s", lang, key, got, want)
			}
			if strings.ContainsAny(texts[lang][key], "०१२३४५६७८९") {
				t.Errorf("%s %q has Devanagari digits; digits are Latin everywhere", lang, key)
			}
		}
	}
}

func placeholders(s string) string {
	set := map[string]bool{}
	for _, part := range strings.Split(s, "{{.")[1:] {
		name, _, _ := strings.Cut(part, "}}")
		set[name] = true
	}
	out := make([]string, 0, len(set))
	for n := range set {
		out = append(out, n)
	}
	sort.Strings(out)
	return "[" + strings.Join(out, " ") + "]"
}
