package migrate

import (
	"context"
	"maps"
	"slices"
)

// Probe reads from every schema as the service does.
func (m *Migrator) Probe(ctx context.Context) error {
	all, err := m.Status(ctx)
	if err != nil {
		return err
	}
	var wave []waiting
	for _, s := range all {
		wave = append(wave, waiting{Schema: s.Schema, state: s.Kind})
	}
	return m.probe(ctx, wave)
}

// What a plan that was killed leaves.
const (
	TakeTrial = takeTrial
	TrialLock = trialLock
)

// TrialName is the name of a plan's database.
func TrialName(tag, of string) string { return trialName(tag, of) }

// Warnings are the names that a plan may use.
func Warnings() []string { return slices.Sorted(maps.Keys(kinds)) }
