// Package static holds the files that browsers fetch: our stylesheet, script
// and images, and the third-party files that assetsbuild puts in vendor. Each
// is served under a name that contains the hash of its content, compressed
// once at start. No page, no text and nothing of a clinic belongs here.
package static

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"sync"
)

// vendor is git-ignored but for its .gitkeep, which is why the pattern takes
// dot files: a clean checkout must build before the assets are installed.
//
//go:embed css js img all:vendor
var files embed.FS

// Names of the files that pages link to.
const (
	CSS            = "css/app.css"
	PaperCSS       = "css/paper.css"
	JS             = "js/app.js"
	DraftJS        = "js/draft.js"
	UploadJS       = "js/upload.js"
	ShareJS        = "js/share.js"
	RxJS           = "js/rx.js"
	Favicon        = "img/favicon.svg"
	HTMX           = "vendor/htmx.js"
	Icons          = "vendor/icons.svg"
	FontLatin      = "vendor/noto-sans-latin.woff2"
	FontLatinExt   = "vendor/noto-sans-latin-ext.woff2"
	FontDevanagari = "vendor/noto-sans-devanagari.woff2"
)

// needed are the files without which no page works.
var needed = []string{CSS, PaperCSS, JS, DraftJS, RxJS, UploadJS, ShareJS, Favicon, HTMX, Icons, FontLatin, FontLatinExt, FontDevanagari}

// ErrMissing says that the third-party files were not built in.
var ErrMissing = errors.New("static: third-party files are missing from this build: run make assets and build again")

// iconNames are the icons in the sprite, by their names in the icon set.
var iconNames = []string{
	"activity", "bell", "bed", "building-2", "calendar-clock", "calendar-days", "check", "chevron-down", "chevron-left", "chevron-right",
	"circle-alert", "circle-check", "circle-dot", "circle-help", "clock", "corner-down-left", "diamond", "ellipsis", "external-link", "eye",
	"file-text", "flask-conical", "info", "key-round", "languages", "layout-dashboard", "link", "list-ordered", "log-out", "mail",
	"megaphone", "merge", "minus", "monitor", "moon", "pencil", "phone", "pill", "play", "plus", "printer", "refresh-cw", "rotate-ccw",
	"search", "settings", "shield", "siren", "skip-forward", "stethoscope", "sun", "ticket", "triangle-alert", "undo", "user",
	"user-plus", "users", "volume-2", "x",
}

// IconNames lists the sprite's icons, sorted.
func IconNames() []string {
	out := append([]string(nil), iconNames...)
	sort.Strings(out)
	return out
}

// Open loads, hashes and compresses every file, once a process; it fails with
// ErrMissing when the build lacks one that the pages need.
func Open() (*Assets, error) { return opened() }

var opened = sync.OnceValues(func() (*Assets, error) { return open(files) })

func open(fsys fs.FS) (*Assets, error) {
	for _, n := range needed {
		if _, err := fs.Stat(fsys, n); err != nil {
			return nil, fmt.Errorf("%w (%s)", ErrMissing, n)
		}
	}
	a := &Assets{byName: map[string]*file{}, byURL: map[string]*file{}}
	// The stylesheets name fonts, so those need their URLs first.
	for _, css := range []bool{false, true} {
		err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !served(name) || (path.Ext(name) == ".css") != css {
				return err
			}
			b, err := fs.ReadFile(fsys, name)
			if err != nil {
				return err
			}
			return a.add(name, b)
		})
		if err != nil {
			return nil, err
		}
	}
	return a, nil
}
