package legacy

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
)

// key is the source key of a row, "<table>:<id>".
func key(table string, id int64) string { return table + ":" + strconv.FormatInt(id, 10) }

// splitKey takes a source key apart.
func splitKey(k string) (table string, id int64, ok bool) {
	table, number, found := strings.Cut(k, ":")
	id, err := strconv.ParseInt(number, 10, 64)
	return table, id, found && err == nil
}

// remember notes from which row a record came, with the row's facts that have
// no other home.
func remember(ctx context.Context, q *tenantdb.Queries, entity string, record uuid.UUID, table string, id int64, facts map[string]string) error {
	return identify(ctx, q, entity, record, sourceSystem, key(table, id), facts)
}

// identify notes a number or key that another system gave to a record.
func identify(ctx context.Context, q *tenantdb.Queries, entity string, record uuid.UUID, system, value string, facts map[string]string) error {
	if facts == nil {
		facts = map[string]string{}
	}
	text, err := json.Marshal(facts)
	if err != nil {
		return err
	}
	return q.InsertIdentifier(ctx, tenantdb.InsertIdentifierParams{
		ID: newID(), Entity: entity, RecordID: record, System: system, Value: value, Facts: text,
	})
}

// fingerprintIn finds the older clinic's mark in its key's facts.
func fingerprintIn(facts []byte) string {
	var f struct {
		Fingerprint string `json:"fingerprint"`
	}
	_ = json.Unmarshal(facts, &f) // not ours, then it has none
	return f.Fingerprint
}

// newID makes a time-ordered key; it can fail only where the machine has no
// randomness, and then nothing here can go on.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// orNull is a uuid that may be none.
func orNull(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }
