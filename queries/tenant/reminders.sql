-- name: GetReminding :one
-- Whether the clinic reminds, and as whom it writes.
select s.appointment_reminders, c.name, c.zone, c.language
from settings s, platform.clinics c
where c.id = (select platform.current_clinic());

-- name: ListToRemind :many
-- Who is booked in a stretch of time, has an address and was not reminded of this
-- time with this doctor. A try that failed, or broke off, counts from a moment on
-- no more. A merged record is written to as the one that it counts as.
with recursive up (first_id, id, merged_into) as (
  select p.id, p.id, p.merged_into from patients p join appointments a on a.patient_id = p.id
  where a.state = 'booked' and a.starts_at >= @from_at and a.starts_at < @until_at
  union select u.first_id, p.id, p.merged_into from up u join patients p on p.id = u.merged_into
)
select a.id, a.doctor_id, a.starts_at, u.full_name as doctor, p.email, p.language
from appointments a join users u on u.id = a.doctor_id
join up on up.first_id = a.patient_id and up.merged_into is null join patients p on p.id = up.id
left join reminders r on r.appointment_id = a.id
where a.state = 'booked' and a.starts_at >= @from_at and a.starts_at < @until_at and p.email <> '' and p.status <> 'deceased'
  and (r.id is null or (r.doctor_id, r.starts_at) is distinct from (a.doctor_id, a.starts_at)
       or r.sent_at is null and r.tries < @most_tries::smallint and r.tried_at < @tried_before)
order by a.starts_at, a.id
limit @at_most::integer;

-- name: ClaimReminder :execrows
-- No row: somebody else reminds.
insert into reminders (id, appointment_id, patient_id, doctor_id, starts_at, tried_at)
values (@id, @appointment_id, @patient_id, @doctor_id, @starts_at, @tried_at)
on conflict (appointment_id) do update set doctor_id = excluded.doctor_id, starts_at = excluded.starts_at, tried_at = excluded.tried_at, sent_at = null,
  tries = case when (reminders.doctor_id, reminders.starts_at) is distinct from (excluded.doctor_id, excluded.starts_at) then 1 else reminders.tries + 1 end
where (reminders.doctor_id, reminders.starts_at) is distinct from (excluded.doctor_id, excluded.starts_at)
   or reminders.sent_at is null and reminders.tries < @most_tries::smallint and reminders.tried_at < @tried_before;

-- name: MarkReminded :execrows
update reminders set sent_at = @sent_at
where appointment_id = @appointment_id and doctor_id = @doctor_id and starts_at = @starts_at and sent_at is null;
