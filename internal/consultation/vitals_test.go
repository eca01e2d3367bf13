package consultation_test

import (
	"testing"
	"time"

	"github.com/cloister-health/cloister/internal/consultation"
)

func TestMeasured(t *testing.T) {
	t.Parallel()
	v, err := consultation.Measured{Pressure: " 168 / 102", Pulse: "96", Temperature: "98.4", Respiration: "18", SpO2: "97", Sugar: "180", SugarKind: "fasting", Weight: "74,55",
		Height: "160.5"}.Parse()
	want := consultation.Vitals{Systolic: 168, Diastolic: 102, Pulse: 96, Temperature: 984, Unit: "F", Respiration: 18, SpO2: 97, Sugar: 180, SugarKind: "fasting",
		WeightGrams: 74550, HeightMM: 1605}
	if err != nil || v != want {
		t.Errorf("%+v, %v", v, err)
	}
	if v.BMI() != 289 {
		t.Errorf("body mass index %d", v.BMI())
	}
	if m := v.Measured(); m.Weight != "74.55" || m.Height != "160.5" || m.Pressure != "168/102" || m.Temperature != "98.4" {
		t.Errorf("%+v", m)
	}
	if v, err = (consultation.Measured{Temperature: "37.2 °C", Sugar: "99"}).Parse(); err != nil || v.Temperature != 372 || v.Unit != "C" || v.SugarKind != "random" {
		t.Errorf("%+v, %v", v, err)
	}
	for _, wrong := range []consultation.Measured{{Pressure: "120"}, {Pressure: "80/120"}, {Pressure: "120/80/60"}, {Pressure: "a/b"}, {Temperature: "60"}, {Pulse: "10"},
		{Pulse: "72.5"}, {SpO2: "101"}, {Weight: "700"}, {Weight: "-5"}, {Height: "5'6"}, {Sugar: "5"}, {Respiration: "1e1"}} {
		if v, err := wrong.Parse(); err == nil {
			t.Errorf("%+v was read as %+v", wrong, v)
		}
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	today := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	adult, infant := consultation.RangesAt(today.AddDate(-40, 0, 0), today), consultation.RangesAt(today.AddDate(0, -6, 0), today)
	if adult.Pulse.Flag(140) != "high" || infant.Pulse.Flag(140) != "" || adult.Pulse.Flag(50) != "low" || adult.Pulse.Flag(0) != "" {
		t.Error("pulse")
	}
	bp := func(s, d int) string { return adult.Pressure(consultation.Vitals{Systolic: s, Diastolic: d}) }
	for _, c := range []struct {
		s, d int
		want string
	}{{120, 80, ""}, {168, 102, "high"}, {130, 95, "high"}, {85, 65, "low"}, {85, 95, "high"}, {0, 0, ""}} {
		if got := bp(c.s, c.d); got != c.want {
			t.Errorf("%d/%d is %q, want %q", c.s, c.d, got, c.want)
		}
	}
	if infant.BMI.Flag(300) != "" || adult.BMI.Flag(300) != "high" || consultation.RangesAt(time.Time{}, today) != adult {
		t.Error("body mass index, or an unknown age")
	}
	// The day before a birthday is still the younger age.
	if r := consultation.RangesAt(today.AddDate(-18, 0, 1), today); r.Systolic.High != 131 {
		t.Error("the day before the eighteenth birthday")
	}
	if r := consultation.RangesAt(today.AddDate(-18, 0, 0), today); r != adult {
		t.Error("the eighteenth birthday")
	}
}
