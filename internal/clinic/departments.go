package clinic

import (
	"context"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/tenants"
)

// Department is a part of the clinic that patients can wait for.
type Department struct {
	ID                                 uuid.UUID
	Name, LocalName, Room, TokenPrefix string
	Active                             bool
	Version                            int32
}

// Departments lists them, those in use first. Codes: forbidden.
func (s *Service) Departments(ctx context.Context) ([]Department, error) {
	if err := s.allow(ctx, access.SettingsView); err != nil {
		return nil, err
	}
	var out []Department
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		rows, err := tx.Q().ListDepartments(ctx)
		out = make([]Department, 0, len(rows))
		for _, r := range rows {
			out = append(out, Department(r))
		}
		return err
	})
	return out, tenants.Refused(err)
}

func (d *Department) check() error {
	var p apperr.Problems
	d.Name, d.LocalName, d.Room = patient.CleanName(d.Name), patient.CleanName(d.LocalName), patient.CleanName(d.Room)
	required(&p, "name", d.Name, 100)
	limit(&p, "local_name", d.LocalName, 100)
	limit(&p, "room", d.Room, 40)
	d.TokenPrefix = checkPrefix(&p, "token_prefix", d.TokenPrefix, true)
	return p.Err()
}

// AddDepartment makes a department; the same form sent twice makes one. Codes:
// invalid, forbidden, conflict.
func (s *Service) AddDepartment(ctx context.Context, key uuid.UUID, d Department) error {
	if err := s.allow(ctx, access.SettingsEdit); err != nil {
		return err
	}
	if err := d.check(); err != nil {
		return err
	}
	return refusedDepartment(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		id := uuid.Must(uuid.NewV7())
		first, _, err := tenants.Claim(ctx, tx, key, "department.add", id)
		if err != nil || !first {
			return err
		}
		return tx.Q().InsertDepartment(ctx, tenantdb.InsertDepartmentParams{ID: id, Name: d.Name, LocalName: d.LocalName, Room: d.Room, TokenPrefix: d.TokenPrefix})
	}))
}

// SaveDepartment changes a department; a form that asks for what is there
// already changes nothing and is no error. Codes: invalid, stale, forbidden.
func (s *Service) SaveDepartment(ctx context.Context, d Department) error {
	if err := s.allow(ctx, access.SettingsEdit); err != nil {
		return err
	}
	if err := d.check(); err != nil {
		return err
	}
	return refusedDepartment(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		n, err := tx.Q().UpdateDepartment(ctx, tenantdb.UpdateDepartmentParams{ID: d.ID, Name: d.Name, LocalName: d.LocalName, Room: d.Room,
			TokenPrefix: d.TokenPrefix, Active: d.Active, Version: d.Version})
		if err != nil || n == 1 {
			return err
		}
		rows, err := tx.Q().ListDepartments(ctx)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if there := Department(r); there.ID == d.ID {
				there.Version = d.Version
				return agreed(d, there)
			}
		}
		return stale()
	}))
}

func refusedDepartment(err error) error {
	if tenants.Violates(err, "departments_name") {
		var p apperr.Problems
		p.Add("name", "error.department_taken", "There is a department with this name already")
		return p.Err()
	}
	return tenants.Refused(err)
}
