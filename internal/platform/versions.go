package platform

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cloister-health/cloister/db/platformdb"
	"github.com/cloister-health/cloister/tenants"
)

// Condition is where a clinic's schema stands beside this program's version.
type Condition int

// The conditions, those first that somebody has to see to.
const (
	Failed  Condition = iota + 1 // behind, and its last migration failed
	Behind                       // of this program, or without a version below its last
	Running                      // behind, and a migration is at it
	Ahead                        // of this program
	Current
)

// conditionNames are the conditions' names in addresses.
var conditionNames = []string{"", "failed", "behind", "running", "ahead", "current"}

// Conditions are all of them, in order.
func Conditions() []Condition { return []Condition{Failed, Behind, Running, Ahead, Current} }

func (c Condition) String() string {
	if c < 0 || int(c) >= len(conditionNames) {
		return ""
	}
	return conditionNames[c]
}

// Place is one clinic's schema.
type Place struct {
	Slug, Name string
	Version    int64
	Condition  Condition
	Served     bool          // by this program; else the clinic answers 503
	Error      string        // of its last migration
	Finished   time.Time     // its last migration; zero for none
	Took       time.Duration // the last one that landed
}

// VersionQuery says which clinics are asked for.
type VersionQuery struct {
	Only  string // a condition's name; empty for all
	Text  string // part of a name or slug
	After string // the key of the last one of the page before
}

// Versions is one page of clinics' versions, with what they come to.
type Versions struct {
	Target    int64
	Places    []Place
	Next      string // the key of the page after this one; empty for none
	Total     int
	Found     int               // by the text
	ByState   map[Condition]int // of all
	FoundBy   map[Condition]int // by the text
	ByVersion []VersionCount    // newest first
}

// VersionCount is how many clinics are at a version.
type VersionCount struct {
	Version int64
	Clinics int
}

// Versions lists where the clinics' schemas stand. Codes: forbidden.
func (s *Service) Versions(ctx context.Context, q VersionQuery) (Versions, error) {
	if err := allow(ctx); err != nil {
		return Versions{}, err
	}
	var out Versions
	err := tenants.PlatformRead(ctx, s.db, func(ctx context.Context, tx *tenants.PlatformTx) error {
		known := s.db.Versions()
		out = Versions{Target: slices.Max(append([]int64{0}, known...)), ByState: map[Condition]int{}, FoundBy: map[Condition]int{}}
		fragment := strings.TrimSpace(q.Text)
		counts, err := tx.Q().CountVersionsForConsole(ctx, platformdb.CountVersionsForConsoleParams{Target: out.Target, Known: known, Fragment: fragment})
		if err != nil {
			return err
		}
		for _, c := range counts {
			out.count(c)
		}
		only := slices.Index(conditionNames, q.Only)
		if only < 0 {
			return nil // there is no such condition, so nobody is in it
		}
		condition, after := cutKey(q.After)
		rows, err := tx.Q().ListVersionsForConsole(ctx, platformdb.ListVersionsForConsoleParams{Target: out.Target, Known: known, Wanted: int32(only), Fragment: fragment, //nolint:gosec // a handful
			AfterCondition: condition, After: after, AtMost: pageSize + 1})
		if err != nil {
			return err
		}
		if len(rows) > pageSize {
			rows = rows[:pageSize]
			last := rows[pageSize-1]
			out.Next = Condition(last.Condition).String() + ":" + last.Slug
		}
		for _, r := range rows {
			out.Places = append(out.Places, s.placeOf(r))
		}
		return nil
	})
	return out, tenants.Refused(err)
}

// cutKey reads what Next says; anything else is the beginning.
func cutKey(key string) (condition int32, slug string) {
	name, slug, ok := strings.Cut(key, ":")
	if i := slices.Index(conditionNames, name); ok && i > 0 {
		return int32(i), slug //nolint:gosec // a handful
	}
	return 0, ""
}

func (v *Versions) count(c platformdb.CountVersionsForConsoleRow) {
	v.Total += int(c.Clinics)
	v.Found += int(c.Found)
	v.ByState[Condition(c.Condition)] += int(c.Clinics)
	v.FoundBy[Condition(c.Condition)] += int(c.Found)
	if n := len(v.ByVersion); n > 0 && v.ByVersion[n-1].Version == c.Version {
		v.ByVersion[n-1].Clinics += int(c.Clinics)
		return
	}
	v.ByVersion = append(v.ByVersion, VersionCount{c.Version, int(c.Clinics)})
}

func (s *Service) placeOf(r platformdb.ListVersionsForConsoleRow) Place {
	p := Place{Slug: r.Slug, Name: r.Name, Version: r.Version, Condition: Condition(r.Condition), Served: s.db.Serves(r.Version, r.VersionBefore),
		Took: time.Duration(r.DurationMs * float64(time.Millisecond))}
	if r.FinishedAt != nil {
		p.Finished = *r.FinishedAt
	}
	if p.Condition == Failed {
		p.Error = r.Error
	}
	return p
}
