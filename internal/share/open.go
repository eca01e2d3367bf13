package share

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/tenants"
)

// Visitor is a request of somebody who has a link and is nobody else.
type Visitor struct {
	Clinic             *tenants.Clinic
	RequestID, Address string
}

// in gives the context the scope of a link's opener, whoever asks: a person who
// happens to be signed in opens a link with no more rights than a stranger.
// Before a link was opened there is no actor to name.
func (v Visitor) in(ctx context.Context, share uuid.UUID) context.Context {
	who := tenants.Actor{Kind: access.Anonymous, Role: access.Share}
	if share != uuid.Nil {
		who.Kind, who.ID = access.ShareActor, share
	}
	return tenants.WithScope(ctx, tenants.Scope{Clinic: v.Clinic, Actor: who, RequestID: v.RequestID, Address: v.Address})
}

func notFound() error {
	return apperr.New(apperr.NotFound, "error.not_found", "This record was not found")
}

// Look is what a link's page knows before it is opened.
type Look struct {
	State     State
	Language  string // the patient's, empty for the clinic's
	TriesLeft int
}

// Look tells what a link is good for. A token that this service did not make is
// not found without asking the database, which tells nobody anything: none that
// it did make can be told from another without its key.
//
// Errors: NotFound.
func (s *Service) Look(ctx context.Context, v Visitor, token string) (Look, error) {
	hash, ok := s.known(v, token)
	if !ok {
		return Look{}, notFound()
	}
	var out Look
	err := tenants.Read(v.in(ctx, uuid.Nil), s.db, func(ctx context.Context, tx *tenants.Tx) error {
		r, err := tx.Q().LookAtShare(ctx, hash)
		out = Look{State: State(r.State), Language: r.Language, TriesLeft: int(r.TriesLeft)}
		return err
	})
	return out, tenants.Refused(err)
}

func (s *Service) known(v Visitor, token string) ([]byte, bool) {
	if v.Clinic == nil {
		return nil, false
	}
	return s.hashOf(v.Clinic.ID, token)
}

// Try answers a link's question. Five wrong answers lock it, however many are
// sent at once. The state is Open with an opening, Wrong with the tries that are
// left, or why the link does not work.
//
// Errors: NotFound.
func (s *Service) Try(ctx context.Context, v Visitor, token, answer string) (Opening, Look, error) {
	hash, ok := s.known(v, token)
	if !ok {
		return Opening{}, Look{}, notFound()
	}
	var (
		out  Opening
		look Look
	)
	err := tenants.Write(v.in(ctx, uuid.Nil), s.db, func(ctx context.Context, tx *tenants.Tx) error {
		key := newKey()
		r, err := tx.Q().TryShare(ctx, tenantdb.TryShareParams{Hash: hash, Answer: Answer(answer), Opening: digest(key)})
		if err != nil {
			return err
		}
		look = Look{State: State(r.State), TriesLeft: int(r.TriesLeft)}
		if look.State == Open {
			until := tx.Now.Add(openFor)
			out = Opening{Pass: s.pass(tx.Clinic.ID, r.ShareID, hash, key, until), Until: until}
		}
		return nil
	})
	return out, look, tenants.Refused(err)
}

// Answer reads four digits as people type them: in any script, with white space.
// What is none of them is no answer, and counts as a wrong one.
func Answer(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r >= '०' && r <= '९': // Devanagari
			b.WriteRune('0' + r - '०')
		case r == ' ' || r == '\u00a0' || r == '\t':
		default:
			return ""
		}
		if b.Len() > answerSize {
			return ""
		}
	}
	if b.Len() != answerSize {
		return ""
	}
	return b.String()
}

const answerSize = 4

// errNotOpen says that the link's question has to be answered first.
var errNotOpen = errors.New("share: the link was not opened, or not lately")

// NotOpen tells that Read wants the link to be opened first.
func NotOpen(err error) bool { return errors.Is(err, errNotOpen) }

// Read gives what stands on the prescription to who holds the pass of an opening,
// and notes on the trail that it was seen; file says that it is taken as a file.
//
// Errors: NotFound, and one for which NotOpen is true.
func (s *Service) Read(ctx context.Context, v Visitor, token, pass string, file bool) (Paper, error) {
	hash, ok := s.known(v, token)
	if !ok {
		return Paper{}, notFound()
	}
	var raw []byte
	share, key, ok := s.readPass(v.Clinic.ID, hash, pass, time.Now())
	if !ok {
		return Paper{}, errNotOpen
	}
	err := tenants.Write(v.in(ctx, share), s.db, func(ctx context.Context, tx *tenants.Tx) (err error) {
		raw, err = tx.Q().ReadShare(ctx, tenantdb.ReadShareParams{Opening: digest(key), File: file})
		return err
	})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Paper{}, tenants.Refused(err)
	}
	if len(raw) == 0 || string(raw) == "null" {
		return Paper{}, errNotOpen
	}
	var out Paper
	if err := json.Unmarshal(raw, &out); err != nil {
		return Paper{}, errors.New("share: the document of platform.share_read has another form") // the cause quotes it
	}
	return out, nil
}

// Paper is what stands on a shared prescription, as platform.share_read gives it.
type Paper struct {
	ID      uuid.UUID `json:"id"`
	Number  string    `json:"number"`
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"` // the link
	Doctor  struct {
		Name          string `json:"name"`
		LocalName     string `json:"local_name"`
		Qualification string `json:"qualification"`
		Specialty     string `json:"specialisation"`
		Licence       string `json:"licence"`
	} `json:"doctor"`
	Patient struct {
		Number    string   `json:"number"`
		Name      phi.Text `json:"name"`
		LocalName phi.Text `json:"local_name"`
		Sex       string   `json:"sex"`
		BirthDate string   `json:"birth_date"` // YYYY-MM-DD
		AgeYears  *int16   `json:"age_years"`
		AgeMonths *int16   `json:"age_months"`
		AgeToldOn string   `json:"age_told_on"`
		Allergies phi.Text `json:"allergies"`
		NoneKnown bool     `json:"none_known"`
	} `json:"patient"`
	Clinic struct {
		Name         string `json:"name"`
		LocalName    string `json:"local_name"`
		Registration string `json:"registration"`
		Address      string `json:"address"`
		City         string `json:"city"`
		PIN          string `json:"pin"`
		Phone        string `json:"phone"`
		Email        string `json:"email"`
		StoreName    string `json:"store_name"`
		StoreAddress string `json:"store_address"`
		StorePhone   string `json:"store_phone"`
	} `json:"clinic"`
	Blank    bool   `json:"blank"` // the clinic's paper has its own head
	OffsetMM int    `json:"offset_mm"`
	Lines    []Line `json:"lines"`
	Vitals   Vitals `json:"vitals"`
	Notes    *Notes `json:"notes"` // nil: the consultation is not finished
	Tests    []Test `json:"tests"`
}

// Format hides what stands on it from every log.
func (Paper) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("[hidden]")) }

// Line is one medicine; the dose is in quarters of a tablet or measure.
type Line struct {
	Medicine     phi.Text `json:"medicine"`
	Generic      string   `json:"generic"`
	Form         string   `json:"form"`
	Strength     string   `json:"strength"`
	Morning      int16    `json:"morning"`
	Afternoon    int16    `json:"afternoon"`
	Evening      int16    `json:"evening"`
	Night        int16    `json:"night"`
	SOS          bool     `json:"sos"`
	Days         int      `json:"days"`
	Quantity     int      `json:"quantity"`
	Food         string   `json:"food"`
	Route        string   `json:"route"`
	Instructions phi.Text `json:"instructions"`
	Refills      int      `json:"refills"`
}

// Vitals are what was measured at the visit, by whoever did it, in the units of
// the table; 0 is not measured.
type Vitals struct {
	Systolic    int    `json:"systolic"`
	Diastolic   int    `json:"diastolic"`
	Pulse       int    `json:"pulse"`
	Temperature int    `json:"temperature"`
	Unit        string `json:"unit"`
	Respiration int    `json:"respiration"`
	SpO2        int    `json:"spo2"`
	Sugar       int    `json:"sugar"`
	SugarKind   string `json:"sugar_kind"`
	WeightGrams int    `json:"weight_grams"`
	HeightMM    int    `json:"height_mm"`
}

// Notes are the doctor's, as far as a prescription shows them.
type Notes struct {
	Complaint    phi.Text  `json:"complaint"`
	Findings     phi.Text  `json:"findings"`
	Advice       phi.Text  `json:"advice"`
	FollowUpDays int       `json:"follow_up_days"`
	Finished     time.Time `json:"finished"`
	Diagnoses    []struct {
		Code  string   `json:"code"`
		Title phi.Text `json:"title"`
	} `json:"diagnoses"`
}

// Test is one that was asked for.
type Test struct {
	Name phi.Text `json:"name"`
	Stat bool     `json:"stat"`
	Note phi.Text `json:"note"`
}
