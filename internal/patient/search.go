package patient

import (
	"slices"
	"sort"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/cloister-health/cloister/internal/phi"
)

// foldMark begins every folded word of a search key. No name written in Latin
// begins so, hence folded and plain words can stand in one index and are never
// taken for each other.
const foldMark = "zx"

// SearchKey is what search compares: the folded words of first and last name in
// the order of the alphabet, the folded words of the name in the local script
// that are new, then the same words as they are spelt in Latin. All lower-case,
// one space between words, no word twice.
//
// It begins with NameKey, so that a record of the same name, however spelt and
// in whatever order, is found by its beginning.
func SearchKey(first, last, local string) phi.Text {
	own, other := nameWords(first+" "+last), nameWords(local)
	var key []string
	add := func(words []string) {
		for _, w := range words {
			if !slices.Contains(key, w) {
				key = append(key, w)
			}
		}
	}
	add(foldedWords(own))
	add(foldedWords(other))
	add(own)
	add(other)
	return phi.Text(strings.Join(key, " "))
}

// NameKey is the beginning that the search keys of everybody of this name have:
// its folded words, each followed by a space. It is empty for a name without
// any letter.
func NameKey(first, last string) string {
	words := foldedWords(nameWords(first + " " + last))
	if len(words) == 0 {
		return ""
	}
	return strings.Join(words, " ") + " "
}

func foldedWords(words []string) []string {
	out := make([]string, 0, len(words))
	for _, w := range words {
		out = append(out, foldMark+fold(w))
	}
	sort.Strings(out)
	return slices.Compact(out)
}

// nameWords are the words of a name in lower-case Latin letters and digits:
// accents are dropped, Devanagari is transliterated, other scripts are left as
// they are. An apostrophe is no end of a word (D'Souza), a hyphen is.
func nameWords(text string) []string {
	var (
		words  []string
		word   strings.Builder
		script []rune // of Devanagari, not yet transliterated
	)
	flush := func() {
		if len(script) > 0 {
			word.WriteString(latinOf(script))
			script = script[:0]
		}
	}
	end := func() {
		flush()
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	for _, r := range norm.NFC.String(asciiDigits(text)) {
		switch {
		case isDevanagari(r):
			script = append(script, r)
		case r == 0x200c || r == 0x200d || r == '\'' || r == '’' || r == '‘' || r == '`' || r == 'ʼ':
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			flush()
			word.WriteString(plainLetter(r))
		case unicode.IsMark(r):
		default:
			end()
		}
	}
	end()
	return words
}

// plainLetter is a letter in lower case without its accents.
func plainLetter(r rune) string {
	if r < 0x80 {
		return string(unicode.ToLower(r))
	}
	switch r {
	case 'ß':
		return "ss"
	case 'æ', 'Æ':
		return "ae"
	case 'ø', 'Ø':
		return "o"
	case 'ł', 'Ł':
		return "l"
	}
	var b strings.Builder
	for _, d := range norm.NFKD.String(string(r)) {
		if unicode.IsLetter(d) || unicode.IsDigit(d) {
			b.WriteRune(unicode.ToLower(d))
		}
	}
	return b.String()
}

// foldPairs are spellings of one sound, tried from the first letter on.
var foldPairs = strings.NewReplacer(
	"dny", "gi", "jny", "gi", "jn", "gi", "gy", "gi",
	"ksh", "ks", "x", "ks", "chh", "c", "ch", "c", "ck", "k", "c", "k", "q", "k",
	"ph", "f", "w", "v", "z", "j", "y", "i",
)

// foldVowels follow when consonants are settled.
var foldVowels = strings.NewReplacer(
	"aai", "e", "aau", "o", "ai", "e", "ei", "e", "ae", "e", "au", "o", "ou", "o", "ao", "o", "eo", "eu",
	"ee", "i", "ii", "i", "oo", "u", "uu", "u", "aa", "a",
)

// softV writes a v that no vowel follows as the u it is often spelt for, so that
// Rav is Rao, Dev is Deo and Chowdhary is Choudhary.
func softV(s string) string {
	if !strings.ContainsRune(s, 'v') {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if c == 'v' && i > 0 && (i == len(b)-1 || strings.IndexByte("aeiou", b[i+1]) < 0) {
			b[i] = 'u'
		}
	}
	return string(b)
}

// fold brings the usual spellings of one name together: Deepak and Dipak,
// Sharma and Sarma, Chaudhari and Choudhary, Laxmi and Lakshmi, Gaikwad and
// गायकवाड. After the pairs above, an h behind a consonant goes, an a goes unless
// the word begins with it, and a doubled letter is one.
func fold(word string) string {
	s := foldVowels.Replace(softV(foldPairs.Replace(word)))
	out := make([]rune, 0, len(s))
	var before rune // of s, whatever became of it
	for _, r := range s {
		drop := (r == 'h' && before != 0 && !strings.ContainsRune("aeiou", before)) || (r == 'a' && before != 0)
		if !drop && (len(out) == 0 || out[len(out)-1] != r) {
			out = append(out, r)
		}
		before = r
	}
	if len(out) == 0 {
		return word
	}
	return string(out)
}
