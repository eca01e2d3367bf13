package web

import (
	"strconv"

	"github.com/cloister-health/cloister/internal/consultation"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// decimal writes tenths.
func decimal(tenths int) string { return strconv.Itoa(tenths/10) + "." + strconv.Itoa(tenths%10) }

func between(r consultation.Range) string { return strconv.Itoa(r.Low) + "-" + strconv.Itoa(r.High) }

func betweenTenths(r consultation.Range) string { return decimal(r.Low) + "-" + decimal(r.High) }

// vitalFields are the fields of vitals with what was typed, what is usual at the
// patient's age, and the reading before.
func vitalFields(l *locale.Loc, k consultation.Work, m consultation.Measured, errs ui.Errors) []ui.Vital {
	u := consultation.RangesAt(k.Record.Birth.On(), k.Now)
	v, _ := m.Parse() // what can't be read is not marked, but named as a problem
	before := earlier(k)
	last := func(pick func(consultation.Measured) string) string {
		for _, x := range before {
			if text := pick(x.Measured()); text != "" {
				return l.T("vitals.last", "Value", text, "Date", l.Date(x.TakenAt))
			}
		}
		return ""
	}
	f := func(name, label, unit, value, ranges, flag string, pick func(consultation.Measured) string) ui.Vital {
		return ui.Vital{ID: "cons-" + name, Name: name, Label: label, Unit: unit, Value: value, Ranges: ranges, Flag: flag, Last: last(pick), Error: errs.For(name)}
	}
	type mm = consultation.Measured
	fields := []ui.Vital{
		f("bp", l.T("vitals.bp"), "mmHg", m.Pressure, between(u.Systolic)+" "+between(u.Diastolic), u.Pressure(v), func(x mm) string { return x.Pressure }),
		f("pulse", l.T("vitals.pulse"), "/min", m.Pulse, between(u.Pulse), u.Pulse.Flag(v.Pulse), func(x mm) string { return x.Pulse }),
		f("temp", l.T("vitals.temp"), "°F / °C", m.Temperature, betweenTenths(u.Fahrenheit)+" "+betweenTenths(u.Celsius), u.Warmth(v).Flag(v.Temperature), func(x mm) string { return x.Temperature }),
		f("resp", l.T("vitals.resp"), "/min", m.Respiration, between(u.Respiration), u.Respiration.Flag(v.Respiration), func(x mm) string { return x.Respiration }),
		f("spo2", l.T("vitals.spo2"), "%", m.SpO2, between(u.SpO2), u.SpO2.Flag(v.SpO2), func(x mm) string { return x.SpO2 }),
		f("weight", l.T("vitals.weight"), "kg", m.Weight, "", "", func(x mm) string { return x.Weight }),
		f("height", l.T("vitals.height"), "cm", m.Height, "", "", func(x mm) string { return x.Height }),
		f("sugar", l.T("vitals.sugar"), "mg/dL", m.Sugar, between(u.Random)+" "+between(u.Fasting), u.Sweet(v).Flag(v.Sugar), func(x mm) string { return x.Sugar }),
	}
	fields[0].Wide = true // a slash is on no decimal keyboard
	fields[7].Choice = &ui.Choice{ID: "cons-sugar_kind", Name: "sugar_kind", Label: l.T("vitals.sugar_kind"), Value: m.SugarKind,
		Options: []ui.Option{{Value: "random", Label: l.T("vitals.random")}, {Value: "fasting", Label: l.T("vitals.fasting")}}}
	return fields
}

// earlier are the readings of other visits, newest first.
func earlier(k consultation.Work) []consultation.Vitals {
	var out []consultation.Vitals
	for _, v := range k.Trend {
		if !v.Of(k.Visit.ID) {
			out = append(out, v)
		}
	}
	return out
}

// vitalFacts are a visit's vitals to read, each with the word for what is out
// of range.
func vitalFacts(l *locale.Loc, k consultation.Work) []ui.Fact {
	if !k.Vitals.Any() {
		return nil
	}
	v, m := k.Vitals, k.Vitals.Measured()
	u := consultation.RangesAt(k.Record.Birth.On(), k.Now)
	var out []ui.Fact
	add := func(label, value, unit, flag string) {
		if value != "" {
			out = append(out, ui.Fact{Label: label, Value: dots(value+" "+unit, flagWord(l, flag))})
		}
	}
	add(l.T("vitals.bp"), m.Pressure, "mmHg", u.Pressure(v))
	add(l.T("vitals.pulse"), m.Pulse, "/min", u.Pulse.Flag(v.Pulse))
	add(l.T("vitals.temp"), m.Temperature, "°"+v.Unit, u.Warmth(v).Flag(v.Temperature))
	add(l.T("vitals.resp"), m.Respiration, "/min", u.Respiration.Flag(v.Respiration))
	add(l.T("vitals.spo2"), m.SpO2, "%", u.SpO2.Flag(v.SpO2))
	add(sugarLabel(l, v), m.Sugar, "mg/dL", u.Sweet(v).Flag(v.Sugar))
	add(l.T("vitals.weight"), m.Weight, "kg", "")
	add(l.T("vitals.height"), m.Height, "cm", "")
	if bmi := v.BMI(); bmi > 0 {
		add("BMI", decimal(bmi), "kg/m²", u.BMI.Flag(bmi))
	}
	if v.Note != "" {
		out = append(out, ui.Fact{Label: l.T("vitals.note"), Value: v.Note.Reveal()})
	}
	return out
}

// sugarLabel says when the sugar was measured, if anybody wrote it down.
func sugarLabel(l *locale.Loc, v consultation.Vitals) string {
	kinds := map[string]string{"random": "vitals.random", "fasting": "vitals.fasting", "after_meal": "vitals.after_meal"}
	if kinds[v.SugarKind] == "" {
		return l.T("vitals.sugar")
	}
	return l.T("vitals.sugar") + " (" + l.T(kinds[v.SugarKind]) + ")"
}

// trends are the charts of what was measured more than once.
func trends(l *locale.Loc, k consultation.Work) []ui.LineChart {
	u := consultation.RangesAt(k.Record.Birth.On(), k.Now)
	var out []ui.LineChart
	chart := func(title string, usual consultation.Range, pick func(consultation.Vitals) (int, string), flag func(consultation.Vitals) string) {
		line := ui.Line{Name: title}
		newest := consultation.Vitals{}
		for i := len(k.Trend) - 1; i >= 0; i-- {
			if n, text := pick(k.Trend[i]); n > 0 {
				line.Dots = append(line.Dots, ui.Reading{Label: l.Date(k.Trend[i].TakenAt), Value: n, Text: text})
				newest = k.Trend[i]
			}
		}
		if len(line.Dots) < 2 {
			return
		}
		_, text := pick(newest)
		out = append(out, ui.LineChart{Title: title, Label: l.T("looks.when"), Lines: []ui.Line{line}, Low: usual.Low, High: usual.High,
			Finding: dots(l.T("vitals.latest", "Value", text, "Date", l.Date(newest.TakenAt)), flagWord(l, flag(newest)))})
	}
	type vv = consultation.Vitals
	none := func(vv) string { return "" }
	chart(l.T("vitals.bp")+" mmHg", u.Systolic, func(v vv) (int, string) { return v.Systolic, v.Measured().Pressure }, u.Pressure)
	if len(out) > 0 {
		second := ui.Line{Name: l.T("vitals.diastolic")}
		for i := len(k.Trend) - 1; i >= 0; i-- {
			if v := k.Trend[i]; v.Diastolic > 0 {
				second.Dots = append(second.Dots, ui.Reading{Value: v.Diastolic, Text: strconv.Itoa(v.Diastolic)})
			}
		}
		out[0].Lines[0].Name = l.T("vitals.systolic")
		for i := range out[0].Lines[0].Dots {
			out[0].Lines[0].Dots[i].Text = strconv.Itoa(out[0].Lines[0].Dots[i].Value)
		}
		out[0].Lines = append(out[0].Lines, second)
	}
	chart(l.T("vitals.pulse")+" /min", u.Pulse, func(v vv) (int, string) { return v.Pulse, v.Measured().Pulse }, func(v vv) string { return u.Pulse.Flag(v.Pulse) })
	chart(l.T("vitals.sugar")+" mg/dL", consultation.Range{}, func(v vv) (int, string) { return v.Sugar, v.Measured().Sugar }, func(v vv) string { return u.Sweet(v).Flag(v.Sugar) })
	chart(l.T("vitals.weight")+" kg", consultation.Range{}, func(v vv) (int, string) { return v.WeightGrams / 100, v.Measured().Weight }, none)
	return out
}
