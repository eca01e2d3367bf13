package legacy

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
)

// templates writes the doctors' templates, which stay their own. A template that
// is there keeps its rows: the doctor may have changed them.
func (w *writer) templates(ctx context.Context) error {
	has, err := w.q.ListTemplateNamesForImport(ctx)
	if err != nil {
		return err
	}
	type named struct {
		doctor uuid.UUID
		name   string
	}
	names := map[named]bool{}
	for _, t := range has {
		names[named{t.DoctorID, t.Name}] = true
	}
	var tasks []task
	for _, t := range w.plan.Templates {
		id, done := w.found("hospital_standardprescriptiontemplate", t.ID)
		if !done {
			doctor, err := w.staffOrUnknown(ctx, t.Doctor)
			if err != nil {
				return err
			}
			name := t.Name
			if taken := func(n string) bool { return names[named{doctor, strings.ToLower(n)}] }; taken(name) {
				w.books["hospital_standardprescriptiontemplate"].say(TemplateRenamed, t.ID)
				name = freeName(name, t.ID, taken)
			}
			names[named{doctor, strings.ToLower(name)}] = true
			sheet, err := json.Marshal(t.Sheet)
			if err != nil {
				return err
			}
			id = newID()
			row := tenantdb.InsertImportedTemplateParams{ID: id, DoctorID: doctor, Name: name, Keyword: t.Keyword, Description: t.Description, Sheet: sheet, Active: t.Active}
			tasks = append(tasks, func(ctx context.Context, q *tenantdb.Queries) error {
				if err := q.InsertImportedTemplate(ctx, row); err != nil {
					return err
				}
				return remember(ctx, q, "prescription_templates", row.ID, "hospital_standardprescriptiontemplate", t.ID, t.Facts)
			})
		}
		for _, l := range t.Lines {
			if _, there := w.found(l.Table, l.ID); there {
				continue
			}
			if done { // the template is the doctor's now
				w.books[l.Table].say(TemplateKept, l.ID)
				continue
			}
			tasks = append(tasks, func(ctx context.Context, q *tenantdb.Queries) error {
				return remember(ctx, q, "prescription_templates", id, l.Table, l.ID, l.Facts)
			})
		}
	}
	return w.all(ctx, "templates", tasks)
}
