package gallery

import (
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/static"
)

// TestPages renders every sample in every language, and the longer pseudo
// language, and reads the rules off the HTML that a browser need not run for.
func TestPages(t *testing.T) {
	t.Parallel()
	a, err := static.Open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	h := Handler(a, b)
	for _, name := range append(Names(), "") {
		for _, lang := range append(locale.Languages(), "pseudo") {
			t.Run(name+"/"+lang, func(t *testing.T) {
				t.Parallel()
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest("GET", Root+"/"+name+"?lang="+lang, nil))
				if w.Code != 200 {
					t.Fatalf("%d %s", w.Code, w.Body)
				}
				if n := w.Body.Len(); n > 120<<10 {
					t.Errorf("%d bytes", n)
				}
				check(t, w.Body)
			})
		}
	}
}

// check walks a page: no inline script, style or handler, ids unique, labels
// pointing somewhere, one h1 and one main, every image and input named.
func check(t *testing.T, r io.Reader) {
	t.Helper()
	doc, err := html.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	ids, refs, count := map[string]bool{}, []string{}, map[string]int{}
	nodes := 0
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode {
			nodes++
			count[n.Data]++
			for _, at := range n.Attr {
				inspect(t, n, at)
				switch at.Key {
				case "id":
					if ids[at.Val] {
						t.Errorf("id %q twice", at.Val)
					}
					ids[at.Val] = true
				case "for", "aria-labelledby", "aria-describedby":
					refs = append(refs, strings.Fields(at.Val)...)
				}
			}
			if n.Data == "style" || (n.Data == "script" && n.FirstChild != nil) {
				t.Errorf("inline <%s>", n.Data)
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(doc)
	for _, ref := range refs {
		if !ids[ref] {
			t.Errorf("nothing has the id %q that is referred to", ref)
		}
	}
	if count["h1"] != 1 || count["main"] != 1 || count["title"] != 1 {
		t.Errorf("h1 %d, main %d, title %d; each must be one", count["h1"], count["main"], count["title"])
	}
	if nodes > 1500 {
		t.Errorf("%d nodes, budget 1500", nodes)
	}
}

func inspect(t *testing.T, n *html.Node, at html.Attribute) {
	t.Helper()
	switch {
	case n.Data == "use" && at.Key == "href":
		if _, icon, _ := strings.Cut(at.Val, "#"); !slices.Contains(static.IconNames(), icon) {
			t.Errorf("the sprite has no icon %q", icon)
		}
	case at.Key == "style" || strings.HasPrefix(at.Key, "on") || strings.HasPrefix(at.Key, "hx-on"):
		t.Errorf("<%s> has an inline %s", n.Data, at.Key)
	case strings.HasPrefix(at.Key, "hx-") && (strings.Contains(at.Val, "js:") || strings.Contains(at.Val, "javascript:")):
		t.Errorf("<%s %s=%q> runs script", n.Data, at.Key, at.Val)
	case at.Key == "hx-trigger" && strings.Contains(at.Val, "["):
		t.Errorf("hx-trigger %q has a filter", at.Val)
	case at.Key == "href" && (at.Val == "" || strings.HasPrefix(at.Val, "http")):
		t.Errorf("link to %q", at.Val)
	}
}

func TestUnknownPage(t *testing.T) {
	t.Parallel()
	a, err := static.Open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	Handler(a, b).ServeHTTP(w, httptest.NewRequest("GET", Root+"/nope", nil))
	if w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
}
