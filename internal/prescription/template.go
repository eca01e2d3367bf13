package prescription

import (
	"context"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/tenants"
)

const mostTemplates = 200 // on the page of a doctor

// Templates lists the doctor's own templates and those that colleagues share;
// text is the beginning of a keyword or of a word of the name, empty for all.
//
// Errors: Forbidden.
func (s *Service) Templates(ctx context.Context, text string, most int) ([]Template, error) {
	if err := s.allow(ctx, access.TemplateOwn); err != nil {
		return nil, err
	}
	if most <= 0 {
		most = mostTemplates
	}
	var out []Template
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		rows, err := tx.Q().ListTemplates(ctx, tenantdb.ListTemplatesParams{Typed: strings.ToLower(strings.TrimSpace(text)), DoctorID: tx.Actor.ID, AtMost: int32(most)})
		out = nil
		for _, r := range rows {
			t := Template{ID: r.ID, Doctor: r.Doctor, Mine: r.DoctorID == tx.Actor.ID, Name: r.Name, Keyword: r.Keyword, Description: r.Description, Shared: r.Shared, Retired: !r.Active, Version: r.Version}
			if err := json.Unmarshal(r.Sheet, &t.Sheet); err != nil {
				return err
			}
			out = append(out, t)
		}
		return err
	})
	return out, tenants.Refused(err)
}

// Template gives one template.
//
// Errors: NotFound, Forbidden.
func (s *Service) Template(ctx context.Context, id uuid.UUID) (Template, error) {
	if err := s.allow(ctx, access.TemplateOwn); err != nil {
		return Template{}, err
	}
	var out Template
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		r, err := tx.Q().GetTemplate(ctx, id)
		if err != nil {
			return err
		}
		out = Template{ID: r.ID, Mine: r.DoctorID == tx.Actor.ID, Name: r.Name, Keyword: r.Keyword, Description: r.Description, Shared: r.Shared, Retired: !r.Active, Version: r.Version}
		return json.Unmarshal(r.Sheet, &out.Sheet)
	})
	return out, tenants.Refused(err)
}

// SaveTemplate keeps a template of the actor's: a new one where the id is zero,
// else the one of this id and version.
//
// Errors: Invalid (name, keyword, sheet), NotFound, Conflict, Forbidden.
func (s *Service) SaveTemplate(ctx context.Context, t Template) (uuid.UUID, error) {
	if err := s.allow(ctx, access.TemplateOwn); err != nil {
		return uuid.Nil, err
	}
	t.Name, t.Keyword, t.Sheet = strings.TrimSpace(t.Name), strings.ToLower(strings.Trim(strings.TrimSpace(t.Keyword), "/")), t.Sheet.plainCopy()
	body, err := t.check()
	if err != nil {
		return uuid.Nil, err
	}
	err = tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		if t.ID == uuid.Nil {
			t.ID = uuid.Must(uuid.NewV7())
			return tx.Q().InsertTemplate(ctx, tenantdb.InsertTemplateParams{ID: t.ID, DoctorID: tx.Actor.ID, Name: t.Name, Keyword: t.Keyword, Sheet: body, Shared: t.Shared})
		}
		if err := ownIn(ctx, tx, t.ID); err != nil {
			return err
		}
		return changed(tx.Q().UpdateTemplate(ctx, tenantdb.UpdateTemplateParams{ID: t.ID, Version: t.Version, Name: t.Name, Keyword: t.Keyword, Sheet: body, Shared: t.Shared}))
	})
	if tenants.Violates(err, "prescription_templates_name") {
		var p apperr.Problems
		p.Add("name", "error.template.name", "You have a template of this name")
		err = p.Err()
	}
	return t.ID, tenants.Refused(err)
}

func (t Template) check() ([]byte, error) {
	var p apperr.Problems
	switch {
	case t.Name == "":
		p.Add("name", "error.required", "Fill this in")
	case utf8.RuneCountInString(t.Name) > 100:
		p.AddArgs("name", "error.too_long", "This is too long", map[string]any{"Max": "100"})
	}
	if utf8.RuneCountInString(t.Keyword) > 30 {
		p.AddArgs("keyword", "error.too_long", "This is too long", map[string]any{"Max": "30"})
	}
	if len(t.Sheet.Lines)+len(t.Sheet.Tests) == 0 {
		p.Add("medicine", "error.template.empty", "Add a medicine or a test first")
	}
	if len(t.Sheet.Lines) > mostLines || len(t.Sheet.Tests) > mostTests {
		p.AddArgs("medicine", "error.rx.many", "Too many rows", map[string]any{"Max": number(mostLines)})
	}
	t.Sheet.read(nil, "", &p)
	if err := p.Err(); err != nil {
		return nil, err
	}
	return json.Marshal(t.Sheet)
}

// ownIn refuses a template that is a colleague's.
func ownIn(ctx context.Context, tx *tenants.Tx, id uuid.UUID) error {
	r, err := tx.Q().GetTemplate(ctx, id)
	if err == nil && r.DoctorID != tx.Actor.ID {
		err = apperr.New(apperr.Forbidden, "error.template.doctor", "This template is a colleague's; use it, or save your own")
	}
	return err
}

// DeleteTemplate throws a template of the actor's away.
//
// Errors: NotFound, Forbidden.
func (s *Service) DeleteTemplate(ctx context.Context, id uuid.UUID) error {
	if err := s.allow(ctx, access.TemplateOwn); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		if err := ownIn(ctx, tx, id); err != nil {
			return err
		}
		_, err := tx.Q().DeleteTemplate(ctx, id)
		return err
	}))
}
