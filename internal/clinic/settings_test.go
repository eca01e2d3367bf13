package clinic_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"reflect"
	"testing"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/clinic"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := w.admin(t)
	was, err := w.Settings(ctx)
	if err != nil || was.IdleMinutes != "15" || was.TokenPrefix != "T" {
		t.Fatal(was, err)
	}
	in := was
	in.Hours = clinic.Hours{"mon": "9-13:00 , 17:00–20:30", "sat": "09.00-14.00"}
	in.TaxRate, in.IdleMinutes, in.TokenPrefix, in.DisplayNotice = "5.25%", "30", "ab", "  Silence,   please "
	if err := w.SaveSettings(ctx, in); err != nil {
		t.Fatal(err)
	}
	got, err := w.Settings(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got.Hours["mon"] != "09:00-13:00, 17:00-20:30" || got.Hours["sat"] != "09:00-14:00" || got.Hours["sun"] != "" {
		t.Errorf("hours %v", got.Hours)
	}
	if got.TaxRate != "5.25" || got.IdleMinutes != "30" || got.TokenPrefix != "AB" || got.DisplayNotice != "Silence, please" || got.Version != was.Version+1 {
		t.Errorf("%+v", got)
	}
	if err := w.SaveSettings(ctx, in); err != nil {
		t.Errorf("the same form again: %v", err)
	}
	old := in
	old.FollowUpDays = "9"
	if err := w.SaveSettings(ctx, old); !apperr.Is(err, apperr.Stale) {
		t.Errorf("an old version: %v", err)
	}
	// What is shown can be sent back as it is.
	if err := w.SaveSettings(ctx, got); err != nil {
		t.Error(err)
	}
	other, err := w.Settings(w.as(t, testkit.Beta, access.ClinicAdmin))
	if err != nil || !reflect.DeepEqual(other, was) {
		t.Errorf("the other clinic's settings moved: %+v %v", other, err)
	}
	for _, r := range []access.Role{access.Doctor, access.Nurse, access.Receptionist, access.LabTechnician} {
		if err := w.SaveSettings(w.as(t, testkit.Alpha, r), got); !apperr.Is(err, apperr.Forbidden) {
			t.Errorf("%s: %v", r, err)
		}
		if _, err := w.Settings(w.as(t, testkit.Alpha, r)); err != nil {
			t.Errorf("%s reads: %v", r, err)
		}
	}
}

func TestSettingsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := w.admin(t)
	good, err := w.Settings(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*clinic.Settings){
		"hours_mon":            func(s *clinic.Settings) { s.Hours = clinic.Hours{"mon": "13:00-9:00"} },
		"hours_tue":            func(s *clinic.Settings) { s.Hours = clinic.Hours{"tue": "9-12, 11-14"} },
		"hours_wed":            func(s *clinic.Settings) { s.Hours = clinic.Hours{"wed": "morning"} },
		"hours_thu":            func(s *clinic.Settings) { s.Hours = clinic.Hours{"thu": "9:60-10:00"} },
		"currency":             func(s *clinic.Settings) { s.Currency = "rupees" },
		"tax_rate":             func(s *clinic.Settings) { s.TaxRate = "100.01" },
		"slot_minutes":         func(s *clinic.Settings) { s.SlotMinutes = "4" },
		"letterhead":           func(s *clinic.Settings) { s.Letterhead = "half" },
		"letterhead_offset":    func(s *clinic.Settings) { s.LetterheadOffset = "61" },
		"token_prefix":         func(s *clinic.Settings) { s.TokenPrefix = "" },
		"slip_width":           func(s *clinic.Settings) { s.SlipWidth = "60" },
		"consultation_minutes": func(s *clinic.Settings) { s.ConsultationMinutes = "0" },
		"follow_up_days":       func(s *clinic.Settings) { s.FollowUpDays = "7 days" },
		"idle_minutes":         func(s *clinic.Settings) { s.IdleMinutes = "1" },
		"display_notice":       func(s *clinic.Settings) { s.DisplayNotice = string(make([]rune, 0)) + long(201) },
		"portal_welcome":       func(s *clinic.Settings) { s.PortalWelcome = long(501) },
	} {
		in := good
		change(&in)
		if got := fields(t, w.SaveSettings(ctx, in)); !got[field] || len(got) != 1 {
			t.Errorf("%s: %v", field, got)
		}
	}
}

func long(n int) string { return string(bytes.Repeat([]byte("x"), n)) }

func TestFacts(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := w.admin(t)
	f, err := w.Facts(ctx)
	if err != nil || f.Name != "Alpha Clinic" {
		t.Fatal(f, err)
	}
	f.LocalName, f.Registration, f.GSTIN, f.PIN, f.Phone = "अल्फा क्लिनिक", "MH-77", "27abcde1234f1z5", "411 001", "020 2553 0000"
	f.Website, f.StoreName, f.StoreAddress, f.Language = "alpha.example", "Alpha Medical", "Shop 2", "mr"
	if err := w.SaveFacts(ctx, f); err != nil {
		t.Fatal(err)
	}
	if err := w.SaveFacts(ctx, f); err != nil {
		t.Errorf("the same form again: %v", err)
	}
	old := f
	old.City = "Nashik"
	if err := w.SaveFacts(ctx, old); !apperr.Is(err, apperr.Stale) {
		t.Errorf("an old version: %v", err)
	}
	got, err := w.Facts(ctx)
	if err != nil || got.GSTIN != "27ABCDE1234F1Z5" || got.PIN != "411001" || got.Website != "https://alpha.example" || got.Language != "mr" {
		t.Errorf("%+v %v", got, err)
	}
	beta := w.as(t, testkit.Beta, access.ClinicAdmin)
	b, err := w.Facts(beta)
	if err != nil {
		t.Fatal(err)
	}
	b.Registration = "MH-77"
	if f := fields(t, w.SaveFacts(beta, b)); !f["registration"] {
		t.Errorf("two clinics with one registration: %v", f)
	}
	for field, change := range map[string]func(*clinic.Facts){
		"name": func(f *clinic.Facts) { f.Name = "  " }, "gstin": func(f *clinic.Facts) { f.GSTIN = "27" }, "pin": func(f *clinic.Facts) { f.PIN = "012345" },
		"phone": func(f *clinic.Facts) { f.Phone = "1" }, "email": func(f *clinic.Facts) { f.Email = "x" }, "website": func(f *clinic.Facts) { f.Website = "javascript://alert(1).in" },
		"store_address": func(f *clinic.Facts) { f.StoreAddress = "" }, "zone": func(f *clinic.Facts) { f.Zone = "Mars/Base" }, "language": func(f *clinic.Facts) { f.Language = "fr" },
	} {
		in := got
		change(&in)
		if bad := fields(t, w.SaveFacts(ctx, in)); !bad[field] || len(bad) != 1 {
			t.Errorf("%s: %v", field, bad)
		}
	}
}

func picture(t *testing.T, w, h int) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, color.NRGBA{uint8(x * y), uint8(x), uint8(y), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBrandAndLogo(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := w.admin(t)
	f, err := w.Facts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.SaveLook(ctx, clinic.Look{Color: " FF6F00 ", Version: f.Version}); err != nil {
		t.Fatal(err)
	}
	if err := w.SaveLook(ctx, clinic.Look{Color: "#abc", Version: f.Version}); !apperr.Is(err, apperr.Stale) {
		t.Errorf("an old version: %v", err)
	}
	for _, bad := range []string{"red", "#12345", "#1234567", "url(x)", "#12345g"} {
		if got := fields(t, w.SaveLook(ctx, clinic.Look{Color: bad, Version: f.Version + 1})); !got["colour"] {
			t.Errorf("%q: %v", bad, got)
		}
	}
	sc, _ := tenants.ScopeFrom(ctx)
	if _, err := w.Logo(t.Context(), sc.Clinic); !apperr.Is(err, apperr.NotFound) {
		t.Errorf("no logo yet: %v", err)
	}
	if err := w.SaveLook(ctx, clinic.Look{Color: "#ff6f00", Logo: picture(t, 900, 300), Version: f.Version + 1}); err != nil {
		t.Fatal(err)
	}
	logo, err := w.Logo(t.Context(), sc.Clinic)
	if err != nil {
		t.Fatal(err)
	}
	conf, kind, err := image.DecodeConfig(bytes.NewReader(logo))
	if err != nil || kind != "png" || conf.Height > 128 || conf.Width > 512 || len(logo) > 100<<10 {
		t.Errorf("kept as %s %dx%d, %d bytes, %v", kind, conf.Width, conf.Height, len(logo), err)
	}
	for name, file := range map[string][]byte{"empty": {}, "text": []byte("<svg onload=alert(1)>"), "cut": picture(t, 90, 30)[:40], "vast": bomb()} {
		if got := fields(t, w.SaveLook(ctx, clinic.Look{Color: "#fff", Logo: file, Version: f.Version + 3})); !got["logo"] {
			t.Errorf("%s: %v", name, got)
		}
	}
	if err := w.SaveLook(ctx, clinic.Look{Color: "#ff6f00", NoLogo: true, Version: f.Version + 3}); err != nil {
		t.Fatal(err)
	}
	if g, err := w.Facts(ctx); err != nil || g.HasLogo || g.BrandColor != "#ff6f00" {
		t.Errorf("%+v %v", g, err)
	}
}

// bomb is a small PNG that claims a huge picture.
func bomb() []byte {
	return append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\xff\xff\x00\x00\xff\xff\x08\x06\x00\x00\x00"), 0x61, 0x6e, 0x18, 0x9b)
}

func TestDepartments(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := w.admin(t)
	k := key()
	for range 2 { // the same form twice
		if err := w.AddDepartment(ctx, k, clinic.Department{Name: " Eye  clinic ", TokenPrefix: "e"}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := w.Departments(ctx)
	if err != nil || len(list) != 2 || list[0].Name != "Eye clinic" || list[0].TokenPrefix != "E" || !list[0].Active {
		t.Fatal(list, err)
	}
	if got := fields(t, w.AddDepartment(ctx, key(), clinic.Department{Name: "EYE CLINIC"})); !got["name"] {
		t.Error(got)
	}
	if got := fields(t, w.AddDepartment(ctx, key(), clinic.Department{TokenPrefix: "12"})); !got["name"] || !got["token_prefix"] {
		t.Error(got)
	}
	d := list[0]
	d.Active, d.Room = false, "7"
	if err := w.SaveDepartment(ctx, d); err != nil {
		t.Fatal(err)
	}
	if err := w.SaveDepartment(ctx, d); err != nil {
		t.Errorf("the same form again: %v", err)
	}
	if d.Room = "8"; !apperr.Is(w.SaveDepartment(ctx, d), apperr.Stale) {
		t.Error("an old version was saved")
	}
}

func TestFigures(t *testing.T) {
	t.Parallel()
	w := open(t)
	f, err := w.Figures(w.admin(t))
	if err != nil {
		t.Fatal(err)
	}
	if f.Patients != 2 || len(f.PerDay) != 14 || len(f.Doctors) != 2 || len(f.Usage) == 0 || len(f.Recent) == 0 {
		t.Errorf("%+v", f)
	}
	if _, err := w.Figures(w.as(t, testkit.Alpha, access.Doctor)); !apperr.Is(err, apperr.Forbidden) {
		t.Errorf("a doctor: %v", err)
	}
}

func FuzzHours(f *testing.F) {
	f.Add("9-13:00, 17:00-20:30")
	f.Add("24:00-25:00")
	f.Add("९-१०")
	f.Fuzz(func(t *testing.T, text string) {
		clinic.ReadHours(t, text)
	})
}
