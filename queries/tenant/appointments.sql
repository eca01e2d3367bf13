-- name: GetSlotSettings :one
select opening_hours, slot_minutes from settings;

-- name: ListAppointmentDoctors :many
-- Who can be booked, or one of them.
select u.id, u.full_name, u.local_name, p.room, p.availability, p.office_hours
from users u join profiles p on p.user_id = u.id
where u.role = 'doctor' and u.active and (sqlc.narg(doctor_id)::uuid is null or u.id = sqlc.narg(doctor_id)::uuid)
order by u.full_name, u.id;

-- name: ListLeaves :many
-- Leaves that touch a stretch of days, of one doctor or of all.
select id, doctor_id, from_day, until_day, reason, version
from leaves
where not withdrawn and until_day >= @from_day and from_day <= @until_day and (sqlc.narg(doctor_id)::uuid is null or doctor_id = sqlc.narg(doctor_id)::uuid)
order by from_day, id;

-- name: GetLeave :one
select id, doctor_id, withdrawn, version from leaves where id = @id;

-- name: InsertLeave :exec
insert into leaves (id, doctor_id, from_day, until_day, reason, created_by) values (@id, @doctor_id, @from_day, @until_day, @reason, @created_by);

-- name: WithdrawLeave :execrows
update leaves set withdrawn = true where id = @id and not withdrawn;

-- name: UpdateOfficeHours :execrows
update profiles set office_hours = @office_hours where user_id = @user_id and office_hours is distinct from @office_hours;

-- name: ListAppointments :many
-- What is booked, kept or missed in a stretch of time, of one doctor or of all.
select a.id, a.patient_id, a.doctor_id, a.starts_at, a.ends_at, a.kind, a.purpose, a.state, a.visit_id, a.version,
       p.number as patient_number, p.full_name, p.local_name, p.sex, p.birth_date, p.age_years, p.age_months, p.age_told_on, p.phone, p.language,
       r.sent_at as reminded_at
from appointments a join patients p on p.id = a.patient_id
left join reminders r on r.appointment_id = a.id and r.doctor_id = a.doctor_id and r.starts_at = a.starts_at
where a.starts_at >= @from_at and a.starts_at < @until_at and a.state <> 'cancelled'
  and (sqlc.narg(doctor_id)::uuid is null or a.doctor_id = sqlc.narg(doctor_id)::uuid)
order by a.starts_at, a.id;

-- name: GetAppointment :one
select a.id, a.patient_id, a.doctor_id, a.starts_at, a.ends_at, a.kind, a.purpose, a.state, a.state_reason, a.visit_id, a.follow_up_id, a.created_at, a.version,
       u.full_name as doctor, coalesce(b.full_name, '')::text as booker, r.sent_at as reminded_at
from appointments a join users u on u.id = a.doctor_id left join users b on b.id = a.booked_by
left join reminders r on r.appointment_id = a.id and r.doctor_id = a.doctor_id and r.starts_at = a.starts_at
where a.id = @id;

-- name: InsertAppointment :exec
insert into appointments (id, patient_id, doctor_id, starts_at, kind, purpose, follow_up_id, booked_by)
values (@id, @patient_id, @doctor_id, @starts_at, @kind, @purpose, sqlc.narg(follow_up_id)::uuid, @booked_by);

-- name: MoveAppointment :execrows
-- No row: somebody changed it in between.
update appointments set doctor_id = @doctor_id, starts_at = @starts_at where id = @id and version = @version;

-- name: MoveOwnAppointment :execrows
-- As a doctor, who keeps it with themselves.
update appointments set starts_at = @starts_at where id = @id and version = @version;

-- name: SetAppointmentState :execrows
update appointments set state = @state, state_reason = @reason where id = @id and version = @version;

-- name: ArriveAppointment :execrows
update appointments set state = 'arrived', visit_id = @visit_id where id = @id and version = @version;

-- name: ListAppointmentsByPatients :many
-- What is still to come, the next first.
select a.id, a.patient_id, a.doctor_id, a.starts_at, a.ends_at, a.kind, a.state, a.version, u.full_name as doctor
from appointments a join users u on u.id = a.doctor_id
where a.patient_id = any (@patient_ids::uuid[]) and a.ends_at > @from_at and a.state in ('booked', 'arrived')
order by a.starts_at, a.id
limit 20;

-- name: CountAppointmentsBetween :one
select count(*)::integer from appointments where doctor_id = @doctor_id and state = 'booked' and starts_at >= @from_at and starts_at < @until_at;

-- name: ListClinicFollowUps :many
-- Everybody's follow-ups that are due, each with the appointment that was made for it.
select f.id, f.due_on, f.note, f.version, f.patient_id, f.doctor_id, u.full_name as doctor, p.number as patient_number, p.full_name, p.local_name, p.sex,
       p.birth_date, p.age_years, p.age_months, p.age_told_on, p.phone, a.id as appointment_id, a.starts_at
from follow_ups f join patients p on p.id = f.patient_id join users u on u.id = f.doctor_id
left join appointments a on a.follow_up_id = f.id and a.state = 'booked'
where f.state = 'due' and f.due_on <= @until and (sqlc.narg(doctor_id)::uuid is null or f.doctor_id = sqlc.narg(doctor_id)::uuid)
order by f.due_on, f.id, a.starts_at
limit @at_most::integer;

-- name: GetFollowUpPatient :one
select id, patient_id, doctor_id, due_on, state from follow_ups where id = @id;

-- name: InsertDemoLeave :exec
insert into leaves (id, doctor_id, from_day, until_day, reason) values (@id, @doctor_id, @from_day, @until_day, @reason);

-- name: InsertDemoAppointment :exec
-- A time that is taken already is left as it is.
insert into appointments (id, patient_id, doctor_id, starts_at, kind, purpose, state, state_reason, visit_id, follow_up_id, booked_by)
values (@id, @patient_id, @doctor_id, @starts_at, @kind, @purpose, @state, @state_reason, sqlc.narg(visit_id)::uuid, sqlc.narg(follow_up_id)::uuid, @booked_by)
on conflict do nothing;

-- name: ListDemoBookedDays :many
-- The days of a zone that have appointments already.
select distinct (starts_at at time zone @zone::text)::date as day from appointments where starts_at >= @since order by day;

-- name: SetDemoHours :exec
-- Only where nobody has set them.
update settings set opening_hours = @opening_hours where opening_hours = '{}';

-- name: ListDemoDueFollowUps :many
select id, patient_id, doctor_id, due_on from follow_ups where state = 'due' and due_on between @from_day and @until_day order by due_on, id;
