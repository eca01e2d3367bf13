-- name: GetPatient :one
select id, number, first_name, last_name, full_name, local_name, sex, birth_date, age_years, age_months, age_told_on, blood_group, phone, email,
       address, city, state, pin, emergency_name, emergency_phone, emergency_relation, id_kind, id_cipher, id_tail, weight_grams, allergies,
       no_known_allergies, history, note, status, language, (photo_cipher is not null)::boolean as has_photo, registered_on, registered_by,
       last_visit_on, merged_into, created_at, updated_at, version
from patients where id = @id;

-- name: GetPatientCard :one
-- Identity columns only: what every member of staff may read.
select id, number, full_name, local_name, sex, birth_date, age_years, age_months, age_told_on, phone, last_visit_on, merged_into
from patients where id = @id;

-- name: SearchPatients :many
-- The function finds ids behind its own wall; the rows are read under the policies.
select p.id, p.number, p.full_name, p.local_name, p.sex, p.birth_date, p.age_years, p.age_months, p.age_told_on, p.phone, p.last_visit_on,
       r.rank::real as rank
from platform.search_patients(@words::text, @folds::text, @digits::text, @code::text, @at_most::integer) r
join patients p on p.id = r.id
order by r.rank desc, p.last_visit_on desc nulls last, p.id;

-- name: ListPatientsByToken :many
select p.id, p.number, p.full_name, p.local_name, p.sex, p.birth_date, p.age_years, p.age_months, p.age_told_on, p.phone, p.last_visit_on
from tokens t join visits v on v.id = t.visit_id join patients p on p.id = v.patient_id
where t.day = @day and t.label = @label
order by t.made_at, p.id
limit @at_most::integer;

-- name: ListRecentPatients :many
-- Newest first; a page goes on after the last row of the one before.
select id, number, full_name, local_name, sex, birth_date, age_years, age_months, age_told_on, phone, last_visit_on, registered_on
from patients
where merged_into is null and (registered_on, id) < (@before_day::date, @before_id::uuid)
order by registered_on desc, id desc
limit @at_most::integer;

-- name: ListPatientsByPhone :many
select id, number, full_name, local_name, sex, birth_date, age_years, age_months, age_told_on, phone, last_visit_on
from patients
where merged_into is null and phone = @phone and id <> @except_id
order by last_visit_on desc nulls last, id
limit 20;

-- name: ListPatientsByNameKey :many
-- Everybody of the same name however it is spelt; the caller compares the years.
select id, number, full_name, local_name, sex, birth_date, age_years, age_months, age_told_on, phone, last_visit_on
from patients
where merged_into is null and search_key ^@ @name_key::text and id <> @except_id
order by last_visit_on desc nulls last, id
limit 50;

-- name: InsertPatient :one
insert into patients (id, first_name, last_name, local_name, search_key, sex, birth_date, age_years, age_months, age_told_on, blood_group, phone, email,
                      address, city, state, pin, emergency_name, emergency_phone, emergency_relation, id_kind, id_cipher, id_blind, id_tail,
                      weight_grams, allergies, no_known_allergies, history, note, status, language, registered_on, registered_by)
values (@id, @first_name, @last_name, @local_name, @search_key, @sex, @birth_date, @age_years, @age_months, @age_told_on, @blood_group, @phone, @email,
        @address, @city, @state, @pin, @emergency_name, @emergency_phone, @emergency_relation, @id_kind, @id_cipher, @id_blind, @id_tail,
        @weight_grams, @allergies, @no_known_allergies, @history, @note, @status, @language, @registered_on, @registered_by)
returning number;

-- name: UpdatePatient :execrows
update patients
set first_name = @first_name, last_name = @last_name, local_name = @local_name, search_key = @search_key, sex = @sex, birth_date = @birth_date,
    age_years = @age_years, age_months = @age_months, age_told_on = @age_told_on, blood_group = @blood_group, phone = @phone, email = @email,
    address = @address, city = @city, state = @state, pin = @pin, emergency_name = @emergency_name, emergency_phone = @emergency_phone,
    emergency_relation = @emergency_relation, weight_grams = @weight_grams, allergies = @allergies, no_known_allergies = @no_known_allergies,
    history = @history, note = @note, status = @status, language = @language
where id = @id and version = @version and merged_into is null;

-- name: UpdatePatientClinical :execrows
update patients
set blood_group = @blood_group, weight_grams = @weight_grams, allergies = @allergies, no_known_allergies = @no_known_allergies,
    history = @history, status = @status
where id = @id and version = @version and merged_into is null;

-- name: UpdatePatientIdentity :execrows
update patients set id_kind = @id_kind, id_cipher = @id_cipher, id_blind = @id_blind, id_tail = @id_tail
where id = @id and merged_into is null;

-- name: ListPatientsByIdentity :many
select id, number, full_name, local_name, sex, birth_date, age_years, age_months, age_told_on, phone, last_visit_on
from patients
where merged_into is null and id_blind = @id_blind and id <> @except_id
order by id
limit 20;

-- name: UpdatePatientPhoto :execrows
update patients set photo_cipher = @photo_cipher where id = @id and merged_into is null;

-- name: GetPatientPhoto :one
select photo_cipher from patients where id = @id;

-- name: LockPatient :one
select id, number, full_name, merged_into, version from patients where id = @id for update;

-- name: UpdatePatientMergedInto :execrows
update patients set merged_into = sqlc.narg(merged_into)::uuid where id = @id and version = @version;

-- name: ListMergedPatients :many
-- Everybody who was merged into a patient, directly or by way of another.
with recursive family (id) as (
  select p.id from patients p where p.merged_into = @id
  union
  select p.id from patients p join family f on p.merged_into = f.id
)
select p.id, p.number, p.full_name, p.merged_into, p.last_visit_on
from family f join patients p on p.id = f.id
order by p.number;

-- name: GetSurvivor :one
-- The record that a patient counts as, at any remove: itself where it was not
-- merged.
with recursive up (id, merged_into) as (
  select p.id, p.merged_into from patients p where p.id = @id
  union
  select p.id, p.merged_into from patients p join up u on p.id = u.merged_into
)
select u.id::uuid as id from up u where u.merged_into is null;

-- name: ListAllergies :many
-- What is known of each patient's allergies, whichever of the records that are
-- one person's says so.
with recursive up (asked, id, merged_into) as (
  select p.id, p.id, p.merged_into from patients p where p.id = any (@ids::uuid[])
  union
  select u.asked, p.id, p.merged_into from patients p join up u on p.id = u.merged_into
), family (asked, id) as (
  select u.asked, u.id from up u
  union
  select f.asked, p.id from patients p join family f on p.merged_into = f.id
)
select f.asked::uuid as id, coalesce(string_agg(distinct p.allergies, '; ') filter (where p.allergies <> ''), '')::text as allergies,
       (bool_or(p.no_known_allergies) and bool_and(p.allergies = ''))::boolean as no_known_allergies
from family f join patients p on p.id = f.id
group by f.asked;

-- name: InsertPatientMerge :exec
insert into patient_merges (id, survivor_id, duplicate_id, reason, merged_by) values (@id, @survivor_id, @duplicate_id, @reason, @merged_by);

-- name: GetOpenPatientMerge :one
select id, survivor_id, duplicate_id, merged_by, merged_at from patient_merges where duplicate_id = @duplicate_id and undone_at is null for update;

-- name: UndoPatientMerge :execrows
update patient_merges set undone_by = @undone_by, undone_at = now() where id = @id and undone_at is null;

-- name: ListPatientMerges :many
select m.id, m.duplicate_id, m.reason, m.merged_at, m.undone_at, u.full_name as merged_by_name, d.number as duplicate_number,
       d.full_name as duplicate_name
from patient_merges m join users u on u.id = m.merged_by join patients d on d.id = m.duplicate_id
where m.survivor_id = @survivor_id
order by m.merged_at desc;

-- name: ListTrailByPatient :many
-- Who looked at a record and who changed it, newest first.
select t.id, t.at, t.actor, t.actor_role, t.action, t.entity, t.reason, coalesce(u.full_name, '')::text as actor_name
from trail t left join users u on t.actor = 'user:' || u.id::text
where t.patient_id = any (@patient_ids::uuid[]) and (t.at, t.id) < (@before_at::timestamptz, @before_id::uuid)
order by t.at desc, t.id desc
limit @at_most::integer;

-- name: ListIdentifiersByRecord :many
select system, value from identifiers where record_id = @record_id and system <> 'legacy.row' order by system, value;

-- name: RecordView :exec
-- The zero id is no patient.
select platform.record_view(@entity::text, @record_id::uuid, nullif(@patient_id::uuid, '00000000-0000-0000-0000-000000000000'));

-- name: ListMergedIDs :many
-- The ids of everybody who was merged into one of these, at any remove.
with recursive family (id) as (
  select p.id from patients p where p.merged_into = any (@ids::uuid[])
  union
  select p.id from patients p join family f on p.merged_into = f.id
)
select f.id::uuid as id from family f;
