package patient

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// SearchKey makes the words by which a patient is found: those of all names
// (whole, local), in lower case, Latin letters without their marks, each word
// once, with a space around each. The words of a query are made the same way.
func SearchKey(names ...string) string {
	var words []string
	for _, name := range names {
		for _, w := range strings.FieldsFunc(fold(name), betweenWords) {
			if !slices.Contains(words, w) {
				words = append(words, w)
			}
		}
	}
	if len(words) == 0 {
		return ""
	}
	return " " + strings.Join(words, " ") + " "
}

// betweenWords tells what no word holds. Marks belong to a word: Devanagari
// vowels are marks.
func betweenWords(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r)
}

// fold lowers the case and takes marks off Latin letters only; on letters of
// another script a mark is a sound.
func fold(name string) string {
	var out strings.Builder
	latin := false
	for _, r := range norm.NFKD.String(name) {
		if unicode.IsMark(r) {
			if latin {
				continue
			}
		} else {
			latin = unicode.Is(unicode.Latin, r)
		}
		if r == 0x200c || r == 0x200d { // joiners change the shape, not the word
			continue
		}
		out.WriteRune(unicode.ToLower(r))
	}
	return norm.NFC.String(out.String())
}
