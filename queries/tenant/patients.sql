-- name: GetPatient :one
select id, number, first_name, last_name, full_name, local_name, sex, birth_date, age_years, age_months, age_told_on, blood_group, phone, email,
       address, city, state, pin, emergency_name, emergency_phone, emergency_relation, id_kind, id_cipher, id_tail, weight_grams, allergies,
       no_known_allergies, history, note, status, language, (photo_cipher is not null)::boolean as has_photo, registered_on, registered_by,
       last_visit_on, merged_into, created_at, updated_at, version
from patients where id = @id;

-- name: SearchPatients :many
-- The function finds ids behind its own wall; the rows are read under the policies.
select p.id, p.number, p.full_name, p.local_name, p.sex, p.birth_date, p.age_years, p.age_months, p.age_told_on, p.phone, p.last_visit_on,
       r.rank::real as rank
from platform.search_patients(@words::text, @digits::text, @code::text, @at_most::integer) r
join patients p on p.id = r.id
order by r.rank desc, p.last_visit_on desc nulls last, p.id;

-- name: RecordView :exec
-- The zero id is no patient.
select platform.record_view(@entity::text, @record_id::uuid, nullif(@patient_id::uuid, '00000000-0000-0000-0000-000000000000'));
