package prescription

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/tenants"
)

// ListedTest is a test of the clinic's catalogue.
type ListedTest struct {
	ID uuid.UUID
	TestEntry
	Active  bool // offered while asking for tests
	Starter bool
	Version int32
}

// TestEntry is a test for the catalogue as typed.
type TestEntry struct{ Name, Kind, Category, Code string }

// Catalogue lists the clinic's tests by name.
//
// Errors: Forbidden.
func (s *Service) Catalogue(ctx context.Context, f Lookup) (list []ListedTest, more bool, err error) {
	if err := s.allow(ctx, access.FormularyKeep); err != nil {
		return nil, false, err
	}
	err = tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		rows, err := tx.Q().ListCatalogue(ctx, tenantdb.ListCatalogueParams{Active: !f.Off, Typed: f.typed(), AfterID: f.After, AtMost: int32(f.Most + 1)})
		list, more = nil, len(rows) > f.Most
		for _, r := range rows[:min(len(rows), f.Most)] {
			list = append(list, listedTestOf(tenantdb.GetListedTestRow(r)))
		}
		return err
	})
	return list, more, tenants.Refused(err)
}

func listedTestOf(r tenantdb.GetListedTestRow) ListedTest {
	return ListedTest{ID: r.ID, TestEntry: TestEntry{Name: r.Name, Kind: r.Kind, Category: r.Category, Code: r.Code}, Active: r.Active, Starter: r.Source == "starter", Version: r.Version}
}

// ListedTest gives one test of the catalogue.
//
// Errors: NotFound, Forbidden.
func (s *Service) ListedTest(ctx context.Context, id uuid.UUID) (ListedTest, error) {
	if err := s.allow(ctx, access.FormularyKeep); err != nil {
		return ListedTest{}, err
	}
	var out ListedTest
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		r, err := tx.Q().GetListedTest(ctx, id)
		out = listedTestOf(r)
		return err
	})
	return out, tenants.Refused(err)
}

func (e TestEntry) checked() (TestEntry, error) {
	var p apperr.Problems
	e.Name, e.Category, e.Code = tidy(e.Name), tidy(e.Category), tidy(e.Code)
	if e.Name == "" {
		p.Add("name", "error.required", "Fill this in")
	}
	short(&p, "name", e.Name, 200)
	short(&p, "category", e.Category, 100)
	short(&p, "code", e.Code, 20)
	if !slices.Contains(kinds, e.Kind) {
		p.Add("kind", "error.choose", "Choose one of the list")
	}
	return e, p.Err()
}

// AddTest puts a test on the catalogue. key is the form's own.
//
// Errors: Invalid (also of a name that is there), Forbidden.
func (s *Service) AddTest(ctx context.Context, key uuid.UUID, e TestEntry) error {
	if err := s.allow(ctx, access.FormularyKeep); err != nil {
		return err
	}
	e, err := e.checked()
	if err != nil {
		return err
	}
	id := uuid.Must(uuid.NewV7())
	return listed("test_catalogue_once", tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		first, _, err := tenants.Claim(ctx, tx, key, "catalogue.add", id)
		if err != nil || !first {
			return err
		}
		return tx.Q().AddTest(ctx, tenantdb.AddTestParams{ID: id, Name: e.Name, Kind: e.Kind, Category: e.Category, Code: e.Code})
	}))
}

// ChangeTest changes what the catalogue says of a test. What was asked for
// stays as it was.
//
// Errors: Invalid, NotFound, Conflict, Forbidden.
func (s *Service) ChangeTest(ctx context.Context, id uuid.UUID, version int32, e TestEntry) error {
	if err := s.allow(ctx, access.FormularyKeep); err != nil {
		return err
	}
	e, bad := e.checked()
	return listed("test_catalogue_once", tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		if _, err := tx.Q().GetListedTest(ctx, id); err != nil {
			return err
		}
		if bad != nil {
			return bad
		}
		return changed(tx.Q().UpdateTest(ctx, tenantdb.UpdateTestParams{ID: id, Version: version, Name: e.Name, Kind: e.Kind, Category: e.Category, Code: e.Code}))
	}))
}

// SwitchTest offers a test while asking for tests, or offers it no more.
// Switched again it is what it was.
//
// Errors: NotFound, Conflict, Forbidden.
func (s *Service) SwitchTest(ctx context.Context, id uuid.UUID, version int32, on bool) error {
	if err := s.allow(ctx, access.FormularyKeep); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		t, err := tx.Q().GetListedTest(ctx, id)
		if err != nil || t.Active == on {
			return err
		}
		return changed(tx.Q().SwitchTest(ctx, tenantdb.SwitchTestParams{ID: id, Version: version, Active: on}))
	}))
}
