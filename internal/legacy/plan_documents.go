package legacy

import (
	"context"
	"crypto/sha256"
	"path"
	"strings"
	"time"

	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
)

const (
	longestDocTitle = 200
	longestDocNote  = 1000
)

// reportKinds are the older system's types of report, and what the same words
// mean where they were typed.
var reportKinds = map[string]string{
	"Lab Report": "lab", "X-Ray": "xray", "CT Scan": "ct", "Ultrasound": "ultrasound", "ECG": "ecg", "Blood Test": "blood", "COVID Report": "lab",
	"Discharge Summary": "discharge", "Other": "other",
}

// Document is a file that was uploaded in the older system.
type Document struct {
	Table       string
	ID, Patient int64
	Kind        string
	Title, Note phi.Text
	Dated       time.Time // zero: not said
	Uploaded    time.Time
	By          int64 // staff; 0: unknown
	ByPatient   bool  // brought through the patient's own login
	Path        string
	Media       string
	Pages       int
	Bytes       int
	Facts       map[string]string

	sum [sha256.Size]byte // of what is kept
}

// Files is what lies in the media folder beside what the rows name.
type Files struct {
	OnDisk   int      `json:"on_disk"`
	Named    int      `json:"named_by_a_row_and_present"`
	NoRow    []string `json:"named_by_no_row"`
	Unlooked bool     `json:"not_looked_at,omitempty"` // there was no folder, or it holds too many
}

// planDocuments looks at every file that a report of an imported patient names.
func (p *Plan) planDocuments(ctx context.Context, told func(what string, n, of int)) error {
	folder, err := openMedia(p.Media)
	if err != nil {
		return err
	}
	defer folder.close()
	p.loginOf = make(map[int64]int64, len(p.Logins))
	for _, l := range p.Logins {
		p.loginOf[l.Patient] = l.ID
	}
	seen, all := 0, len(p.File.rows["hospital_medicalreport"])+len(p.File.rows["hospital_testreport"])
	for _, table := range []string{"hospital_medicalreport", "hospital_testreport"} {
		b := p.books[table]
		for _, r := range p.File.rows[table] {
			if seen++; told != nil && folder.root != nil {
				told("looking", seen, all)
			}
			whose, ok := p.whose(b, r, table)
			if !ok {
				continue
			}
			d := Document{Table: table, ID: r.ID, Patient: whose, Path: r.text("report_file"), Facts: facts(r, "report_file")}
			if d.Uploaded, ok = stampOf(r.text("uploaded_at")); !ok {
				b.say(DateUnreadable, r.ID)
				continue
			}
			k, err := folder.look(ctx, &d)
			if err != nil {
				return err
			}
			if k != "" {
				b.say(k, r.ID)
			}
			if !b.live(r.ID) {
				continue
			}
			p.describe(b, r, &d)
			p.Documents = append(p.Documents, d)
		}
	}
	p.Files, err = folder.survey(ctx, p.named())
	return err
}

// named are the paths that rows name, the logo's among them.
func (p *Plan) named() map[string]bool {
	out := map[string]bool{}
	for _, table := range []string{"hospital_medicalreport", "hospital_testreport"} {
		for _, r := range p.File.rows[table] {
			out[r.text("report_file")] = true
		}
	}
	out[p.Clinic.Logo] = true
	return out
}

func (p *Plan) describe(b *book, r Row, d *Document) {
	if day := patient.DayIn(d.Uploaded, zone); !day.Equal(d.Uploaded.Truncate(24 * time.Hour)) {
		b.say(DayDiffers, r.ID)
	}
	kindColumn, noteColumn := "report_type", "description"
	if d.Table == "hospital_testreport" {
		kindColumn, noteColumn = "test_type", "notes"
		d.By = p.actor(d.Table, r, "uploaded_by_id")
		if user, named := r.whole("uploaded_by_id"); named && p.loginOf[d.Patient] == user {
			d.ByPatient = true
		}
		if text := r.text("test_date"); text != "" {
			var ok bool
			if d.Dated, ok = dayOf(text); !ok {
				b.say(DayUnreadable, r.ID)
				d.Facts["test_date"] = text
			}
		}
	}
	word := strings.TrimSpace(r.text(kindColumn))
	kind, known := reportKinds[word]
	switch {
	case word == "" && d.Table == "hospital_medicalreport":
		b.say(TypeMissing, r.ID)
	case !known && word != "" && d.Table == "hospital_medicalreport":
		b.say(TestTypeUnknown, r.ID)
	}
	if d.Kind = kind; !known {
		d.Kind = "other"
	}
	title := patient.CleanName(word)
	if title == "" {
		title = patient.CleanName(path.Base(d.Path))
	}
	d.Title = shortened(b, r.ID, d.Facts, kindColumn, title, longestDocTitle)
	d.Note = shortened(b, r.ID, d.Facts, noteColumn, r.text(noteColumn), longestDocNote)
}
