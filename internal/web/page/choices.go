package page

import (
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// Availabilities say whether a doctor takes patients.
func Availabilities(l *locale.Loc) []ui.Option {
	return []ui.Option{{Value: "available", Label: l.T("staff.available")}, {Value: "on_leave", Label: l.T("staff.on_leave")}, {Value: "offline", Label: l.T("staff.offline")}}
}

// Shifts are the shifts of those who are no doctors.
func Shifts(l *locale.Loc) []ui.Option {
	return []ui.Option{{Value: "morning", Label: l.T("shift.morning")}, {Value: "afternoon", Label: l.T("shift.afternoon")}, {Value: "evening", Label: l.T("shift.evening")}, {Value: "night", Label: l.T("shift.night")}}
}

// DocumentKinds are the kinds of document, for a form.
func DocumentKinds(l *locale.Loc) []ui.Option {
	return []ui.Option{
		{Value: "lab", Label: l.T("document.lab")}, {Value: "blood", Label: l.T("document.blood")}, {Value: "xray", Label: l.T("document.xray")},
		{Value: "ct", Label: l.T("document.ct")}, {Value: "ultrasound", Label: l.T("document.ultrasound")}, {Value: "ecg", Label: l.T("document.ecg")},
		{Value: "discharge", Label: l.T("document.discharge")}, {Value: "other", Label: l.T("document.other")},
	}
}

// DocumentKind is one kind of document in words.
func DocumentKind(l *locale.Loc, kind string) string { return labelOf(DocumentKinds(l), kind) }

// SettingsTabs are the parts of the settings; current is one of profile, work,
// hours, departments and branding.
func SettingsTabs(l *locale.Loc, b Base, current string) []ui.Tab {
	out := []ui.Tab{}
	for _, t := range [][2]string{{"profile", l.T("settings.profile")}, {"work", l.T("settings.work")}, {"hours", l.T("settings.hours")}, {"departments", l.T("settings.departments")}, {"branding", l.T("settings.brand")}} {
		out = append(out, ui.Tab{Label: t[1], Href: b.At("/settings/" + t[0]), Current: t[0] == current, NoCount: true})
	}
	out = append(out, ui.Tab{Label: l.T("nav.formulary"), Href: b.At("/formulary"), NoCount: true})
	return out
}
