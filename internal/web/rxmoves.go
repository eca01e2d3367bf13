package web

import (
	"net/http"
	"strconv"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// What becomes of prescriptions and test requests after they were made.

func (s *Site) movePost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	if err := s.Prescriptions.Move(r.Context(), id, version(r), r.PostFormValue("state")); err != nil {
		return err
	}
	if r.PostFormValue("from") != "visit" {
		return httpx.Redirect(w, r, base(r).At("/prescriptions/"+id.String()+"/print"))
	}
	p, err := s.Prescriptions.Get(r.Context(), id)
	if err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).Visit(p.VisitID.String(), "consultation")+"#prescriptions")
}

func (s *Site) cancelTest(w http.ResponseWriter, r *http.Request) error {
	return s.showCancelTest(w, r, http.StatusOK, nil)
}

// showCancelTest asks why a test is not needed any more. One that can't be
// cancelled leads back to its visit.
func (s *Site) showCancelTest(w http.ResponseWriter, r *http.Request, status int, errs ui.Errors) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	t, err := s.Prescriptions.Asked(r.Context(), id)
	if err != nil {
		return err
	}
	l, at := s.words(r), base(r)
	back := at.Visit(t.VisitID.String(), "consultation")
	if !t.Pending() || t.DoctorID != mayPrescribe(r) {
		return httpx.Redirect(w, r, back)
	}
	p := page.RxCancel{Shell: s.shell(r, "/my-queue", l.T("tests.cancel_question"), ui.Crumb{Label: l.T("consultation.one"), Href: back}), Medicines: []string{dots(t.Name.Reveal(), l.DateTime(t.Requested))},
		Action: at.At("/test-requests/" + id.String() + "/cancel"), Version: strconv.Itoa(int(t.Version)), Back: back, Errors: errs, Confirm: l.T("tests.cancel_confirm"),
		Reason: ui.Field{ID: "cancel-reason", Name: "reason", Label: l.T("rx.cancel_reason"), Value: r.PostFormValue("reason"), Max: 300, Error: errs.For("reason")}}
	p.Shell.Failed = len(errs) > 0
	return s.show(w, r, status, page.RxCancelPage(p))
}

func (s *Site) cancelTestPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	err = s.Prescriptions.CancelTest(r.Context(), id, version(r), r.PostFormValue("reason"))
	if apperr.Is(err, apperr.Invalid) {
		return s.showCancelTest(w, r, http.StatusUnprocessableEntity, ui.ErrorsOf(s.words(r), err))
	}
	if err != nil {
		return err
	}
	t, err := s.Prescriptions.Asked(r.Context(), id)
	if err != nil {
		return err
	}
	return httpx.Redirect(w, r, base(r).Visit(t.VisitID.String(), "consultation")+"#tests")
}

// pendingTests are what the doctor waits for.
func (s *Site) pendingTests(r *http.Request) ([]page.DayRow, error) {
	const most = 10
	all, err := s.Prescriptions.Pending(r.Context(), most)
	if err != nil {
		return nil, err
	}
	l, at, day := s.words(r), base(r), today(r)
	var out []page.DayRow
	for _, t := range all {
		row := page.DayRow{Person: person(l, t.Patient, day), About: t.Name.Reveal(), When: l.DateTime(t.Requested), Stat: t.Urgency == "stat", Href: at.Visit(t.VisitID.String(), "consultation"),
			Status: ui.Status(t.State), Links: []ui.Button{{Label: l.T("tests.cancel"), Spoken: dots(t.Name.Reveal(), t.Patient.Name.Reveal()), Small: true, Kind: "quiet",
				Href: at.At("/test-requests/" + t.ID.String() + "/cancel")}}}
		if !t.Required.IsZero() {
			row.When, row.Late = l.T("tests.due", "Date", l.Day(t.Required)), t.Required.Before(day)
		}
		out = append(out, row)
	}
	return out, nil
}
