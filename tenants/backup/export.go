package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/files"
	"github.com/cloister-health/cloister/internal/keys"
)

// ExportOptions say whom an archive is for.
type ExportOptions struct {
	Recipients []age.Recipient // who can open it, besides this installation
	Scrub      bool            // replace every person by a made-up one
	Progress   func(Progress)
}

// Exported is what was written.
type Exported struct {
	Header   Header        `json:"archive"`
	Manifest Manifest      `json:"content"`
	Unopened int64         `json:"unopened"` // encrypted values that did not open and went along as they are
	Took     time.Duration `json:"took"`
}

// Export writes one clinic's archive to w: one snapshot, read in one
// transaction that changes nothing and holds up nobody but a migration of this
// clinic. It always is encrypted: to this installation, and to the recipients.
// Errors: NotFound, Conflict.
func (s *Service) Export(ctx context.Context, slug string, w io.Writer, o ExportOptions) (Exported, error) {
	// The ledger first: no archive leaves that nobody noted.
	begun := time.Now()
	if err := s.noteExport(ctx, slug, o, begun); err != nil {
		return Exported{}, err
	}
	to := append([]age.Recipient{s.own}, o.Recipients...)
	out, err := s.export(ctx, slug, w, to, o)
	out.Took = time.Since(begun)
	return out, err
}

func (s *Service) noteExport(ctx context.Context, slug string, o ExportOptions, begun time.Time) error {
	conn, err := s.connect(ctx, s.conf.Migrator, owner, "backup")
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var id uuid.UUID
	err = conn.QueryRow(ctx, "select id from platform.clinics where slug = $1", slug).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return noClinic(slug)
	}
	if err != nil {
		return err
	}
	reason := fmt.Sprintf("for this installation and %d recipients", len(o.Recipients))
	if o.Scrub {
		reason += ", scrubbed"
	}
	return s.note(ctx, conn, id, slug, "export", reason, begun)
}

// source is a clinic under a snapshot.
type source struct {
	tx      pgx.Tx
	clinic  Clinic
	schema  string
	shape   shape
	at      time.Time
	keyhole *keyhole
}

// attempts is how often a snapshot is taken anew when a migration came between.
const attempts = 5

// snapshot opens the clinic's snapshot, and gives what ends it.
func (s *Service) snapshot(ctx context.Context, slug string) (*source, func(), error) {
	conn, err := s.connect(ctx, s.conf.Backup, "", "backup")
	if err != nil {
		return nil, nil, err
	}
	end := func() { _ = conn.Close(context.WithoutCancel(ctx)) } // and with it the transaction
	for range attempts {
		src, err := s.look(ctx, conn, slug)
		if err == nil {
			return src, end, nil
		}
		if !errors.Is(err, errMoved) {
			end()
			return nil, nil, err
		}
	}
	end()
	return nil, nil, apperr.New(apperr.Conflict, "", "the clinic's schema is being changed; try again when its migration is through")
}

var errMoved = errors.New("backup: the schema changed under the snapshot")

// look locks the tables against changes of their form, and then takes the
// snapshot: the other way round, a migration that ended in between would leave
// rows of one version under a catalog of another.
func (s *Service) look(ctx context.Context, conn *pgx.Conn, slug string) (*source, error) {
	var schema string
	err := conn.QueryRow(ctx, `select s.schema_name from platform.clinics c join platform.schemas s on s.clinic_id = c.id
		where c.slug = $1 and s.state = 'assigned' and c.status not in ('pending')`, slug).Scan(&schema)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, noClinic(slug)
	}
	if err != nil {
		return nil, err
	}
	before, err := tables(ctx, conn, schema)
	if err != nil {
		return nil, err
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	src, err := s.lookIn(ctx, tx, slug, schema, before)
	if err != nil {
		_ = tx.Rollback(ctx) // the connection says so itself when it is gone
	}
	return src, err
}

func (s *Service) lookIn(ctx context.Context, tx pgx.Tx, slug, schema string, before []string) (*source, error) {
	for _, t := range before {
		_, err := tx.Exec(ctx, "lock table "+pgx.Identifier{schema, t}.Sanitize()+" in access share mode")
		if code := sqlState(err); code == "42P01" || code == "3F000" {
			return nil, errMoved
		} else if code == "55P03" {
			return nil, apperr.New(apperr.Conflict, "", "the clinic's tables are locked, by a migration or a restore perhaps; try again when it is through")
		}
		if err != nil {
			return nil, err
		}
	}
	src := &source{tx: tx, schema: schema}
	var wrapped []byte
	if err := src.registry(ctx, slug, &wrapped); err != nil {
		return nil, err
	}
	var err error
	if src.shape, err = shapeOf(ctx, tx, schema); err != nil {
		return nil, err
	}
	if err := tx.QueryRow(ctx, "select version, now() from platform.schemas where schema_name = $1", schema).Scan(&src.shape.version, &src.at); err != nil {
		return nil, err
	}
	if len(src.shape.all) != len(before) || !s.knows(src.shape.version) && src.shape.version > s.target() {
		return nil, errMoved
	}
	k, err := s.conf.Keys.OpenKeyset(src.clinic.ID, wrapped)
	if err != nil {
		return nil, err
	}
	src.keyhole = &keyhole{keyset: k}
	return src, nil
}

func tables(ctx context.Context, conn *pgx.Conn, schema string) ([]string, error) {
	rows, err := conn.Query(ctx, tablesOf, pgx.Identifier{schema}.Sanitize())
	if err != nil {
		return nil, err
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if code := sqlState(err); code == "3F000" { // dropped or renamed
		return nil, errMoved
	}
	return out, err
}

const clinicRow = `select c.id, c.slug, c.name, c.local_name, c.registration_number, c.gstin, c.logo, c.brand_color, c.address, c.city, c.state, c.pin,
  c.phone, c.email, c.website, c.store_name, c.store_address, c.store_phone, c.zone, c.language, c.status, c.status_reason, c.plan, c.trial_ends_at, c.created_at,
  array(select o.slug from platform.old_slugs o where o.clinic_id = c.id order by o.slug),
  array(select u.kind from platform.usage u where u.clinic_id = c.id order by u.kind), array(select u.used from platform.usage u where u.clinic_id = c.id order by u.kind),
  k.wrapped
from platform.clinics c join platform.keysets k on k.clinic_id = c.id where c.slug = $1`

func (src *source) registry(ctx context.Context, slug string, wrapped *[]byte) error {
	c := &src.clinic
	var kinds []string
	var used []int64
	err := src.tx.QueryRow(ctx, clinicRow, slug).Scan(&c.ID, &c.Slug, &c.Name, &c.LocalName, &c.RegistrationNumber, &c.GSTIN, &c.Logo, &c.BrandColor,
		&c.Address, &c.City, &c.State, &c.PIN, &c.Phone, &c.Email, &c.Website, &c.StoreName, &c.StoreAddress, &c.StorePhone, &c.Zone, &c.Language,
		&c.Status, &c.StatusReason, &c.Plan, &c.TrialEndsAt, &c.CreatedAt, &c.OldSlugs, &kinds, &used, wrapped)
	if errors.Is(err, pgx.ErrNoRows) {
		return noClinic(slug)
	}
	c.Usage = map[string]int64{}
	for i, k := range kinds {
		c.Usage[k] = used[i]
	}
	return err
}

// export writes the archive of a snapshot; without recipients it is bare.
func (s *Service) export(ctx context.Context, slug string, w io.Writer, to []age.Recipient, o ExportOptions) (Exported, error) {
	src, end, err := s.snapshot(ctx, slug)
	if err != nil {
		return Exported{}, err
	}
	defer end()
	h := Header{Format: Format, Product: product, Program: s.conf.Program, Installation: s.own.name, Migration: src.shape.version,
		MadeAt: src.at, Scrubbed: o.Scrub, Clinic: src.clinic, Tables: src.shape.tables}
	var clean *scrubber
	if o.Scrub {
		clean = newScrubber()
		clean.clinic(&h.Clinic)
	}
	out := Exported{Header: h}
	a, err := newWriter(w, h, s.own, to)
	if err != nil {
		return out, err
	}
	at := Progress{Total: len(h.Tables) + 1}
	for _, t := range h.Tables {
		at.Step = t.Name
		if err := src.table(ctx, a, t, clean, func() { tell(o.Progress, at) }, &at); err != nil {
			return out, fmt.Errorf("table %s: %w", t.Name, err)
		}
		at.Done++
		tell(o.Progress, at)
	}
	at.Step = "files"
	if err := s.exportFiles(ctx, src, a, clean, func(n int) { at.Bytes += int64(n); tell(o.Progress, at) }); err != nil {
		return out, fmt.Errorf("files: %w", err)
	}
	out.Unopened = src.keyhole.failed
	out.Manifest, err = a.end()
	return out, err
}

// tellEvery is how many rows pass between two words of progress.
const tellEvery = 5000

// table copies one table from the snapshot.
func (src *source) table(ctx context.Context, a *writer, t Table, clean *scrubber, tell func(), at *Progress) error {
	into := a.table(t.Name)
	change := src.changer(t, clean)
	var buf []byte
	in := &lines{each: func(line []byte) error {
		if change != nil {
			fields := fieldsOf(line)
			keep, err := change(fields)
			if err != nil || !keep {
				return err
			}
			buf = lineOf(buf[:0], fields)
			line = buf
		}
		at.Rows++
		at.Bytes += int64(len(line))
		if at.Rows%tellEvery == 0 {
			tell()
		}
		return into.row(line)
	}}
	if _, err := src.tx.Conn().PgConn().CopyTo(ctx, in, t.copyOut(src.schema)); err != nil {
		return err
	}
	return into.end()
}

// changer is what happens to each row on its way out; nil for nothing.
func (src *source) changer(t Table, clean *scrubber) func([][]byte) (keep bool, err error) {
	if clean != nil {
		return clean.table(t)
	}
	for _, c := range t.Columns {
		if c.Opened {
			return func(fields [][]byte) (bool, error) { return true, src.keyhole.open(t, fields) }
		}
	}
	return nil
}

// lines cuts what COPY sends into its lines.
type lines struct {
	each func([]byte) error
	half []byte
}

func (l *lines) Write(p []byte) (int, error) {
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			l.half = append(l.half, p...)
			return n, nil
		}
		line := p[:i+1]
		if len(l.half) > 0 {
			l.half = append(l.half, line...)
			line = l.half
		}
		if err := l.each(line); err != nil {
			return 0, err
		}
		l.half = l.half[:0]
		p = p[i+1:]
	}
}

// documents is the table whose rows have files.
const documents = "documents"

// exportFiles writes the file of every document of the snapshot. Files don't
// change and don't go, so the snapshot's are there; what was lost all the same is
// told and doesn't stop the rest from being saved.
func (s *Service) exportFiles(ctx context.Context, src *source, a *writer, clean *scrubber, tell func(int)) error {
	if !slices.Contains(src.shape.all, documents) { // a version before there were any
		return nil
	}
	rows, err := src.tx.Query(ctx, "select id, media_type from "+pgx.Identifier{src.schema, documents}.Sanitize()+" order by id")
	if err != nil {
		return err
	}
	type document struct {
		ID   uuid.UUID
		Kind string
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[document])
	if err != nil {
		return err
	}
	for _, d := range all {
		if clean != nil {
			if err := a.file(d.ID, standIn(d.Kind)); err != nil {
				return err
			}
			continue
		}
		content, err := s.read(ctx, src, d.ID)
		switch {
		case errors.Is(err, files.ErrGone):
			a.out.Files.Missing = append(a.out.Files.Missing, d.ID)
			continue
		case errors.Is(err, keys.ErrSealed):
			a.out.Files.Sealed = append(a.out.Files.Sealed, d.ID)
			continue
		case err != nil:
			return err
		}
		if err := a.file(d.ID, content); err != nil {
			return err
		}
		tell(len(content))
	}
	return nil
}

func (s *Service) read(ctx context.Context, src *source, id uuid.UUID) ([]byte, error) {
	if s.conf.Files == nil {
		return nil, files.ErrGone
	}
	r, err := s.conf.Files.Open(ctx, src.keyhole.keyset, src.clinic.ID, id)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = fmt.Errorf("the file %s is larger than any can be", id)
	}
	return content, errors.Join(err, r.Close())
}
