// Package locale holds the words of the pages in English, Hindi and Marathi
// and writes dates, times and numbers as the clinics read them: Latin digits
// and Indian grouping in every language, the clinic's zone whatever the
// browser's. It knows no page and no record; a value of a patient never
// becomes part of a message's key.
package locale

import (
	"embed"
	"fmt"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"github.com/cloister-health/cloister/internal/apperr"
)

//go:embed en.toml hi.toml mr.toml
var catalogues embed.FS

// Languages are the codes a person may choose, in the order screens list them.
func Languages() []string { return []string{"en", "hi", "mr"} }

// LanguageName is a language's name in its own script.
func LanguageName(code string) string {
	return map[string]string{"en": "English", "hi": "हिन्दी", "mr": "मराठी"}[code]
}

// Known reports whether the code is one of Languages.
func Known(code string) bool { return LanguageName(code) != "" }

// Bundle is the loaded catalogues.
type Bundle struct {
	langs map[string]*words
}

// words is one language: plain messages looked up directly, those with
// placeholders or plural forms through the localizer.
type words struct {
	lang   string
	plain  map[string]string
	loc    *i18n.Localizer
	keys   map[string]bool
	spread func(string) string // the pseudo language's stretching, else nil
}

// Load reads the catalogues; a malformed one fails the start.
func Load() (*Bundle, error) {
	src := i18n.NewBundle(language.English)
	src.RegisterUnmarshalFunc("toml", toml.Unmarshal)
	b := &Bundle{langs: map[string]*words{}}
	for _, lang := range Languages() {
		f, err := src.LoadMessageFileFS(catalogues, lang+".toml")
		if err != nil {
			return nil, fmt.Errorf("locale: %s: %w", lang, err)
		}
		w := &words{lang: lang, plain: map[string]string{}, keys: map[string]bool{}}
		for _, m := range f.Messages {
			w.keys[m.ID] = true
			if m.One == "" && !strings.Contains(m.Other, "{{") {
				w.plain[m.ID] = m.Other
			}
		}
		b.langs[lang] = w
	}
	for lang, w := range b.langs {
		w.loc = i18n.NewLocalizer(src, lang)
	}
	return b, nil
}

// For gives a language's words with times in the zone. An unknown language is
// English, a nil zone is India's, where the product is used.
func (b *Bundle) For(lang string, zone *time.Location) *Loc {
	w := b.langs[lang]
	if w == nil {
		w = b.langs["en"]
	}
	if zone == nil {
		zone = india
	}
	return &Loc{w: w, zone: zone}
}

// Pseudo is English with every message longer by 40 percent, for checking that
// pages hold longer languages.
func (b *Bundle) Pseudo() *Loc {
	w := *b.langs["en"]
	w.spread = func(s string) string {
		n := (len([]rune(s))*2 + 4) / 5
		return s + strings.Repeat("~", n)
	}
	return &Loc{w: &w, zone: india}
}

// Choose picks the language of a request: the user's own, else the cookie's,
// else the clinic's, else English.
func Choose(user, cookie, clinic string) string {
	for _, c := range []string{user, cookie, clinic} {
		if Known(c) {
			return c
		}
	}
	return "en"
}

var india = time.FixedZone("IST", 5*3600+1800)

// Loc speaks one language in one zone.
type Loc struct {
	w    *words
	zone *time.Location
}

// Lang is the language's code, as the lang attribute takes it.
func (l *Loc) Lang() string { return l.w.lang }

// Zone is the zone in which times are shown.
func (l *Loc) Zone() *time.Location { return l.zone }

// T is the message of a key. Placeholders are filled from pairs of name and
// value. An unknown key gives the key itself, which the catalogue test forbids.
func (l *Loc) T(key string, pairs ...any) string {
	if s, ok := l.w.plain[key]; ok && len(pairs) == 0 {
		return l.out(s)
	}
	return l.message(key, nil, fill(pairs))
}

// N is the plural form of a key for a count; the message sees it as {{.N}}.
func (l *Loc) N(key string, n int, pairs ...any) string {
	data := fill(pairs)
	data["N"] = l.Num(n)
	return l.message(key, n, data)
}

// Text is the message of a key if there is one, else the English text.
func (l *Loc) Text(key, text string, args map[string]any) string {
	if key == "" || !l.w.keys[key] {
		return text
	}
	return l.message(key, nil, args)
}

// Field is the sentence of a field's problem.
func (l *Loc) Field(f apperr.Field) string { return l.Text(f.Key, f.Text, f.Args) }

// Error is the sentence of an error that may be shown.
func (l *Loc) Error(e *apperr.Error) string { return l.Text(e.Key, e.Text, e.Args) }

func (l *Loc) message(key string, count any, data map[string]any) string {
	s, err := l.w.loc.Localize(&i18n.LocalizeConfig{MessageID: key, PluralCount: count, TemplateData: data})
	if err != nil {
		return key
	}
	return l.out(s)
}

func (l *Loc) out(s string) string {
	if l.w.spread != nil {
		return l.w.spread(s)
	}
	return s
}

func fill(pairs []any) map[string]any {
	m := make(map[string]any, len(pairs)/2+1)
	for i := 0; i+1 < len(pairs); i += 2 {
		m[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return m
}
