package prescription

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/cloister-health/cloister/internal/patient"
)

// group is a class of medicines in which an allergy against one speaks against
// all. Words are how the class and its medicines are named in a record.
type group struct {
	key   string
	words []string
}

// groups are facts of pharmacology, not of a clinic: the list's own class and
// these words together decide.
var groups = []group{
	{"penicillin", []string{"penicillin", "amoxicillin", "amoxycillin", "ampicillin", "cloxacillin", "dicloxacillin", "flucloxacillin", "piperacillin", "amoxiclav", "amoxyclav", "co amoxiclav", "augmentin"}},
	{"cephalosporin", []string{"cephalosporin", "cefixime", "ceftriaxone", "cefuroxime", "cephalexin", "cefalexin", "cefpodoxime", "cefadroxil", "cefotaxime", "cefepime", "cefaclor"}},
	{"sulfonamide", []string{"sulfa", "sulpha", "sulfonamide", "sulphonamide", "sulfamethoxazole", "sulphamethoxazole", "cotrimoxazole", "co trimoxazole", "sulfadiazine", "sulfasalazine", "septran", "bactrim"}},
	{"nsaid", []string{"nsaid", "aspirin", "ibuprofen", "diclofenac", "aceclofenac", "naproxen", "mefenamic", "etoricoxib", "ketorolac", "piroxicam", "indomethacin", "nimesulide", "painkiller", "pain killer", "brufen"}},
	{"macrolide", []string{"macrolide", "azithromycin", "clarithromycin", "erythromycin", "roxithromycin"}},
	{"quinolone", []string{"quinolone", "fluoroquinolone", "ciprofloxacin", "levofloxacin", "moxifloxacin", "norfloxacin", "ofloxacin", "gatifloxacin"}},
	{"opioid", []string{"opioid", "opiate", "tramadol", "codeine", "morphine", "fentanyl", "tapentadol", "pethidine"}},
	{"tetracycline", []string{"tetracycline", "doxycycline", "minocycline"}},
	{"nitroimidazole", []string{"nitroimidazole", "metronidazole", "tinidazole", "ornidazole", "secnidazole"}},
	{"azole", []string{"azole", "azoles", "fluconazole", "itraconazole", "clotrimazole", "ketoconazole", "luliconazole", "voriconazole"}},
	{"ace_inhibitor", []string{"ace inhibitor", "enalapril", "ramipril", "lisinopril", "perindopril", "captopril"}},
}

// salts follow a medicine's name and say nothing of an allergy.
var salts = []string{"sodium", "maleate", "succinate", "axetil", "valerate", "hydrochloride", "sulfate", "sulphate", "carbonate", "hydrobromide", "acid"}

// wordsOf are the words of a text in small letters, without signs, however wide
// they are written and whatever stands unseen in them.
func wordsOf(text string) []string {
	return strings.FieldsFunc(strings.ToLower(norm.NFKC.String(patient.Visible(text))), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
}

// names tells whether the words say the name, which may be several words; a
// long one may be misspelt by a letter or stand in the plural.
func names(words []string, name string) bool {
	want := wordsOf(name)
	for i := range words {
		if i+len(want) > len(words) {
			return false
		}
		ok := len(want) > 0
		for k, w := range want {
			ok = ok && (words[i+k] == w || words[i+k] == w+"s" || (len(w) >= 7 && oneOff(words[i+k], w)))
		}
		if ok {
			return true
		}
	}
	return false
}

// oneOff tells whether two words part by one letter: another, one more, one
// less.
func oneOff(a, b string) bool {
	x, y := []rune(a), []rune(b)
	if len(x) > len(y) {
		x, y = y, x
	}
	if len(y)-len(x) > 1 {
		return false
	}
	i := 0
	for i < len(x) && x[i] == y[i] {
		i++
	}
	if len(x) == len(y) {
		return i < len(x) && slices.Equal(x[i+1:], y[i+1:])
	}
	return slices.Equal(x[i:], y[i+1:])
}

// ingredients are the parts of a generic name in small letters: "Telmisartan +
// Amlodipine" has two.
func ingredients(generic string) []string {
	var out []string
	for _, part := range strings.FieldsFunc(generic, func(r rune) bool { return r == '+' || r == '/' }) {
		w := wordsOf(part)
		for len(w) > 1 && slices.Contains(salts, w[len(w)-1]) {
			w = w[:len(w)-1]
		}
		if len(w) > 0 {
			out = append(out, strings.Join(w, " "))
		}
	}
	return out
}

// clash says against what of a patient's allergies a medicine speaks: by its
// own name, an ingredient's, or its class. Empty if against none.
func clash(allergies, name, generic, class string) string {
	told := wordsOf(allergies)
	if len(told) == 0 {
		return ""
	}
	for _, in := range append(ingredients(generic), ingredients(name)...) {
		if names(told, in) {
			return in
		}
	}
	own := wordsOf(name + " " + generic)
	for _, g := range groups {
		if g.key != class && !slices.ContainsFunc(g.words, func(w string) bool { return names(own, w) }) {
			continue
		}
		for _, w := range g.words {
			if names(told, w) {
				return w
			}
		}
	}
	return ""
}
