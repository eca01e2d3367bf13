package page

import (
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// Forms are the forms of a medicine.
func Forms(l *locale.Loc) []ui.Option {
	return []ui.Option{
		{Value: "tablet", Label: l.T("form.tablet")}, {Value: "capsule", Label: l.T("form.capsule")}, {Value: "syrup", Label: l.T("form.syrup")},
		{Value: "suspension", Label: l.T("form.suspension")}, {Value: "drops", Label: l.T("form.drops")}, {Value: "injection", Label: l.T("form.injection")},
		{Value: "inhaler", Label: l.T("form.inhaler")}, {Value: "cream", Label: l.T("form.cream")}, {Value: "ointment", Label: l.T("form.ointment")},
		{Value: "lotion", Label: l.T("form.lotion")}, {Value: "powder", Label: l.T("form.powder")}, {Value: "soap", Label: l.T("form.soap")},
	}
}

// Form is one form in words.
func Form(l *locale.Loc, form string) string { return labelOf(Forms(l), form) }

// Foods are how a medicine goes with a meal.
func Foods(l *locale.Loc) []ui.Option {
	return []ui.Option{
		{Value: "before", Label: l.T("food.before")}, {Value: "after", Label: l.T("food.after")}, {Value: "with", Label: l.T("food.with")}, {Value: "any", Label: l.T("food.any")},
	}
}

// Food is one of them in words.
func Food(l *locale.Loc, food string) string { return labelOf(Foods(l), food) }

// Routes are the ways into the body. Abbreviations have no translation.
func Routes(l *locale.Loc) []ui.Option {
	return []ui.Option{
		{Value: "oral", Label: l.T("route.oral")}, {Value: "topical", Label: l.T("route.topical")}, {Value: "inhaled", Label: l.T("route.inhaled")},
		{Value: "nasal", Label: l.T("route.nasal")}, {Value: "ophthalmic", Label: l.T("route.ophthalmic")}, {Value: "otic", Label: l.T("route.otic")},
		{Value: "sublingual", Label: l.T("route.sublingual")}, {Value: "rectal", Label: l.T("route.rectal")}, {Value: "vaginal", Label: l.T("route.vaginal")},
		{Value: "IM", Label: "IM"}, {Value: "IV", Label: "IV"}, {Value: "SC", Label: "SC"},
	}
}

// Route is one way in words.
func Route(l *locale.Loc, route string) string { return labelOf(Routes(l), route) }

// TestKind is a kind of test in words.
func TestKind(l *locale.Loc, kind string) string { return labelOf(TestKinds(l), kind) }

// TestKinds are the kinds of tests.
func TestKinds(l *locale.Loc) []ui.Option {
	return []ui.Option{
		{Value: "blood", Label: l.T("test.blood")}, {Value: "urine", Label: l.T("test.urine")}, {Value: "xray", Label: l.T("test.xray")},
		{Value: "ultrasound", Label: l.T("test.ultrasound")}, {Value: "ecg", Label: l.T("test.ecg")}, {Value: "ct", Label: l.T("test.ct")},
		{Value: "mri", Label: l.T("test.mri")}, {Value: "other", Label: l.T("test.other")},
	}
}

// MedicineClasses are the classes of medicines; one that an import brought and
// nobody knows is kept as it is.
func MedicineClasses(l *locale.Loc, known []string, present string) []ui.Option {
	words := map[string]string{
		"penicillin": l.T("class.penicillin"), "cephalosporin": l.T("class.cephalosporin"), "sulfonamide": l.T("class.sulfonamide"), "nsaid": l.T("class.nsaid"),
		"macrolide": l.T("class.macrolide"), "quinolone": l.T("class.quinolone"), "opioid": l.T("class.opioid"), "tetracycline": l.T("class.tetracycline"),
		"nitroimidazole": l.T("class.nitroimidazole"), "azole": l.T("class.azole"), "ace_inhibitor": l.T("class.ace_inhibitor"),
	}
	if present != "" && words[present] == "" {
		known = append(known, present)
	}
	out := []ui.Option{}
	for _, k := range known {
		label := words[k]
		if label == "" {
			label = k
		}
		out = append(out, ui.Option{Value: k, Label: label})
	}
	return out
}

func stockColumns(l *locale.Loc, s Stock) []ui.Column {
	out := []ui.Column{{Label: l.T("formulary.name")}, {Label: s.Group}}
	if s.Standard != "" {
		out = append(out, ui.Column{Label: s.Standard, Class: "p2"})
	}
	return append(out, ui.Column{Label: l.T("formulary.origin"), Class: "p3"}, ui.Column{Label: l.T("queue.action"), Class: "act"})
}

// RxWarning says what a row is warned of.
func RxWarning(l *locale.Loc, kind, what string) string {
	switch kind {
	case "allergy":
		return l.T("rx.warn_allergy", "What", what)
	case "twice":
		return l.T("rx.warn_twice", "What", what)
	case "no_dose":
		return l.T("rx.warn_dose")
	case "no_days":
		return l.T("rx.warn_days")
	}
	return ""
}
