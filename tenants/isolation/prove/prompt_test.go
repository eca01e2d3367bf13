package prove

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// prompt runs the scripts of findings as psql does, as far as they go: \c, \gset,
// variables, and the lines of a COPY.
type prompt struct {
	t        *testing.T
	victim   *clinic
	logins   map[string]string // connection string by user
	sessions map[string]*session
}

// leak runs a script and says what it shows of the other clinic; nothing when
// the wall stands.
func (p *prompt) leak(script string) string {
	p.t.Helper()
	script, other, compared := strings.Cut(script, nobodys+"\n")
	vars := map[string]string{}
	hit := p.play(script, vars)
	if compared {
		miss := p.play("\\c - "+login+"\n"+other, vars)
		if h, m := p.plain(hit), p.plain(miss); h != m {
			return h + ", or " + m
		}
		return ""
	}
	last := hit[len(hit)-1]
	switch text := last.text(); {
	case strings.Contains(text, p.victim.mark), strings.Contains(text, p.victim.id.String()):
		return text
	case strings.Contains(script, ` from platform."`): // one's own rows stand there, too
		return ""
	case last.err != nil || strings.HasPrefix(last.tag, "SELECT 0") || strings.HasPrefix(last.tag, "FETCH 0") || strings.HasPrefix(last.tag, "COPY 0") || strings.HasSuffix(last.tag, " 0"):
		return ""
	default:
		return strings.TrimSpace(last.tag + " " + text)
	}
}

// plain is the last outcome without the values that were asked for.
func (p *prompt) plain(rs []result) string {
	return attempt{hide: []string{p.victim.only.String(), nobody.String(), hexOf(p.victim.mark), hexOf(nobodyMark), p.victim.mark, nobodyMark}}.plain(rs[len(rs)-1:], "")
}

// play gives the results of the statements under the last \c, without its rollback.
func (p *prompt) play(script string, vars map[string]string) []result {
	p.t.Helper()
	var s *session
	var all []result
	lines := strings.Split(script, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		for name, value := range vars {
			line = strings.ReplaceAll(line, ":'"+name+"'", quote(value))
		}
		if user, ok := strings.CutPrefix(line, "\\c - "); ok {
			s, all = p.session(user), nil
			continue
		}
		sql := strings.TrimSuffix(line, ";")
		_, variable, set := strings.Cut(line, " as sig")
		if set {
			sql = line[:strings.Index(line, " \\gset")]
			variable, _, _ = strings.Cut("sig"+variable, " ")
		}
		if sql == "" {
			continue
		}
		var rs []result
		var err error
		if strings.HasSuffix(sql, "from stdin") {
			end := i + 1 + slices.Index(lines[i+1:], "\\.")
			rs, err = s.take(p.t.Context(), sql, strings.Join(lines[i+1:end], "\n")+"\n")
			i = end
		} else {
			rs, err = s.send(p.t.Context(), sql)
		}
		switch {
		case err != nil:
			p.t.Fatalf("%s: %v", sql, err)
		case set:
			vars[variable] = rs[0].rows[0][0]
		case sql != "rollback":
			all = append(all, rs...)
		}
	}
	if len(all) == 0 {
		p.t.Fatalf("the script does nothing:\n%s", script)
	}
	return all
}

// take runs a COPY FROM with lines.
func (s *session) take(ctx context.Context, sql, lines string) ([]result, error) {
	tag, err := s.pg.CopyFrom(ctx, strings.NewReader(lines), sql)
	r := result{tag: tag.String(), n: tag.RowsAffected()}
	if err != nil && !errors.As(err, &r.err) {
		return nil, err
	}
	return []result{r}, nil
}

func (p *prompt) session(user string) *session {
	p.t.Helper()
	s := p.sessions[user]
	if s == nil {
		var err error
		if s, err = dial(p.t.Context(), p.logins[user], true); err != nil {
			p.t.Fatal(fmt.Errorf("%s: %w", user, err))
		}
		p.t.Cleanup(func() { s.close(context.Background()) })
		p.sessions[user] = s
	} else if _, err := s.send(p.t.Context(), "discard all"); err != nil {
		p.t.Fatal(err)
	}
	return s
}
