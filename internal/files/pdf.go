package files

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"regexp"
	"strconv"
)

const (
	mostPages   = 200
	mostObjects = 200_000  // of one PDF
	mostUnfold  = 64 << 20 // bytes that its object streams may unfold to, together
	footSpan    = 2048     // bytes before the end in which the end mark stands
)

// What a PDF may not say, as names anywhere in it: actions that run a program
// or a script, send or fetch something, and files inside the file.
var activeNames = map[string]bool{
	"JavaScript": true, "JS": true, "Launch": true, "EmbeddedFile": true, "EmbeddedFiles": true, "RichMedia": true, "SubmitForm": true,
	"ImportData": true, "GoToE": true, "GoToR": true, "XFA": true,
}

// longNames are looked for in the raw bytes, too, where a reader that repairs a
// file might find an object that we don't take for one. Shorter ones would be
// met by chance in compressed data; none of their actions works without a long one.
const longName = 5

var (
	pdfHead   = regexp.MustCompile(`^%PDF-[12]\.[0-9][\r\n \t]`)
	objectAt  = regexp.MustCompile(`[0-9]{1,10}[\x00\t\n\f\r ]+[0-9]{1,5}[\x00\t\n\f\r ]+obj`)
	trailerAt = regexp.MustCompile(`trailer[\x00\t\n\f\r ]*<<`)
	endStream = []byte("endstream")
)

// pdf is what was found in a file.
type pdf struct {
	objects  map[int]any // the last of each number counts, as readers have it
	root     any
	packed   int // object streams that were unfolded
	unfolded int // bytes
	work     int // bytes that may still be read as values
}

var (
	errActive = errors.New("active content")
	errLocked = errors.New("encrypted")
)

// checkPDF counts the pages and refuses what a record of a clinic has no use
// for. It does not trust the file's own index: every object that stands
// anywhere in the file is looked at, those of object streams included.
//
// Errors: Invalid.
func checkPDF(b []byte) (pages int, err error) {
	if !pdfHead.Match(b) {
		return 0, broken(errors.New("no head"))
	}
	foot := b[max(0, len(b)-footSpan):]
	end := bytes.LastIndex(foot, []byte("%%EOF"))
	if end < 0 || !blank(foot[end+len("%%EOF"):]) {
		return 0, broken(errors.New("no end, or something behind it"))
	}
	// A whole file is read once; objects made to be read again and again, one
	// within the other, would else keep a processor busy for hours.
	p := &pdf{objects: map[int]any{}, work: 2*len(b) + 2*mostUnfold}
	switch err := p.read(b); {
	case errors.Is(err, errLocked):
		return 0, refuse("error.file.encrypted", "The PDF is locked with a password; save it without one", nil)
	case errors.Is(err, errActive):
		return 0, refuse("error.file.active", "The PDF holds scripts, actions or other files; print it to a new PDF", nil)
	case err != nil:
		return 0, broken(err)
	}
	root, ok := p.resolve(p.root).(dict)
	if !ok {
		return 0, broken(errors.New("no catalog"))
	}
	pages = p.count(root["Pages"], map[int]bool{}, 0)
	switch {
	case pages < 1:
		return 0, broken(errors.New("no page"))
	case pages > mostPages:
		return 0, refuse("error.file.pages", "The PDF has more than 200 pages; split it", nil)
	}
	return pages, nil
}

func (p *pdf) read(b []byte) error {
	packed, err := rawNames(b)
	if err != nil {
		return err
	}
	found := objectAt.FindAllIndex(b, mostObjects+1)
	if len(found) > mostObjects {
		return errors.New("too many objects")
	}
	for _, at := range found {
		if err := p.object(b, at[0], at[1]); err != nil {
			return err
		}
	}
	for _, at := range trailerAt.FindAllIndex(b, -1) {
		v, err := p.value(&lexer{b: b, at: at[1] - 2})
		if err != nil {
			return err
		}
		if d, ok := v.(dict); ok && d["Root"] != nil {
			p.root = d["Root"]
		}
	}
	// A stream's dictionary can't be packed itself, so each is visible as it
	// stands: one that was not unfolded hides something.
	if p.packed < packed {
		return errors.New("an object stream that belongs to no object")
	}
	return nil
}

// object reads the object whose head stands from at to body.
func (p *pdf) object(b []byte, at, body int) error {
	number, err := strconv.Atoi(string(bytes.TrimRight(bytes.FieldsFunc(b[at:body], white)[0], " ")))
	if err != nil {
		return err
	}
	x := &lexer{b: b, at: body}
	v, err := p.value(x)
	if err != nil {
		return err
	}
	p.objects[number] = v
	d, ok := v.(dict)
	if !ok || !x.word("stream") {
		return nil
	}
	switch d["Type"] {
	case pdfName("XRef"):
		if d["Root"] != nil {
			p.root = d["Root"]
		}
	case pdfName("ObjStm"):
		p.packed++
		return p.unfold(d, x.afterLine())
	}
	return nil
}

// value reads a value and looks at it.
func (p *pdf) value(x *lexer) (any, error) {
	from := x.at
	v, err := x.value(0)
	if p.work -= x.at - from; p.work < 0 {
		return nil, errors.New("objects within objects")
	}
	if err != nil {
		return nil, err
	}
	return v, p.look(v)
}

// unfold reads the objects of an object stream.
func (p *pdf) unfold(d dict, rest []byte) error {
	content, err := p.inflate(d, rest)
	if err != nil {
		return err
	}
	n, ok := d["N"].(int)
	first, ok2 := d["First"].(int)
	if !ok || !ok2 || n < 0 || n > mostObjects || first < 0 || first > len(content) {
		return errors.New("an object stream without its measures")
	}
	if _, err := rawNames(content); err != nil {
		return err
	}
	head := &lexer{b: content[:first]}
	for range n {
		number, err := head.value(0)
		if err != nil {
			return err
		}
		offset, err := head.value(0)
		if err != nil {
			return err
		}
		num, ok := number.(int)
		at, ok2 := offset.(int)
		if !ok || !ok2 || at < 0 || at > len(content)-first || len(p.objects) > mostObjects {
			return errors.New("an object stream with a wrong table")
		}
		if p.objects[num], err = p.value(&lexer{b: content, at: first + at}); err != nil {
			return err
		}
	}
	return nil
}

func (p *pdf) inflate(d dict, rest []byte) ([]byte, error) {
	filter := d["Filter"]
	if a, ok := filter.([]any); ok && len(a) == 1 {
		filter = a[0]
	}
	switch filter {
	case nil:
		end := bytes.Index(rest, endStream)
		if end < 0 {
			return nil, errors.New("a stream without end")
		}
		return rest[:end], p.unfolding(end)
	case pdfName("FlateDecode"), pdfName("Fl"):
	default:
		return nil, errors.New("an object stream of an unusual kind")
	}
	if parms, ok := d["DecodeParms"].(dict); ok && parms["Predictor"] != nil && parms["Predictor"] != 1 {
		return nil, errors.New("an object stream of an unusual kind")
	}
	z, err := zlib.NewReader(bytes.NewReader(rest))
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(z, int64(mostUnfold-p.unfolded)+1))
	if err != nil && len(content) == 0 {
		return nil, err
	}
	return content, errors.Join(err, p.unfolding(len(content)))
}

// unfolding counts what object streams unfold to.
func (p *pdf) unfolding(n int) error {
	if p.unfolded += n; p.unfolded > mostUnfold {
		return errors.New("object streams that unfold to too much")
	}
	return nil
}

// look refuses a value that holds what may not be in the file.
func (p *pdf) look(v any) error {
	switch v := v.(type) {
	case pdfName:
		return forbidden(string(v))
	case []any:
		for _, x := range v {
			if err := p.look(x); err != nil {
				return err
			}
		}
	case dict:
		for k, x := range v {
			if err := forbidden(string(k)); err != nil {
				return err
			}
			if err := p.look(x); err != nil {
				return err
			}
		}
	}
	return nil
}

func forbidden(name string) error {
	if activeNames[name] {
		return errActive
	}
	if name == "Encrypt" {
		return errLocked
	}
	return nil
}

// rawNames looks at every name in bytes, whatever stands around it, and counts
// the object streams.
func rawNames(b []byte) (packed int, err error) {
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], '/')
		if i < 0 {
			return packed, nil
		}
		at += i + 1
		end := at
		for end < len(b) && end-at < 64 && !delimiter(b[end]) {
			end++
		}
		n := plainName(b[at:end])
		if len(n) > longName {
			if err := forbidden(n); err != nil {
				return 0, err
			}
		}
		if n == "ObjStm" {
			packed++
		}
	}
}

// resolve follows references to what they stand for.
func (p *pdf) resolve(v any) any {
	for range 32 {
		r, ok := v.(ref)
		if !ok {
			return v
		}
		v = p.objects[int(r)]
	}
	return nil
}

// count gives the pages below a node, and stops a little above the most.
func (p *pdf) count(v any, seen map[int]bool, depth int) int {
	if r, ok := v.(ref); ok {
		if seen[int(r)] {
			return 0 // a tree has no circle
		}
		seen[int(r)] = true
	}
	d, ok := p.resolve(v).(dict)
	if !ok || depth > 64 {
		return 0
	}
	kids, ok := p.resolve(d["Kids"]).([]any)
	if !ok {
		if d["Type"] == pdfName("Pages") {
			return 0
		}
		return 1
	}
	n := 0
	for _, k := range kids {
		if n += p.count(k, seen, depth+1); n > mostPages {
			break
		}
	}
	return n
}
