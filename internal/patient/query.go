package patient

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Search is a search text, read: a patient's number, digits of a phone, a
// token of today, or words of a name. What is too short to search is the zero
// value.
type Search struct {
	Code   string // beginning of a patient number, or a whole one from elsewhere
	Digits string // of a phone, four or more
	Token  string // "A-015"
	Words  string // plain words, for platform.search_patients
	Folds  string // the same words folded
}

// Empty reports that there is nothing to look for.
func (s Search) Empty() bool { return s == Search{} }

const (
	longestSearch = 200 // bytes read of a search text
	mostWords     = 6   // words of a name that count
	leastLetters  = 2   // letters below which a name isn't searched
	leastDigits   = 4   // digits below which a phone isn't searched
)

// ParseSearch reads what somebody typed into the search field. It never fails:
// text that means nothing finds nothing.
func ParseSearch(text string) Search {
	if len(text) > longestSearch {
		text = strings.ToValidUTF8(text[:longestSearch], "")
	}
	text = CleanName(asciiDigits(text))
	if s, ok := searchNumber(text); ok {
		return s
	}
	words := nameWords(text)
	if len(words) > mostWords {
		words = words[:mostWords]
	}
	words = slices.DeleteFunc(words, func(w string) bool { return strings.ContainsRune(w, 0) })
	letters := 0
	for _, w := range words {
		letters += len([]rune(w))
	}
	if letters < leastLetters {
		return Search{}
	}
	folds := make([]string, len(words))
	for i, w := range words {
		folds[i] = foldMark + fold(w)
	}
	return Search{Words: strings.Join(words, " "), Folds: strings.Join(folds, " ")}
}

// searchNumber reads text that holds digits: a phone, a patient number or a token.
func searchNumber(text string) (Search, bool) {
	if !strings.ContainsFunc(text, unicode.IsDigit) {
		return Search{}, false
	}
	if !strings.ContainsFunc(text, notInPhone) {
		digits := strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, text)
		// A number typed with its code, or with the zero before it.
		if len(digits) > 10 {
			digits = strings.TrimPrefix(strings.TrimPrefix(digits, "0"), "91")
		}
		if len(digits) < leastDigits || len(digits) > 15 {
			return Search{}, true
		}
		return Search{Digits: digits, Code: yearNumber(text)}, true
	}
	code := strings.ToUpper(strings.ReplaceAll(text, " ", ""))
	if !isCode(code) {
		return Search{}, false
	}
	if prefix, number, ok := strings.Cut(code, "-"); ok && len(prefix) <= 3 && prefix != "PT" && number != "" && len(number) <= 4 {
		return Search{Token: prefix + "-" + strings.Repeat("0", max(0, 3-len(number))) + number}, true
	}
	if m := loosePatientNumber.FindStringSubmatch(code); m != nil {
		code = "PT-" + m[1]
		if m[2] != "" {
			code += "-" + m[2]
		}
	}
	return Search{Code: code}, true
}

// loosePatientNumber is a patient number, or its beginning, without all of its hyphens.
var loosePatientNumber = regexp.MustCompile(`^PT-?([0-9]{4})-?([0-9]*)$`)

// yearNumber is the patient number in "2026-00418", which lacks its letters.
func yearNumber(text string) string {
	if year, rest, ok := strings.Cut(text, "-"); ok && len(year) == 4 && len(rest) <= 6 && !strings.Contains(rest, "-") {
		return "PT-" + text
	}
	return ""
}

// isCode tells letters, digits and hyphens, with a digit and short.
func isCode(s string) bool {
	return len(s) <= 40 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	})
}
