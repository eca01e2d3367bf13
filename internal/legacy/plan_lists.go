package legacy

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/cloister-health/cloister/internal/patient"
)

const (
	longestTest     = 200
	longestCategory = 100
	mostStrengths   = 30
)

// testKinds are the older system's types of test.
var testKinds = map[string]string{
	"blood": "blood", "urine": "urine", "xray": "xray", "ultrasound": "ultrasound", "ecg": "ecg", "ct_scan": "ct", "mri": "mri", "other": "other",
}

// Medicine is an entry of the clinic's medicine list.
type Medicine struct {
	ID int64
	Dosage
	Strengths []string
	Active    bool
}

// Test is an entry of the clinic's test list.
type Test struct {
	ID                   int64
	Name, Kind, Category string
	Active               bool
	Facts                map[string]string
}

// planFormulary keeps one entry of a name and form, that of the lowest id.
func (p *Plan) planFormulary() {
	b := p.books["hospital_mastermedicine"]
	type same struct{ name, form string }
	first := map[same]int64{}
	for _, r := range p.File.rows["hospital_mastermedicine"] {
		if !p.belongs(b, r) {
			continue
		}
		k := same{squash(r.text("medicine_name")), r.text("medicine_type")}
		if id, twice := first[k]; twice {
			b.say(DuplicateOfEarlier, r.ID)
			p.merge("hospital_mastermedicine", r.ID, id)
			continue
		}
		first[k] = r.ID
		m := Medicine{ID: r.ID, Active: r.yes("is_active"), Dosage: Dosage{Facts: facts(r, "description", "created_at", "updated_at")}}
		m.name(b, r)
		for what, left := range map[string]string{
			"default_dosage": m.strength(b, r, listColumns), "default_schedule": m.dose(b, r, listColumns), "default_duration": m.days(b, r, listColumns),
			"medicine_type": m.formAndFood(b, r),
		} {
			if left != "" {
				m.Facts[what] = left
			}
		}
		m.strengths(b, r)
		p.Formulary = append(p.Formulary, m)
	}
}

// strengths splits '250mg, 500mg'.
func (m *Medicine) strengths(b *book, r Row) {
	m.Strengths = []string{}
	for s := range strings.SplitSeq(r.text("common_dosages"), ",") {
		s = strings.TrimSpace(s)
		if s == "" || s == "0" || slices.Contains(m.Strengths, s) {
			continue
		}
		if len(m.Strengths) == mostStrengths || len([]rune(s)) > longestStrength {
			b.say(TextCut, r.ID)
			m.Facts["common_dosages"] = r.text("common_dosages")
			continue
		}
		m.Strengths = append(m.Strengths, s)
	}
}

// merge remembers in which row of a table another one was found.
func (p *Plan) merge(table string, id, into int64) {
	if p.Merged[table] == nil {
		p.Merged[table] = map[int64]int64{}
	}
	p.Merged[table][id] = into
}

var brackets = regexp.MustCompile(`^(.+?)\s*\(([^()]+)\)\s*$`)

// catalogue finds the row of the test list that a name means.
type catalogue struct {
	byKey map[string]int64
	names map[int64]string // as written
}

// planCatalogue keeps one entry of what is the same test: that with the fuller
// name, which has its abbreviation in brackets, else that of the lowest id.
func (p *Plan) planCatalogue() {
	b := p.books["hospital_mastertest"]
	var rows []Row
	for _, r := range p.File.rows["hospital_mastertest"] {
		if p.belongs(b, r) {
			rows = append(rows, r)
		}
	}
	alias := map[string][]int64{}
	full, names := map[int64]bool{}, map[int64]string{}
	add := func(text string, id int64) {
		k := squash(text)
		if ids := alias[k]; len(ids) == 0 || ids[len(ids)-1] != id { // rows come one after the other
			alias[k] = append(ids, id)
		}
	}
	for _, r := range rows {
		name := r.text("test_name")
		names[r.ID] = name
		add(name, r.ID)
		if m := brackets.FindStringSubmatch(name); m != nil {
			full[r.ID] = true
			add(m[1], r.ID)
			add(m[2], r.ID)
		}
	}
	rank := func(id int64) int {
		if full[id] {
			return 0
		}
		return 1
	}
	best := make(map[string]int64, len(alias))
	for k, ids := range alias {
		best[k] = slices.MinFunc(ids, func(x, y int64) int { return cmp.Or(cmp.Compare(rank(x), rank(y)), cmp.Compare(x, y)) })
	}
	for _, r := range rows {
		if keep := best[squash(names[r.ID])]; keep != r.ID {
			b.say(DuplicateOfEarlier, r.ID)
			p.merge("hospital_mastertest", r.ID, keep)
			continue
		}
		p.Catalogue = append(p.Catalogue, testOf(b, r))
	}
	p.catalogue = catalogue{byKey: map[string]int64{}, names: names}
	for k, ids := range alias {
		means := map[int64]bool{}
		for _, id := range ids {
			means[p.kept("hospital_mastertest", id)] = true
		}
		if len(means) == 1 && k != "" { // an abbreviation of two entries means neither
			for id := range means {
				p.catalogue.byKey[k] = id
			}
		}
	}
}

// kept follows merged rows to the one that stands for them.
func (p *Plan) kept(table string, id int64) int64 {
	for range len(p.Merged[table]) {
		into, merged := p.Merged[table][id]
		if !merged {
			break
		}
		id = into
	}
	return id
}

func testOf(b *book, r Row) Test {
	t := Test{ID: r.ID, Active: r.yes("is_active"), Category: strings.TrimSpace(r.text("category")), Facts: facts(r, "description", "created_at", "updated_at")}
	t.Name = testName(b, r, t.Facts)
	t.Kind = testKind(b, r, t.Facts)
	var shorter bool
	if t.Category, shorter = cut(t.Category, longestCategory); shorter {
		b.say(TextCut, r.ID)
		t.Facts["category"] = r.text("category")
	}
	return t
}

// testName is the name without white space around it, as long as it may be.
func testName(b *book, r Row, facts map[string]string) string {
	raw := r.text("test_name")
	name := patient.CleanName(raw)
	if name == "" {
		b.say(NameMissing, r.ID)
		name = notRecorded
	}
	name, shorter := cut(name, longestTest)
	if shorter {
		b.say(TextCut, r.ID)
	}
	if name != raw {
		facts["test_name"] = raw
	}
	return name
}

func testKind(b *book, r Row, facts map[string]string) string {
	kind, known := testKinds[r.text("test_type")]
	if !known {
		b.say(TestTypeUnknown, r.ID)
		facts["test_type"] = r.text("test_type")
		return "other"
	}
	return kind
}

// listed gives the row of the test list that a name means, 0 for none, and the
// name as the list has it.
func (p *Plan) listed(b *book, r Row) (id int64, name string) {
	raw := r.text("test_name")
	id = p.catalogue.byKey[squash(raw)]
	switch {
	case id == 0:
		b.say(TestNotListed, r.ID)
		return 0, raw
	case p.catalogue.names[id] != raw:
		b.say(TestSynonym, r.ID)
	}
	return id, p.catalogue.names[id]
}
