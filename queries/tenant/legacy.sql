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
