package db_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

func refused(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == "42501"
}

// newValue is an expression that needs no right to read the row, so that the
// update alone is tried.
func (p probe) newValue(string) string {
	switch column, _ := p.allowedColumn(); column {
	case "updated_at", "sent_at", "used_at", "revoked_at", "last_seen_at":
		return "now()"
	case "undone_by":
		return "null"
	case "qualification", "local_name", "room", "complaint", "note":
		return "'x'"
	case "shift":
		return "'night'"
	case "state":
		return "state"
	case "blood_group":
		return "'O+'"
	case "phone":
		return "'+919000000999'"
	case "username":
		return "username"
	case "doctor_id", "due_on", "systolic", "starts_at", "withdrawn":
		return column
	case "email":
		return "email"
	default:
		return "default"
	}
}

// insert is a whole row of the table that the probe's role may own.
func (p probe) insert(table string) string {
	const id = "'00000000-0000-7000-8000-00000000ffff'"
	user := testkit.ActorOf(p.role)[strings.IndexByte(testkit.ActorOf(p.role), ':')+1:]
	owner := "user_id"
	if p.role == access.Patient {
		owner = "patient_id"
	}
	booked := testkit.SecondDoctor.String()
	if p.role == access.Doctor {
		booked = user
	}
	consultation := "values (" + id + ", '" + testkit.Consultation.String() + "', '" + testkit.Asha.String() + "', '" + user + "', "
	rows := map[string]string{
		"consultations": "(id, visit_id, patient_id, doctor_id) values (" + id + ", '" + testkit.Visit.String() + "', '" + testkit.Asha.String() + "', '" + user + "')",
		"diagnoses":     "(id, consultation_id, patient_id, doctor_id, title, position) " + consultation + "'Other', 9)",
		"addenda":       "(id, consultation_id, patient_id, doctor_id, body) " + consultation + "'Other')",
		"follow_ups":    "(id, consultation_id, patient_id, doctor_id, due_on) " + consultation + "now())",
		"appointments":  "(id, patient_id, doctor_id, starts_at) values (" + id + ", '" + testkit.Asha.String() + "', '" + booked + "', now() + interval '3 days')",
		"reminders": "(id, appointment_id, patient_id, doctor_id, starts_at, tried_at) values (" + id + ", '018f0000-0000-7000-8000-0000000000b1', '" +
			testkit.Asha.String() + "', '" + testkit.Doctor.String() + "', now(), now())",
		"leaves":               "(id, doctor_id, from_day, until_day) values (" + id + ", '" + booked + "', now(), now())",
		"vitals":               "(id, visit_id, patient_id, pulse) values (" + id + ", '" + testkit.Visit.String() + "', '" + testkit.Asha.String() + "', 80)",
		"documents":            "(id, patient_id, kind, title, media_type, bytes, pages) values (" + id + ", '" + testkit.Asha.String() + "', 'lab', 'Other', 'image/png', 10, 1)",
		"document_withdrawals": "(id, document_id, patient_id, reason) values (" + id + ", '018f0000-0000-7000-8000-0000000000a0', '" + testkit.Asha.String() + "', 'Other')",
		"settings":             "(id) values (" + id + ")",
		"departments":          "(id, name) values (" + id + ", 'Other')",
		"users":                "(id, username, full_name, role) values (" + id + ", 'other', 'Other Person', 'nurse')",
		"profiles":             "(user_id) values ('" + testkit.ClinicAdmin.String() + "')",
		"invitations":          "(id, kind, user_id, created_by, expires_at) values (" + id + ", 'reset', '" + testkit.ClinicAdmin.String() + "', 'x', now())",
		"sessions":             "(id, " + owner + ", token_hash) values (" + id + ", '" + user + "', sha256('other'))",
		"patients":             "(id, first_name, registered_on) values (" + id + ", 'Other', now())",
		"patient_merges":       "(id, survivor_id, duplicate_id, merged_by) values (" + id + ", '" + testkit.Asha.String() + "', '" + testkit.Bilal.String() + "', '" + testkit.Receptionist.String() + "')",
		"identifiers":          "(id, entity, record_id, system, value) values (" + id + ", 'patients', '" + testkit.Asha.String() + "', 'other', 'x')",
		"visits":               "(id, patient_id, doctor_id, day, kind, arrived_at) values (" + id + ", '" + testkit.Asha.String() + "', '" + testkit.Doctor.String() + "', now(), 'routine', now())",
		"tokens":               "(id, visit_id) values (" + id + ", '" + testkit.Visit.String() + "')",
		"queue_moves":          "(id, visit_id, patient_id, to_state, moved_by, moved_at) values (" + id + ", '" + testkit.Visit.String() + "', '" + testkit.Asha.String() + "', 'done', 'x', now())",
		"displays":             "(id, name) values (" + id + ", 'Other')",
		"drafts":               "(id, user_id, kind, body) values (" + id + ", '" + user + "', 'patient', '{}')",
		"submissions":          "(id, user_id, action, result_id) values (" + id + ", '" + user + "', 'x', " + id + ")",
		"seals":                "(id, number, sealed_at, previous, last_xact, last_id, rows, hash) values (" + id + ", 9, now(), sha256('x'), '1', " + id + ", decode(repeat('00', 48), 'hex'), sha256('x'))",
		"trail":                "(id, at, xact, actor, actor_role, action, entity) values (" + id + ", now(), pg_current_xact_id(), 'x', 'x', 'view', 'x')",
		"counters":             "(kind, period, value) values ('x', 'x', 1)",
		"name_words":           "(word) values ('x')",
		"prescriptions":        "(id, visit_id, patient_id, doctor_id) values (" + id + ", '" + testkit.Visit.String() + "', '" + testkit.Asha.String() + "', '" + user + "')",
		"prescription_lines": "(id, prescription_id, patient_id, doctor_id, position, medicine) values (" + id + ", '018f0000-0000-7000-8000-0000000000a4', '" +
			testkit.Asha.String() + "', '" + user + "', 9, 'Other')",
		"prescription_templates": "(id, doctor_id, name, sheet) values (" + id + ", '" + user + "', 'Other', '{}')",
		"test_requests":          "(id, visit_id, patient_id, doctor_id, name) values (" + id + ", '" + testkit.Visit.String() + "', '" + testkit.Asha.String() + "', '" + user + "', 'Other')",
		"shares": "(id, prescription_id, patient_id, token_hash, channel) values (" + id + ", '018f0000-0000-7000-8000-0000000000a4', '" +
			testkit.Asha.String() + "', sha256('another'), 'copy')",
		"share_events":   "(id, share_id, patient_id, kind) values (" + id + ", '018f0000-0000-7000-8000-0000000000c0', '" + testkit.Asha.String() + "', 'handed')",
		"formulary":      "(id, name) values (" + id + ", 'Other')",
		"test_catalogue": "(id, name) values (" + id + ", 'Other')",
	}
	row, ok := rows[p.table]
	if !ok {
		panic(fmt.Sprintf("no row to insert for %s: add one, so that its insert is tried", p.table))
	}
	return "insert into " + table + " " + row
}
