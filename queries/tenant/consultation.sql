-- name: InsertConsultation :execrows
-- No row: it was begun before. Patient and times are the database's.
insert into consultations (id, visit_id, patient_id, doctor_id) values (@id, @visit_id, @visit_id, @doctor_id)
on conflict (visit_id, doctor_id) do nothing;

-- name: ListConsultationsByVisit :many
select c.id, c.visit_id, c.patient_id, c.doctor_id, c.complaint, c.symptoms, c.findings, c.plan, c.advice, c.urgency, c.follow_up_days, c.state,
       c.started_at, c.finished_at, c.version, u.full_name as doctor
from consultations c join users u on u.id = c.doctor_id
where c.visit_id = @visit_id
order by c.started_at, c.id;

-- name: FinishConsultation :one
-- No row: it is another's, or another version. That the visit is closed, too, the
-- database sees to.
update consultations set complaint = @complaint, symptoms = @symptoms, findings = @findings, plan = @plan, advice = @advice, urgency = @urgency,
       follow_up_days = sqlc.narg(follow_up_days)::smallint, state = 'finished'
where id = @id and version = @version
returning id, visit_id, patient_id;

-- name: ListDiagnoses :many
select d.id, d.consultation_id, d.code, d.title, d.note, d.position
from diagnoses d
where d.consultation_id = any (@consultation_ids::uuid[]) and not d.withdrawn
order by d.consultation_id, d.position, d.id;

-- name: WithdrawDiagnoses :exec
update diagnoses set withdrawn = true where consultation_id = @consultation_id and not withdrawn;

-- name: InsertDiagnosis :exec
insert into diagnoses (id, consultation_id, patient_id, doctor_id, code, title, note, position)
values (@id, @consultation_id, @consultation_id, @doctor_id, @code, @title, @note, @position);

-- name: ListRecentDiagnoses :many
-- What a doctor recorded lately, the most frequent first.
select r.code, max(r.title)::text as title, count(*)::integer as n
from (select d.code, d.title from diagnoses d where d.doctor_id = @doctor_id and d.code <> '' and not d.withdrawn order by d.created_at desc limit 300) r
group by r.code
order by n desc, r.code;

-- name: SearchCodes :many
select s.code::text as code, s.title::text as title
from platform.search_icd10(@letters::text, @words::text, @others::text, @at_most::integer) s;

-- name: InsertAddendum :exec
insert into addenda (id, consultation_id, patient_id, doctor_id, body) values (@id, @consultation_id, @consultation_id, @doctor_id, @body);

-- name: ListAddenda :many
select a.id, a.consultation_id, a.body, a.written_at, u.full_name as doctor
from addenda a join users u on u.id = a.doctor_id
where a.consultation_id = any (@consultation_ids::uuid[])
order by a.written_at, a.id;

-- name: GetDraft :one
select id, body, version, updated_at from drafts where user_id = @user_id and kind = @kind and subject_id = @subject_id;

-- name: InsertDraft :execrows
-- No row: another window has begun one.
insert into drafts (id, user_id, kind, subject_id, body) values (@id, @user_id, @kind, @subject_id, @body)
on conflict do nothing;

-- name: UpdateDraft :execrows
-- No row: another window has written since this one last did. What this very
-- window sent last is no other's, though its answer may not have come yet. What
-- is there already changes nothing: a page that is left may send it once more,
-- after the next page has read its version.
update drafts set body = sqlc.arg(body)::jsonb
where user_id = @user_id and kind = @kind and subject_id = @subject_id and (version = @version or body ->> 'window' = @window_id::text)
  and body - 'window' is distinct from sqlc.arg(body)::jsonb - 'window';

-- name: HoldConsultation :one
-- Keeps a finish waiting until the draft is written, or waits for it.
select state from consultations where id = @id for share;

-- name: DeleteDraft :exec
delete from drafts where user_id = @user_id and kind = @kind and subject_id = @subject_id;

-- name: ListVitalsByVisit :many
select v.id, v.visit_id, v.taken_by, v.taken_at, v.systolic, v.diastolic, v.pulse, v.temperature_tenths, v.temperature_unit, v.respiration, v.spo2, v.sugar,
       v.sugar_kind, v.weight_grams, v.height_mm, v.bmi_tenths, v.note, coalesce(u.full_name, '')::text as taker
from vitals v left join users u on u.id = v.taken_by
where v.visit_id = @visit_id
order by v.updated_at, v.id;

-- name: ListVitalsByPatients :many
-- Newest first, for the trend.
select v.id, v.visit_id, v.taken_by, v.taken_at, v.systolic, v.diastolic, v.pulse, v.temperature_tenths, v.temperature_unit, v.respiration, v.spo2, v.sugar,
       v.sugar_kind, v.weight_grams, v.height_mm, v.bmi_tenths
from vitals v
where v.patient_id = any (@patient_ids::uuid[])
order by v.taken_at desc, v.id desc
limit @at_most::integer;

-- name: InsertVitals :exec
-- Patient, taker and time are the database's.
insert into vitals (id, visit_id, patient_id, systolic, diastolic, pulse, temperature_tenths, temperature_unit, respiration, spo2, sugar, sugar_kind,
                    weight_grams, height_mm)
values (@id, @visit_id, @visit_id, sqlc.narg(systolic), sqlc.narg(diastolic), sqlc.narg(pulse), sqlc.narg(temperature_tenths), @temperature_unit,
        sqlc.narg(respiration), sqlc.narg(spo2), sqlc.narg(sugar), @sugar_kind, sqlc.narg(weight_grams), sqlc.narg(height_mm));

-- name: UpdateVitals :execrows
update vitals set systolic = sqlc.narg(systolic), diastolic = sqlc.narg(diastolic), pulse = sqlc.narg(pulse),
       temperature_tenths = sqlc.narg(temperature_tenths), temperature_unit = @temperature_unit, respiration = sqlc.narg(respiration),
       spo2 = sqlc.narg(spo2), sugar = sqlc.narg(sugar), sugar_kind = @sugar_kind, weight_grams = sqlc.narg(weight_grams), height_mm = sqlc.narg(height_mm)
where id = @id;

-- name: InsertFollowUp :exec
insert into follow_ups (id, consultation_id, patient_id, doctor_id, due_on) values (@id, @consultation_id, @patient_id, @doctor_id, @due_on);

-- name: CloseFollowUp :execrows
update follow_ups set state = @state where id = @id and version = @version and state = 'due';

-- name: GetFollowUp :one
select id, state, version from follow_ups where id = @id;

-- name: CameAgain :exec
-- Who was to come again to this doctor, and has.
update follow_ups set state = 'done'
where patient_id = any (@patient_ids::uuid[]) and doctor_id = @doctor_id and state = 'due' and consultation_id <> @consultation_id;

-- name: ListFollowUpsDue :many
select f.id, f.due_on, f.note, f.version, f.patient_id, p.number as patient_number, p.full_name, p.local_name, p.sex, p.birth_date, p.age_years,
       p.age_months, p.age_told_on, p.phone
from follow_ups f join patients p on p.id = f.patient_id
where f.doctor_id = @doctor_id and f.state = 'due' and f.due_on <= @until
order by f.due_on, f.id
limit @at_most::integer;

-- name: ListFollowUpsByPatients :many
select f.id, f.due_on, f.note, f.version, f.patient_id, u.full_name as doctor
from follow_ups f join users u on u.id = f.doctor_id
where f.patient_id = any (@patient_ids::uuid[]) and f.state = 'due'
order by f.due_on, f.id
limit 20;

-- name: ListUnfinished :many
-- Begun and not finished; who was sent back to wait comes again by the queue.
select c.id, c.visit_id, c.started_at, v.day, v.state as visit_state, coalesce(t.label, '')::text as label, c.patient_id, p.number as patient_number,
       coalesce((select jsonb_array_length(case when jsonb_typeof(d.body -> 'rx' -> 'lines') = 'array' then d.body -> 'rx' -> 'lines' end)
                 from drafts d where d.user_id = c.doctor_id and d.kind = 'consultation' and d.subject_id = c.visit_id), 0)::integer as medicines,
       p.full_name, p.local_name, p.sex, p.birth_date, p.age_years, p.age_months, p.age_told_on
from consultations c join visits v on v.id = c.visit_id left join tokens t on t.visit_id = v.id join patients p on p.id = c.patient_id
where c.doctor_id = @doctor_id and c.state = 'open' and v.state in ('in_consultation', 'done')
order by c.started_at, c.id
limit @at_most::integer;
