package web

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/httpx"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/web/locale"
	"github.com/cloister-health/cloister/internal/web/page"
	"github.com/cloister-health/cloister/internal/web/ui"
)

// formFile reads an uploaded file, nil when none was chosen.
func formFile(r *http.Request, name string) ([]byte, error) {
	f, _, err := r.FormFile(name)
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// patientValues are the whole form's fields as typed.
func patientValues(r *http.Request) page.PatientValues {
	v := r.PostFormValue
	return page.PatientValues{
		FirstName: v("first_name"), LastName: v("last_name"), LocalName: v("local_name"), Sex: v("sex"), Born: v("born"), Age: v("age"),
		Phone: v("phone"), Email: v("email"), Address: v("address"), City: v("city"), State: v("state"), Pin: v("pin"),
		EmergencyName: v("emergency_name"), EmergencyPhone: v("emergency_phone"), EmergencyRelation: v("emergency_relation"),
		IDKind: v("id_kind"), IDNumber: v("id_number"), Blood: v("blood"), Weight: v("weight"), Allergies: v("allergies"), History: v("history"),
		NoAllergies: v("no_allergies") == "1", Status: v("status"), Language: v("language"), Note: v("note"),
	}
}

func inputOf(v page.PatientValues) patient.Input {
	return patient.Input{
		First: v.FirstName, Last: v.LastName, Local: v.LocalName, Sex: v.Sex, Born: v.Born, Age: v.Age, BloodGroup: v.Blood, Phone: v.Phone,
		Email: v.Email, Address: v.Address, City: v.City, State: v.State, Pin: v.Pin, EmergencyName: v.EmergencyName, EmergencyPhone: v.EmergencyPhone,
		EmergencyRelation: v.EmergencyRelation, IDKind: v.IDKind, IDNumber: v.IDNumber, Weight: v.Weight, Allergies: v.Allergies,
		NoKnownAllergies: v.NoAllergies, History: v.History, Note: v.Note, Status: v.Status, Language: v.Language,
	}
}

// valuesOf are the form's fields as a record has them.
func valuesOf(rec patient.Record, day int) page.PatientValues {
	v := page.PatientValues{
		FirstName: rec.First.Reveal(), LastName: rec.Last.Reveal(), LocalName: rec.Local.Reveal(), Sex: rec.Sex, Phone: rec.Phone.Reveal(),
		Email: rec.Email.Reveal(), Address: rec.Address.Reveal(), City: rec.City, State: rec.State, Pin: rec.Pin, EmergencyName: rec.EmergencyName.Reveal(),
		EmergencyPhone: rec.EmergencyPhone.Reveal(), EmergencyRelation: rec.EmergencyRelation, IDKind: rec.IDKind, Blood: rec.BloodGroup,
		Weight: kilograms(rec.WeightGrams), Allergies: rec.Allergies.Reveal(), History: rec.History.Reveal(), NoAllergies: rec.NoKnownAllergies,
		Status: rec.Status, Language: rec.Language, Note: rec.Note.Reveal(),
	}
	if rec.Birth.Estimated() {
		v.Age = strconv.Itoa(day)
	} else if rec.Birth.Known() {
		v.Born = rec.Birth.Date.Format("02/01/2006")
	}
	if rec.IDKind != "" {
		v.IDMasked = "••••" + rec.IDTail.Reveal()
	}
	return v
}

// formNames are the fields whose names in the form differ from the service's.
var formNames = map[string]string{"name": "first_name", "local": "local_name", "blood_group": "blood", "no_known_allergies": "no_allergies"}

func patientErrors(l *locale.Loc, err error) (ui.Errors, error) {
	errs, err := FormErrors(l, err)
	for i := range errs {
		if n, ok := formNames[errs[i].Name]; ok {
			errs[i].Name = n
		}
	}
	return errs, err
}

func (s *Site) newPatient(w http.ResponseWriter, r *http.Request) error {
	return s.showPatientForm(w, r, http.StatusOK, page.PatientForm{V: page.PatientValues{Status: "registered", Phone: r.URL.Query().Get("phone")}})
}

func (s *Site) showPatientForm(w http.ResponseWriter, r *http.Request, status int, f page.PatientForm) error {
	l, at := s.words(r), base(r)
	title, trail := l.T("register.title"), []ui.Crumb{{Label: l.T("nav.patients"), Href: at.At("/patients")}}
	if f.ID != "" {
		title, trail = l.T("action.edit"), append(trail, ui.Crumb{Label: f.Banner.Name, Href: at.Patient(f.ID)})
	}
	f.Shell = s.shell(r, "/patients", title, trail...)
	f.Shell.Failed = len(f.Errors) > 0
	f.Base = at
	if f.Once == "" {
		f.Once = once()
	}
	return s.show(w, r, status, page.PatientFormPage(f))
}

func (s *Site) newPatientPost(w http.ResponseWriter, r *http.Request) error {
	v := patientValues(r)
	in := inputOf(v)
	people, news, err := s.unseen(r, in, uuid.Nil)
	if err != nil {
		return err
	}
	l := s.words(r)
	form := page.PatientForm{V: v, Once: formKey(r).String(), Matches: people}
	if news, err = s.warn(r, news, in); err != nil {
		return err
	}
	if news {
		form.Errors = ui.Errors{{Text: l.T("register.check")}}
		return s.showPatientForm(w, r, http.StatusOK, form)
	}
	made, err := s.Patients.Register(r.Context(), formKey(r), in)
	if err != nil {
		if form.Errors, err = patientErrors(l, err); err != nil {
			return err
		}
		return s.showPatientForm(w, r, http.StatusUnprocessableEntity, form)
	}
	return httpx.Redirect(w, r, base(r).Patient(made.ID.String()))
}

func (s *Site) editForm(r *http.Request, rec patient.Record) page.PatientForm {
	age := 0
	if rec.Birth.Known() {
		age = patient.AgeOn(rec.Birth.On(), today(r))
	}
	return page.PatientForm{ID: rec.ID.String(), Banner: s.banner(r, rec), Version: strconv.Itoa(int(rec.Version)), V: valuesOf(rec, age), ClinicalOnly: !httpx.From(r.Context()).Can(access.PatientEdit)}
}

func (s *Site) editPatient(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	rec, err := s.Patients.Get(r.Context(), id)
	if err != nil {
		return err
	}
	if rec.MergedInto != uuid.Nil {
		return httpx.Redirect(w, r, base(r).Patient(rec.MergedInto.String()))
	}
	return s.showPatientForm(w, r, http.StatusOK, s.editForm(r, rec))
}

func (s *Site) editPatientPost(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	v := patientValues(r)
	if httpx.From(r.Context()).Can(access.PatientEdit) {
		err = s.Patients.Edit(r.Context(), id, version(r), inputOf(v))
	} else {
		err = s.Patients.EditClinical(r.Context(), id, version(r), patient.Clinical{BloodGroup: v.Blood, Weight: v.Weight, Allergies: v.Allergies,
			NoKnownAllergies: v.NoAllergies, History: v.History, Status: v.Status})
	}
	if err == nil {
		return httpx.Redirect(w, r, base(r).Patient(id.String()))
	}
	rec, gone := s.Patients.Get(r.Context(), id)
	if gone != nil {
		return err
	}
	l := s.words(r)
	form := s.editForm(r, rec)
	theirs := form.V
	v.IDMasked = theirs.IDMasked
	form.V = v
	if apperr.Is(err, apperr.Stale) {
		// The form takes the present version: who saves again has seen both.
		form.Stale = parted(l, v, theirs)
		return s.showPatientForm(w, r, http.StatusConflict, form)
	}
	form.Version = r.PostFormValue("version")
	if form.Errors, err = patientErrors(l, err); err != nil {
		return err
	}
	return s.showPatientForm(w, r, http.StatusUnprocessableEntity, form)
}

// parted are the fields in which a form and the record part.
func parted(l *locale.Loc, mine, theirs page.PatientValues) []page.StaleField {
	var out []page.StaleField
	for _, f := range fieldsOf(l, mine, theirs) {
		if strings.TrimSpace(f.Mine) != strings.TrimSpace(f.Theirs) {
			out = append(out, f)
		}
	}
	return out
}

func fieldsOf(l *locale.Loc, a, b page.PatientValues) []page.StaleField {
	known := func(v page.PatientValues) string {
		if v.NoAllergies {
			return l.T("patient.no_allergies")
		}
		return v.Allergies
	}
	return []page.StaleField{
		{Label: l.T("patient.first_name"), Mine: a.FirstName, Theirs: b.FirstName}, {Label: l.T("patient.last_name"), Mine: a.LastName, Theirs: b.LastName},
		{Label: l.T("patient.local_name"), Mine: a.LocalName, Theirs: b.LocalName},
		{Label: l.T("patient.sex"), Mine: l.Text("sex."+a.Sex, "", nil), Theirs: l.Text("sex."+b.Sex, "", nil)},
		{Label: l.T("patient.born"), Mine: a.Born, Theirs: b.Born}, {Label: l.T("patient.age_years"), Mine: a.Age, Theirs: b.Age},
		{Label: l.T("patient.mobile"), Mine: a.Phone, Theirs: b.Phone}, {Label: l.T("patient.email"), Mine: a.Email, Theirs: b.Email},
		{Label: l.T("patient.address"), Mine: a.Address, Theirs: b.Address}, {Label: l.T("patient.city"), Mine: a.City, Theirs: b.City},
		{Label: l.T("patient.state"), Mine: a.State, Theirs: b.State}, {Label: l.T("patient.pin"), Mine: a.Pin, Theirs: b.Pin},
		{Label: l.T("patient.emergency_name"), Mine: dots(a.EmergencyName, a.EmergencyRelation, a.EmergencyPhone), Theirs: dots(b.EmergencyName, b.EmergencyRelation, b.EmergencyPhone)},
		{Label: l.T("patient.blood"), Mine: a.Blood, Theirs: b.Blood}, {Label: l.T("patient.weight"), Mine: a.Weight, Theirs: b.Weight},
		{Label: l.T("patient.allergies"), Mine: known(a), Theirs: known(b)}, {Label: l.T("patient.history"), Mine: a.History, Theirs: b.History},
		{Label: l.T("queue.status"), Mine: l.Text("status."+a.Status, a.Status, nil), Theirs: l.Text("status."+b.Status, b.Status, nil)},
		{Label: l.T("visit.note"), Mine: a.Note, Theirs: b.Note},
	}
}
