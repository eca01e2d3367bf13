package backup

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"
)

// upgrade is one migration of the clinics' schemas. A restore runs them inside
// its own transaction, so that a schema that didn't come to its end was never
// there: that takes the statements of the file, and none of goose's state.
type upgrade struct {
	version    int64
	statements []string
}

// upgradesOf reads the migrations' upward halves, oldest first.
func upgradesOf(tenant fs.FS) ([]upgrade, error) {
	names, err := fs.Glob(tenant, "*.sql")
	if err != nil {
		return nil, err
	}
	var out []upgrade
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return nil, fmt.Errorf("clinic migration %s: %w", name, err)
		}
		text, err := fs.ReadFile(tenant, name)
		if err != nil {
			return nil, err
		}
		_, up, ok := strings.Cut(string(text), "-- +goose Up\n")
		up, _, _ = strings.Cut(up, "-- +goose Down")
		if !ok {
			return nil, fmt.Errorf("clinic migration %s has no upward half", name)
		}
		out = append(out, upgrade{version, statements(up)})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("there is no clinic migration")
	}
	slices.SortFunc(out, func(a, b upgrade) int { return int(a.version - b.version) })
	return out, nil
}

// statements cuts a migration as goose does: at lines that end with a semicolon,
// but for what stands between StatementBegin and StatementEnd.
func statements(text string) []string {
	var out []string
	var b strings.Builder
	whole := false
	for line := range strings.Lines(text) {
		mark := strings.TrimSpace(line)
		switch mark {
		case "-- +goose StatementBegin":
			whole = true
		case "-- +goose StatementEnd":
			whole = false
		}
		b.WriteString(line)
		code, _, _ := strings.Cut(mark, "--")
		if !whole && (mark == "-- +goose StatementEnd" || strings.HasSuffix(strings.TrimSpace(code), ";")) {
			out = append(out, b.String())
			b.Reset()
		}
	}
	if strings.TrimSpace(b.String()) != "" {
		out = append(out, b.String())
	}
	return out
}

const recordUpgrade = `with
  applied as (insert into platform.migrations (clinic_id, version) values ($1, $2)),
  outcome as (insert into platform.migration_outcomes as o (clinic_id, state, version) values ($1, 'ok', $2)
    on conflict (clinic_id) do update set state = 'ok', version = excluded.version, error = '', finished_at = clock_timestamp())
update platform.schemas set version = $2 where clinic_id = $1`

// upgrade brings the schema of the transaction's scope from above one version up
// to another.
func (s *Service) upgrade(ctx context.Context, h home, from, to int64) error {
	for _, u := range s.ups {
		if u.version <= from || u.version > to {
			continue
		}
		for _, sql := range u.statements {
			if _, err := h.tx.Conn().PgConn().Exec(ctx, sql).ReadAll(); err != nil {
				return fmt.Errorf("version %d of the clinic's schema: %w", u.version, err)
			}
			if err := h.pace.rest(ctx); err != nil {
				return err
			}
		}
		if _, err := h.tx.Exec(ctx, recordUpgrade, h.clinic, u.version); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) knows(version int64) bool {
	return slices.ContainsFunc(s.ups, func(u upgrade) bool { return u.version == version })
}
