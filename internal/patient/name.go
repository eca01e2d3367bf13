package patient

import (
	"strings"
	"unicode"
)

// CleanName makes one space of every run of white space and takes it off both
// ends. Letters stay as they are, in any script; nothing is cut.
func CleanName(text string) string {
	return strings.Join(strings.FieldsFunc(text, isSpace), " ")
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
