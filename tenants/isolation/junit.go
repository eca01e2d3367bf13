package isolation

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// JUnit's form as build servers read it: a test case a rule, failed once with
// all its findings, since most readers keep one failure of a case.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Time      string      `xml:"time,attr"`
	Timestamp string      `xml:"timestamp,attr"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitProblem `xml:"failure,omitempty"`
	Error   *junitProblem `xml:"error,omitempty"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

func (r Report) writeJUnit(w io.Writer) error {
	suite := junitSuite{Name: "isolation " + r.Kind + " of " + r.Database, Time: fmt.Sprintf("%.3f", float64(r.TookMS)/1000),
		Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05")}
	cases := map[string]int{}
	for _, rule := range r.Rules {
		cases[rule.ID] = len(suite.Cases)
		suite.Cases = append(suite.Cases, junitCase{Class: "cloister.isolation." + r.Kind, Name: rule.ID + " " + rule.Title, Time: "0"})
	}
	for _, f := range r.Findings {
		c := &suite.Cases[cases[f.Rule]]
		if f.Severity == Info {
			c.Out += junitText(f)
			continue
		}
		if c.Failure == nil {
			c.Failure = &junitProblem{Type: string(f.Severity)}
			suite.Failures++
		}
		c.Failure.Text += junitText(f)
	}
	for _, a := range r.Accepted {
		c := &suite.Cases[cases[a.Finding.Rule]]
		c.Out += fmt.Sprintf("accepted until %s (%s): %s", a.Expires, a.Reason, junitText(a.Finding))
	}
	for i := range suite.Cases {
		if p := suite.Cases[i].Failure; p != nil {
			p.Message = plural(strings.Count(p.Text, "\n  id "), "finding")
		}
	}
	for _, g := range r.Gaps {
		i, known := cases[g.Rule]
		if !known {
			i = len(suite.Cases)
			suite.Cases = append(suite.Cases, junitCase{Class: "cloister.isolation." + r.Kind, Name: "could be checked", Time: "0"})
		}
		if suite.Cases[i].Error == nil {
			suite.Errors++
		}
		suite.Cases[i].Error = &junitProblem{Message: "could not be checked", Type: "gap", Text: g.Reason}
	}
	suite.Tests = len(suite.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(junitSuites{Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors, Time: suite.Time, Suites: []junitSuite{suite}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func junitText(f Finding) string {
	text := f.Name() + ": " + f.Reason
	for _, p := range []struct{ label, text string }{{"seen", f.Evidence}, {"reproduce", f.Reproduce}, {"mend", f.Mend}, {"id", f.Fingerprint}} {
		if p.text != "" {
			text += "\n  " + p.label + " " + strings.ReplaceAll(p.text, "\n", "\n    ")
		}
	}
	return text + "\n"
}
