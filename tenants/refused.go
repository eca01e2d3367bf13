package tenants

import (
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloister-health/cloister/internal/apperr"
)

// quotaKeys are the messages of the plan's limits; they name the limit.
var quotaKeys = map[string]string{
	"quota_doctors":         "error.quota_doctors",
	"quota_receptionists":   "error.quota_receptionists",
	"quota_lab_technicians": "error.quota_lab_technicians",
	"quota_patients":        "error.quota_patients",
	"quota_storage":         "error.quota_storage",
}

// Refused turns what the database's own rules say into errors that may be
// shown: a row that isn't there or isn't seen, a limit of the plan, an illegal
// move, a right that the role lacks. A slice asks it after looking for the
// constraints that it knows better; everything else stays as it is.
func Refused(err error) error {
	if err == nil {
		return nil
	}
	var known *apperr.Error
	if errors.As(err, &known) {
		return err
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return apperr.Wrap(apperr.NotFound, "error.not_found", "This record was not found", err)
	}
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return err
	}
	switch pe.Code {
	case "CL402":
		what, limit := strings.TrimPrefix(pe.ConstraintName, "quota_"), pe.Detail
		if bytes, err := strconv.ParseInt(limit, 10, 64); err == nil && what == "storage" {
			limit = strconv.FormatFloat(float64(bytes)/(1<<30), 'g', 3, 64) + " GB" // as plans say it
		}
		e := apperr.Wrap(apperr.Quota, quotaKeys[pe.ConstraintName], "The clinic's plan allows no more of these: "+limit+" is its limit", err)
		e.Args = map[string]any{"Limit": limit, "What": what}
		return e
	case "CL409":
		return apperr.Wrap(apperr.Conflict, "error.state", "This is not possible in the present state", err)
	case "42501":
		return apperr.Wrap(apperr.Forbidden, "error.forbidden", "Your role may not do this", err)
	}
	return err
}

// Violates tells whether err is the breach of a constraint of this name.
func Violates(err error, constraint string) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.ConstraintName == constraint
}
