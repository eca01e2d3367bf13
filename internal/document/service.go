package document

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/files"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/internal/phi"
	"github.com/cloister-health/cloister/tenants"
)

const (
	atOnce    = 8 // files that are taken in at the same time; each is held in memory
	atClinic  = 4 // of them of one clinic, so that none can take all places
	clearTime = 10 * time.Second
	sweepStep = 500 // files that are looked up together
)

// Service keeps the documents of a clinic.
type Service struct {
	db    *tenants.DB
	ring  *keys.Ring
	store *files.Store

	mu     sync.Mutex
	taking map[uuid.UUID]int // files that are being taken in, by clinic
	all    int
}

// NewService makes the service; ring opens the clinics' keysets.
func NewService(db *tenants.DB, ring *keys.Ring, store *files.Store) *Service {
	return &Service{db: db, ring: ring, store: store, taking: map[uuid.UUID]int{}}
}

func (s *Service) allow(ctx context.Context, c access.Capability) error { return s.db.Allow(ctx, c) }

// Admit gives a place among those whose file is being taken in, which whoever
// reads a file from outside takes before it reads, and gives back. It bounds
// the memory that all of them hold; no clinic gets all places, however slowly it
// sends.
//
// Errors: Unavailable, Forbidden.
func (s *Service) Admit(ctx context.Context) (done func(), err error) {
	if err := s.allow(ctx, access.DocumentAdd); err != nil {
		return nil, err
	}
	sc, _ := tenants.ScopeFrom(ctx) // allow has seen it
	clinic := sc.Clinic.ID
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= atOnce || s.taking[clinic] >= atClinic {
		return nil, apperr.New(apperr.Unavailable, "error.file.busy", "Too many files are being sent just now; try again in a moment")
	}
	s.all++
	s.taking[clinic]++
	return func() { s.leave(clinic) }, nil
}

func (s *Service) leave(clinic uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.taking[clinic]--; s.taking[clinic] == 0 {
		delete(s.taking, clinic)
	}
}

// Upload keeps a file. key is the form's own: the same form sent twice keeps one
// document. The file is stored before its row is written, so no row is ever
// without its file; a file that stays without a row is cleared by Sweep.
//
// Errors: Invalid, NotFound, Conflict (the record was merged), Quota, Forbidden.
func (s *Service) Upload(ctx context.Context, key, patientID uuid.UUID, in Upload) (uuid.UUID, error) {
	if err := s.allow(ctx, access.DocumentAdd); err != nil {
		return uuid.Nil, err
	}
	var (
		clinic uuid.UUID
		today  time.Time
		k      *keys.Keyset
	)
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) (err error) {
		if _, err := tx.Q().GetPatientCard(ctx, patientID); err != nil {
			return err
		}
		clinic, today = tx.Clinic.ID, patient.Today(tx)
		k, err = s.keyset(ctx, tx)
		return err
	})
	if err != nil {
		return uuid.Nil, tenants.Refused(err)
	}
	dated, wrong := in.said(today)
	checked, refused := files.Check(ctx, in.Filename, in.Content)
	if err := apperr.Join(refused, wrong); err != nil {
		return uuid.Nil, err
	}
	id := uuid.Must(uuid.NewV7())
	if err := s.store.Put(ctx, k, clinic, id, checked.Content); err != nil {
		return uuid.Nil, err
	}
	made, err := s.insert(ctx, key, tenantdb.InsertDocumentParams{ID: id, PatientID: patientID, Kind: in.Kind, Title: phi.Text(in.Title), DatedOn: dated,
		Note: phi.Text(in.Note), MediaType: checked.Media, Bytes: int32(len(checked.Content)), Pages: int16(checked.Pages)})
	if (err == nil && made != id) || decided(err) {
		s.discard(ctx, clinic, id)
	}
	return made, refusal(err)
}

func (s *Service) insert(ctx context.Context, key uuid.UUID, row tenantdb.InsertDocumentParams) (made uuid.UUID, err error) {
	err = tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		first, before, err := tenants.Claim(ctx, tx, key, "document.upload", row.ID)
		if err != nil {
			return err
		}
		if made = before; !first {
			return nil
		}
		return tx.Q().InsertDocument(ctx, row)
	})
	return made, err
}

// decided tells whether an error says for certain that no row was written. A
// lost connection doesn't, nor does a server that was stopped: the commit may
// have been done.
func decided(err error) bool {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		class := pe.Code[:min(2, len(pe.Code))]
		return class != "08" && class != "57" && class != "58" && class != "XX"
	}
	var e *apperr.Error
	return errors.As(err, &e)
}

// discard takes a file without a row away at once; when that fails Sweep does
// it later.
func (s *Service) discard(ctx context.Context, clinic, id uuid.UUID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearTime)
	defer cancel()
	_ = s.store.Remove(ctx, clinic, id)
}

func refusal(err error) error {
	if tenants.Violates(err, "document_merged") {
		return apperr.Wrap(apperr.Conflict, "error.patient.merged", "This record was merged into another one; change that one", err)
	}
	return tenants.Refused(err)
}

// keyset opens the clinic's keyset within the transaction.
func (s *Service) keyset(ctx context.Context, tx *tenants.Tx) (*keys.Keyset, error) {
	return s.ring.Keyset(ctx, tx.Clinic.ID, func(ctx context.Context) ([]byte, error) {
		k, err := tx.Q().GetKeyset(ctx)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, keys.ErrDestroyed
		}
		return k.Wrapped, err
	})
}

// List is a page of a patient's documents, newest first.
type List struct {
	Patient   patient.Card
	Merged    bool // the record was merged into another
	Documents []Document
	More      bool
}

// List gives the documents of a patient and of those who were merged into the
// record, at most of them after a place (zero: the beginning), and notes on the
// trail that the actor saw the list.
//
// Errors: NotFound, Forbidden.
func (s *Service) List(ctx context.Context, patientID uuid.UUID, after patient.Page, most int) (List, error) {
	if err := s.allow(ctx, access.DocumentView); err != nil {
		return List{}, err
	}
	var out List
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		if err := tx.RecordView(ctx, "documents", uuid.Nil, patientID); err != nil {
			return err
		}
		who, err := patient.FamilyIn(ctx, tx, patientID)
		if err != nil {
			return err
		}
		out = List{Patient: who.Card, Merged: who.Merged}
		args := tenantdb.ListDocumentsByPatientsParams{PatientIds: who.IDs, BeforeAt: after.At, BeforeID: after.ID, AtMost: int32(most + 1)}
		if after.ID == uuid.Nil {
			args.BeforeAt, args.BeforeID = tx.Now.AddDate(1, 0, 0), uuid.Max
		}
		rows, err := tx.Q().ListDocumentsByPatients(ctx, args)
		if err != nil {
			return err
		}
		if out.More = len(rows) > most; out.More {
			rows = rows[:most]
		}
		for _, r := range rows {
			out.Documents = append(out.Documents, listed(r))
		}
		return nil
	})
	return out, tenants.Refused(err)
}

// Get gives one document and whose it is, and notes on the trail that the actor
// saw it.
//
// Errors: NotFound, Forbidden.
func (s *Service) Get(ctx context.Context, id uuid.UUID) (Document, patient.Card, error) {
	if err := s.allow(ctx, access.DocumentView); err != nil {
		return Document{}, patient.Card{}, err
	}
	var (
		out  Document
		card patient.Card
	)
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		row, err := tx.Q().GetDocument(ctx, id)
		if err != nil {
			return err
		}
		if err := tx.RecordView(ctx, "documents", id, row.PatientID); err != nil {
			return err
		}
		out = one(row)
		card, err = patient.CardIn(ctx, tx, row.PatientID)
		return err
	})
	return out, card, tenants.Refused(err)
}

// Open gives a document with its content as it is decrypted, and notes on the
// trail that the actor opened the file before the first byte is given. The
// caller closes it.
//
// Errors, also of Read: NotFound, Forbidden, files.ErrGone, keys.ErrSealed.
func (s *Service) Open(ctx context.Context, id uuid.UUID) (Document, io.ReadCloser, error) {
	if err := s.allow(ctx, access.DocumentView); err != nil {
		return Document{}, nil, err
	}
	var (
		out    Document
		clinic uuid.UUID
		k      *keys.Keyset
	)
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		row, err := tx.Q().GetDocument(ctx, id)
		if err != nil {
			return err
		}
		if err := tx.RecordView(ctx, "documents.file", id, row.PatientID); err != nil {
			return err
		}
		out, clinic = one(row), tx.Clinic.ID
		k, err = s.keyset(ctx, tx)
		return err
	})
	if err != nil {
		return Document{}, nil, tenants.Refused(err)
	}
	content, err := s.store.Open(ctx, k, clinic, id)
	return out, content, err
}

// Withdraw says of a document that it is wrong, and why: it stays to be seen as
// that. Withdrawn again it keeps the first reason.
//
// Errors: Invalid (reason), NotFound, Forbidden.
func (s *Service) Withdraw(ctx context.Context, id uuid.UUID, reason string) error {
	if err := s.allow(ctx, access.DocumentWithdraw); err != nil {
		return err
	}
	reason = tidy(reason)
	var p apperr.Problems
	if reason == "" {
		p.Add("reason", "error.required", "Fill this in")
	}
	text(&p, "reason", reason, longestReason)
	if err := p.Err(); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		row, err := tx.Q().GetDocument(ctx, id)
		if err != nil {
			return err
		}
		_, err = tx.Q().InsertDocumentWithdrawal(ctx, tenantdb.InsertDocumentWithdrawalParams{ID: uuid.Must(uuid.NewV7()), DocumentID: id, PatientID: row.PatientID, Reason: phi.Text(reason)})
		return err
	}))
}

// Sweep removes the scope's clinic's files that were written before a time and
// have no row: what an upload left that broke off. It is the worker's.
//
// Errors: Forbidden.
func (s *Service) Sweep(ctx context.Context, before time.Time) (removed int, err error) {
	sc, ok := tenants.ScopeFrom(ctx)
	if !ok || sc.Actor.Kind != access.System || sc.Clinic == nil {
		return 0, apperr.New(apperr.Forbidden, "error.forbidden", "Your role may not do this")
	}
	stored, err := s.store.Before(ctx, sc.Clinic.ID, before)
	if err != nil {
		return 0, err
	}
	for len(stored) > 0 {
		some := stored[:min(len(stored), sweepStep)]
		stored = stored[len(some):]
		var kept []uuid.UUID
		if err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) (err error) {
			kept, err = tx.Q().ListDocumentIDs(ctx, some)
			return err
		}); err != nil {
			return removed, err
		}
		has := make(map[uuid.UUID]bool, len(kept))
		for _, id := range kept {
			has[id] = true
		}
		for _, id := range some {
			if has[id] {
				continue
			}
			if err := s.store.Remove(ctx, sc.Clinic.ID, id); err != nil {
				return removed, err
			}
			removed++
		}
	}
	return removed, nil
}
