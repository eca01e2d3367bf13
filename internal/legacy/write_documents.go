package legacy

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/tenants"
)

const discardTime = 30 * time.Second

// documents writes the rows, which count against the plan, and then encrypts the
// files into the store. A file is whole there before its row is committed, so
// that no row is without its file; what an import leaves that is killed is
// cleared as after any upload.
func (w *writer) documents(ctx context.Context) error {
	type fresh struct {
		id uuid.UUID
		d  *Document
	}
	var tasks []task
	var rows []fresh
	for i := range w.plan.Documents {
		d := &w.plan.Documents[i]
		if _, done := w.found(d.Table, d.ID); done {
			continue
		}
		row := tenantdb.InsertImportedDocumentParams{
			ID: newID(), PatientID: w.patients[d.Patient], Kind: d.Kind, Title: d.Title, DatedOn: day(d.Dated), Note: d.Note, MediaType: d.Media,
			Bytes: int32(d.Bytes), Pages: int16(d.Pages), UploadedAt: d.Uploaded,
		}
		if !d.ByPatient {
			by, err := w.staffOrUnknown(ctx, d.By)
			if err != nil {
				return err
			}
			row.UploadedBy = orNull(by)
		}
		rows = append(rows, fresh{row.ID, d})
		tasks = append(tasks, func(ctx context.Context, q *tenantdb.Queries) error {
			if err := q.InsertImportedDocument(ctx, row); err != nil {
				return err
			}
			return remember(ctx, q, "documents", row.ID, d.Table, d.ID, d.Facts)
		})
	}
	if err := w.all(ctx, "documents", tasks); err != nil || len(rows) == 0 {
		return err
	}
	folder, err := openMedia(w.plan.Media)
	if err != nil {
		return err
	}
	defer folder.close()
	for i, f := range rows {
		if err := w.keep(ctx, folder, f.d, f.id); err != nil {
			return err
		}
		if w.options.Progress != nil {
			w.options.Progress("files", i+1, len(rows))
		}
		if err := ctx.Err(); err != nil { // a commit would not ask
			return err
		}
	}
	return nil
}

// keep puts a file into the store, unless the run is a dry one.
func (w *writer) keep(ctx context.Context, folder *media, d *Document, id uuid.UUID) error {
	content, err := folder.again(ctx, d)
	if err != nil || w.options.DryRun {
		return err
	}
	if w.options.Store == nil || w.options.Keys == nil {
		return errors.New("legacy: there is no store for documents")
	}
	k, err := w.options.Keys.Keyset(ctx, w.tx.Clinic.ID, func(ctx context.Context) ([]byte, error) {
		k, err := w.q.GetKeyset(ctx)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, keys.ErrDestroyed
		}
		return k.Wrapped, err
	})
	if err != nil {
		return err
	}
	*w.stored = append(*w.stored, id)
	return w.options.Store.Put(ctx, k, w.tx.Clinic.ID, id, content)
}

// discard takes files away whose rows were not written. It asks first, for a
// commit whose answer was lost may have been done; what it can't ask about or
// remove is cleared as after any upload that broke off.
func (o Options) discard(ctx context.Context, db *tenants.DB, clinic *tenants.Clinic, stored []uuid.UUID) {
	if len(stored) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTime)
	defer cancel()
	var kept []uuid.UUID
	err := tenants.Read(ctx, db, func(ctx context.Context, tx *tenants.Tx) (err error) {
		kept, err = tx.Q().ListDocumentIDs(ctx, stored)
		return err
	})
	if err != nil {
		return // the first error is what is told; the files wait for the sweep
	}
	has := map[uuid.UUID]bool{}
	for _, id := range kept {
		has[id] = true
	}
	for _, id := range stored {
		if !has[id] {
			_ = o.Store.Remove(ctx, clinic.ID, id) // else the sweep does it
		}
	}
}
