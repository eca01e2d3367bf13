package consultation

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/patient"
)

const (
	mostDiagnoses   = 20
	longestFollowUp = 730 // days
	longestTitle    = 300
	longestNote     = 500
	longestAddendum = 4000
)

// found is a form that may go into the record.
type found struct {
	complaint, findings, plan, advice, urgency string
	symptoms                                   []string
	days                                       *int16
	vitals                                     Vitals
	diagnoses                                  []Diagnosis
}

// check reads a whole form. Names of problems are those of the form's fields.
func (f Form) check() (found, error) {
	var p apperr.Problems
	out := found{complaint: tidy(f.Complaint), findings: tidy(f.Findings), plan: tidy(f.Plan), advice: tidy(f.Advice), urgency: f.Urgency, symptoms: []string{}}
	vitals, wrong := f.Measured.Parse()
	out.vitals = vitals
	if out.complaint == "" && len(f.Symptoms) == 0 {
		p.Add("complaint", "error.complaint.missing", "Write what the patient complains of, or tick a symptom")
	}
	for _, t := range []struct {
		name, text string
		most       int
	}{{"complaint", out.complaint, 4000}, {"findings", out.findings, 8000}, {"plan", out.plan, 8000}, {"advice", out.advice, 4000}} {
		text(&p, t.name, t.text, t.most)
	}
	for _, s := range f.Symptoms {
		if slices.Contains(symptoms, s) && !slices.Contains(out.symptoms, s) {
			out.symptoms = append(out.symptoms, s)
		}
	}
	if out.urgency == "" {
		out.urgency = urgencies[0]
	} else if !slices.Contains(urgencies, out.urgency) {
		p.Add("urgency", "error.choose", "Choose one of the list")
	}
	if n, ok := number(f.FollowUp, 1); !ok || n > longestFollowUp {
		p.AddArgs("follow_up", "error.number", "Enter a whole number", map[string]any{"Low": "1", "High": whole(longestFollowUp)})
	} else if n > 0 {
		days := int16(n)
		out.days = &days
	}
	out.diagnoses = f.diagnoses(&p)
	return out, apperr.Join(wrong, p.Err())
}

var wholeCode = regexp.MustCompile(`^[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?$`)

func (f Form) diagnoses(p *apperr.Problems) []Diagnosis {
	var out []Diagnosis
	for _, d := range append(slices.Clip(f.Diagnoses), Line(f.Typed)) {
		d = Diagnosis{Code: strings.TrimSpace(d.Code), Title: tidy(d.Title), Note: tidy(d.Note)}
		if d.Title == "" && d.Code == "" || slices.ContainsFunc(out, func(o Diagnosis) bool { return o.Code == d.Code && strings.EqualFold(o.Title, d.Title) }) {
			continue
		}
		if d.Code != "" && !wholeCode.MatchString(d.Code) {
			p.Add("diagnosis", "error.diagnosis.code", "Choose the code from the list")
			continue
		}
		text(p, "diagnosis", d.Title, longestTitle)
		text(p, "diagnosis", d.Note, longestNote)
		out = append(out, d)
	}
	if len(out) > mostDiagnoses {
		p.AddArgs("diagnosis", "error.diagnosis.many", "Too many diagnoses", map[string]any{"Max": whole(mostDiagnoses)})
	}
	return out
}

// Line is what was typed as a diagnosis: a whole code, else free text.
func Line(typed string) Diagnosis {
	typed = tidy(typed)
	if code := strings.ToUpper(typed); wholeCode.MatchString(code) {
		return Diagnosis{Code: code, Title: code}
	}
	return Diagnosis{Title: typed}
}

func text(p *apperr.Problems, name, s string, most int) {
	switch {
	case utf8.RuneCountInString(s) > most:
		p.AddArgs(name, "error.too_long", "This is too long", map[string]any{"Max": whole(most)})
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		p.Add(name, "error.text.invalid", "This holds signs that are no text")
	}
}

// tidy takes off white space around and the browser's line ends.
func tidy(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }

// clean makes a form that JSON and Postgres can keep, whatever was sent.
func (f Form) clean() Form {
	fix := func(s string) string {
		return strings.ReplaceAll(patient.Visible(strings.ToValidUTF8(s, "\ufffd")), "\x00", "")
	}
	for _, s := range []*string{&f.Complaint, &f.Findings, &f.Plan, &f.Advice, &f.Urgency, &f.FollowUp, &f.Typed, &f.Window, &f.Measured.Pressure, &f.Measured.Pulse,
		&f.Measured.Temperature, &f.Measured.Respiration, &f.Measured.SpO2, &f.Measured.Sugar, &f.Measured.SugarKind, &f.Measured.Weight, &f.Measured.Height} {
		*s = fix(*s)
	}
	kept := f
	kept.Symptoms, kept.Diagnoses, kept.Rx = []string{}, []Diagnosis{}, f.Rx.Clean()
	for _, s := range f.Symptoms {
		kept.Symptoms = append(kept.Symptoms, fix(s))
	}
	for _, d := range f.Diagnoses {
		kept.Diagnoses = append(kept.Diagnoses, Diagnosis{fix(d.Code), fix(d.Title), fix(d.Note)})
	}
	return kept
}

// Empty reports that nothing was written; what others measured is not the
// doctor's writing.
func (f Form) Empty() bool {
	return f.Complaint == "" && f.Findings == "" && f.Plan == "" && f.Advice == "" && f.FollowUp == "" && f.Typed == "" && len(f.Symptoms) == 0 && len(f.Diagnoses) == 0 && f.Rx.Empty()
}

func (f Form) equal(o Form) bool {
	same := f.Complaint == o.Complaint && f.Findings == o.Findings && f.Plan == o.Plan && f.Advice == o.Advice && f.Urgency == o.Urgency && f.FollowUp == o.FollowUp && f.Typed == o.Typed
	return same && f.Rx.Clean().Equal(o.Rx.Clean()) && f.Measured == o.Measured && slices.Equal(f.Symptoms, o.Symptoms) && slices.Equal(f.Diagnoses, o.Diagnoses)
}
