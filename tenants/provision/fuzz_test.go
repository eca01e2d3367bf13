package provision

import (
	"regexp"
	"strings"
	"testing"
)

// FuzzSlug: what passes is an address's part as the registry takes it, and no
// word of the site's own.
func FuzzSlug(f *testing.F) {
	for _, s := range []string{"", "a", "alpha", "asha-kiran", "Asha", "a--b", "-a", "a-", "platform", "clinic", "a b", "\x00", "ाशा", "a.b", "xn--p1ai", "xn-0", strings.Repeat("a", 41), strings.Repeat("a", 40), "a\n"} {
		f.Add(s)
	}
	registry := regexp.MustCompile(`\A[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?\z`)
	f.Fuzz(func(t *testing.T, slug string) {
		key, text := SlugProblem(slug)
		if (key == "") != (text == "") {
			t.Errorf("%q: %q, %q", slug, key, text)
		}
		if text == "" && (!registry.MatchString(slug) || strings.Contains(slug, "--")) {
			t.Errorf("%q passes", slug)
		}
	})
}
