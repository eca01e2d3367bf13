//go:build unix

package pg

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// account is who the server runs as. Postgres refuses to run as root, so root
// needs somebody else; anyone else runs it as themselves.
type account struct {
	name       string
	uid, gid   int
	credential *syscall.Credential // nil when it is ourselves
}

// serverAccount picks the account: ourselves, or for root the first of the
// usual unprivileged ones.
func serverAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseInt(u.Uid, 10, 64)
		if err != nil {
			continue
		}
		gid, err := strconv.ParseInt(u.Gid, 10, 64)
		if err != nil {
			continue
		}
		return account{name: name, uid: int(uid), gid: int(gid),
			// macOS says -2 for nobody; the kernel's ids are unsigned.
			credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return account{}, fmt.Errorf("Postgres does not run as root, and neither a user postgres nor nobody exists here: create one, or set DATABASE_URL")
}

// command runs as the account, in a session of its own: the terminal's Ctrl-C
// goes to our process group, and Postgres must outlive the requests that we
// are then still answering.
func (a account) command(dir, name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir = dir
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: a.credential}
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "TZ=UTC", "PGTZ=UTC", "LC_MESSAGES=C"}
	return c
}

// reaches reports whether the account may enter the folder.
func (a account) reaches(dir string) bool {
	return a.command("/", "/bin/sh", "-c", `cd "$1"`, "sh", dir).Run() == nil
}

// own hands a file or folder to the account.
func (a account) own(path string) error {
	if a.credential == nil {
		return nil
	}
	return os.Chown(path, int(a.credential.Uid), int(a.credential.Gid))
}

// home makes the folder that holds everything of the server and returns it:
// postgres inside the state folder, or, when that can't be reached by the
// account (a checkout under /root, say), a folder of /var/lib named after it.
func (a account) home(state string) (string, error) {
	state, err := filepath.Abs(state) // the account's commands don't start where we are
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(state, 0o755); err != nil {
		return "", err
	}
	inside := filepath.Join(state, "postgres")
	if a.credential == nil || a.reaches(state) {
		return inside, makeHome(inside)
	}
	outside, err := outsideHome(state)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(outside), 0o755); err != nil {
		return "", err
	}
	return outside, makeHome(outside)
}

// outsideHome is where the server's files are when the state folder is out of
// the account's reach.
func outsideHome(state string) (string, error) {
	abs, err := filepath.Abs(state)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(abs))
	return filepath.Join("/var/lib/cloister", hex.EncodeToString(sum[:6])), nil
}

// makeHome makes the folder ours. One that belongs to somebody else is refused:
// in a shared place like /tmp it could be a trap.
func makeHome(dir string) error {
	if err := os.Mkdir(dir, 0o711); err != nil && !os.IsExist(err) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s is not a folder of ours", dir)
	}
	if info.Mode().Perm() != 0o711 {
		return os.Chmod(dir, 0o711) // the umask may have taken the x that the account needs
	}
	return nil
}

// reachable returns the programs' folder, or a copy of them inside home when
// the account can't enter it (npm packages under /root).
func (a account) reachable(b Binaries, home string) (Binaries, error) {
	if a.credential == nil || a.reaches(b.Dir) {
		return b, nil
	}
	root := filepath.Dir(b.Dir) // bin, lib and share lie side by side
	copied := filepath.Join(home, "server-"+strconv.Itoa(b.Version))
	if !exists(filepath.Join(copied, "bin", "postgres")) {
		part := copied + ".part"
		if err := os.RemoveAll(part); err != nil {
			return b, err
		}
		if err := os.CopyFS(part, os.DirFS(root)); err != nil {
			return b, fmt.Errorf("copy the server's programs: %w", err)
		}
		if err := os.Rename(part, copied); err != nil {
			return b, err
		}
	}
	b.Dir = filepath.Join(copied, "bin")
	return b, nil
}

// Remove deletes the server's files of a state folder. The server must have
// been stopped.
func Remove(state string) error {
	outside, err := outsideHome(state)
	if err != nil {
		return err
	}
	for _, home := range []string{filepath.Join(state, "postgres"), outside} {
		if p := readPostmaster(filepath.Join(home, "data")); p.alive() {
			return fmt.Errorf("the server of %s is still running (process %d)", state, p.pid)
		}
		if err := os.RemoveAll(home); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// lastLine is the end of a program's output, where it says what went wrong.
func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
