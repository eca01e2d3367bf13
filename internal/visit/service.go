package visit

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/tenants"
)

// topic is what the queue's events are called in NOTIFY; the id is the visit's.
const topic = "queue"

// topicDisplay tells that a display was changed or revoked; the id is its own.
const topicDisplay = "display"

// Service runs the queue of a clinic.
type Service struct {
	db       *tenants.DB
	patients *patient.Service
	links    keys.Links
	paces    paces
}

// NewService makes the service. linkKey signs the links of displays and of
// patients' places.
func NewService(db *tenants.DB, patients *patient.Service, linkKey []byte) *Service {
	return &Service{db: db, patients: patients, links: keys.NewLinks(linkKey), paces: paces{known: map[uuid.UUID]clinicPaces{}}}
}

func (s *Service) allow(ctx context.Context, c access.Capability) error { return s.db.Allow(ctx, c) }

// Lines lists who can be waited for, doctors first, each with how many wait and
// how long a newcomer would.
//
// Errors: Forbidden.
func (s *Service) Lines(ctx context.Context) ([]Load, error) {
	if err := s.allow(ctx, access.QueueView); err != nil {
		return nil, err
	}
	var out []Load
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		var err error
		out, err = s.loads(ctx, tx)
		return err
	})
	return out, tenants.Refused(err)
}

func (s *Service) loads(ctx context.Context, tx *tenants.Tx) ([]Load, error) {
	var (
		lines  []tenantdb.ListLinesRow
		counts []tenantdb.CountVisitsPerLineRow
		pace   clinicPaces
	)
	err := tx.Together(ctx, func(q *tenantdb.Queries) (err error) {
		lines, err = q.ListLines(ctx)
		return err
	}, func(q *tenantdb.Queries) (err error) {
		counts, err = q.CountVisitsPerLine(ctx, patient.Today(tx))
		return err
	}, func(q *tenantdb.Queries) (err error) {
		pace, err = s.pace(ctx, tx, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	waiting := map[uuid.UUID]int{}
	for _, c := range counts {
		if st := State(c.State); st == Waiting || st == Called {
			waiting[c.LineID.UUID] += int(c.N)
		}
	}
	out := make([]Load, len(lines))
	for i, l := range lines {
		n := waiting[l.ID]
		out[i] = Load{Line: lineOf(l), Waiting: n, Wait: time.Duration(n) * pace.of(l.ID)}
	}
	return out, nil
}

func lineOf(l tenantdb.ListLinesRow) Line {
	return Line{ID: l.ID, Department: l.Kind == "department", Name: l.Name, Local: l.LocalName, Room: l.Room, Availability: l.Availability}
}

func linesByID(rows []tenantdb.ListLinesRow) map[uuid.UUID]Line {
	out := make(map[uuid.UUID]Line, len(rows))
	for _, l := range rows {
		out[l.ID] = lineOf(l)
	}
	return out
}

// paces keeps each clinic's mean consultation times for a minute: they change
// slowly and every board asks for them.
type paces struct {
	mu    sync.Mutex
	known map[uuid.UUID]clinicPaces
}

type clinicPaces struct {
	usual time.Duration
	lines map[uuid.UUID]time.Duration
	until time.Time
}

const (
	paceKept    = time.Minute
	paceDays    = 14 // how far back consultations count
	paceEnough  = 3  // consultations below which the clinic's setting counts
	paceClinics = 10_000
)

// of is how long a consultation takes in a line.
func (p clinicPaces) of(line uuid.UUID) time.Duration {
	if d, ok := p.lines[line]; ok {
		return d
	}
	return p.usual
}

func (s *Service) pace(ctx context.Context, tx *tenants.Tx, q *tenantdb.Queries) (clinicPaces, error) {
	s.paces.mu.Lock()
	p, ok := s.paces.known[tx.Clinic.ID]
	s.paces.mu.Unlock()
	if ok && tx.Now.Before(p.until) {
		return p, nil
	}
	set, err := q.GetQueueSettings(ctx)
	if err != nil {
		return p, err
	}
	rows, err := q.ListPaces(ctx, patient.Today(tx).AddDate(0, 0, -paceDays))
	if err != nil {
		return p, err
	}
	p = clinicPaces{usual: time.Duration(set.ConsultationMinutes) * time.Minute, lines: map[uuid.UUID]time.Duration{}, until: tx.Now.Add(paceKept)}
	for _, r := range rows {
		if r.N >= paceEnough {
			p.lines[r.LineID] = clamp(time.Duration(r.Seconds * float64(time.Second)))
		}
	}
	s.paces.mu.Lock()
	defer s.paces.mu.Unlock()
	if len(s.paces.known) >= paceClinics {
		clear(s.paces.known)
	}
	s.paces.known[tx.Clinic.ID] = p
	return p, nil
}

// clamp keeps a forgotten "finish" or a mis-click from spoiling an estimate.
func clamp(d time.Duration) time.Duration { return min(max(d, time.Minute), time.Hour) }
