package isolation

import (
	"net/url"
	"strings"
	"time"
)

// The part of SARIF 2.1.0 (OASIS) that a report fills: one run, its rules, a
// result for each finding, suppressed ones included.
type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool         `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	Results     []sarifResult     `json:"results"`
	ColumnKind  string            `json:"columnKind"`
	Automation  sarifAutomation   `json:"automationDetails"`
}

type sarifAutomation struct {
	ID string `json:"id"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifRule struct {
	ID               string            `json:"id"`
	ShortDescription sarifText         `json:"shortDescription"`
	FullDescription  sarifText         `json:"fullDescription"`
	Help             sarifText         `json:"help"`
	Configuration    sarifLevel        `json:"defaultConfiguration"`
	Properties       map[string]string `json:"properties"`
}

type sarifLevel struct {
	Level string `json:"level"`
}

type sarifInvocation struct {
	Successful    bool                `json:"executionSuccessful"`
	Start         string              `json:"startTimeUtc"`
	End           string              `json:"endTimeUtc"`
	Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

type sarifResult struct {
	RuleID       string             `json:"ruleId"`
	RuleIndex    int                `json:"ruleIndex"`
	Level        string             `json:"level"`
	Message      sarifText          `json:"message"`
	Locations    []sarifLocation    `json:"locations"`
	Fingerprints map[string]string  `json:"partialFingerprints"`
	State        string             `json:"baselineState,omitempty"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	Properties   map[string]string  `json:"properties,omitempty"`
}

type sarifLocation struct {
	Physical sarifPhysical  `json:"physicalLocation"`
	Logical  []sarifLogical `json:"logicalLocations"`
}

// sarifPhysical is there because some readers show nothing without a file. The
// address is made up of the database's names.
type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifLogical struct {
	Name     string `json:"name"`
	FullName string `json:"fullyQualifiedName"`
	Kind     string `json:"kind"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Justification string `json:"justification"`
}

// sarifLevels are the three that the standard has for problems.
var sarifLevels = map[Severity]string{Critical: "error", High: "error", Medium: "warning", Low: "note", Info: "note"}

// securitySeverity is how consoles that know CVSS rank the rule.
var securitySeverity = map[Severity]string{Critical: "9.5", High: "8.0", Medium: "5.5", Low: "3.0", Info: "0.0"}

func (r Report) sarif() sarifLog {
	index := map[string]int{}
	driver := sarifDriver{Name: "cloister isolation " + r.Kind, Version: r.Version, Rules: []sarifRule{}}
	for i, rule := range r.Rules {
		index[rule.ID] = i
		driver.Rules = append(driver.Rules, sarifRule{
			ID: rule.ID, ShortDescription: sarifText{rule.Title}, FullDescription: sarifText{rule.Why}, Help: sarifText{"See " + rule.Help},
			Configuration: sarifLevel{sarifLevels[rule.Severity]},
			Properties:    map[string]string{"security-severity": securitySeverity[rule.Severity], "page": rule.Help},
		})
	}
	run := sarifRun{Tool: sarifTool{driver}, Results: []sarifResult{}, ColumnKind: "unicodeCodePoints",
		Automation: sarifAutomation{"cloister/isolation/" + r.Kind + "/" + r.Database}}
	end := r.Started.Add(time.Duration(r.TookMS) * time.Millisecond)
	inv := sarifInvocation{Successful: len(r.Gaps) == 0, Start: r.Started.UTC().Format(time.RFC3339), End: end.UTC().Format(time.RFC3339)}
	for _, g := range r.Gaps {
		inv.Notifications = append(inv.Notifications, sarifNotification{"error", sarifText{strings.TrimSpace(g.Rule + " could not be checked: " + g.Reason)}})
	}
	run.Invocations = []sarifInvocation{inv}
	for _, f := range r.Findings {
		run.Results = append(run.Results, r.sarifResult(f, index[f.Rule]))
	}
	for _, a := range r.Accepted {
		one := r.sarifResult(a.Finding, index[a.Finding.Rule])
		one.Suppressions = []sarifSuppression{{"external", a.Reason + " (until " + string(a.Expires) + ")"}}
		run.Results = append(run.Results, one)
	}
	if r.Diff != nil {
		for _, f := range r.Diff.Gone {
			one := r.sarifResult(f, index[f.Rule])
			one.State = "absent"
			run.Results = append(run.Results, one)
		}
	}
	return sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}}
}

func (r Report) sarifResult(f Finding, rule int) sarifResult {
	text := f.Name() + ": " + f.Reason
	if f.Mend != "" {
		text += "\nMend: " + f.Mend
	}
	if f.Reproduce != "" {
		text += "\nReproduce: " + f.Reproduce
	}
	props := map[string]string{}
	for name, value := range map[string]string{"schema": f.Schema, "clinic": f.Clinic, "evidence": f.Evidence, "mend": f.Mend, "reproduce": f.Reproduce} {
		if value != "" {
			props[name] = value
		}
	}
	schema := f.Schema
	if schema == "" {
		schema = "-"
	}
	return sarifResult{
		RuleID: f.Rule, RuleIndex: rule, Level: sarifLevels[f.Severity], Message: sarifText{text}, State: f.State, Properties: props,
		Locations: []sarifLocation{{
			Physical: sarifPhysical{sarifArtifact{"database/" + url.PathEscape(r.Database) + "/" + url.PathEscape(schema) + "/" + url.PathEscape(f.Object)}},
			Logical:  []sarifLogical{{Name: f.Object, FullName: f.Name(), Kind: "resource"}},
		}},
		Fingerprints: map[string]string{"cloister/v1": f.Fingerprint},
	}
}
