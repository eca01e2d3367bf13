-- The demo's clinics are filled under the role of scheduled work, which alone
-- may write history as it was.

-- name: ListDemoStaff :many
select id, username, role from users where active order by id;

-- name: InsertDemoUser :exec
insert into users (id, username, email, full_name, local_name, phone, role, language, password_hash, password_changed_at)
values (@id, @username, @email, @full_name, @local_name, @phone, @role, @language, @password_hash, now());

-- name: InsertDemoProfile :exec
insert into profiles (user_id, specialisation, licence_number, qualification, years, fee_paise, room, token_prefix, department_id, shift)
values (@user_id, @specialisation, sqlc.narg(licence_number), @qualification, sqlc.narg(years), sqlc.narg(fee_paise), @room, @token_prefix, sqlc.narg(department_id), @shift);

-- name: InsertDemoDepartment :exec
insert into departments (id, name, local_name, room, token_prefix) values (@id, @name, @local_name, @room, @token_prefix)
on conflict (lower(name)) do nothing;

-- name: InsertDemoDisplay :exec
insert into displays (id, name, lines) values (@id, @name, '{}');

-- name: CountDemoPatients :one
select count(*) from patients;

-- name: InsertDemoPatient :exec
insert into patients (id, first_name, last_name, local_name, search_key, sex, birth_date, age_years, age_told_on, blood_group, phone, address, city, state, pin,
  emergency_name, emergency_phone, emergency_relation, id_kind, id_cipher, id_blind, id_tail, weight_grams, allergies, no_known_allergies, history,
  language, registered_on, registered_by)
values (@id, @first_name, @last_name, @local_name, @search_key, @sex, sqlc.narg(birth_date), sqlc.narg(age_years), sqlc.narg(age_told_on), @blood_group, @phone,
  @address, @city, @state, @pin, @emergency_name, @emergency_phone, @emergency_relation, @id_kind, @id_cipher, @id_blind, @id_tail, sqlc.narg(weight_grams),
  @allergies, @no_known_allergies, @history, @language, @registered_on, @registered_by);

-- name: ListDemoPatients :many
select id, registered_on, coalesce(birth_date, (age_told_on - make_interval(years => age_years))::date, registered_on - 12000)::date as born
from patients where merged_into is null order by number;

-- name: ListVisitDays :many
select distinct day from visits where day >= @since order by day;

-- name: InsertDemoVisit :exec
insert into visits (id, patient_id, doctor_id, day, kind, purpose, state, state_reason, priority, call_count, arrived_at, called_at, started_at, ended_at, created_by)
values (@id, @patient_id, @doctor_id, @day, @kind, @purpose, @state, @state_reason, @priority, @call_count, @arrived_at, sqlc.narg(called_at),
  sqlc.narg(started_at), sqlc.narg(ended_at), @created_by);

-- name: InsertDemoToken :exec
-- Line, day, number and label are the trigger's; what is given here only fills them.
insert into tokens (id, visit_id, line_id, day, number, label, made_at) values (@id, @visit_id, @visit_id, @day, 1, '', @made_at);

-- name: GetDemoKeyset :one
select wrapped from platform.keysets where clinic_id = (select platform.current_clinic());

-- name: HasSetPassword :one
select (password_changed_at is not null)::boolean as has_set from users where id = @id;

-- name: InsertDemoConsultation :exec
insert into consultations (id, visit_id, patient_id, doctor_id, complaint, symptoms, findings, plan, advice, urgency, follow_up_days, state, started_at, finished_at)
values (@id, @visit_id, @patient_id, @doctor_id, @complaint, @symptoms, @findings, @plan, @advice, @urgency, sqlc.narg(follow_up_days), @state, @started_at,
  sqlc.narg(finished_at));

-- name: InsertDemoDiagnosis :exec
insert into diagnoses (id, consultation_id, patient_id, doctor_id, code, title, position, created_at)
values (@id, @consultation_id, @patient_id, @doctor_id, @code, @title, @position, @created_at);

-- name: InsertDemoVitals :exec
insert into vitals (id, visit_id, patient_id, taken_by, taken_at, systolic, diastolic, pulse, temperature_tenths, temperature_unit, respiration, spo2, sugar,
  sugar_kind, weight_grams, height_mm)
values (@id, @visit_id, @patient_id, @taken_by, @taken_at, sqlc.narg(systolic), sqlc.narg(diastolic), @pulse, @temperature_tenths, 'F', @respiration, @spo2,
  sqlc.narg(sugar), @sugar_kind, @weight_grams, @height_mm);

-- name: InsertDemoFollowUp :exec
insert into follow_ups (id, consultation_id, patient_id, doctor_id, due_on, state, created_at)
values (@id, @consultation_id, @patient_id, @doctor_id, @due_on, @state, @created_at);

-- name: InsertDemoPrescription :exec
-- The number is the trigger's.
insert into prescriptions (id, visit_id, patient_id, doctor_id, state, issued_at, ended_at, created_at)
values (@id, @visit_id, @patient_id, @doctor_id, @state, @issued_at, sqlc.narg(ended_at), @issued_at);

-- name: InsertDemoPrescriptionLine :exec
insert into prescription_lines (id, prescription_id, patient_id, doctor_id, position, medicine, generic, form, strength, morning, afternoon, night, sos, days, quantity,
       food, route, listed, created_at)
values (@id, @prescription_id, @prescription_id, @prescription_id, @position, @medicine, @medicine, @form, @strength, @morning, @afternoon, @night, @sos, sqlc.narg(days),
       sqlc.narg(quantity), @food, @route, true, @created_at);

-- name: InsertDemoTemplate :exec
insert into prescription_templates (id, doctor_id, name, keyword, sheet, shared) values (@id, @doctor_id, @name, @keyword, @sheet, @shared)
on conflict do nothing;
