package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

func (s *Site) merge(w http.ResponseWriter, r *http.Request) error {
	return s.showMerge(w, r, http.StatusOK, nil)
}

// showMerge draws the choice of the other record, or both side by side.
func (s *Site) showMerge(w http.ResponseWriter, r *http.Request, status int, errs ui.Errors) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	rec, err := s.Patients.Get(r.Context(), id)
	if err != nil {
		return err
	}
	l, at := s.words(r), base(r)
	m := page.Merge{Shell: s.shell(r, "/patients", l.T("merge.title"), ui.Crumb{Label: rec.Name.Reveal(), Href: at.Patient(id.String())}), Base: at, ID: id.String(),
		Keep: person(l, rec.Card, today(r)), Once: once(), Errors: errs}
	merges, err := s.Patients.Merges(r.Context(), id)
	if err != nil {
		return err
	}
	for _, x := range merges {
		past := page.PastMerge{Text: l.T("patient.merged_from", "Number", x.Duplicate.Number, "Name", x.Duplicate.Name.Reveal()), About: dots(l.DateTime(x.At), x.By, x.Reason.Reveal())}
		if x.UndoneAt.IsZero() {
			past.Undo = &ui.Post{Action: at.Patient(x.Duplicate.ID.String()) + "/unmerge", Button: ui.Button{Label: l.T("action.undo"), Spoken: x.Duplicate.Number, Small: true}}
		} else {
			past.About = dots(past.About, l.T("merge.undone", "When", l.DateTime(x.UndoneAt)))
		}
		m.Past = append(m.Past, past)
	}
	other, err := s.other(r)
	if err != nil {
		return err
	}
	if other == id || (other == uuid.Nil && strings.TrimSpace(r.FormValue("other")) != "") {
		m.Errors = ui.Errors{{Name: "other", Text: l.T("error.merge.other")}}
		status = http.StatusUnprocessableEntity
	} else if other != uuid.Nil {
		dup, err := s.Patients.Get(r.Context(), other)
		if err != nil {
			return err
		}
		p := person(l, dup.Card, today(r))
		m.Other = &p
		m.Compare = fieldsOf(l, s.editForm(r, rec).V, s.editForm(r, dup).V)
		m.Visits = l.T("merge.stays_theirs", "Number", rec.Number)
	}
	m.Shell.Failed = len(m.Errors) > 0
	return s.show(w, r, status, page.MergePage(m))
}

// other is the record chosen: from the list, or without script by what was
// typed if it means one patient only.
func (s *Site) other(r *http.Request) (uuid.UUID, error) {
	if id, err := uuid.Parse(r.FormValue("other_id")); err == nil {
		return id, nil
	}
	return s.patientMeant(r, r.FormValue("other"))
}

func (s *Site) mergePost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	other, _ := uuid.Parse(r.PostFormValue("other_id")) // a wrong one is not found
	if err := s.Patients.Merge(r.Context(), id, other, r.PostFormValue("reason")); err != nil {
		errs, err := FormErrors(s.words(r), err)
		if err != nil {
			return err
		}
		return s.showMerge(w, r, http.StatusUnprocessableEntity, errs)
	}
	return httpx.Redirect(w, r, base(r).Patient(id.String()))
}

func (s *Site) unmergePost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	if err := s.Patients.UndoMerge(r.Context(), id); err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).Patient(id.String()))
}

// lastLooks puts the newest lines of the record's trail on its page.
func (s *Site) lastLooks(r *http.Request, p *page.PatientPage, id uuid.UUID) error {
	looks, more, err := s.Patients.Looks(r.Context(), id, patient.Page{}, 8)
	if err != nil {
		return err
	}
	l := s.words(r)
	for _, x := range looks {
		row := lookRow(l, x)
		p.Opened = append(p.Opened, page.Opened{Who: row.Who, Role: dots(row.Role, row.What), When: row.When})
	}
	if more {
		p.Looks = base(r).Patient(id.String()) + "/looks"
	}
	return nil
}

// trailWords are the words for what stands on the trail; what has none is shown
// as it is written there.
var trailWords = map[string]string{
	"view": "look.view", "insert": "look.insert", "update": "look.update", "patient": "role.patient", "operator": "role.platform", "system": "look.system",
	"display": "nav.displays", "patients": "look.record", "patients.id_number": "identity.number", "visits": "visit.title", "patient_merges": "merge.action",
	"tokens": "queue.token", "queue_moves": "visit.moves", "invitations": "look.invitation", "sessions": "look.session",
	"consultations": "consultation.one", "diagnoses": "consultation.diagnosis", "addenda": "consultation.addendum", "vitals": "vitals.title", "follow_ups": "visit.follow_up",
	"history": "look.history", "prescriptions": "rx.title", "prescription_lines": "rx.medicine", "test_requests": "tests.form", "appointments": "appointment.one",
	"documents": "documents.one", "documents.file": "documents.file", "document_withdrawals": "documents.withdraw",
	"reminders": "appointment.one", "share": "look.link", "anonymous": "look.link", "shares": "share.links", "share_events": "share.links",
}

func trailWord(l *locale.Loc, name string) string { return l.Text(trailWords[name], name, nil) }

func lookRow(l *locale.Loc, x patient.Look) page.LookRow {
	kind, _, _ := strings.Cut(x.Actor, ":")
	who := x.Name
	if who == "" {
		who = trailWord(l, kind)
	}
	return page.LookRow{When: l.DateTime(x.At), Who: who, Role: page.RoleName(l, access.Role(strings.TrimPrefix(x.Role, "cloister_"))),
		What: dots(trailWord(l, x.Action), trailWord(l, x.Entity)), Reason: x.Reason}
}

func (s *Site) looks(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	looks, more, err := s.Patients.Looks(r.Context(), id, after(r), pageSize)
	if err != nil {
		return err
	}
	l, at := s.words(r), base(r)
	p := page.Looks{Shell: s.shell(r, "/patients", l.T("patient.opened"), ui.Crumb{Label: l.T("patient.one"), Href: at.Patient(id.String())})}
	for _, x := range looks {
		p.Rows = append(p.Rows, lookRow(l, x))
	}
	if more {
		last := looks[len(looks)-1]
		p.Next = at.Query("/patients/"+id.String()+"/looks", "day", last.At.UTC().Format(time.DateOnly), "at", last.At.Format(time.RFC3339Nano), "after", last.ID.String())
	}
	return s.show(w, r, http.StatusOK, page.LooksPage(p))
}
