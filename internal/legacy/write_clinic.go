package legacy

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloister-health/cloister/db/tenantdb"
)

const uniqueViolation = "23505"

// clinic fills the target's empty settings, once.
func (w *writer) clinic(ctx context.Context) error {
	c := w.plan.Clinic
	if _, done := w.found("hospital_clinic", c.ID); done {
		return nil
	}
	target := w.tx.Clinic.ID
	has, err := w.q.GetClinicForImport(ctx, target)
	if err != nil {
		return err
	}
	w.settings.Left = map[string]string{}
	if has.RegistrationNumber != nil {
		w.settings.Kept = append(w.settings.Kept, "registration_number")
	} else if err := w.registration(ctx, c.Registered); err != nil {
		return err
	}
	if err := w.logo(ctx, has.HasLogo); err != nil {
		return err
	}
	store := Store{}
	for _, s := range w.plan.Stores {
		if s.Printed {
			store = s
		}
	}
	fill := tenantdb.FillClinicParams{
		ID: target, StoreAddress: store.Address,
		Address: w.fill("address", has.Address, c.Address), City: w.fill("city", has.City, c.City), State: w.fill("state", has.State, c.State),
		Pin: w.fill("pin", has.Pin, c.PIN), Phone: w.fill("phone", has.Phone, c.Phone), Email: w.fill("email", has.Email, c.Email),
		Website: w.fill("website", has.Website, c.Website), StoreName: w.fill("store_name", has.StoreName, store.Name), StorePhone: has.StorePhone,
	}
	if has.StoreName == "" {
		fill.StorePhone = w.fill("store_phone", has.StorePhone, store.Phone)
	}
	if err := w.q.FillClinic(ctx, fill); err != nil {
		return err
	}
	facts := maps.Clone(c.Facts)
	facts["fingerprint"] = w.plan.Fingerprint
	slices.Sort(w.settings.Filled)
	slices.Sort(w.settings.Kept)
	return remember(ctx, w.q, "clinic", target, "hospital_clinic", c.ID, facts)
}

// fill keeps what the clinic has and takes the file's value where it has none.
func (w *writer) fill(setting, has, offered string) string {
	switch {
	case has != "":
		w.settings.Kept = append(w.settings.Kept, setting)
		return has
	case offered != "":
		w.settings.Filled = append(w.settings.Filled, setting)
	}
	return offered
}

// registration takes the legal registration number unless another clinic has
// it; which one, the importer can't see and doesn't say.
func (w *writer) registration(ctx context.Context, number string) error {
	if number == "" {
		return nil
	}
	err := w.tx.Savepoint(ctx, func(ctx context.Context) error {
		return w.q.FillClinicRegistration(ctx, tenantdb.FillClinicRegistrationParams{ID: w.tx.Clinic.ID, RegistrationNumber: &number})
	})
	var pe *pgconn.PgError
	if errors.As(err, &pe) && pe.Code == uniqueViolation {
		w.settings.Left["registration_number"] = "another clinic has it"
		return nil
	}
	if err == nil {
		w.settings.Filled = append(w.settings.Filled, "registration_number")
	}
	return err
}

func (w *writer) logo(ctx context.Context, has bool) error {
	path := w.plan.Clinic.Logo
	switch {
	case has:
		w.settings.Kept = append(w.settings.Kept, "logo")
		return nil
	case path == "":
		return nil
	case w.plan.Media == "":
		w.settings.Left["logo"] = "no media folder was given"
		return nil
	}
	content, err := readLogo(w.plan.Media, path)
	if err != nil {
		w.settings.Left["logo"] = err.Error()
		return nil //nolint:nilerr // told in the report; a clinic without its logo is imported all the same
	}
	w.settings.Filled = append(w.settings.Filled, "logo")
	return w.q.FillClinicLogo(ctx, tenantdb.FillClinicLogoParams{ID: w.tx.Clinic.ID, Logo: content})
}

// stores keeps every medical store in its source key; the printed one is also
// among the clinic's settings.
func (w *writer) stores(ctx context.Context) error {
	for _, s := range w.plan.Stores {
		if _, done := w.found("hospital_associatedmedical", s.ID); done {
			continue
		}
		if err := remember(ctx, w.q, "clinic", w.tx.Clinic.ID, "hospital_associatedmedical", s.ID, s.Facts); err != nil {
			return err
		}
	}
	return nil
}
