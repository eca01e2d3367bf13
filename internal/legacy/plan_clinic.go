package legacy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/cloister-health/cloister/internal/patient"
)

var pinShape = regexp.MustCompile(`^[1-9][0-9]{5}$`)

// planClinic takes the facts that may fill empty settings. Plan, status and
// limits never come from a file.
func (p *Plan) planClinic(r Row) {
	p.books["hospital_clinic"].say(TargetClinic, r.ID)
	c := Clinic{
		ID: r.ID, Name: patient.CleanName(r.text("name")), Address: r.text("address"), City: r.text("city"), State: r.text("state"),
		Email: strings.TrimSpace(r.text("email")), Website: strings.TrimSpace(r.text("website")),
		Registered: strings.TrimSpace(r.text("registration_number")), Logo: r.text("logo"),
		Facts: facts(r, "slug", "created_at", "updated_at"),
	}
	if pin := strings.ReplaceAll(r.text("zip_code"), " ", ""); pinShape.MatchString(pin) {
		c.PIN = pin
	} else if pin != "" {
		c.Facts["zip_code"] = r.text("zip_code")
	}
	var err error
	if c.Phone, err = patient.ParsePhone(r.text("phone_number")); err != nil {
		c.Facts["phone_number"] = r.text("phone_number")
	}
	p.Clinic = c
	mark := sha256.Sum256([]byte(fmt.Sprintf("%d|%s|%s|%s", r.ID, r.text("slug"), r.text("registration_number"), r.text("created_at"))))
	p.Fingerprint = hex.EncodeToString(mark[:])
}

// planStores keeps every medical store; the first primary and active one that
// has an address is printed.
func (p *Plan) planStores() {
	b := p.books["hospital_associatedmedical"]
	printed := false
	for _, r := range p.File.rows["hospital_associatedmedical"] {
		if !p.belongs(b, r) {
			continue
		}
		s := Store{ID: r.ID, Name: patient.CleanName(r.text("name")), Address: r.text("address"), Facts: facts(r, "name", "address", "phone_number", "created_at")}
		if r.text("phone_number") != "" {
			var k Kind
			if s.Phone, k = phoneOf(r.text("phone_number")); k != "" {
				b.say(k, r.ID)
			}
		}
		fits := s.Name != "" && strings.TrimSpace(s.Address) != ""
		s.Printed = !printed && fits && r.yes("is_primary") && r.yes("is_active")
		printed = printed || s.Printed
		p.Stores = append(p.Stores, s)
	}
}

// facts keeps columns that have no home in the new system beside the row's
// source key, so that nothing is lost.
func facts(r Row, columns ...string) map[string]string {
	out := map[string]string{}
	for _, c := range columns {
		if s := r.text(c); s != "" {
			out[c] = s
		}
	}
	return out
}
