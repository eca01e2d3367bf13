package patient

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// CleanName makes one space of every run of white space and takes it off both
// ends. Letters stay as they are, in any script; nothing is cut.
func CleanName(text string) string {
	return strings.Join(strings.FieldsFunc(without(text, func(r rune) bool { return hidden(r) && !isSpace(r) }), isSpace), " ")
}

// Visible takes out what nobody sees and what turns the reading of the rest
// around: format and control characters, which text copied from a chat or a PDF
// brings along. With one in it a medicine is not what it looks like, neither to
// who reads it nor to what looks it up. Line ends, tabs and the joiners
// stay, and so does a zero, which is refused.
func Visible(text string) string {
	return without(text, func(r rune) bool { return hidden(r) && r != '\n' && r != '\r' && r != '\t' })
}

// without leaves what is no text as it is: that is refused, too.
func without(text string, out func(rune) bool) string {
	if !utf8.ValidString(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if out(r) {
			return -1
		}
		return r
	}, text)
}

func hidden(r rune) bool {
	return r != 0 && unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != 0x200c && r != 0x200d
}

// SplitName parts a whole name: its last word is the last name and the others
// the first name; a single word is a first name.
func SplitName(full string) (first, last string) {
	full = CleanName(full)
	if cut := strings.LastIndexByte(full, ' '); cut >= 0 {
		return full[:cut], full[cut+1:]
	}
	return full, ""
}

// isSpace tells white space as people meet it: Unicode's, the four separators
// of ASCII, and the zero-width characters that pasted text brings along. The
// joiners U+200C and U+200D are not among them: Devanagari needs them.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || (r >= 0x1c && r <= 0x1f) || r == 0x200b || r == 0xfeff
}
