//go:build linux

package main

import (
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// pseudoTerminal opens a pair of a terminal and what a person sees of it.
func pseudoTerminal(t *testing.T) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if tty, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	return screen, tty
}

// A bar shows on a terminal how far an import is, and nothing of it elsewhere.
func TestImportShowsABarOnATerminal(t *testing.T) {
	t.Parallel()
	screen, tty := pseudoTerminal(t)
	told := progress(tty)
	if told == nil {
		t.Fatal("no bar on a terminal")
	}
	for n := range 4 {
		told("patients", (n+1)*250, 1000)
	}
	told("visits", 1, 2)
	if err := tty.Close(); err != nil {
		t.Fatal(err)
	}
	seen, _ := io.ReadAll(screen) // a terminal whose other side is closed ends with an error
	for _, says := range []string{"patients", "250/1000", "visits", "1/2"} {
		if !strings.Contains(string(seen), says) {
			t.Errorf("the screen lacks %q: %q", says, seen)
		}
	}
	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if progress(file) != nil || progress(&strings.Builder{}) != nil {
		t.Error("a bar where nobody watches")
	}
}
