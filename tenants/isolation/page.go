package isolation

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"strings"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

// page is one file that can be mailed, kept and printed: no script, no
// address, and a policy that lets in nothing but the style by its digest.
var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"lower": strings.ToLower,
}).Parse(pageText))

type pageData struct {
	Report
	Style    template.CSS
	Policy   string
	Title    string
	Groups   []pageGroup
	WhenText string
	TookText string
	Figures  string
	Passed   []Rule
}

// pageGroup is a rule that was broken, with where.
type pageGroup struct {
	Rule     Rule
	Findings []Finding
}

func (r Report) writeHTML(w io.Writer) error {
	sum := sha256.Sum256([]byte(pageStyle))
	d := pageData{
		Report: r, Style: template.CSS(pageStyle), //nolint:gosec // our own file, compiled in
		Policy:   "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'",
		Title:    "Isolation " + r.Kind + " of " + r.Database,
		WhenText: r.Started.UTC().Format("2 January 2006, 15:04 UTC"), TookText: r.took(), Figures: r.figures(),
	}
	broken := map[string]int{}
	for _, f := range r.Findings {
		i, ok := broken[f.Rule]
		if !ok {
			i = len(d.Groups)
			broken[f.Rule] = i
			d.Groups = append(d.Groups, pageGroup{Rule: r.rule(f.Rule)})
		}
		d.Groups[i].Findings = append(d.Groups[i].Findings, f)
	}
	unchecked := map[string]bool{}
	for _, g := range r.Gaps {
		unchecked[g.Rule] = true
	}
	for _, rule := range r.Rules {
		if _, ok := broken[rule.ID]; !ok && !unchecked[rule.ID] {
			d.Passed = append(d.Passed, rule)
		}
	}
	return page.Execute(w, d)
}
