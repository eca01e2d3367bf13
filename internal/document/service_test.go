package document_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/document"
	"github.com/cloister-health/cloister/internal/files"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants"
)

// world is one database and one folder with the slice on them.
type world struct {
	kit    *testkit.DB
	db     *tenants.DB
	store  *files.Store
	folder string
	*document.Service
}

func open(t testing.TB) *world {
	t.Helper()
	w := &world{kit: testkit.New(t), folder: filepath.Join(t.TempDir(), "files")}
	log := logrus.New()
	log.SetOutput(io.Discard)
	var err error
	if w.db, err = tenants.Open(t.Context(), tenants.Config{DSN: w.kit.App, ScopeKey: testkit.ScopeKey(), KeyID: 1, Log: log,
		Pool: tenants.PoolConfig{MaxConns: 4, QueueLimit: 1024, StatementTimeout: time.Minute}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.db.Close)
	master, err := keys.Parse(base64.StdEncoding.EncodeToString(testkit.MasterKey))
	if err != nil {
		t.Fatal(err)
	}
	if w.store, err = files.Open(t.Context(), "", w.folder); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	w.Service = document.NewService(w.db, keys.NewRing(master, nil), w.store)
	return w
}

func by(t testing.TB, c testkit.Clinic, a tenants.Actor) context.Context {
	zone, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	return tenants.WithScope(t.Context(), tenants.Scope{RequestID: "test", Actor: a,
		Clinic: &tenants.Clinic{ID: c.ID, Slug: c.Slug, Name: c.Name, Schema: c.Schema, Status: tenants.StatusActive, Zone: zone, Lang: "en"}})
}

func as(t testing.TB, c testkit.Clinic, r access.Role) context.Context {
	return by(t, c, tenants.Actor{Kind: access.User, ID: testkit.StaffID(r), Role: r})
}

func nurse(t testing.TB) context.Context { return as(t, testkit.Alpha, access.Nurse) }

// shot is a picture, of another size for another n.
func shot(t testing.TB, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 40+n, 30))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func chest(t testing.TB) document.Upload {
	return document.Upload{Kind: "xray", Title: "  Chest,  front ", Dated: "8/1/2025", Note: "Brought on film", Filename: "IMG_1.png", Content: shot(t, 0)}
}

func (w *world) kept(t testing.TB, c testkit.Clinic) int {
	t.Helper()
	all, err := w.store.Before(t.Context(), c.ID, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func (w *world) upload(t testing.TB, ctx context.Context) uuid.UUID {
	t.Helper()
	id, err := w.Upload(ctx, uuid.New(), testkit.Asha, chest(t))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// exec changes the database as its owner could.
func (w *world) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := testkit.Conn(t, w.kit.Admin).Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func (w *world) count(t testing.TB, sql string, args ...any) (n int64) {
	t.Helper()
	if err := testkit.Conn(t, w.kit.Admin).QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestADocument(t *testing.T) {
	t.Parallel()
	w := open(t)
	used := w.count(t, "select coalesce(sum(used), 0) from platform.usage where clinic_id = $1 and kind = 'storage'", testkit.Alpha.ID)
	id := w.upload(t, nurse(t))
	d, card, err := w.Get(nurse(t), id)
	if err != nil || d.Title.Reveal() != "Chest, front" || d.Kind != "xray" || d.Media != files.PNG || d.Pages != 1 || d.Note.Reveal() != "Brought on film" ||
		d.Dated.Format(time.DateOnly) != "2025-01-08" || d.Uploader != "Nalini Jadhav" || card.ID != testkit.Asha || d.Filename(time.UTC) != "xray-2025-01-08.png" || !d.Picture() {
		t.Fatalf("%+v of %v, %v", d, card.ID, err)
	}
	d, r, err := w.Open(as(t, testkit.Alpha, access.LabTechnician), id)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(b, chest(t).Content) || int64(len(b)) != d.Bytes || r.Close() != nil {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	list, err := w.List(as(t, testkit.Alpha, access.Doctor), testkit.Asha, patient.Page{}, 1)
	if err != nil || len(list.Documents) != 1 || !list.More || list.Documents[0].ID != id {
		t.Fatalf("%+v, %v", list, err)
	}
	next, err := w.List(nurse(t), testkit.Asha, patient.Page{At: list.Documents[0].Uploaded, ID: id}, 10)
	if err != nil || len(next.Documents) != 2 || next.More || next.Documents[0].Title.Reveal() != "Blood count of the city laboratory" {
		t.Errorf("the page after: %+v, %v", next, err)
	}
	now := w.count(t, "select used from platform.usage where clinic_id = $1 and kind = 'storage'", testkit.Alpha.ID)
	if now-used != d.Bytes {
		t.Errorf("%d bytes were counted of %d", now-used, d.Bytes)
	}
	// Each look is on the trail, and what was done to it.
	for what, n := range map[string]int64{"view/documents": 1, "view/documents.file": 1, "insert/documents": 1} {
		action, entity, _ := strings.Cut(what, "/")
		if got := w.count(t, "select count(*) from "+testkit.Alpha.Schema+".trail where action = $1 and entity = $2 and record_id = $3 and patient_id = $4", action, entity, id, testkit.Asha); got != n {
			t.Errorf("%s: %d lines on the trail", what, got)
		}
	}
	if got := w.count(t, "select count(*) from "+testkit.Alpha.Schema+".trail where entity = 'documents' and action = 'view' and patient_id = $1 and record_id = $2", testkit.Asha, uuid.Nil); got != 2 {
		t.Errorf("the list was seen %d times", got)
	}
}

func TestWithdrawing(t *testing.T) {
	t.Parallel()
	w := open(t)
	id := w.upload(t, nurse(t))
	if err := w.Withdraw(nurse(t), id, " \n"); !apperr.Is(err, apperr.Invalid) {
		t.Errorf("without a reason: %v", err)
	}
	for _, reason := range []string{"Another person's", "Changed my mind"} {
		if err := w.Withdraw(nurse(t), id, reason); err != nil {
			t.Fatal(err)
		}
	}
	d, _, err := w.Get(nurse(t), id)
	if err != nil || d.Withdrawn.IsZero() || d.Reason.Reveal() != "Another person's" || d.Withdrawer != "Nalini Jadhav" {
		t.Errorf("%+v, %v", d, err)
	}
	if err := w.Withdraw(nurse(t), uuid.New(), "x"); !apperr.Is(err, apperr.NotFound) {
		t.Errorf("one that nobody has: %v", err)
	}
	for _, sql := range []string{"delete from documents", "update documents set title = 'x'", "delete from document_withdrawals"} {
		tx := w.kit.As(t, testkit.Alpha, access.Owner)
		if _, err := tx.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s: done", sql)
		}
		_ = tx.Rollback(t.Context())
	}
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	w := open(t)
	for name, c := range map[string]struct {
		change func(*document.Upload)
		fields string
	}{
		"no kind":         {func(u *document.Upload) { u.Kind = "letter" }, "kind"},
		"no title":        {func(u *document.Upload) { u.Title = "  " }, "title"},
		"a long title":    {func(u *document.Upload) { u.Title = strings.Repeat("é", 201) }, "title"},
		"a long note":     {func(u *document.Upload) { u.Note = strings.Repeat("x", 1001) }, "note"},
		"signs":           {func(u *document.Upload) { u.Note = "a\x00b" }, "note"},
		"no date":         {func(u *document.Upload) { u.Dated = "yesterday" }, "dated"},
		"to come":         {func(u *document.Upload) { u.Dated = "1/1/2999" }, "dated"},
		"too long ago":    {func(u *document.Upload) { u.Dated = "1/1/1800" }, "dated"},
		"no file":         {func(u *document.Upload) { u.Content = nil }, "file"},
		"HTML":            {func(u *document.Upload) { u.Content = []byte("<html>") }, "file"},
		"all of it wrong": {func(u *document.Upload) { *u = document.Upload{} }, "file kind title"},
	} {
		in := chest(t)
		c.change(&in)
		_, err := w.Upload(nurse(t), uuid.New(), testkit.Asha, in)
		var e *apperr.Error
		if !errors.As(err, &e) || e.Code != apperr.Invalid {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, f := range e.Fields {
			got = append(got, f.Name)
		}
		if strings.Join(got, " ") != c.fields {
			t.Errorf("%s: %v", name, got)
		}
	}
	if _, err := w.Upload(nurse(t), uuid.New(), uuid.New(), chest(t)); !apperr.Is(err, apperr.NotFound) {
		t.Errorf("nobody's: %v", err)
	}
	if _, err := w.Upload(nurse(t), uuid.New(), testkit.Duplicate, chest(t)); !apperr.Is(err, apperr.Conflict) {
		t.Errorf("of a merged record: %v", err)
	}
	if n := w.kept(t, testkit.Alpha); n != 0 {
		t.Errorf("%d files are left of what was refused", n)
	}
}

func TestTheOtherClinicsIsNotFound(t *testing.T) {
	t.Parallel()
	w := open(t)
	id := w.upload(t, nurse(t))
	there := as(t, testkit.Beta, access.Nurse)
	if _, _, err := w.Get(there, id); !apperr.Is(err, apperr.NotFound) {
		t.Errorf("get: %v", err)
	}
	if _, _, err := w.Open(there, id); !apperr.Is(err, apperr.NotFound) {
		t.Errorf("open: %v", err)
	}
	if err := w.Withdraw(there, id, "x"); !apperr.Is(err, apperr.NotFound) {
		t.Errorf("withdraw: %v", err)
	}
	if list, err := w.List(there, testkit.Asha, patient.Page{}, 10); err != nil || len(list.Documents) != 2 {
		t.Errorf("list: %+v, %v", list.Documents, err)
	}
	// Its row and its file brought over by hand: the key is the other clinic's.
	from, to := filepath.Join(w.folder, testkit.Alpha.ID.String()), filepath.Join(w.folder, testkit.Beta.ID.String())
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	tx := w.kit.As(t, testkit.Beta, access.Jobs)
	if _, err := tx.Exec(t.Context(), "insert into documents (id, patient_id, kind, title, media_type, bytes, pages) values ($1, $2, 'lab', 'x', 'image/png', 10, 1)", id, testkit.Asha); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, r, err := w.Open(there, id)
	if err == nil {
		_, err = io.ReadAll(r)
	}
	if !errors.Is(err, keys.ErrSealed) {
		t.Errorf("with the other clinic's keys: %v", err)
	}
}

// TestRoles: nobody without a scope, no display and no operator; staff may, and
// patients have their own alone.
func TestRoles(t *testing.T) {
	t.Parallel()
	w := open(t)
	id := w.upload(t, nurse(t))
	for _, r := range access.StaffRoles() {
		if _, _, err := w.Get(as(t, testkit.Alpha, r), id); err != nil {
			t.Errorf("%s: %v", r, err)
		}
	}
	for name, ctx := range map[string]context.Context{
		"nobody": t.Context(), "a display": by(t, testkit.Alpha, tenants.Actor{Kind: access.DisplayActor, ID: uuid.New(), Role: access.Display}),
	} {
		_, _, got := w.Get(ctx, id)
		_, add := w.Upload(ctx, uuid.New(), testkit.Asha, chest(t))
		_, _, file := w.Open(ctx, id)
		_, admit := w.Admit(ctx)
		_, sweep := w.Sweep(ctx, time.Now())
		_, list := w.List(ctx, testkit.Asha, patient.Page{}, 1)
		for what, err := range map[string]error{"get": got, "add": add, "open": file, "admit": admit, "sweep": sweep, "list": list, "withdraw": w.Withdraw(ctx, id, "x")} {
			if !apperr.Is(err, apperr.Forbidden) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
	own := by(t, testkit.Alpha, tenants.Actor{Kind: access.PatientActor, ID: testkit.Asha, Role: access.Patient})
	other := by(t, testkit.Alpha, tenants.Actor{Kind: access.PatientActor, ID: testkit.Bilal, Role: access.Patient})
	tx := w.kit.As(t, testkit.Alpha, access.Patient)
	var n int
	if err := tx.QueryRow(t.Context(), "select count(*) from documents").Scan(&n); err != nil || n != 3 {
		t.Errorf("the patient sees %d documents, %v", n, err)
	}
	_ = tx.Rollback(t.Context())
	if err := w.Withdraw(own, id, "x"); !apperr.Is(err, apperr.Forbidden) {
		t.Errorf("a patient withdraws: %v", err)
	}
	if _, _, err := w.Get(other, id); !apperr.Is(err, apperr.NotFound) && !apperr.Is(err, apperr.Forbidden) {
		t.Errorf("another patient: %v", err)
	}
}

func TestAFormSentTwice(t *testing.T) {
	t.Parallel()
	w := open(t)
	key := uuid.New()
	var wg sync.WaitGroup
	made := make([]uuid.UUID, 6)
	for i := range made {
		wg.Go(func() {
			var err error
			if made[i], err = w.Upload(nurse(t), key, testkit.Asha, chest(t)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, id := range made {
		if id != made[0] {
			t.Errorf("%v and %v", id, made[0])
		}
	}
	if n := w.kept(t, testkit.Alpha); n != 1 {
		t.Errorf("%d files were kept", n)
	}
}

// TestTheLastOfTheStorage: many uploads at once share what is left of the plan
// and no more; the message names the limit.
func TestTheLastOfTheStorage(t *testing.T) {
	t.Parallel()
	w := open(t)
	size := int64(len(shot(t, 0)))
	w.exec(t, "update platform.plans set max_storage_bytes = (select used from platform.usage where clinic_id = $1 and kind = 'storage') + $2 where code = (select plan from platform.clinics where id = $1)",
		testkit.Alpha.ID, 3*size+size/2)
	var wg sync.WaitGroup
	errs := make([]error, 12)
	for i := range errs {
		wg.Go(func() { _, errs[i] = w.Upload(nurse(t), uuid.New(), testkit.Asha, chest(t)) })
	}
	wg.Wait()
	good := 0
	for _, err := range errs {
		var e *apperr.Error
		switch {
		case err == nil:
			good++
		case !errors.As(err, &e) || e.Code != apperr.Quota || e.Key != "error.quota_storage" || !strings.HasSuffix(fmt.Sprint(e.Args["Limit"]), " GB"):
			t.Errorf("%v", err)
		}
	}
	if good != 3 || w.kept(t, testkit.Alpha) != 3 {
		t.Errorf("%d were taken, %d files kept; there was room for 3", good, w.kept(t, testkit.Alpha))
	}
}

// TestAFailureBetweenFileAndRow: when the row is refused the file goes at once;
// when nobody was left to take it away Sweep does, and takes nothing else.
func TestAFailureBetweenFileAndRow(t *testing.T) {
	t.Parallel()
	w := open(t)
	kept := w.upload(t, nurse(t))
	w.exec(t, "alter table "+testkit.Alpha.Schema+".documents add constraint fails check (title <> 'Fails') not valid")
	in := chest(t)
	in.Title = "Fails"
	if _, err := w.Upload(nurse(t), uuid.New(), testkit.Asha, in); err == nil {
		t.Error("kept a row that was refused")
	}
	if n := w.kept(t, testkit.Alpha); n != 1 {
		t.Errorf("%d files after a refused row", n)
	}
	// What a service leaves that ends after its file and before its row.
	orphan := uuid.New()
	dir := filepath.Join(w.folder, testkit.Alpha.ID.String())
	if err := os.WriteFile(filepath.Join(dir, orphan.String()), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	jobs := by(t, testkit.Alpha, tenants.Actor{Kind: access.System, ID: tenants.SystemID("test"), Role: access.Jobs})
	if n, err := w.Sweep(jobs, time.Now().Add(-time.Hour)); err != nil || n != 0 {
		t.Errorf("a young file: %d removed, %v", n, err)
	}
	long := time.Now().Add(-2 * time.Hour)
	for _, id := range []uuid.UUID{orphan, kept} {
		if err := os.Chtimes(filepath.Join(dir, id.String()), long, long); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := w.Sweep(jobs, time.Now().Add(-time.Hour)); err != nil || n != 1 {
		t.Errorf("an old file: %d removed, %v", n, err)
	}
	if _, r, err := w.Open(nurse(t), kept); err != nil || r.Close() != nil {
		t.Errorf("the document with a row: %v", err)
	}
	// A row whose file is gone says so, and nothing else.
	if err := os.Remove(filepath.Join(dir, kept.String())); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Open(nurse(t), kept); !errors.Is(err, files.ErrGone) || apperr.CodeOf(err) != apperr.Internal {
		t.Errorf("without its file: %v", err)
	}
}

func TestPlacesForUploads(t *testing.T) {
	t.Parallel()
	w := open(t)
	var back []func()
	for {
		done, err := w.Admit(nurse(t))
		if err != nil {
			if !apperr.Is(err, apperr.Unavailable) {
				t.Fatal(err)
			}
			break
		}
		if back = append(back, done); len(back) > 100 {
			t.Fatal("there is no limit")
		}
	}
	done, err := w.Admit(as(t, testkit.Beta, access.Nurse))
	if err != nil {
		t.Fatalf("another clinic finds every place taken: %v", err)
	}
	done()
	back[0]()
	if _, err := w.Admit(nurse(t)); err != nil {
		t.Errorf("a place that was given back: %v", err)
	}
}

// A file that came in the early morning is called by that day, not by the day
// that it still was in Greenwich.
func TestAFileIsCalledByTheClinicsDay(t *testing.T) {
	t.Parallel()
	d := document.Document{Kind: "lab", Media: "application/pdf", Uploaded: time.Date(2026, 11, 26, 23, 0, 0, 0, time.UTC)}
	if got := d.Filename(time.FixedZone("IST", 5*3600+1800)); got != "lab-2026-11-27.pdf" {
		t.Errorf("called %s", got)
	}
}
