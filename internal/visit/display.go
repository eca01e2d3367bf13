package visit

import (
	"cmp"
	"context"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/db/tenantdb"
	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/patient"
	"github.com/cloister-health/cloister/tenants"
)

// Screen is a waiting-room display as the desk manages it.
type Screen struct {
	ID      uuid.UUID
	Name    string
	Lines   []uuid.UUID // empty: all that have patients today
	Active  bool
	Created time.Time
	Version int32
	Key     string // of its secret link
}

// Screens lists the displays with their links.
//
// Errors: Forbidden.
func (s *Service) Screens(ctx context.Context) (screens []Screen, lines []Line, err error) {
	if err := s.allow(ctx, access.DisplayManage); err != nil {
		return nil, nil, err
	}
	err = tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		var (
			rows  []tenantdb.ListDisplaysRow
			known []tenantdb.ListLinesRow
		)
		if err := tx.Together(ctx, func(q *tenantdb.Queries) (err error) {
			rows, err = q.ListDisplays(ctx)
			return err
		}, func(q *tenantdb.Queries) (err error) {
			known, err = q.ListLines(ctx)
			return err
		}); err != nil {
			return err
		}
		for _, r := range rows {
			screens = append(screens, Screen{ID: r.ID, Name: r.Name, Lines: r.Lines, Active: r.Active, Created: r.CreatedAt, Version: r.Version,
				Key: s.links.Key(displayLink, tx.Clinic.ID, r.ID, r.Generation)})
		}
		for _, l := range known {
			lines = append(lines, lineOf(l))
		}
		return nil
	})
	return screens, lines, tenants.Refused(err)
}

const longestScreenName = 100

func checkScreen(name string) error {
	var p apperr.Problems
	switch name = patient.CleanName(name); {
	case name == "":
		p.Add("name", "error.display.name", "Give the display a name")
	case utf8.RuneCountInString(name) > longestScreenName:
		p.Add("name", "error.text.long", "This is too long")
	}
	return p.Err()
}

// AddScreen makes a display; the same form sent twice makes one.
//
// Errors: Invalid, Forbidden.
func (s *Service) AddScreen(ctx context.Context, key uuid.UUID, name string, lines []uuid.UUID) error {
	if err := s.allow(ctx, access.DisplayManage); err != nil {
		return err
	}
	if err := checkScreen(name); err != nil {
		return err
	}
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		id := uuid.Must(uuid.NewV7())
		first, _, err := tenants.Claim(ctx, tx, key, "display.add", id)
		if err != nil || !first {
			return err
		}
		if lines, err = knownLines(ctx, tx, lines); err != nil {
			return err
		}
		return tx.Q().InsertDisplay(ctx, tenantdb.InsertDisplayParams{ID: id, Name: patient.CleanName(name), Lines: lines, CreatedBy: someID(tx.Actor.ID)})
	}))
}

func knownLines(ctx context.Context, tx *tenants.Tx, wanted []uuid.UUID) ([]uuid.UUID, error) {
	rows, err := tx.Q().ListLines(ctx)
	out := []uuid.UUID{}
	for _, r := range rows {
		if slices.Contains(wanted, r.ID) {
			out = append(out, r.ID)
		}
	}
	return out, err
}

// SwitchScreen switches a display on or off; its link works only while it is on.
//
// Errors: NotFound, Stale, Forbidden.
func (s *Service) SwitchScreen(ctx context.Context, id uuid.UUID, version int32, on bool) error {
	if err := s.allow(ctx, access.DisplayManage); err != nil {
		return err
	}
	return s.changeScreen(ctx, id, func(ctx context.Context, tx *tenants.Tx) (int64, error) {
		return tx.Q().SwitchDisplay(ctx, tenantdb.SwitchDisplayParams{ID: id, Version: version, Active: on})
	})
}

// RevokeScreen makes the display's present link worthless; the list then shows
// a new one.
//
// Errors: NotFound, Stale, Forbidden.
func (s *Service) RevokeScreen(ctx context.Context, id uuid.UUID, version int32) error {
	if err := s.allow(ctx, access.DisplayManage); err != nil {
		return err
	}
	return s.changeScreen(ctx, id, func(ctx context.Context, tx *tenants.Tx) (int64, error) {
		return tx.Q().RaiseDisplayGeneration(ctx, tenantdb.RaiseDisplayGenerationParams{ID: id, Version: version})
	})
}

func (s *Service) changeScreen(ctx context.Context, id uuid.UUID, change func(context.Context, *tenants.Tx) (int64, error)) error {
	return tenants.Refused(tenants.Write(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		n, err := change(ctx, tx)
		if err != nil {
			return err
		}
		if n == 0 {
			if _, err := tx.Q().GetDisplay(ctx, id); err != nil {
				return err
			}
			return apperr.New(apperr.Stale, "error.stale", "Somebody changed this record in between; look at both and save again")
		}
		return tx.Notify(ctx, topicDisplay, id)
	}))
}

// What the keys in the links of displays and places are signed for.
const (
	displayLink = "display"
	placeLink   = "place"
)

// public gives the context a display's scope, whoever asks. Only what a key
// opens runs in it.
func public(ctx context.Context, clinic *tenants.Clinic, id uuid.UUID) context.Context {
	sc, _ := tenants.ScopeFrom(ctx)
	sc.Clinic, sc.Actor = clinic, tenants.Actor{Kind: access.DisplayActor, ID: id, Role: access.Display}
	return tenants.WithScope(ctx, sc)
}

func notFound() error {
	return apperr.New(apperr.NotFound, "error.not_found", "This record was not found")
}

// Wall is what a waiting-room display shows: tokens, never a name.
type Wall struct {
	Now    time.Time
	Notice string
	Chime  bool
	Cards  []WallCard
}

// WallCard is one line of the display.
type WallCard struct {
	Line     Line
	Token    string // called or inside, empty if none was called
	CalledAt time.Time
	Calls    int
	Fresh    bool // called within freshFor
	Next     []string
}

const (
	freshFor  = 20 * time.Second
	wallCards = 4
	wallNext  = 3
)

// Wall gives what the display of this key shows now.
//
// Errors: NotFound, for a wrong, revoked or switched-off key alike.
func (s *Service) Wall(ctx context.Context, clinic *tenants.Clinic, text string) (Wall, error) {
	id, mac, ok := keys.ReadLink(text)
	if !ok || clinic == nil {
		return Wall{}, notFound()
	}
	ctx = public(ctx, clinic, id)
	var out Wall
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		d, err := tx.Q().GetDisplay(ctx, id)
		if err != nil {
			return err
		}
		if !d.Active || !s.links.Right(displayLink, tx.Clinic.ID, id, d.Generation, mac) {
			return notFound()
		}
		var (
			set    tenantdb.GetDisplaySettingsRow
			lines  []tenantdb.ListDisplayLinesRow
			tokens []tenantdb.ListDisplayTokensRow
		)
		if err := tx.Together(ctx, func(q *tenantdb.Queries) (err error) {
			set, err = q.GetDisplaySettings(ctx)
			return err
		}, func(q *tenantdb.Queries) (err error) {
			lines, err = q.ListDisplayLines(ctx)
			return err
		}, func(q *tenantdb.Queries) (err error) {
			tokens, err = q.ListDisplayTokens(ctx)
			return err
		}); err != nil {
			return err
		}
		out = Wall{Now: tx.Now, Notice: set.DisplayNotice, Chime: set.DisplayChime, Cards: cards(d.Lines, lines, tokens, tx.Now)}
		return nil
	})
	return out, tenants.Refused(err)
}

// cards makes a card of each wanted line. Without a wish they are the lines
// with patients, and of more than fit the ones that moved last.
func cards(wanted []uuid.UUID, lines []tenantdb.ListDisplayLinesRow, tokens []tenantdb.ListDisplayTokensRow, now time.Time) []WallCard {
	var out []WallCard
	for _, l := range lines {
		if len(wanted) > 0 && !slices.Contains(wanted, l.ID) {
			continue
		}
		c := WallCard{Line: Line{ID: l.ID, Department: l.Kind == "department", Name: l.Name, Local: l.LocalName, Room: l.Room, Availability: l.Availability}}
		for _, t := range tokens {
			if t.LineID.UUID != l.ID {
				continue
			}
			switch called := at(t.CalledAt); {
			case State(t.State) == Waiting:
				if len(c.Next) < wallNext {
					c.Next = append(c.Next, t.Label)
				}
			case c.Token == "" || called.After(c.CalledAt):
				c.Token, c.CalledAt, c.Calls = t.Label, called, int(t.CallCount)
				c.Fresh = State(t.State) == Called && now.Sub(called) < freshFor
			}
		}
		if len(wanted) > 0 || c.Token != "" || len(c.Next) > 0 {
			out = append(out, c)
		}
	}
	if len(out) > wallCards {
		last := slices.Clone(out)
		slices.SortStableFunc(last, func(a, b WallCard) int { return b.CalledAt.Compare(a.CalledAt) })
		keep := map[uuid.UUID]bool{}
		for _, c := range last[:wallCards] {
			keep[c.Line.ID] = true
		}
		out = slices.DeleteFunc(out, func(c WallCard) bool { return !keep[c.Line.ID] })
	}
	return out
}

// Place is what a patient's own link shows.
type Place struct {
	Token string
	State State
	Line  Line
	Ahead int
	Wait  time.Duration
	Now   time.Time
	Over  bool // the link's day is over, or the visit is
}

// Place gives the place in the queue for the key on a slip. It works on the
// visit's day only.
//
// Errors: NotFound.
func (s *Service) Place(ctx context.Context, clinic *tenants.Clinic, text string) (Place, error) {
	id, mac, ok := keys.ReadLink(text)
	if !ok || clinic == nil || !s.links.Right(placeLink, clinic.ID, id, 0, mac) {
		return Place{}, notFound()
	}
	ctx = public(ctx, clinic, id)
	var out Place
	err := tenants.Read(ctx, s.db, func(ctx context.Context, tx *tenants.Tx) error {
		v, err := tx.Q().GetDisplayVisit(ctx, id)
		if err != nil {
			return err
		}
		var (
			set    tenantdb.GetDisplaySettingsRow
			lines  []tenantdb.ListDisplayLinesRow
			tokens []tenantdb.ListDisplayTokensRow
			calls  []time.Time
		)
		if err := tx.Together(ctx, func(q *tenantdb.Queries) (err error) {
			set, err = q.GetDisplaySettings(ctx)
			return err
		}, func(q *tenantdb.Queries) (err error) {
			lines, err = q.ListDisplayLines(ctx)
			return err
		}, func(q *tenantdb.Queries) (err error) {
			tokens, err = q.ListDisplayTokens(ctx)
			return err
		}, func(q *tenantdb.Queries) (err error) {
			calls, err = q.ListCalledTimes(ctx, v.LineID)
			return err
		}); err != nil {
			return err
		}
		out = Place{Token: v.Label, State: State(v.State), Now: tx.Now, Over: !State(v.State).Open()}
		for _, l := range lines {
			if l.ID == v.LineID.UUID {
				out.Line = Line{ID: l.ID, Department: l.Kind == "department", Name: l.Name, Local: l.LocalName, Room: l.Room}
			}
		}
		if out.State == Waiting {
			out.Ahead = aheadOf(tokens, v.LineID, id)
			out.Wait = time.Duration(out.Ahead) * callPace(calls, time.Duration(set.ConsultationMinutes)*time.Minute)
		}
		return nil
	})
	return out, tenants.Refused(err)
}

func aheadOf(tokens []tenantdb.ListDisplayTokensRow, line uuid.NullUUID, id uuid.UUID) int {
	var queue []tenantdb.ListOpenVisitsByLineRow
	for _, t := range tokens {
		if t.LineID == line {
			queue = append(queue, tenantdb.ListOpenVisitsByLineRow{ID: t.ID, State: t.State, Priority: t.Priority, ArrivedAt: t.ArrivedAt})
		}
	}
	return ahead(queue, id)
}

// callPace is the usual time between today's calls, their median: a display may
// not know when a consultation ended. Too few calls leave the clinic's setting.
func callPace(calls []time.Time, usual time.Duration) time.Duration {
	var gaps []time.Duration
	for i := 1; i < len(calls); i++ {
		gaps = append(gaps, calls[i].Sub(calls[i-1]))
	}
	if len(gaps) < paceEnough {
		return usual
	}
	slices.SortFunc(gaps, cmp.Compare[time.Duration])
	return clamp(gaps[len(gaps)/2])
}
