-- name: SuggestMedicines :many
-- By the beginning of the name, of one of its words, or misspelt.
select f.id, f.name, f.generic, f.form, f.strengths, f.strength, f.morning, f.afternoon, f.evening, f.night, f.sos, f.days, f.food, f.route, f.class
from formulary f
where f.active and (starts_with(lower(f.name), @typed::text) or position(' ' || @typed::text in ' ' || lower(f.name || ' ' || f.generic)) > 0
      or ext.word_similarity(@typed::text, lower(f.name || ' ' || f.generic)) > 0.45)
order by starts_with(lower(f.name), @typed::text) desc, position(' ' || @typed::text in ' ' || lower(f.name || ' ' || f.generic)) > 0 desc,
      ext.similarity(@typed::text, lower(f.name)) desc, length(f.name), f.name, f.form in ('tablet', 'capsule') desc, f.form, f.route
limit @at_most::integer;

-- name: ListMedicinesByName :many
-- What the list knows of names that were typed; they are in small letters.
select f.id, f.name, f.generic, f.form, f.strengths, f.strength, f.morning, f.afternoon, f.evening, f.night, f.sos, f.days, f.food, f.route, f.class
from formulary f
where lower(f.name) = any (@names::text[])
order by f.name, f.form, f.route;

-- name: GetMedicine :one
select f.id, f.name, f.generic, f.form, f.strengths, f.strength, f.morning, f.afternoon, f.evening, f.night, f.sos, f.days, f.food, f.route, f.class
from formulary f
where f.id = @id;

-- name: ListRecentMedicines :many
-- What a doctor prescribed lately, the most frequent first.
select r.name::text as name, r.form::text as form, count(*)::integer as n
from (select lower(l.medicine) as name, l.form from prescription_lines l where l.doctor_id = @doctor_id order by l.created_at desc limit 300) r
group by r.name, r.form
order by n desc, r.name, r.form;

-- name: InsertMedicine :exec
insert into formulary (id, name, generic, form, strengths, strength, morning, afternoon, evening, night, sos, days, food, route)
values (@id, @name, @generic, @form, @strengths, @strength, @morning, @afternoon, @evening, @night, @sos, sqlc.narg(days), @food, @route)
on conflict do nothing;

-- name: InsertPrescription :exec
insert into prescriptions (id, visit_id, patient_id, doctor_id, version_of, version_reason)
values (@id, @visit_id, @visit_id, @doctor_id, sqlc.narg(version_of), @version_reason);

-- name: InsertPrescriptionLine :exec
-- Patient and doctor are the prescription's.
insert into prescription_lines (id, prescription_id, patient_id, doctor_id, position, medicine, generic, form, strength, morning, afternoon, evening, night, sos, days,
       quantity, food, route, instructions, refills, listed, warnings, override_reason)
values (@id, @prescription_id, @prescription_id, @doctor_id, @position, @medicine, @generic, @form, @strength, @morning, @afternoon, @evening, @night, @sos,
       sqlc.narg(days), sqlc.narg(quantity), @food, @route, @instructions, @refills, @listed, @warnings, @override_reason);

-- name: IssuePrescription :one
update prescriptions set state = 'issued' where id = @id returning number;

-- name: CancelPrescription :execrows
-- No row: it is another's, or another version.
update prescriptions set state = 'cancelled', cancel_reason = @cancel_reason where id = @id and version = @version;

-- name: MovePrescription :execrows
-- No row: it is another's, or another version.
update prescriptions set state = @state where id = @id and version = @version;

-- name: GetPrescription :one
select p.id, p.number, p.visit_id, p.patient_id, p.doctor_id, p.state, p.cancel_reason, p.version_of, p.version_reason, p.issued_at, p.version, p.old_number as older_number,
       p.created_at, u.full_name as doctor, coalesce(r.specialisation, '')::text as specialisation, coalesce(r.qualification, '')::text as qualification,
       coalesce(r.licence_number, '')::text as licence_number, coalesce(o.number, '')::text as old_number, n.id as new_id, coalesce(n.number, '')::text as new_number
from prescriptions p
join users u on u.id = p.doctor_id
left join profiles r on r.user_id = p.doctor_id
left join prescriptions o on o.id = p.version_of
left join prescriptions n on n.version_of = p.id
where p.id = @id;

-- name: ListPrescriptionLines :many
select l.prescription_id, l.position, l.medicine, l.generic, l.form, l.strength, l.morning, l.afternoon, l.evening, l.night, l.sos, l.days, l.quantity, l.food, l.route,
       l.instructions, l.refills, l.listed, l.warnings, l.override_reason
from prescription_lines l
where l.prescription_id = any (@prescription_ids::uuid[])
order by l.prescription_id, l.position;

-- name: ListPrescriptionsByVisit :many
-- A draft is what is just being issued; one with a number is the older system's.
select p.id, p.number, p.visit_id, p.patient_id, p.doctor_id, p.state, coalesce(p.issued_at, p.created_at)::timestamptz as issued_at, p.version, u.full_name as doctor
from prescriptions p join users u on u.id = p.doctor_id
where p.visit_id = @visit_id and p.number <> ''
order by 7, p.id;

-- name: GetLastPrescription :one
-- The last that was not taken back, whoever's: what the patient takes now.
select p.id
from prescriptions p
where p.patient_id = any (@patient_ids::uuid[]) and p.state in ('issued', 'dispensed', 'completed')
order by p.issued_at desc, p.id desc
limit 1;

-- name: ListTemplates :many
-- The doctor's own and what colleagues share; an empty text finds all.
select t.id, t.doctor_id, t.name, t.keyword, t.description, t.sheet, t.shared, t.active, t.version, u.full_name as doctor
from prescription_templates t join users u on u.id = t.doctor_id
where @typed::text = '' or t.active and (starts_with(t.keyword, @typed::text) or position(' ' || @typed::text in ' ' || lower(t.name)) > 0)
order by (t.doctor_id = @doctor_id) desc, t.keyword = @typed::text desc, lower(t.name), t.id
limit @at_most::integer;

-- name: GetTemplate :one
select t.id, t.doctor_id, t.name, t.keyword, t.description, t.sheet, t.shared, t.active, t.version from prescription_templates t where t.id = @id;

-- name: InsertTemplate :exec
insert into prescription_templates (id, doctor_id, name, keyword, sheet, shared) values (@id, @doctor_id, @name, @keyword, @sheet, @shared);

-- name: UpdateTemplate :execrows
-- What is changed is in use again.
update prescription_templates set name = @name, keyword = @keyword, sheet = @sheet, shared = @shared, active = true where id = @id and version = @version;

-- name: DeleteTemplate :execrows
delete from prescription_templates where id = @id;

-- name: SuggestTests :many
select t.id, t.name, t.kind, t.category, t.code
from test_catalogue t
where t.active and (starts_with(lower(t.name), @typed::text) or position(' ' || @typed::text in translate(' ' || lower(t.name), '(-/', '   ')) > 0
      or ext.word_similarity(@typed::text, lower(t.name)) > 0.5)
order by starts_with(lower(t.name), @typed::text) desc, position(' ' || @typed::text in translate(' ' || lower(t.name), '(-/', '   ')) > 0 desc,
      ext.word_similarity(@typed::text, lower(t.name)) desc, length(t.name), t.name
limit @at_most::integer;

-- name: ListTestsByName :many
select t.id, t.name, t.kind, t.category, t.code from test_catalogue t where lower(t.name) = any (@names::text[]) order by t.name;

-- name: InsertTestRequest :execrows
-- No row: the test is asked for at this visit already.
insert into test_requests (id, visit_id, patient_id, doctor_id, test_id, name, kind, code, urgency, required_on, note)
values (@id, @visit_id, @visit_id, @doctor_id, sqlc.narg(test_id), @name, @kind, @code, @urgency, sqlc.narg(required_on), @note)
on conflict do nothing;

-- name: ListTestRequestsByVisit :many
select t.id, t.visit_id, t.patient_id, t.doctor_id, t.state, t.state_reason, t.name, t.kind, t.code, t.urgency, t.required_on, t.note, t.result, t.requested_at, t.version, u.full_name as doctor
from test_requests t join users u on u.id = t.doctor_id
where t.visit_id = @visit_id
order by t.urgency desc, t.requested_at, t.id;

-- name: CancelTestRequest :execrows
update test_requests set state = 'cancelled', state_reason = @state_reason where id = @id and version = @version;

-- name: GetTestRequest :one
select t.id, t.visit_id, t.patient_id, t.doctor_id, t.state, t.name, t.requested_at, t.version from test_requests t where t.id = @id;

-- name: ListPendingTests :many
-- What a doctor has asked for and nobody has reported yet, stat first. What an
-- older system left open years ago stands with the patient: it would hide the
-- requests that somebody works on.
select t.id, t.visit_id, t.state, t.name, t.kind, t.urgency, t.required_on, t.requested_at, t.version, t.patient_id, p.number as patient_number, p.full_name, p.local_name,
       p.sex, p.birth_date, p.age_years, p.age_months, p.age_told_on
from test_requests t join patients p on p.id = t.patient_id
where t.doctor_id = @doctor_id and t.state in ('requested', 'collected', 'in_progress')
  and not exists (select from prescriptions o where o.visit_id = t.visit_id and o.old_number <> '')
order by t.urgency desc, t.requested_at, t.id
limit @at_most::integer;

-- name: GetPrescriptionStanding :one
-- Whether a prescription is in force, for who holds the paper.
select p.number, p.state, p.issued_at, exists (select from prescriptions n where n.version_of = p.id) as replaced
from prescriptions p where p.id = @id;
