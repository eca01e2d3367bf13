package share_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/share"
	"github.com/cloister-health/cloister/internal/testkit"
)

func TestALinkOpensOnePrescription(t *testing.T) {
	t.Parallel()
	w := open(t)
	m := w.link(t)
	if !m.First || m.Recipient.Reveal() != "+919811111111" || len(m.Token) != 43 {
		t.Errorf("made %v %q %q", m.First, m.Recipient.Reveal(), m.Token)
	}
	if look, err := w.Look(t.Context(), alpha, m.Token); err != nil || look.State != share.Open || look.TriesLeft != 5 {
		t.Errorf("look: %+v, %v", look, err)
	}
	if _, err := w.Read(t.Context(), alpha, m.Token, "", false); !share.NotOpen(err) {
		t.Errorf("read without an answer: %v", err)
	}
	pass := w.answered(t, m.Token)
	p, err := w.Read(t.Context(), alpha, m.Token, pass, false)
	if err != nil {
		t.Fatal(err)
	}
	if p.Patient.Name.Reveal() != "Asha Kulkarni" || len(p.Lines) != 1 || p.Lines[0].Medicine.Reveal() != "Paracetamol" || p.Lines[0].Morning != 4 ||
		p.Doctor.Name != "Deepak Rao" || p.Clinic.Name != "Alpha Clinic" || len(p.Tests) != 1 || p.Patient.BirthDate != "1980-05-17" {
		t.Errorf("read %+v", p.Lines)
	}
	if v := p.Vitals; v.Systolic != 152 || v.Diastolic != 96 || v.Temperature != 1012 || v.Unit != "F" || v.SpO2 != 0 || v.WeightGrams != 62000 {
		t.Errorf("read %+v", v)
	}
	if _, err := w.Read(t.Context(), alpha, m.Token, pass, true); err != nil {
		t.Error(err)
	}
	got := w.only(t)
	if got.State != share.Open || got.Opened != 1 || got.Downloads != 1 || got.Delivery != "handed" || got.By != "Rohan Shinde" || got.FirstOpened.IsZero() || got.LastOpened.IsZero() {
		t.Errorf("listed: %+v", got)
	}
	// Who looked is on the trail, and where from.
	if n := w.count(t, `select count(*) from clinic_alpha.trail where action = 'view' and entity = 'prescriptions' and actor = $1 and actor_role = 'cloister_share'
		and address = '198.51.100.9' and record_id = $2 and patient_id = $3`, "share:"+m.ID.String(), rx, testkit.Asha); n != 2 {
		t.Errorf("%d views on the trail, want 2", n)
	}
	if n := w.count(t, "select count(*) from clinic_alpha.share_events where share_id = $1 and kind = 'opened' and address = '198.51.100.9'", m.ID); n != 1 {
		t.Errorf("%d openings noted", n)
	}
}

// The link is nowhere: neither it nor its secret stands in any row or on the trail.
func TestTheTokenIsNotKept(t *testing.T) {
	t.Parallel()
	w := open(t)
	m := w.link(t)
	pass := w.answered(t, m.Token)
	raw, err := base64.RawURLEncoding.DecodeString(m.Token)
	if err != nil {
		t.Fatal(err)
	}
	key, err := base64.RawURLEncoding.DecodeString(pass)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"shares", "share_events", "trail", "submissions"} {
		for _, secret := range [][]byte{raw, raw[:16], key[16:32]} {
			if n := w.count(t, "select count(*) from clinic_alpha."+table+" x where strpos(x::text, $1) > 0 or strpos(x::text, encode($2, 'hex')) > 0", m.Token, secret); n != 0 {
				t.Errorf("%s keeps a secret", table)
			}
		}
	}
}

func TestTheSameFormMakesOneLink(t *testing.T) {
	t.Parallel()
	w := open(t)
	key := uuid.New()
	var wg sync.WaitGroup
	var mu sync.Mutex
	tokens := map[string]bool{}
	firsts := 0
	for range 8 {
		wg.Go(func() {
			m, err := w.Create(as(t, access.Doctor), key, rx, share.Wish{Channel: share.Copy, Days: 7})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			tokens[m.Token] = true
			if m.First {
				firsts++
			}
		})
	}
	wg.Wait()
	if len(tokens) != 1 || firsts != 1 {
		t.Errorf("%d tokens, %d made", len(tokens), firsts)
	}
	if one, two := w.link(t), w.link(t); one.Token == two.Token {
		t.Error("two forms made the same link")
	}
}

func TestALinkEnds(t *testing.T) {
	t.Parallel()
	w := open(t)
	for name, c := range map[string]struct {
		want share.State
		end  func(m share.Made)
	}{
		"expired": {share.Expired, func(m share.Made) {
			w.arrange(t, "update shares set created_at = now() - interval '8 days', expires_at = now() - interval '1 second' where id = $1", m.ID)
		}},
		"revoked": {share.Revoked, func(m share.Made) {
			for range 2 { // ended again it stays as it was
				if of, err := w.Revoke(as(t, access.ClinicAdmin), m.ID); err != nil || of != rx {
					t.Errorf("revoke: %s, %v", of, err)
				}
			}
		}},
		"withdrawn": {share.Withdrawn, func(share.Made) {
			w.arrange(t, "update prescriptions set state = 'cancelled', cancel_reason = 'x', ended_at = now() where id = $1", rx)
		}},
	} {
		m := w.link(t)
		pass := w.answered(t, m.Token)
		c.end(m)
		if look, err := w.Look(t.Context(), alpha, m.Token); err != nil || look.State != c.want {
			t.Errorf("%s: look says %s, %v", name, look.State, err)
		}
		if _, look, err := w.Try(t.Context(), alpha, m.Token, "1980"); err != nil || look.State != c.want {
			t.Errorf("%s: the right answer gives %s, %v", name, look.State, err)
		}
		if _, err := w.Read(t.Context(), alpha, m.Token, pass, false); !share.NotOpen(err) {
			t.Errorf("%s: who had it open still reads: %v", name, err)
		}
		if got := w.listed(t, m.ID); got.State != c.want {
			t.Errorf("%s: the list says %s", name, got.State)
		}
		w.arrange(t, "update prescriptions set state = 'issued', cancel_reason = '', ended_at = null where id = $1", rx)
	}
	if n := w.count(t, "select count(*) from clinic_alpha.shares where revoked_by = $1", testkit.ClinicAdmin); n != 1 {
		t.Errorf("%d links say who revoked them", n)
	}
	// An opening ends by itself.
	m := w.link(t)
	pass := w.answered(t, m.Token)
	w.arrange(t, "alter table share_events disable trigger user")
	w.arrange(t, "update share_events set opening_until = now() - interval '1 second' where share_id = $1 and kind = 'opened'", m.ID)
	if _, err := w.Read(t.Context(), alpha, m.Token, pass, false); !share.NotOpen(err) {
		t.Errorf("an opening of old still reads: %v", err)
	}
}

// Answers that are right: the year of birth, of whoever has only an age both
// years that it can mean, the end of the phone, in either script.
func TestAnswers(t *testing.T) {
	t.Parallel()
	w := open(t)
	m := w.link(t)
	for answer, right := range map[string]bool{"1980": true, " 1 9 8 0 ": true, "१९८०": true, "1111": true, "1981": false, "111": false, "11111": false, "": false, "198O": false,
		"' or 1=1": false, "+198": false} {
		w.arrange(t, "update shares set wrong_tries = 0, locked_at = null where id = $1", m.ID)
		_, look, err := w.Try(t.Context(), alpha, m.Token, answer)
		if err != nil || (look.State == share.Open) != right {
			t.Errorf("%q: %s, %v", answer, look.State, err)
		}
	}
	w.arrange(t, "update patients set birth_date = null, age_years = 44, age_told_on = '2025-01-10' where id = $1", testkit.Asha)
	for answer, right := range map[string]bool{"1980": true, "1981": true, "1982": false, "1979": false} {
		w.arrange(t, "update shares set wrong_tries = 0, locked_at = null where id = $1", m.ID)
		if _, look, err := w.Try(t.Context(), alpha, m.Token, answer); err != nil || (look.State == share.Open) != right {
			t.Errorf("an age of 44, %q: %s, %v", answer, look.State, err)
		}
	}
	// A record that was merged answers as the one it is now.
	w.arrange(t, "update patients set merged_into = $2 where id = $1", testkit.Asha, testkit.Bilal)
	w.arrange(t, "update shares set wrong_tries = 0, locked_at = null where id = $1", m.ID)
	if _, look, err := w.Try(t.Context(), alpha, m.Token, "2222"); err != nil || look.State != share.Open {
		t.Errorf("merged: %s, %v", look.State, err)
	}
}

// Five wrong answers lock a link, however many come at once; from then on the
// right one opens nothing, and no more than five are counted.
func TestWrongAnswersLock(t *testing.T) {
	t.Parallel()
	w := open(t)
	m := w.link(t)
	var wrong, locked atomic.Int32
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			_, look, err := w.Try(t.Context(), alpha, m.Token, "1900")
			switch {
			case err != nil:
				t.Error(err)
			case look.State == share.Wrong:
				wrong.Add(1)
			case look.State == share.Locked:
				locked.Add(1)
			default:
				t.Errorf("a wrong answer gives %s", look.State)
			}
		})
	}
	wg.Wait()
	if wrong.Load() != 4 || locked.Load() != 36 {
		t.Errorf("%d were told wrong and %d locked", wrong.Load(), locked.Load())
	}
	if _, look, err := w.Try(t.Context(), alpha, m.Token, "1980"); err != nil || look.State != share.Locked {
		t.Errorf("the right answer at a locked link: %s, %v", look.State, err)
	}
	if n := w.count(t, "select count(*) from clinic_alpha.share_events where share_id = $1 and kind in ('refused', 'locked')", m.ID); n != 5 {
		t.Errorf("%d wrong answers were judged", n)
	}
	if got := w.only(t); got.State != share.Locked || got.WrongTries != 5 || got.Opened != 0 {
		t.Errorf("listed: %+v", got)
	}
	// A right answer among wrong ones does not give tries back.
	again := w.link(t)
	for i, answer := range []string{"1900", "1980", "1900", "1980", "1900", "1980", "1900", "1980", "1900", "1980"} {
		_, look, err := w.Try(t.Context(), alpha, again.Token, answer)
		if want := map[bool]share.State{true: share.Open, false: share.Locked}[i < 8]; err != nil || answer == "1980" && look.State != want {
			t.Errorf("try %d: %s, %v", i, look.State, err)
		}
	}
}

// A link of one clinic is nothing at another, where the same ids stand; and a
// pass opens neither another link nor another clinic.
func TestLinksStayApart(t *testing.T) {
	t.Parallel()
	w := open(t)
	m, other := w.link(t), w.link(t)
	beta := stranger(testkit.Beta)
	_, err := w.Look(t.Context(), beta, m.Token)
	code(t, "another clinic's link", err, apperr.NotFound)
	_, _, err = w.Try(t.Context(), beta, m.Token, "1980")
	code(t, "an answer to another clinic's link", err, apperr.NotFound)
	if n := w.count(t, "select count(*) from clinic_beta.share_events where kind in ('opened', 'refused') and at > now() - interval '1 hour'"); n != 0 {
		t.Error("the other clinic noted something")
	}
	pass := w.answered(t, m.Token)
	if _, err := w.Read(t.Context(), alpha, other.Token, pass, false); !share.NotOpen(err) {
		t.Errorf("a pass of one link at another: %v", err)
	}
	_, err = w.Read(t.Context(), beta, m.Token, pass, false)
	code(t, "a pass at another clinic", err, apperr.NotFound)
	// Nor does one key of the service, alone, open what another database made.
	elsewhere := share.NewService(w.db, []byte("another installation's key, 32 b"), nil)
	_, err = elsewhere.Look(t.Context(), alpha, m.Token)
	code(t, "a token under another key", err, apperr.NotFound)
	for i := range pass {
		bent := pass[:i] + string(pass[i]^1) + pass[i+1:]
		if _, err := w.Read(t.Context(), alpha, m.Token, bent, false); !share.NotOpen(err) {
			t.Fatalf("a bent pass at %d: %v", i, err)
		}
	}
}

func TestWhoMayShare(t *testing.T) {
	t.Parallel()
	w := open(t)
	m := w.link(t)
	wish := share.Wish{Channel: share.Copy, Days: 7}
	for role, may := range map[access.Role]struct{ see, make, end bool }{
		access.ClinicAdmin: {true, false, true}, access.Doctor: {true, true, true}, access.Nurse: {true, false, false}, access.Receptionist: {true, true, true},
		access.LabTechnician: {},
	} {
		ctx := as(t, role)
		_, _, see := w.List(ctx, rx)
		_, made := w.Create(ctx, uuid.New(), rx, wish)
		_, end := w.Revoke(ctx, m.ID)
		for what, x := range map[string]struct {
			may bool
			err error
		}{"list": {may.see, see}, "create": {may.make, made}, "revoke": {may.end, end}} {
			if x.may != (x.err == nil) || x.err != nil && !apperr.Is(x.err, apperr.Forbidden) {
				t.Errorf("%s as %s: %v", what, role, x.err)
			}
		}
	}
	_, err := w.Create(t.Context(), uuid.New(), rx, wish)
	code(t, "without a scope", err, apperr.Forbidden)
	_, err = w.Create(as(t, access.Doctor), uuid.New(), uuid.New(), wish)
	code(t, "of no prescription", err, apperr.NotFound)
	_, err = w.Revoke(as(t, access.Doctor), uuid.New())
	code(t, "of no link", err, apperr.NotFound)
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	w := open(t)
	desk := as(t, access.Receptionist)
	for name, wish := range map[string]share.Wish{
		"channel": {Channel: "pigeon", Days: 7}, "phone": {Channel: share.WhatsApp, Recipient: "12", Days: 7}, "no phone": {Channel: share.SMS, Days: 7},
		"email": {Channel: share.Email, Recipient: "nobody", Days: 7}, "two emails": {Channel: share.Email, Recipient: "a@b.example, c@d.example", Days: 7},
		"name and email": {Channel: share.Email, Recipient: "A <a@b.example>", Days: 7}, "header": {Channel: share.Email, Recipient: "a@b.example\r\nBcc: x@y.example", Days: 7},
		"days": {Channel: share.Copy, Days: 400}, "no days": {Channel: share.Copy},
	} {
		_, err := w.Create(desk, uuid.New(), rx, wish)
		code(t, name, err, apperr.Invalid)
	}
	w.arrange(t, "update prescriptions set state = 'cancelled', cancel_reason = 'x', ended_at = now() where id = $1", rx)
	_, err := w.Create(desk, uuid.New(), rx, share.Wish{Channel: share.Copy, Days: 7})
	code(t, "a cancelled prescription", err, apperr.Conflict)
	w.arrange(t, "update prescriptions set state = 'issued', cancel_reason = '', ended_at = null where id = $1", rx)
	w.arrange(t, "update patients set phone = '', birth_date = null where id = $1", testkit.Asha)
	_, err = w.Create(desk, uuid.New(), rx, share.Wish{Channel: share.Copy, Days: 7})
	code(t, "a patient who could not answer", err, apperr.Conflict)
	key := uuid.New()
	w.arrange(t, "update patients set phone = '+919811111111' where id = $1", testkit.Asha)
	if _, err := w.Create(desk, key, rx, share.Wish{Channel: share.Copy, Days: 7}); err != nil {
		t.Fatal(err)
	}
	second := uuid.New()
	w.arrange(t, "insert into prescriptions (id, number, visit_id, patient_id, doctor_id, state, issued_at) values ($1, 'RX-2025-09999', $2, $3, $4, 'issued', now())", second, testkit.Visit, testkit.Asha, testkit.Doctor)
	_, err = w.Create(desk, key, second, share.Wish{Channel: share.Copy, Days: 7})
	code(t, "the form of another prescription", err, apperr.Conflict)
}

func TestMail(t *testing.T) {
	t.Parallel()
	w := open(t)
	desk := as(t, access.Receptionist)
	m, err := w.Create(desk, uuid.New(), rx, share.Wish{Channel: share.Email, Recipient: "asha@patient.example", Days: 7})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.only(t); got.Delivery != "" {
		t.Errorf("before the letter: %q", got.Delivery)
	}
	if sent, err := w.Mail(desk, m, share.Letter{Subject: "A link", Text: "https://clinic.example/s/" + m.Token}); err != nil || !sent {
		t.Fatalf("%v, %v", sent, err)
	}
	files, err := filepath.Glob(filepath.Join(w.folder, "*.eml"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil || !strings.Contains(string(text), "asha@patient.example") {
		t.Errorf("the letter: %v", err)
	}
	if got := w.only(t); got.Delivery != "sent" {
		t.Errorf("after the letter: %q", got.Delivery)
	}
	if err := os.RemoveAll(w.folder); err != nil {
		t.Fatal(err)
	}
	if sent, err := w.Mail(desk, m, share.Letter{Subject: "A link", Text: "x"}); err != nil || sent {
		t.Errorf("a letter that can't be sent: %v, %v", sent, err)
	}
	if got := w.only(t); got.Delivery != "failed" || got.State != share.Open {
		t.Errorf("then: %q %s", got.Delivery, got.State)
	}
}

// A record that was merged into one that was merged later counts as the last: the
// link asks what that one says, and shows what any of the three tells of allergies.
func TestAPatientWhoWasMergedTwice(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.arrange(t, `insert into patients (clinic_id, id, number, first_name, registered_on, birth_date, allergies)
		select clinic_id, '018f0000-0000-7000-8000-0000000000e1', 'PT-2025-90001', 'Middle', '2025-01-10', date '1971-01-01', 'Peanuts' from patients where id = $1`, testkit.Asha)
	w.arrange(t, `insert into patients (clinic_id, id, number, first_name, registered_on, birth_date)
		select clinic_id, '018f0000-0000-7000-8000-0000000000e2', 'PT-2025-90002', 'Last', '2025-01-10', date '1962-01-01' from patients where id = $1`, testkit.Asha)
	w.arrange(t, "update patients set merged_into = '018f0000-0000-7000-8000-0000000000e1' where id = $1", testkit.Asha)
	w.arrange(t, "update patients set merged_into = '018f0000-0000-7000-8000-0000000000e2' where id = '018f0000-0000-7000-8000-0000000000e1'")
	m := w.link(t)
	if m.About.Patient != "PT-2025-90002" {
		t.Errorf("the link is for %s", m.About.Patient)
	}
	for _, answer := range []string{"1980", "1971", "1111"} {
		if _, look, err := w.Try(t.Context(), alpha, m.Token, answer); err != nil || look.State != share.Wrong {
			t.Errorf("%s: %s, %v", answer, look.State, err)
		}
	}
	o, look, err := w.Try(t.Context(), alpha, m.Token, "1962")
	if err != nil || look.State != share.Open {
		t.Fatalf("the last record's year: %s, %v", look.State, err)
	}
	p, err := w.Read(t.Context(), alpha, m.Token, o.Pass, false)
	if err != nil || p.Patient.Number != "PT-2025-90002" || p.Patient.Allergies.Reveal() != "Peanuts; Penicillin" || len(p.Lines) != 1 {
		t.Errorf("read %s %q, %v", p.Patient.Number, p.Patient.Allergies.Reveal(), err)
	}
}
