-- The importer of the older system's file. It runs as cloister_jobs; what it
-- has brought over before it finds by source key.

-- name: LockForImport :one
-- One import a clinic at a time.
select id from settings for update;

-- name: ListSourceKeys :many
select value, record_id, facts from identifiers where system = 'legacy.row';

-- name: InsertIdentifier :exec
insert into identifiers (id, entity, record_id, system, value, facts) values (@id, @entity, @record_id, @system, @value, @facts);

-- name: GetClinicForImport :one
select name, registration_number, (logo is not null)::boolean as has_logo, address, city, state, pin, phone, email, website, store_name, store_phone
from platform.clinics where id = @id for update;

-- name: FillClinic :exec
-- Each value is the one to keep or the one to fill in.
update platform.clinics
set address = @address, city = @city, state = @state, pin = @pin, phone = @phone, email = @email, website = @website,
    store_name = @store_name, store_address = case when store_name = '' then @store_address else store_address end, store_phone = @store_phone,
    updated_at = now(), version = version + 1
where id = @id;

-- name: FillClinicLogo :exec
update platform.clinics set logo = @logo, updated_at = now(), version = version + 1 where id = @id and logo is null;

-- name: FillClinicRegistration :exec
update platform.clinics set registration_number = @registration_number, updated_at = now(), version = version + 1
where id = @id and registration_number is null;

-- name: ListUsersForImport :many
select id, username, email from users;

-- name: ListLicencesForImport :many
select user_id, licence_number from profiles;

-- name: InsertImportedUser :exec
insert into users (id, username, email, full_name, phone, role, active)
values (@id, @username, @email, @full_name, @phone, @role, @active);

-- name: InsertImportedProfile :exec
insert into profiles (user_id, specialisation, licence_number) values (@user_id, @specialisation, @licence_number);

-- name: InsertImportedInvitation :exec
insert into invitations (id, kind, user_id, patient_id, email, created_by, expires_at)
values (@id, 'invite', @user_id, @patient_id, @email, @created_by, @expires_at);

-- name: ReservePatientNumbers :one
select platform.reserve_patients(@year::text, @n::integer)::bigint as first;

-- name: InsertImportedPatient :exec
insert into patients (id, number, first_name, last_name, search_key, sex, birth_date, age_years, age_told_on, phone, address, weight_grams, note,
                      status, registered_on, registered_by, last_visit_on)
values (@id, @number, @first_name, @last_name, @search_key, @sex, @birth_date, @age_years, @age_told_on, @phone, @address, @weight_grams, @note,
        @status, @registered_on, @registered_by, @last_visit_on);

-- name: ListDepartmentsForImport :many
select id, name from departments;

-- name: InsertImportedDepartment :exec
insert into departments (id, name, active) values (@id, @name, false);

-- name: InsertImportedVisit :exec
insert into visits (id, patient_id, department_id, day, kind, purpose, note, state, state_reason, arrived_at, created_by)
values (@id, @patient_id, @department_id, @day, @kind, @purpose, @note, @state, @state_reason, @arrived_at, @created_by);

-- name: ListMedicinesForImport :many
select id, name, generic, form, route, class, active, source from formulary order by source, id;

-- name: InsertImportedMedicine :exec
insert into formulary (id, name, generic, form, strengths, strength, morning, afternoon, evening, night, sos, days, food, class, active)
values (@id, @name, @generic, @form, @strengths, @strength, @morning, @afternoon, @evening, @night, @sos, sqlc.narg(days), @food, @class, @active);

-- name: RetireStarterMedicine :exec
-- The clinic's own entry stands for it.
update formulary set active = false where id = @id and source = 'starter' and active;

-- name: ListTestsForImport :many
select id, name, code from test_catalogue order by id;

-- name: InsertImportedTest :exec
insert into test_catalogue (id, name, kind, category, active) values (@id, @name, @kind, @category, @active);

-- name: ListConsultedVisitsForImport :many
select distinct visit_id from consultations;

-- name: ReservePrescriptionNumbers :one
select platform.reserve_prescriptions(@year::text, @n::integer)::bigint as first;

-- name: InsertImportedConsultation :exec
insert into consultations (id, visit_id, patient_id, doctor_id, complaint, findings, plan, advice, state, started_at, finished_at, updated_at)
values (@id, @visit_id, @visit_id, @doctor_id, @complaint, @findings, @plan, @advice, 'finished', @started_at, @finished_at, @finished_at);

-- name: InsertImportedDiagnosis :exec
insert into diagnoses (id, consultation_id, patient_id, doctor_id, title, position, created_at)
values (@id, @consultation_id, @consultation_id, @doctor_id, @title, 1, @created_at);

-- name: InsertImportedPrescription :exec
insert into prescriptions (id, number, old_number, visit_id, patient_id, doctor_id, state, cancel_reason, issued_at, ended_at, created_at)
values (@id, @number, @old_number, @visit_id, @visit_id, @doctor_id, @state, @cancel_reason, sqlc.narg(issued_at), sqlc.narg(ended_at), @created_at);

-- name: InsertImportedLine :exec
insert into prescription_lines (id, prescription_id, patient_id, doctor_id, position, medicine, generic, form, strength, morning, afternoon, evening, night, sos, days,
       quantity, food, instructions, listed, created_at)
values (@id, @prescription_id, @prescription_id, @doctor_id, @position, @medicine, @generic, @form, @strength, @morning, @afternoon, @evening, @night, @sos,
       sqlc.narg(days), sqlc.narg(quantity), @food, @instructions, @listed, @created_at);

-- name: InsertImportedTestRequest :exec
insert into test_requests (id, visit_id, patient_id, doctor_id, state, test_id, name, kind, code, required_on, note, result, requested_at)
values (@id, @visit_id, @visit_id, @doctor_id, @state, sqlc.narg(test_id), @name, @kind, @code, sqlc.narg(required_on), @note, @result, @requested_at);

-- name: InsertImportedVitals :exec
insert into vitals (id, visit_id, patient_id, taken_at, systolic, diastolic, pulse, temperature_tenths, temperature_unit, spo2, sugar, sugar_kind, note)
values (@id, @visit_id, @visit_id, @taken_at, sqlc.narg(systolic), sqlc.narg(diastolic), sqlc.narg(pulse), sqlc.narg(temperature_tenths), @temperature_unit,
        sqlc.narg(spo2), sqlc.narg(sugar), @sugar_kind, @note);

-- name: ListTemplateNamesForImport :many
select doctor_id, lower(name)::text as name from prescription_templates;

-- name: InsertImportedTemplate :exec
insert into prescription_templates (id, doctor_id, name, keyword, description, sheet, active)
values (@id, @doctor_id, @name, @keyword, @description, @sheet, @active);

-- name: InsertImportedDocument :exec
insert into documents (id, patient_id, kind, title, dated_on, note, media_type, bytes, pages, uploaded_by, uploaded_at)
values (@id, @patient_id, @kind, @title, sqlc.narg(dated_on), @note, @media_type, @bytes, @pages, @uploaded_by, @uploaded_at);

-- name: ListPrescriptionsForImport :many
-- What earlier runs brought over and rows of a later copy of the file may join.
select p.id, p.visit_id, p.doctor_id, coalesce((select max(l.position) from prescription_lines l where l.prescription_id = p.id), 0)::smallint as last_position
from prescriptions p
where p.old_number <> '';

-- name: ListConsultationsForImport :many
select c.id, c.visit_id, c.doctor_id from consultations c
where exists (select from prescriptions p where p.visit_id = c.visit_id and p.old_number <> '');

-- name: ListRequestedNamesForImport :many
select t.visit_id, lower(t.name)::text as name from test_requests t
where t.state <> 'cancelled' and exists (select from prescriptions p where p.visit_id = t.visit_id and p.old_number <> '');

-- name: InsertImportedAddendum :exec
insert into addenda (id, consultation_id, patient_id, doctor_id, body, written_at) values (@id, @consultation_id, @consultation_id, @doctor_id, @body, @written_at);
