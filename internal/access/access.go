// Package access names the roles, the kinds of actors and the capabilities.
//
// What a role may do is stated once, in the grants of Postgres. A capability
// maps to the privileges it needs; a Matrix holds what Postgres answered when
// it was asked which role has them. Screens, routes and the API read the
// Matrix; none of them decides. Standard library only.
package access

import (
	"sort"
	"time"
)

// InviteFor is how long a one-time link to a new account works, whoever made it:
// a clinic's admin, the command line that makes a clinic, or an import.
const InviteFor = 7 * 24 * time.Hour

// Role is a person's part in a clinic; one role a user and clinic.
type Role string

const (
	ClinicAdmin   Role = "clinic_admin"
	Doctor        Role = "doctor"
	Nurse         Role = "nurse"
	Receptionist  Role = "receptionist"
	LabTechnician Role = "lab_technician"
	Patient       Role = "patient"
	Display       Role = "display"
	Jobs          Role = "jobs"
	Gate          Role = "gate"
	Share         Role = "share" // whoever opens a link to one prescription
	Platform      Role = "platform"
	Owner         Role = "owner"
)

// StaffRoles are the roles a staff member can have, in the order screens list them.
func StaffRoles() []Role {
	return []Role{ClinicAdmin, Doctor, Nurse, Receptionist, LabTechnician}
}

// IsStaff reports whether a person with the role works at the clinic.
func (r Role) IsStaff() bool {
	for _, s := range StaffRoles() {
		if r == s {
			return true
		}
	}
	return false
}

// PG is the Postgres role that a transaction of this role takes.
func (r Role) PG() string { return "cloister_" + string(r) }

// ActorKind says what acts.
type ActorKind string

const (
	User         ActorKind = "user"
	PatientActor ActorKind = "patient"
	Operator     ActorKind = "operator"
	System       ActorKind = "system"
	DisplayActor ActorKind = "display"
	GateActor    ActorKind = "gate"
	ShareActor   ActorKind = "share"
	Anonymous    ActorKind = "anonymous"
)

// Privilege is one right on one table, or on some of its columns.
type Privilege struct {
	Table   string
	Command string   // select, insert, update or delete
	Columns []string // empty: the whole table
}

// Capability is something a screen or route offers.
type Capability string

const (
	QueueView        Capability = "queue.view"
	QueueMove        Capability = "queue.move"
	QueueArrange     Capability = "queue.arrange"
	CheckIn          Capability = "visit.create"
	PatientView      Capability = "patient.view"
	PatientRegister  Capability = "patient.register"
	PatientEdit      Capability = "patient.edit"
	PatientClinical  Capability = "patient.clinical"
	PatientRecord    Capability = "patient.record"
	PatientMerge     Capability = "patient.merge"
	StaffView        Capability = "staff.view"
	StaffManage      Capability = "staff.manage"
	SettingsView     Capability = "settings.view"
	SettingsEdit     Capability = "settings.edit"
	DisplayManage    Capability = "display.manage"
	TrailView        Capability = "trail.view"
	ConsultationOwn  Capability = "consultation.own"
	ConsultationView Capability = "consultation.view"
	VitalsRecord     Capability = "vitals.record"
	FollowUpClose    Capability = "follow_up.close"
	AppointmentView  Capability = "appointment.view"
	AppointmentBook  Capability = "appointment.book"
	LeaveKeep        Capability = "leave.keep"
	HoursKeep        Capability = "hours.keep"
	PrescriptionOwn  Capability = "prescription.own"
	PrescriptionView Capability = "prescription.view"
	TemplateOwn      Capability = "template.own"
	FormularyKeep    Capability = "formulary.keep"
	ShareView        Capability = "share.view"
	ShareCreate      Capability = "share.create"
	ShareRevoke      Capability = "share.revoke"
	DraftKeep        Capability = "draft.keep"
	DocumentView     Capability = "document.view"
	DocumentAdd      Capability = "document.add"
	DocumentWithdraw Capability = "document.withdraw"
	SessionOwn       Capability = "session.own"
	SessionRevokeAny Capability = "session.revoke_any"
)

// needs maps each capability to the privileges that make it possible.
var needs = map[Capability][]Privilege{
	QueueView:        {{Table: "visits", Command: "select"}, {Table: "tokens", Command: "select"}},
	QueueMove:        {{Table: "visits", Command: "update", Columns: []string{"state"}}},
	QueueArrange:     {{Table: "visits", Command: "update", Columns: []string{"doctor_id", "priority"}}},
	CheckIn:          {{Table: "visits", Command: "insert"}, {Table: "tokens", Command: "insert"}},
	PatientView:      {{Table: "patients", Command: "select", Columns: []string{"id", "number", "full_name"}}},
	PatientRegister:  {{Table: "patients", Command: "insert"}},
	PatientEdit:      {{Table: "patients", Command: "update", Columns: []string{"full_name", "phone"}}},
	PatientClinical:  {{Table: "patients", Command: "update", Columns: []string{"allergies", "history"}}},
	PatientRecord:    {{Table: "patients", Command: "select", Columns: []string{"allergies", "history", "id_cipher"}}},
	PatientMerge:     {{Table: "patient_merges", Command: "insert"}},
	StaffView:        {{Table: "users", Command: "select", Columns: []string{"id", "full_name", "role"}}},
	StaffManage:      {{Table: "users", Command: "insert"}, {Table: "invitations", Command: "insert"}},
	SettingsView:     {{Table: "settings", Command: "select"}},
	SettingsEdit:     {{Table: "settings", Command: "update"}, {Table: "departments", Command: "update"}},
	DisplayManage:    {{Table: "displays", Command: "insert"}},
	TrailView:        {{Table: "trail", Command: "select"}},
	ConsultationOwn:  {{Table: "consultations", Command: "insert"}, {Table: "visits", Command: "update", Columns: []string{"state"}}},
	ConsultationView: {{Table: "consultations", Command: "select"}, {Table: "diagnoses", Command: "select"}, {Table: "vitals", Command: "select"}},
	VitalsRecord:     {{Table: "vitals", Command: "insert"}},
	FollowUpClose:    {{Table: "follow_ups", Command: "update", Columns: []string{"state"}}},
	AppointmentView:  {{Table: "appointments", Command: "select"}, {Table: "leaves", Command: "select"}, {Table: "profiles", Command: "select"}},
	AppointmentBook:  {{Table: "appointments", Command: "insert"}, {Table: "appointments", Command: "update", Columns: []string{"starts_at", "state"}}},
	LeaveKeep:        {{Table: "leaves", Command: "insert"}},
	HoursKeep:        {{Table: "profiles", Command: "update", Columns: []string{"office_hours"}}},
	PrescriptionOwn:  {{Table: "prescriptions", Command: "insert"}, {Table: "prescription_lines", Command: "insert"}, {Table: "test_requests", Command: "insert"}},
	PrescriptionView: {{Table: "prescriptions", Command: "select"}, {Table: "prescription_lines", Command: "select"}},
	TemplateOwn:      {{Table: "prescription_templates", Command: "insert", Columns: []string{"name", "sheet"}}, {Table: "prescription_templates", Command: "delete"}},
	FormularyKeep:    {{Table: "formulary", Command: "insert"}, {Table: "formulary", Command: "update"}, {Table: "test_catalogue", Command: "insert"}, {Table: "test_catalogue", Command: "update"}},
	ShareView:        {{Table: "shares", Command: "select", Columns: []string{"id", "recipient"}}, {Table: "share_events", Command: "select", Columns: []string{"kind"}}},
	ShareCreate:      {{Table: "shares", Command: "insert", Columns: []string{"token_hash"}}, {Table: "share_events", Command: "insert", Columns: []string{"kind"}}},
	ShareRevoke:      {{Table: "shares", Command: "update", Columns: []string{"revoked_at"}}},
	DraftKeep:        {{Table: "drafts", Command: "insert"}},
	DocumentView:     {{Table: "documents", Command: "select"}, {Table: "document_withdrawals", Command: "select"}},
	DocumentAdd:      {{Table: "documents", Command: "insert"}},
	DocumentWithdraw: {{Table: "document_withdrawals", Command: "insert"}},
	SessionOwn:       {{Table: "sessions", Command: "update", Columns: []string{"revoked_at"}}},
	SessionRevokeAny: {{Table: "sessions", Command: "update", Columns: []string{"revoked_at"}}, {Table: "invitations", Command: "insert"}},
}

// Needs gives the privileges that a capability takes.
func Needs(c Capability) []Privilege { return needs[c] }

// Capabilities lists every capability, sorted.
func Capabilities() []Capability {
	out := make([]Capability, 0, len(needs))
	for c := range needs {
		out = append(out, c)
	}
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	return out
}

// Matrix is what Postgres answered: which role has which capability. Its zero
// value allows nothing.
type Matrix struct {
	can   map[Role]map[Capability]bool
	whole bool
}

// NewMatrix asks has for every role, capability and privilege; a capability is
// had only if each of its privileges is.
func NewMatrix(roles []Role, has func(Role, Privilege) (bool, error)) (Matrix, error) {
	m := Matrix{can: make(map[Role]map[Capability]bool, len(roles))}
	held := map[Capability]bool{}
	for _, r := range roles {
		m.can[r] = make(map[Capability]bool, len(needs))
		for c, ps := range needs {
			all := len(ps) > 0
			for _, p := range ps {
				ok, err := has(r, p)
				if err != nil {
					return Matrix{}, err
				}
				all = all && ok
			}
			m.can[r][c] = all
			held[c] = held[c] || all
		}
	}
	m.whole = true
	for c := range needs {
		m.whole = m.whole && held[c]
	}
	return m, nil
}

// Complete reports whether each capability is had by some role.
func (m Matrix) Complete() bool { return m.whole }

// Can reports whether the role has the capability.
func (m Matrix) Can(r Role, c Capability) bool { return m.can[r][c] }
