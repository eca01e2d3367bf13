// Command assetsbuild copies the third-party files that the pages need out of
// node_modules into static/vendor, where the binary embeds them, and draws one
// SVG sprite from the icons that are used. It takes only named files: nothing
// else of a package reaches a browser. It rewrites nothing, and joins only htmx and
// its extension.
package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/cloister-health/cloister/internal/web/static"
)

// copies maps a file of node_modules to its name in static/vendor. Two of one
// name become one file: htmx looks at the page as soon as it is there, and an
// extension that came a moment later would find that it had been looked at.
var copies = [][2]string{
	{"htmx.org/dist/htmx.min.js", static.HTMX},
	{"htmx.org/dist/ext/hx-sse.min.js", static.HTMX},
	{"@fontsource-variable/noto-sans/files/noto-sans-latin-wght-normal.woff2", static.FontLatin},
	{"@fontsource-variable/noto-sans/files/noto-sans-latin-ext-wght-normal.woff2", static.FontLatinExt},
	{"@fontsource-variable/noto-sans-devanagari/files/noto-sans-devanagari-devanagari-wght-normal.woff2", static.FontDevanagari},
	{"htmx.org/LICENSE", "vendor/LICENSE.htmx.txt"},
	{"lucide-static/LICENSE", "vendor/LICENSE.lucide.txt"},
	{"@fontsource-variable/noto-sans/LICENSE", "vendor/LICENSE.noto-sans.txt"},
	{"@fontsource-variable/noto-sans-devanagari/LICENSE", "vendor/LICENSE.noto-sans-devanagari.txt"},
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "assetsbuild:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	root := "internal/web"
	if len(args) == 1 {
		root = args[0]
	}
	from, to := filepath.Join(root, "node_modules"), filepath.Join(root, "static")
	if _, err := os.Stat(from); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is missing: run npm ci --ignore-scripts in %s first", from, root)
	}
	files := map[string][]byte{}
	for _, c := range copies {
		b, err := os.ReadFile(filepath.Join(from, c[0]))
		if err != nil {
			return err
		}
		if strings.HasSuffix(c[1], ".js") {
			b = append(withoutSourceMap(b), ';', '\n')
		}
		files[c[1]] = append(files[c[1]], b...)
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(to, name), b, 0o644); err != nil {
			return err
		}
	}
	sprite, err := drawSprite(filepath.Join(from, "lucide-static", "icons"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(to, static.Icons), sprite, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d files and %d icons in %s\n", len(files)+1, len(static.IconNames()), filepath.Join(to, "vendor"))
	return nil
}

// withoutSourceMap drops the comment that would make a browser's tools ask for
// a map which is not served.
func withoutSourceMap(b []byte) []byte {
	i := bytes.LastIndex(b, []byte("//# sourceMappingURL="))
	if i < 0 {
		return b
	}
	return append(bytes.TrimRight(b[:i], "\n"), '\n')
}

// icon is the part of an icon file that the sprite keeps.
type icon struct {
	Inner string `xml:",innerxml"`
}

func drawSprite(dir string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg">`)
	for _, name := range static.IconNames() {
		raw, err := os.ReadFile(filepath.Join(dir, name+".svg"))
		if err != nil {
			return nil, err
		}
		var i icon
		if err := xml.Unmarshal(raw, &i); err != nil {
			return nil, fmt.Errorf("icon %s: %w", name, err)
		}
		// Presentation attributes stand on the symbol, since a use element
		// does not carry over those of the file's own svg element.
		fmt.Fprintf(&b, `<symbol id="%s" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">%s</symbol>`,
			name, strings.Join(strings.Fields(i.Inner), " "))
	}
	b.WriteString("</svg>\n")
	return b.Bytes(), nil
}
