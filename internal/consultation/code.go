package consultation

import (
	"regexp"
	"strings"

	"github.com/cloister-health/cloister/db/tenantdb"
)

// longestQuery bounds what the search looks at; no title is longer.
const longestQuery, mostWords = 120, 8

var codeBegins = regexp.MustCompile(`^[A-Za-z][0-9][0-9A-Za-z]?(\.?[0-9A-Za-z]{0,4})$`)

// CodeQuery is what somebody typed to find a diagnosis.
type CodeQuery struct {
	Letters string   // the beginning of a code, without its dot
	Words   []string // plain small letters and digits
	Others  []string // the same words as America spells them
}

// Empty reports that there is nothing to look for.
func (q CodeQuery) Empty() bool { return q.Letters == "" && len(q.Words) == 0 }

// ParseCode reads what was typed: a code, or words of a title.
func ParseCode(text string) CodeQuery {
	var q CodeQuery
	if len(text) > longestQuery {
		text = text[:longestQuery]
	}
	text = strings.TrimSpace(text)
	if codeBegins.MatchString(text) {
		q.Letters = strings.ToUpper(strings.ReplaceAll(text, ".", ""))
	}
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
		if len(q.Words) == mostWords {
			break
		}
		q.Words = append(q.Words, w)
		q.Others = append(q.Others, american(w))
	}
	return q
}

// american spells a word as the list does, which is American: anaemia, oedema,
// tumour. Short words stay: a toe is no "te".
func american(w string) string {
	if len(w) < 5 {
		return w
	}
	return strings.NewReplacer("ae", "e", "oe", "e", "our", "or").Replace(w)
}

// matches reports whether a title or code is what the query means: every word
// begins one of its words.
func (q CodeQuery) matches(code, title string) bool {
	if q.Letters != "" && strings.HasPrefix(strings.ReplaceAll(code, ".", ""), q.Letters) {
		return true
	}
	title = " " + strings.ToLower(strings.NewReplacer("(", " ", "[", " ", "-", " ", "/", " ").Replace(title))
	for i, w := range q.Words {
		if !strings.Contains(title, " "+w) && !strings.Contains(title, " "+q.Others[i]) {
			return false
		}
	}
	return len(q.Words) > 0
}

func (q CodeQuery) args(most int) tenantdb.SearchCodesParams {
	return tenantdb.SearchCodesParams{Letters: q.Letters, Words: strings.Join(q.Words, " "), Others: strings.Join(q.Others, " "), AtMost: int32(min(max(most, 1), 50))}
}
