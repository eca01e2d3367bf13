package backup

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloister-health/cloister/internal/apperr"
)

// DefaultPace is the part of the time, in percent, that a restore works while
// others are at work, too. At 5 the 95th percentile of their waiting stays as it
// was, since fewer than one in twenty meet the restore at work; at 10 and at 20 it
// grew by three tenths.
const DefaultPace = 5

const (
	// slice is how long a piece of work should be: shorter ones cost more words
	// than work, longer ones hold somebody up who has to wait for a processor.
	slice = 2 * time.Millisecond
	// longestRest ends a rest after a statement that can't be cut in pieces.
	longestRest = time.Second
	// asking is how often the server is asked; its counts are a second behind.
	asking = time.Second
	// alone is how many transactions a second the rest of the server may do for
	// nobody to be there: health checks, a worker's round, autovacuum.
	alone = 20
)

// pacer has a restore work a little and rest a little for as long as others are
// at work on the server. A piece that takes longer, because the processors are
// busy, is followed by a longer rest. A nil one never rests.
type pacer struct {
	share  float64   // of the time, from 0 to 1
	conn   *pgx.Conn // its own, since the other is in its transaction
	since  time.Time // when the piece of work began
	asked  time.Time
	seen   int64 // transactions of the whole server
	quiet  bool  // nobody else was at work lately
	size   int   // bytes of a piece
	rested time.Duration
}

// pacer opens one; nil at 100 percent.
func (s *Service) pacer(ctx context.Context, percent int) (*pacer, error) {
	switch {
	case percent == 0:
		percent = DefaultPace
	case percent == 100:
		return nil, nil //nolint:nilnil // a nil pacer is one that never rests
	case percent < 0 || percent > 100:
		var p apperr.Problems
		p.Add("pace", "", "must be from 1 to 100")
		return nil, p.Err()
	}
	conn, err := s.connect(ctx, s.conf.Migrator, owner, "restore, looking at others")
	if err != nil {
		return nil, err
	}
	p := &pacer{share: float64(percent) / 100, conn: conn, since: time.Now(), size: block}
	p.ask(ctx)
	return p, nil
}

func (p *pacer) close(ctx context.Context) {
	if p != nil {
		_ = p.conn.Close(context.WithoutCancel(ctx)) // it only read
	}
}

// ask looks whether others are at work, by the server's own counts: a service at
// work commits all the time, and what it does can't be seen by the migrator.
// Where it can't be told, somebody is.
func (p *pacer) ask(ctx context.Context) {
	now := time.Now()
	if !p.asked.IsZero() && now.Sub(p.asked) < asking {
		return
	}
	var n int64
	err := p.conn.QueryRow(ctx, "select coalesce(sum(xact_commit + xact_rollback), 0)::bigint from pg_stat_database").Scan(&n)
	p.quiet = err == nil && p.seen > 0 && float64(n-p.seen) < alone*now.Sub(p.asked).Seconds()
	p.seen, p.asked = n, now
}

// rest is called after each piece of work.
func (p *pacer) rest(ctx context.Context) error {
	if p == nil {
		return nil
	}
	worked := time.Since(p.since)
	if worked < slice/2 {
		return nil
	}
	if p.ask(ctx); !p.quiet {
		d := min(time.Duration(float64(worked)*(1/p.share-1)), longestRest)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
			p.rested += d
		}
	}
	p.since = time.Now()
	return nil
}

// piece is how many bytes of rows the next statement should load, by how long
// the last one took for how many.
func (p *pacer) piece(bytes int, took time.Duration) int {
	if p == nil {
		return maxPart
	}
	if bytes > 0 {
		aim := float64(bytes) * float64(slice) / float64(max(took, time.Microsecond))
		p.size = int(min(max(aim, smallPiece), largePiece))
	}
	return p.size
}

const (
	smallPiece = 2 << 10
	largePiece = 1 << 20
)

// doneResting is how long it rested altogether.
func (p *pacer) doneResting() time.Duration {
	if p == nil {
		return 0
	}
	return p.rested
}
