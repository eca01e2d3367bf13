package provision

import (
	"crypto/sha256"
	"encoding/hex"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"

	"github.com/cloister-health/cloister/internal/apperr"
)

// Spec is what a new clinic is told to be. Only the first three are required.
type Spec struct {
	Name         string
	Slug         string
	AdminEmail   string
	AdminName    string // "Clinic admin" when empty
	LocalName    string
	Plan         string // a plan's code; trial when empty
	Registration string
	GSTIN        string
	Address      string
	City         string
	State        string
	PIN          string
	Phone        string
	Email        string
	Website      string
	Zone         string // Asia/Kolkata when empty
	Language     string // en when empty
}

// reserved are slugs that a page, a host name or a reader could take for
// something of ours.
var reserved = []string{
	"about", "account", "admin", "administrator", "api", "app", "assets", "auth", "billing", "blog", "clinic", "clinics", "cloister",
	"console", "contact", "dashboard", "dev", "display", "docs", "doctor", "download", "fhir", "ftp", "health", "healthz", "help",
	"home", "host", "imap", "internal", "invite", "login", "logout", "mail", "me", "metrics", "mx", "new", "news", "none", "ns",
	"null", "operator", "operators", "password", "patient", "platform", "plans", "pop", "portal", "pricing", "privacy", "public", "readyz",
	"register", "reset", "root", "search", "security", "settings", "signin", "sign-in", "signup", "sign-up", "sitemap", "smtp",
	"staff", "static", "status", "support", "system", "terms", "token", "undefined", "user", "users", "verify", "webhook", "webhooks", "www",
}

var (
	slugForm  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)
	pinForm   = regexp.MustCompile(`^[1-9][0-9]{5}$`)
	gstinForm = regexp.MustCompile(`^[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]$`)
	userForm  = regexp.MustCompile(`^[a-z0-9][a-z0-9._@+-]{1,149}$`)
)

// SlugProblem says what is wrong with a slug, empty for nothing. The rule is
// the registry's own, so that what passes here is not refused there.
func SlugProblem(slug string) (key, text string) {
	switch {
	case slug == "":
		return "error.required", "is required"
	case len(slug) < 2 || len(slug) > 40:
		return "error.slug.length", "must have 2 to 40 characters"
	case !slugForm.MatchString(slug) || strings.Contains(slug, "--"):
		return "error.slug.form", "may have small letters, digits and single hyphens between them, such as asha-kiran"
	case slices.Contains(reserved, slug):
		return "error.slug.reserved", "is a word that the site itself uses; take another"
	}
	return "", ""
}

// clean checks the spec and brings it to its stored form. Errors: Invalid, with
// every field that is wrong.
func (sp Spec) clean() (Spec, error) {
	var p apperr.Problems
	line := func(field string, v *string, most int, required bool) {
		*v = strings.Join(strings.Fields(*v), " ")
		checkText(&p, field, *v, most, required)
	}
	line("name", &sp.Name, 200, true)
	if key, text := SlugProblem(sp.Slug); text != "" {
		p.Add("slug", key, text)
	}
	sp.AdminEmail = checkEmail(&p, "admin_email", sp.AdminEmail, true)
	if strings.TrimSpace(sp.AdminName) == "" {
		sp.AdminName = "Clinic admin"
	}
	line("admin_name", &sp.AdminName, 200, false)
	line("local_name", &sp.LocalName, 200, false)
	line("registration", &sp.Registration, 100, false)
	line("city", &sp.City, 100, false)
	line("state", &sp.State, 100, false)
	sp.Address = strings.TrimSpace(sp.Address)
	checkText(&p, "address", strings.ReplaceAll(sp.Address, "\n", " "), 500, false)
	sp.Email = checkEmail(&p, "email", sp.Email, false)
	sp.Phone = checkPhone(&p, sp.Phone)
	sp.Website = checkWebsite(&p, sp.Website)
	sp.GSTIN = strings.ToUpper(strings.TrimSpace(sp.GSTIN))
	match(&p, "gstin", sp.GSTIN, gstinForm, "error.gstin.form", "is no GSTIN, such as 27AAAAA0000A1Z5")
	sp.PIN = strings.ReplaceAll(sp.PIN, " ", "")
	match(&p, "pin", sp.PIN, pinForm, "error.pin.form", "must be six digits that don't begin with 0")
	sp.choices(&p)
	return sp, p.Err()
}

// choices are the fields with a set of values.
func (sp *Spec) choices(p *apperr.Problems) {
	if sp.Plan == "" {
		sp.Plan = "trial"
	}
	if sp.Zone == "" {
		sp.Zone = "Asia/Kolkata"
	}
	if _, err := time.LoadLocation(sp.Zone); err != nil || sp.Zone == "Local" {
		p.Add("zone", "error.zone.unknown", "is no time zone, such as Asia/Kolkata")
	}
	if sp.Language == "" {
		sp.Language = "en"
	}
	if !slices.Contains([]string{"en", "hi", "mr"}, sp.Language) {
		p.Add("language", "error.language.unknown", "must be en, hi or mr")
	}
}

func checkText(p *apperr.Problems, field, v string, most int, required bool) {
	switch {
	case v == "" && required:
		p.Add(field, "error.required", "is required")
	case !utf8.ValidString(v) || strings.ContainsFunc(v, unicode.IsControl):
		p.Add(field, "error.text.characters", "has characters that can't be kept")
	case utf8.RuneCountInString(v) > most:
		p.AddArgs(field, "error.text.long", "is too long", map[string]any{"most": most})
	}
}

func checkEmail(p *apperr.Problems, field, v string, required bool) string {
	v = strings.ToLower(strings.TrimSpace(v))
	if v == "" {
		if required {
			p.Add(field, "error.required", "is required")
		}
		return v
	}
	a, err := mail.ParseAddress(v)
	if err != nil || a.Address != v || len(v) > 254 || strings.ContainsFunc(v, func(r rune) bool { return r > unicode.MaxASCII || r == '"' }) {
		p.Add(field, "error.email.invalid", "is no email address, such as name@clinic.example")
	}
	return v
}

func checkPhone(p *apperr.Problems, v string) string {
	if v = strings.TrimSpace(v); v == "" {
		return ""
	}
	n, err := phonenumbers.Parse(v, "IN")
	if err != nil || !phonenumbers.IsPossibleNumber(n) || len(v) > 40 {
		p.Add("phone", "error.phone.invalid", "is no phone number, such as 020 5550 1234 or +44 20 7946 0958")
		return v
	}
	return phonenumbers.Format(n, phonenumbers.E164)
}

func checkWebsite(p *apperr.Problems, v string) string {
	if v = strings.TrimSpace(v); v == "" {
		return ""
	}
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || len(v) > 200 {
		p.Add("website", "error.website.invalid", "is no web address, such as https://clinic.example")
	}
	return v
}

func match(p *apperr.Problems, field, v string, form *regexp.Regexp, key, text string) {
	if v != "" && !form.MatchString(v) {
		p.Add(field, key, text)
	}
}

// request tells the same creation asked for again from another one that wants
// the same slug.
func (sp Spec) request() string {
	sum := sha256.Sum256([]byte(sp.Slug + "\x00" + strings.ToLower(sp.Name) + "\x00" + sp.AdminEmail))
	return "request " + hex.EncodeToString(sum[:16])
}

// username is what the first admin signs in with, besides the email.
func (sp Spec) username() string {
	if local, _, _ := strings.Cut(sp.AdminEmail, "@"); userForm.MatchString(local) {
		return local
	}
	if userForm.MatchString(sp.AdminEmail) {
		return sp.AdminEmail
	}
	return "admin"
}

// SchemaFor names a clinic's schema. A slug has no underscore, so no two slugs
// have one name; and a slug is never given to another clinic.
func SchemaFor(slug string) string { return "clinic_" + strings.ReplaceAll(slug, "-", "_") }
