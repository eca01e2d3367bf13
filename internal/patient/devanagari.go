package patient

import "strings"

// The letters of Devanagari as Hindi and Marathi names are written in Latin:
// by habit ("sh" for both sibilants, no length of vowels), not by a scholarly
// scheme, since what is compared is how a desk spells a name.
var (
	devanagariVowels = map[rune]string{
		'अ': "a", 'आ': "a", 'इ': "i", 'ई': "i", 'उ': "u", 'ऊ': "u", 'ऋ': "ri", 'ऌ': "li", 'ए': "e", 'ऐ': "ai", 'ओ': "o", 'औ': "au",
		'ऑ': "o", 'ऍ': "e", 'ॲ': "a", 'ऎ': "e", 'ऒ': "o",
	}
	devanagariSigns = map[rune]string{
		'ा': "a", 'ि': "i", 'ी': "i", 'ु': "u", 'ू': "u", 'ृ': "ri", 'ॄ': "ri", 'े': "e", 'ै': "ai", 'ो': "o", 'ौ': "au",
		'ॉ': "o", 'ॅ': "e", 'ॆ': "e", 'ॊ': "o",
	}
	devanagariConsonants = map[rune]string{
		'क': "k", 'ख': "kh", 'ग': "g", 'घ': "gh", 'ङ': "n", 'च': "ch", 'छ': "chh", 'ज': "j", 'झ': "jh", 'ञ': "n",
		'ट': "t", 'ठ': "th", 'ड': "d", 'ढ': "dh", 'ण': "n", 'त': "t", 'थ': "th", 'द': "d", 'ध': "dh", 'न': "n",
		'प': "p", 'फ': "ph", 'ब': "b", 'भ': "bh", 'म': "m", 'य': "y", 'र': "r", 'ल': "l", 'व': "v", 'श': "sh", 'ष': "sh", 'स': "s",
		'ह': "h", 'ळ': "l", 'ऩ': "n", 'ऱ': "r", 'ऴ': "l",
	}
	devanagariNukta = map[rune]string{'क': "q", 'ज': "z", 'फ': "f", 'ड': "d", 'ढ': "dh", 'ख': "kh", 'ग': "g", 'य': "y"}
)

const (
	virama      = '्'
	nukta       = '़'
	anusvara    = 'ं'
	chandrabind = 'ँ'
	visarga     = 'ः'
)

// isDevanagari tells a letter or sign of the script, its digits not among them.
func isDevanagari(r rune) bool {
	return r >= 0x0900 && r <= 0x097f && (r < '०' || r > '९') && r != '।' && r != '॥' && r != '॰'
}

// akshara is one written syllable: consonants that stand together and a vowel.
type akshara struct {
	onset    string // Latin, empty for a vowel alone
	joined   bool   // more than one consonant
	vowel    string
	inherent bool   // the vowel is the unwritten a
	coda     string // a nasal written over the syllable
}

// latinOf transliterates one word of Devanagari. The inherent a is dropped
// where Hindi and Marathi don't speak it: at the end of a word after a single
// consonant, and in the middle between a spoken vowel and a single consonant
// with a vowel of its own (Ohala's rule, from right to left).
func latinOf(word []rune) string {
	s := aksharas(word)
	for i := len(s) - 1; i >= 0; i-- {
		a := &s[i]
		if !a.inherent || a.coda != "" || i == 0 || a.joined {
			continue
		}
		last := i == len(s)-1
		before := s[i-1].vowel != ""
		if last || (before && s[i-1].coda == "" && !s[i+1].joined && s[i+1].onset != "" && s[i+1].vowel != "") {
			a.vowel = ""
		}
	}
	var b strings.Builder
	for i, a := range s {
		b.WriteString(a.onset)
		b.WriteString(a.vowel)
		b.WriteString(nasal(a.coda, s[i+1:]))
	}
	return strings.ReplaceAll(b.String(), "jny", "dny")
}

// nasal spells the dot above a syllable as the sound that follows makes it.
func nasal(coda string, rest []akshara) string {
	if coda == "" || len(rest) == 0 || rest[0].onset == "" {
		return coda
	}
	switch rest[0].onset[0] {
	case 'p', 'b', 'm', 'f':
		return "m"
	case 'h': // सिंह is spelt Singh
		return "ng"
	}
	return coda
}

func aksharas(word []rune) []akshara {
	var s []akshara
	open := false // the last syllable waits for its vowel: it ends in virama
	for i := 0; i < len(word); i++ {
		r := word[i]
		if latin, ok := devanagariConsonants[r]; ok {
			if i+1 < len(word) && word[i+1] == nukta {
				if n, ok := devanagariNukta[r]; ok {
					latin = n
				}
				i++
			}
			if r == 'ञ' && open && s[len(s)-1].onset == "j" {
				latin = "ny" // ज्ञ
			}
			if open {
				a := &s[len(s)-1]
				a.onset, a.joined, a.vowel, a.inherent = a.onset+latin, true, "a", true
			} else {
				s = append(s, akshara{onset: latin, vowel: "a", inherent: true})
			}
			open = false
			continue
		}
		if v, ok := devanagariVowels[r]; ok {
			s = append(s, akshara{vowel: v})
			open = false
			continue
		}
		if len(s) == 0 {
			continue
		}
		a := &s[len(s)-1]
		switch v, ok := devanagariSigns[r]; {
		case ok:
			a.vowel, a.inherent = v, false
		case r == virama:
			a.vowel, a.inherent, open = "", false, true
		case r == anusvara || r == chandrabind:
			a.coda = "n"
		case r == visarga:
			a.inherent = false
		}
	}
	return s
}
