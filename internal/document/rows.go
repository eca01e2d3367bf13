package document

import (
	"time"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/phi"
)

func at(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func one(r tenantdb.GetDocumentRow) Document {
	return Document{ID: r.ID, Patient: r.PatientID, Kind: r.Kind, Title: r.Title, Dated: at(r.DatedOn), Note: r.Note, Media: r.MediaType, Bytes: int64(r.Bytes),
		Pages: int(r.Pages), Uploaded: r.UploadedAt, Uploader: r.Uploader, Withdrawn: at(r.WithdrawnAt), Withdrawer: r.Withdrawer, Reason: phi.Text(r.WithdrawnReason)}
}

func listed(r tenantdb.ListDocumentsByPatientsRow) Document {
	return Document{ID: r.ID, Patient: r.PatientID, Kind: r.Kind, Title: r.Title, Dated: at(r.DatedOn), Note: r.Note, Media: r.MediaType, Bytes: int64(r.Bytes),
		Pages: int(r.Pages), Uploaded: r.UploadedAt, Uploader: r.Uploader, Withdrawn: at(r.WithdrawnAt), Reason: phi.Text(r.WithdrawnReason)}
}
