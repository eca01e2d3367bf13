package clinic

import (
	"context"
	"regexp"
	"strconv"
	"strings"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/tenants"
)

// Settings are how a clinic works, as a form shows and sends them.
type Settings struct {
	Hours               Hours
	Currency            string // ISO 4217
	TaxRate             string // per cent, "18" or "5.25"
	SlotMinutes         string
	Letterhead          string // full or none
	LetterheadOffset    string // mm
	TokenPrefix         string
	SlipWidth           string // mm, 58 or 80
	ConsultationMinutes string
	FollowUpDays        string
	IdleMinutes         string
	DisplayNotice       string
	DisplayChime        bool
	PortalWelcome       string
	Reminders           bool // a mail on the day before an appointment
	Version             int32
}

// Settings reads the clinic's settings. Codes: forbidden.
func (s *Service) Settings(ctx context.Context) (Settings, error) {
	if err := s.allow(ctx, access.SettingsView); err != nil {
		return Settings{}, err
	}
	var out Settings
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) (err error) {
		out, err = readSettings(ctx, tx)
		return err
	})
	return out, tenants.Refused(err)
}

func readSettings(ctx context.Context, tx *tenants.Tx) (Settings, error) {
	r, err := tx.Q().GetSettings(ctx)
	return Settings{Hours: showHours(r.OpeningHours), Currency: r.Currency, TaxRate: writePaise(int64(r.TaxRateBp)),
		SlotMinutes: writeInt(int64(r.SlotMinutes)), Letterhead: r.Letterhead, LetterheadOffset: writeInt(int64(r.LetterheadOffsetMm)),
		TokenPrefix: r.TokenPrefix, SlipWidth: writeInt(int64(r.SlipWidthMm)), ConsultationMinutes: writeInt(int64(r.ConsultationMinutes)),
		FollowUpDays: writeInt(int64(r.FollowUpDays)), IdleMinutes: writeInt(int64(r.SessionIdleMinutes)),
		DisplayNotice: r.DisplayNotice, DisplayChime: r.DisplayChime, PortalWelcome: r.PortalWelcome, Reminders: r.AppointmentReminders, Version: r.Version}, err
}

var currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)

func (in Settings) check() (tenantdb.UpdateSettingsParams, error) {
	var p apperr.Problems
	out := tenantdb.UpdateSettingsParams{
		OpeningHours: checkHours(&p, in.Hours), Currency: strings.ToUpper(strings.TrimSpace(in.Currency)),
		Letterhead: in.Letterhead, TokenPrefix: checkPrefix(&p, "token_prefix", in.TokenPrefix, false),
		DisplayNotice: patient.CleanName(in.DisplayNotice), DisplayChime: in.DisplayChime,
		PortalWelcome: strings.TrimSpace(in.PortalWelcome), AppointmentReminders: in.Reminders, Version: in.Version,
		SlotMinutes:         number(&p, "slot_minutes", in.SlotMinutes, 5, 240),
		LetterheadOffsetMm:  number(&p, "letterhead_offset", in.LetterheadOffset, 0, 60),
		SlipWidthMm:         number(&p, "slip_width", in.SlipWidth, 58, 80),
		ConsultationMinutes: number(&p, "consultation_minutes", in.ConsultationMinutes, 1, 120),
		FollowUpDays:        number(&p, "follow_up_days", in.FollowUpDays, 0, 365),
		SessionIdleMinutes:  number(&p, "idle_minutes", in.IdleMinutes, 5, 720),
	}
	if !currencyForm.MatchString(out.Currency) {
		p.Add("currency", "error.currency", "Use the three letters of the currency, such as INR")
	}
	bp, ok := readHundredths(strings.TrimSuffix(strings.TrimSpace(in.TaxRate), "%"))
	if !ok || bp > 100_00 {
		p.Add("tax_rate", "error.percent", "Enter a percentage from 0 to 100, such as 18")
	} else {
		out.TaxRateBp = int32(bp)
	}
	choose(&p, "letterhead", out.Letterhead, "full", "none")
	if out.SlipWidthMm != 58 && out.SlipWidthMm != 80 && out.SlipWidthMm != 0 {
		p.Add("slip_width", "error.choose", "Choose one from the list")
	}
	limit(&p, "display_notice", out.DisplayNotice, 200)
	limit(&p, "portal_welcome", out.PortalWelcome, 500)
	return out, p.Err()
}

// number reads a whole number within bounds.
func number(p *apperr.Problems, field, text string, low, high int) int32 {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < low || n > high {
		p.AddArgs(field, "error.number", "Enter a whole number from "+strconv.Itoa(low)+" to "+strconv.Itoa(high), map[string]any{"Low": low, "High": high})
		return 0
	}
	return int32(n)
}

// SaveSettings changes the settings; a form that asks for what is there already
// changes nothing and is no error. Codes: invalid, stale, forbidden.
func (s *Service) SaveSettings(ctx context.Context, in Settings) error {
	if err := s.allow(ctx, access.SettingsEdit); err != nil {
		return err
	}
	q, err := in.check()
	if err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		n, err := tx.Q().UpdateSettings(ctx, q)
		if err != nil {
			return err
		}
		if n != 1 {
			now, err := readSettings(ctx, tx)
			if err != nil {
				return err
			}
			now.Version = in.Version
			there, _ := now.check()
			return agreed(q, there)
		}
		// The idle time of every session may be another now.
		return tx.Notify(ctx, "clinic", tx.Clinic.ID)
	}))
}
