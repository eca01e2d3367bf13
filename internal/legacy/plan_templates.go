package legacy

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/prescription"
)

const (
	longestTemplate    = 100
	longestKeyword     = 30
	longestDescription = 500
	largestSheet       = 60_000 // bytes, a little less than the table's limit
)

// Template is a doctor's template with the rows as they would be typed.
type Template struct {
	ID                         int64
	Doctor                     int64 // staff; 0: unknown
	Name, Keyword, Description string
	Active                     bool
	Sheet                      prescription.Sheet
	Lines                      []TemplateLine
	Facts                      map[string]string
}

// TemplateLine is a row of the file that became a row of the sheet.
type TemplateLine struct {
	Table string
	ID    int64
	Facts map[string]string
	Dosage
}

// planTemplates imports the templates with their lines.
func (p *Plan) planTemplates() {
	b := p.books["hospital_standardprescriptiontemplate"]
	names, all := map[string]bool{}, map[int64]*Template{}
	for _, r := range p.File.rows["hospital_standardprescriptiontemplate"] {
		if !p.belongs(b, r) {
			continue
		}
		t := &Template{ID: r.ID, Active: r.yes("is_active"), Facts: facts(r, "created_at", "updated_at"),
			Sheet: prescription.Sheet{Lines: []prescription.Typed{}, Tests: []prescription.TypedTest{}}}
		t.Doctor = p.author(b, "hospital_standardprescriptiontemplate", r)
		t.words(b, r, names)
		all[r.ID] = t
		p.Templates = append(p.Templates, t)
	}
	p.templateLines(all)
	p.templateTests(all)
	kept := p.Templates[:0]
	for _, t := range p.Templates {
		if text, err := json.Marshal(t.Sheet); err != nil || len(text) > largestSheet {
			b.say(TemplateTooLarge, t.ID)
			for _, l := range t.Lines {
				p.books[l.Table].say(ParentRefused, l.ID)
			}
			continue
		}
		if len(t.Lines) == 0 {
			b.say(TemplateNoLines, t.ID)
		}
		kept = append(kept, t)
	}
	p.Templates = kept
}

func (t *Template) words(b *book, r Row, names map[string]bool) {
	raw := r.text("name")
	name, shorter := cut(patient.CleanName(raw), longestTemplate)
	taken := func(n string) bool { return n == "" || names[fmt.Sprint(t.Doctor, " ", strings.ToLower(n))] }
	if shorter {
		b.say(TextCut, r.ID)
	}
	if taken(name) {
		b.say(TemplateRenamed, r.ID)
		name = freeName(name, r.ID, taken)
	}
	if name != raw {
		t.Facts["name"] = raw
	}
	names[fmt.Sprint(t.Doctor, " ", strings.ToLower(name))] = true
	t.Name = name
	t.Keyword = shortened(b, r.ID, t.Facts, "keyword", strings.ToLower(strings.TrimSpace(r.text("keyword"))), longestKeyword).Reveal()
	t.Description = shortened(b, r.ID, t.Facts, "description", r.text("description"), longestDescription).Reveal()
}

// freeName adds the row's number to a name, which makes it one of its own.
func freeName(name string, id int64, taken func(string) bool) string {
	short, _ := cut(name, longestTemplate-30)
	if short == "" {
		short = "Template"
	}
	free := short
	for n := id; taken(free); n++ {
		free = fmt.Sprintf("%s (%d)", short, n)
	}
	return free
}

// template gives the imported template of a row, or says why it is refused.
func (p *Plan) template(b *book, table string, r Row, all map[int64]*Template) *Template {
	id, named := r.whole("template_id")
	t := all[id]
	switch {
	case t != nil:
	case p.books["hospital_standardprescriptiontemplate"].gone[id]:
		b.say(ParentRefused, r.ID)
	default:
		b.say(TemplateMissing, r.ID)
		if named {
			p.dangle(table, r.ID, "template_id", "hospital_standardprescriptiontemplate", id)
		}
	}
	return t
}

func (p *Plan) templateLines(all map[int64]*Template) {
	const table = "hospital_standardtemplatemedicine"
	b := p.books[table]
	for _, r := range p.File.rows[table] {
		t := p.template(b, table, r, all)
		if t == nil {
			continue
		}
		d := dosageOf(b, r)
		t.Sheet.Lines = append(t.Sheet.Lines, typed(d))
		t.Lines = append(t.Lines, TemplateLine{Table: table, ID: r.ID, Facts: d.Facts, Dosage: d})
	}
}

// typed is a line as a doctor would type it.
func typed(d Dosage) prescription.Typed {
	l := prescription.Typed{Medicine: d.Name.Reveal(), Form: d.Form, Strength: d.Strength, Dose: d.Dose.String(), Food: d.Food, Instructions: d.Instructions.Reveal()}
	if d.Days > 0 {
		l.Days = strconv.Itoa(d.Days)
	}
	if d.Quantity > 0 {
		l.Quantity = strconv.Itoa(d.Quantity)
	}
	return l
}

func (p *Plan) templateTests(all map[int64]*Template) {
	const table = "hospital_standardtemplatetest"
	b := p.books[table]
	for _, r := range p.File.rows[table] {
		t := p.template(b, table, r, all)
		if t == nil {
			continue
		}
		left := map[string]string{}
		written := testName(b, r, left)
		testKind(b, r, left)
		_, name := p.listed(b, r)
		if name, _ = cut(patient.CleanName(name), longestTest); name == "" {
			name = written
		}
		if name != written {
			left["test_name"] = r.text("test_name")
		}
		note := shortened(b, r.ID, left, "description", strings.TrimSpace(r.text("description")), longestNote)
		t.Sheet.Tests = append(t.Sheet.Tests, prescription.TypedTest{Name: name, Note: note.Reveal()})
		t.Lines = append(t.Lines, TemplateLine{Table: table, ID: r.ID, Facts: left})
	}
}
