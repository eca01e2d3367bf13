package files

import (
	"errors"
	"strconv"
)

// Values of a PDF: dict, []any, pdfName, ref, int, float64, text, keyword.
type (
	dict    map[pdfName]any
	pdfName string
	ref     int
	text    struct{} // what a string says is never of interest
	keyword string   // true, false, null
)

var errSyntax = errors.New("not the syntax of a PDF")

const (
	mostDepth = 100
	mostItems = 500_000 // of one array
)

// lexer reads values from bytes.
type lexer struct {
	b  []byte
	at int
}

func white(r rune) bool {
	return r == 0 || r == '\t' || r == '\n' || r == '\f' || r == '\r' || r == ' '
}

func delimiter(c byte) bool {
	switch c {
	case '(', ')', '<', '>', '[', ']', '{', '}', '/', '%':
		return true
	}
	return white(rune(c))
}

func (x *lexer) skip() {
	for x.at < len(x.b) {
		switch c := x.b[x.at]; {
		case white(rune(c)):
			x.at++
		case c == '%':
			for x.at < len(x.b) && x.b[x.at] != '\n' && x.b[x.at] != '\r' {
				x.at++
			}
		default:
			return
		}
	}
}

func (x *lexer) ahead(s string) bool {
	return len(x.b)-x.at >= len(s) && string(x.b[x.at:x.at+len(s)]) == s
}

// word takes a word that stands next.
func (x *lexer) word(s string) bool {
	x.skip()
	if x.ahead(s) {
		x.at += len(s)
		return true
	}
	return false
}

// afterLine is what follows the end of the line.
func (x *lexer) afterLine() []byte {
	rest := x.b[x.at:]
	if len(rest) > 0 && rest[0] == '\r' {
		rest = rest[1:]
	}
	if len(rest) > 0 && rest[0] == '\n' {
		rest = rest[1:]
	}
	return rest
}

func (x *lexer) value(depth int) (any, error) {
	x.skip()
	if depth > mostDepth || x.at >= len(x.b) {
		return nil, errSyntax
	}
	switch c := x.b[x.at]; {
	case c == '/':
		return x.name(), nil
	case x.ahead("<<"):
		return x.dict(depth)
	case c == '<':
		for x.at < len(x.b) && x.b[x.at] != '>' {
			x.at++
		}
		x.at++
		return text{}, nil
	case c == '(':
		return text{}, x.string()
	case c == '[':
		return x.array(depth)
	case c >= '0' && c <= '9', c == '+', c == '-', c == '.':
		return x.number()
	case delimiter(c):
		return nil, errSyntax
	}
	return keyword(x.token()), nil
}

func (x *lexer) token() string {
	from := x.at
	for x.at < len(x.b) && !delimiter(x.b[x.at]) {
		x.at++
	}
	return string(x.b[from:x.at])
}

func (x *lexer) name() pdfName {
	x.at++
	return pdfName(plainName([]byte(x.token())))
}

// plainName undoes #xx, by which any letter of a name may be written.
func plainName(b []byte) string {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '#' && i+2 < len(b) {
			if n, err := strconv.ParseUint(string(b[i+1:i+3]), 16, 8); err == nil {
				out = append(out, byte(n))
				i += 2
				continue
			}
		}
		out = append(out, b[i])
	}
	return string(out)
}

// number reads a number, or a reference where two whole ones and R follow.
func (x *lexer) number() (any, error) {
	t := x.token()
	n, err := strconv.Atoi(t)
	if err != nil {
		if f, err := strconv.ParseFloat(t, 64); err == nil {
			return f, nil
		}
		return float64(0), nil // readers take what they can't read for nought
	}
	from := x.at
	x.skip()
	if g, err := strconv.Atoi(x.token()); err == nil && g >= 0 && n >= 0 {
		x.skip()
		if x.token() == "R" {
			return ref(n), nil
		}
	}
	x.at = from
	return n, nil
}

func (x *lexer) string() error {
	open := 0
	for ; x.at < len(x.b); x.at++ {
		switch x.b[x.at] {
		case '\\':
			x.at++
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				x.at++
				return nil
			}
		}
	}
	return errSyntax
}

func (x *lexer) array(depth int) (any, error) {
	x.at++
	out := []any{}
	for {
		if x.word("]") {
			return out, nil
		}
		v, err := x.value(depth + 1)
		if err != nil || len(out) >= mostItems {
			return nil, errors.Join(errSyntax, err)
		}
		out = append(out, v)
	}
}

func (x *lexer) dict(depth int) (any, error) {
	x.at += 2
	out := dict{}
	for {
		if x.word(">>") {
			return out, nil
		}
		if x.skip(); !x.ahead("/") {
			return nil, errSyntax
		}
		k := x.name()
		v, err := x.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out[k] = v
	}
}
