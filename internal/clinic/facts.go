package clinic

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/tenants"
)

// Facts are what the registry knows of a clinic, as a form shows and sends them.
type Facts struct {
	Name, LocalName            string
	Registration, GSTIN        string
	Address, City, State, PIN  string
	Phone, Email, Website      string
	StoreName, StoreAddress    string
	StorePhone                 string
	Zone, Language             string
	BrandColor                 string // read only here; see SaveBrand
	HasLogo                    bool   // read only here; see SaveLogo
	Status, StatusReason, Plan string // read only
	Version                    int32
}

// Facts reads what the registry knows of the clinic. Codes: forbidden.
func (s *Service) Facts(ctx context.Context) (Facts, error) {
	if err := s.allow(ctx, access.SettingsView); err != nil {
		return Facts{}, err
	}
	var out Facts
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) (err error) {
		out, err = readFacts(ctx, tx)
		return err
	})
	return out, tenants.Refused(err)
}

func readFacts(ctx context.Context, tx *tenants.Tx) (Facts, error) {
	r, err := tx.Q().GetFacts(ctx)
	return Facts{Name: r.Name, LocalName: r.LocalName, Registration: r.RegistrationNumber, GSTIN: r.Gstin, Address: r.Address, City: r.City,
		State: r.State, PIN: r.Pin, Phone: r.Phone, Email: r.Email, Website: r.Website, StoreName: r.StoreName, StoreAddress: r.StoreAddress,
		StorePhone: r.StorePhone, Zone: r.Zone, Language: r.Language, BrandColor: r.BrandColor, HasLogo: r.HasLogo,
		Status: r.Status, StatusReason: r.StatusReason, Plan: r.Plan, Version: r.Version}, err
}

var (
	gstinForm = regexp.MustCompile(`^[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]$`)
	pinForm   = regexp.MustCompile(`^[1-9][0-9]{5}$`)
)

func (in Facts) check() (tenantdb.UpdateFactsParams, error) {
	var p apperr.Problems
	clean := patient.CleanName
	out := tenantdb.UpdateFactsParams{Name: clean(in.Name), LocalName: clean(in.LocalName), Address: strings.TrimSpace(in.Address), City: clean(in.City),
		State: clean(in.State), Pin: strings.ReplaceAll(clean(in.PIN), " ", ""), Website: strings.TrimSpace(in.Website), StoreName: clean(in.StoreName),
		StoreAddress: strings.TrimSpace(in.StoreAddress), Zone: in.Zone, Language: in.Language, Version: in.Version}
	required(&p, "name", out.Name, 200)
	limit(&p, "local_name", out.LocalName, 200)
	for field, v := range map[string]string{"address": out.Address, "store_address": out.StoreAddress} {
		limit(&p, field, v, 500)
	}
	for field, v := range map[string]string{"city": out.City, "state": out.State, "store_name": out.StoreName} {
		limit(&p, field, v, 100)
	}
	if v := clean(in.Registration); v != "" {
		limit(&p, "registration", v, 100)
		out.RegistrationNumber = &v
	}
	if v := strings.ToUpper(strings.ReplaceAll(in.GSTIN, " ", "")); v != "" {
		if !gstinForm.MatchString(v) {
			p.Add("gstin", "error.gstin", "A GSTIN has 15 letters and digits, such as 27ABCDE1234F1Z5")
		}
		out.Gstin = &v
	}
	if out.Pin != "" && !pinForm.MatchString(out.Pin) {
		p.Add("pin", "error.pin", "Enter a PIN code of 6 digits")
	}
	out.Phone, out.StorePhone = checkPhone(&p, "phone", in.Phone), checkPhone(&p, "store_phone", in.StorePhone)
	if e := checkEmail(&p, "email", in.Email); e != nil {
		out.Email = *e
	}
	out.Website = checkWebsite(&p, out.Website)
	if out.StoreName != "" && out.StoreAddress == "" {
		p.Add("store_address", "error.store_address", "Enter the store's address, or leave its name empty")
	}
	if _, err := time.LoadLocation(out.Zone); err != nil || out.Zone == "" || out.Zone == "Local" {
		p.Add("zone", "error.choose", "Choose one from the list")
	}
	choose(&p, "language", out.Language, "en", "hi", "mr")
	return out, p.Err()
}

// checkWebsite takes an address with or without its scheme. Only http and https
// pass: it becomes a link.
func checkWebsite(p *apperr.Problems, text string) string {
	if text == "" {
		return ""
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || !strings.Contains(u.Hostname(), ".") || u.User != nil || len(text) > 200 {
		p.Add("website", "error.website", "Enter a web address, such as clinic.in")
	}
	return text
}

// SaveFacts changes the facts; a form that asks for what is there already
// changes nothing and is no error. Codes: invalid, stale, forbidden.
func (s *Service) SaveFacts(ctx context.Context, in Facts) error {
	if err := s.allow(ctx, access.SettingsEdit); err != nil {
		return err
	}
	q, err := in.check()
	if err != nil {
		return err
	}
	return refusedFacts(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		n, err := tx.Q().UpdateFacts(ctx, q)
		if err != nil || n == 1 {
			return err
		}
		now, err := readFacts(ctx, tx)
		if err != nil {
			return err
		}
		now.Version = in.Version
		there, _ := now.check()
		return agreed(q, there)
	}))
}

func refusedFacts(err error) error {
	if tenants.Violates(err, "clinics_registration_number_key") {
		var p apperr.Problems
		p.Add("registration", "error.registration_taken", "Another clinic has this registration number")
		return p.Err()
	}
	return tenants.Refused(err)
}

// one is stale unless exactly one row was changed.
func one(n int64, err error) error {
	if err == nil && n != 1 {
		return stale()
	}
	return err
}

// Zones are the time zones a clinic may choose, its own first in the list of a
// form that has another.
func Zones() []string {
	return []string{"Asia/Kolkata", "Asia/Kathmandu", "Asia/Colombo", "Asia/Dhaka", "Asia/Dubai", "Asia/Singapore", "Africa/Nairobi", "Europe/London", "UTC"}
}
