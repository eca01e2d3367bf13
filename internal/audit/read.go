package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/apperr"
)

// exportFormat is the first line's word in an export.
const exportFormat = "cloister-trail-1"

// line is one line of an export: the first has the clinic, then come the seals by
// number, then the rows in their order, then how many there were.
type line struct {
	Format string     `json:"format,omitempty"`
	Clinic *uuid.UUID `json:"clinic,omitempty"`
	Slug   string     `json:"slug,omitempty"`
	At     *time.Time `json:"at,omitempty"`
	Seal   *Seal      `json:"seal,omitempty"`
	Row    *Row       `json:"row,omitempty"`
	End    *int       `json:"end,omitempty"`
}

// Reader reads chains as the login that may read every clinic.
type Reader struct{ conn *pgx.Conn }

// NewReader reads over a connection of that login.
func NewReader(conn *pgx.Conn) *Reader { return &Reader{conn} }

// Platform stands where a clinic's slug does for the chain over the registry's own
// trail, which is of no clinic: no slug has brackets. Its clinic id is zeros.
const Platform = "(platform)"

// clinic is one that has a chain.
type clinic struct {
	id           uuid.UUID
	slug, schema string
}

// snapshot runs fn for the chain of a slug, or for all, in one snapshot; the
// platform's comes first.
func (r *Reader) snapshot(ctx context.Context, slug string, fn func(pgx.Tx, clinic) error) error {
	return pgx.BeginTxFunc(ctx, r.conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select c.id, c.slug, s.schema_name from platform.clinics c join platform.schemas s on s.clinic_id = c.id
			where s.state = 'assigned' and (c.slug = $1 or $1 = '') and to_regclass(format('%I.seals', s.schema_name)) is not null order by c.slug`, slug)
		if err != nil {
			return err
		}
		all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c clinic, err error) { return c, row.Scan(&c.id, &c.slug, &c.schema) })
		if err != nil {
			return err
		}
		if slug == "" || slug == Platform {
			all = slices.Insert(all, 0, clinic{slug: Platform, schema: "platform"})
		}
		if len(all) == 0 {
			return apperr.New(apperr.Invalid, "", "there is no clinic "+slug+" with a chain")
		}
		for _, c := range all {
			if err := fn(tx, c); err != nil {
				return fmt.Errorf("the trail of %s: %w", c.slug, err)
			}
		}
		return nil
	})
}

func (c clinic) table(name string) string { return pgx.Identifier{c.schema, name}.Sanitize() }

// each gives the clinic's seals and then its rows, as they are hashed.
func (c clinic) each(ctx context.Context, tx pgx.Tx, seal func(Seal) error, row func(Row) error) error {
	rows, err := tx.Query(ctx, "select number, sealed_at, previous, last_xact::text, last_id, rows, hash from "+c.table("seals")+" order by number, id")
	if err != nil {
		return err
	}
	for rows.Next() {
		s, err := scanSeal(rows)
		if err == nil {
			err = seal(s)
		}
		if err != nil {
			rows.Close()
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	outcome, whose := "outcome", "patient_id::text"
	if c.slug == Platform { // the registry's trail has no outcome, and a clinic in the place of a patient
		outcome, whose = "null::text", "clinic_id::text"
	}
	rows, err = tx.Query(ctx, `select id::text, (extract(epoch from at) * 1000000)::bigint::text, xact::text, actor, actor_role, request_id, address, reason,
		action, `+outcome+`, entity, record_id::text, `+whose+`, before::text, after::text from `+c.table("trail")+" t order by t.xact, t.id")
	if err != nil {
		return err
	}
	for rows.Next() {
		var r Row
		to := make([]any, fields)
		for i := range r {
			to[i] = &r[i]
		}
		err := rows.Scan(to...)
		if err == nil {
			err = row(r)
		}
		if err != nil {
			rows.Close()
			return err
		}
	}
	return rows.Err()
}

func scanSeal(rows pgx.Rows) (s Seal, err error) {
	var previous, hash []byte
	var xact string
	if err := rows.Scan(&s.Number, &s.SealedAt, &previous, &xact, &s.LastID, &s.Rows, &hash); err != nil {
		return s, err
	}
	copy(s.Previous[:], previous)
	copy(s.Hash[:], hash)
	s.SealedAt = s.SealedAt.UTC()
	_, err = fmt.Sscan(xact, &s.LastXact)
	return s, err
}

// Verify verifies the clinic of a slug, or all; heads may be empty.
func (r *Reader) Verify(ctx context.Context, slug string, heads Heads) ([]Result, error) {
	results := []Result{}
	err := r.snapshot(ctx, slug, func(tx pgx.Tx, c clinic) error {
		v := newVerifier(c.id, c.slug, heads.Of(c.id))
		err := c.each(ctx, tx, func(s Seal) error { v.seal(s); return nil }, v.row)
		results = append(results, v.end())
		return err
	})
	return results, err
}

// Heads gives where the chains of all clinics stand.
func (r *Reader) Heads(ctx context.Context) (Heads, error) {
	h := Heads{Format: headsFormat, At: time.Now().UTC(), Heads: []Head{}}
	err := r.snapshot(ctx, "", func(tx pgx.Tx, c clinic) error {
		one := Head{Clinic: c.id, Slug: c.slug}
		var hash []byte
		err := tx.QueryRow(ctx, "select number, hash from "+c.table("seals")+" order by number desc limit 1").Scan(&one.Number, &hash)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		copy(one.Hash[:], hash)
		h.Heads = append(h.Heads, one)
		return err
	})
	return h, err
}

// Export writes the chain and the trail of a clinic, in the clear.
func (r *Reader) Export(ctx context.Context, slug string, w io.Writer) error {
	out := bufio.NewWriter(w)
	to := json.NewEncoder(out)
	to.SetEscapeHTML(false)
	err := r.snapshot(ctx, slug, func(tx pgx.Tx, c clinic) error {
		now, n := time.Now().UTC(), 0
		if err := to.Encode(line{Format: exportFormat, Clinic: &c.id, Slug: c.slug, At: &now}); err != nil {
			return err
		}
		err := c.each(ctx, tx, func(s Seal) error { n++; return to.Encode(line{Seal: &s}) }, func(r Row) error { n++; return to.Encode(line{Row: &r}) })
		if err != nil {
			return err
		}
		return to.Encode(line{End: &n})
	})
	return errors.Join(err, out.Flush())
}

// VerifyExport verifies an export, without a database.
func VerifyExport(r io.Reader, heads Heads) (Result, error) {
	in := json.NewDecoder(r)
	var first line
	if err := in.Decode(&first); err != nil || first.Format != exportFormat || first.Clinic == nil {
		return Result{}, apperr.New(apperr.Invalid, "", "the file is no export of a trail ("+exportFormat+")")
	}
	v := newVerifier(*first.Clinic, first.Slug, heads.Of(*first.Clinic))
	for n := 0; ; n++ {
		var l line
		if err := in.Decode(&l); err != nil {
			return Result{}, apperr.New(apperr.Invalid, "", fmt.Sprintf("the export is damaged or cut off after line %d", n+1))
		}
		switch {
		case l.Seal != nil && v.result.Sealed+v.result.Unsealed == 0:
			v.seal(*l.Seal)
		case l.Row != nil:
			if err := v.row(*l.Row); err != nil {
				return Result{}, apperr.New(apperr.Invalid, "", err.Error())
			}
		case l.End != nil && *l.End == n:
			return v.end(), nil
		default:
			return Result{}, apperr.New(apperr.Invalid, "", fmt.Sprintf("line %d of the export does not belong there", n+2))
		}
	}
}
