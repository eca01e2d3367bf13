-- name: InsertVisit :exec
insert into visits (id, patient_id, doctor_id, department_id, day, kind, purpose, note, priority, arrived_at, created_by)
values (@id, @patient_id, sqlc.narg(doctor_id)::uuid, sqlc.narg(department_id)::uuid, platform.clinic_today(), @kind, @purpose, @note, @priority, now(), @created_by);

-- name: InsertToken :one
-- Line, day, number and label are the database's.
insert into tokens (id, visit_id, line_id, day, number, label)
values (@id, @visit_id, @visit_id, platform.clinic_today(), 1, '')
returning label, number;

-- name: GetVisit :one
select v.id, v.patient_id, v.doctor_id, v.department_id, v.line_id, v.day, v.kind, v.purpose, v.note, v.state, v.state_reason, v.priority, v.call_count,
       v.arrived_at, v.called_at, v.started_at, v.ended_at, v.version, coalesce(t.label, '')::text as label, coalesce(t.number, 0)::integer as token_number,
       p.number as patient_number, p.full_name, p.local_name, p.sex, p.birth_date, p.age_years, p.age_months, p.age_told_on, p.phone
from visits v left join tokens t on t.visit_id = v.id join patients p on p.id = v.patient_id
where v.id = @id;

-- name: ListVisitsByDay :many
-- The whole day of the clinic or of one line, in no order.
select v.id, v.patient_id, v.doctor_id, v.department_id, v.line_id, v.kind, v.purpose, v.state, v.priority, v.call_count,
       v.arrived_at, v.called_at, v.started_at, v.ended_at, v.version, coalesce(t.label, '')::text as label, coalesce(t.number, 0)::integer as token_number,
       p.number as patient_number, p.full_name, p.local_name, p.sex, p.birth_date, p.age_years, p.age_months, p.age_told_on
from visits v left join tokens t on t.visit_id = v.id join patients p on p.id = v.patient_id
where v.day = @day and (sqlc.narg(line_id)::uuid is null or v.line_id = sqlc.narg(line_id)::uuid);

-- name: ListOpenVisitsByLine :many
-- Those who wait in a line today, in the order in which they will be called.
select v.id, v.state, v.priority, v.arrived_at, v.version
from visits v
where v.day = @day and v.line_id = @line_id and v.state in ('waiting', 'called', 'in_consultation')
order by v.priority desc, v.arrived_at, v.id;

-- name: NextVisit :one
-- The next of a line, locked: whoever comes second waits and looks again.
select v.id, v.version, v.patient_id from visits v
where v.day = @day and v.line_id = @line_id and v.state = 'waiting'
order by v.priority desc, v.arrived_at, v.id
limit 1
for update;

-- name: CountVisitsPerLine :many
select v.line_id, v.state, count(*)::integer as n
from visits v where v.day = @day
group by v.line_id, v.state;

-- name: ListPaces :many
-- The mean of the newest consultations of each line, in seconds.
select r.line_id::uuid as line_id, avg(r.seconds)::float8 as seconds, count(*)::integer as n
from (
  select v.line_id, extract(epoch from v.ended_at - v.started_at) as seconds,
         row_number() over (partition by v.line_id order by v.ended_at desc) as place
  from visits v
  where v.day > @since::date and v.state = 'done' and v.ended_at > v.started_at
) r
where r.place <= 20
group by r.line_id;

-- name: MoveVisit :one
-- No row: somebody moved the patient in between. Which moves are legal, and
-- their times, the database says.
update visits set state = @state, state_reason = @reason, call_count = call_count + (@state = 'called')::integer
where id = @id and version = @version
returning version, patient_id, line_id;

-- name: TransferVisit :execrows
update visits set doctor_id = sqlc.narg(doctor_id)::uuid, department_id = sqlc.narg(department_id)::uuid, state_reason = @reason
where id = @id and version = @version;

-- name: SetVisitPriority :execrows
update visits set priority = @priority where id = @id and version = @version;

-- name: UpdateVisitNote :execrows
update visits set kind = @kind, purpose = @purpose, note = @note where id = @id and version = @version;

-- name: LastMove :one
select id, from_state, to_state, from_line, to_line, priority, moved_by, moved_at from queue_moves
where visit_id = @visit_id
order by moved_at desc, id desc
limit 1;

-- name: ListMoves :many
select m.id, m.visit_id, coalesce(m.from_state, '')::text as from_state, m.to_state, m.from_line, m.to_line, m.priority, m.reason, m.moved_by, m.moved_at,
       coalesce(u.full_name, '')::text as mover
from queue_moves m left join users u on m.moved_by = 'user:' || u.id::text
where m.visit_id = any (@visit_ids::uuid[])
order by m.visit_id, m.moved_at, m.id;

-- name: ListVisitsByPeriod :many
-- Newest first; a page goes on after the last row of the one before.
select v.id, v.patient_id, v.line_id, v.day, v.kind, v.purpose, v.state, v.state_reason, v.priority, v.arrived_at, v.called_at, v.started_at, v.ended_at,
       coalesce(t.label, '')::text as label, p.number as patient_number, p.full_name, p.local_name, p.sex, p.birth_date, p.age_years, p.age_months,
       p.age_told_on, p.phone
from visits v left join tokens t on t.visit_id = v.id join patients p on p.id = v.patient_id
where v.day between @from_day and @to_day
  and (v.day, v.arrived_at, v.id) < (@before_day::date, @before_at::timestamptz, @before_id::uuid)
  and (sqlc.narg(line_id)::uuid is null or v.line_id = sqlc.narg(line_id)::uuid)
  and (@state::text = '' or v.state = @state::text)
  and (sqlc.narg(patient_ids)::uuid[] is null or v.patient_id = any (sqlc.narg(patient_ids)::uuid[]))
order by v.day desc, v.arrived_at desc, v.id desc
limit @at_most::integer;

-- name: ListVisitsByPatients :many
select v.id, v.patient_id, v.line_id, v.day, v.kind, v.purpose, v.state, v.state_reason, v.arrived_at, v.started_at, v.ended_at, coalesce(t.label, '')::text as label
from visits v left join tokens t on t.visit_id = v.id
where v.patient_id = any (@patient_ids::uuid[]) and (v.arrived_at, v.id) < (@before_at::timestamptz, @before_id::uuid)
order by v.arrived_at desc, v.id desc
limit @at_most::integer;

-- name: GetOpenVisit :one
select v.id, v.line_id, v.state, coalesce(t.label, '')::text as label
from visits v left join tokens t on t.visit_id = v.id
where v.patient_id = @patient_id and v.line_id = @line_id and v.day = @day and v.state in ('waiting', 'called', 'in_consultation', 'skipped');

-- name: ListLines :many
-- Who can be waited for: the doctors who see patients, and the departments.
select u.id, 'doctor'::text as kind, u.full_name as name, u.local_name, p.room, p.availability, coalesce(p.specialisation, '')::text as about,
       p.department_id
from users u join profiles p on p.user_id = u.id
where u.role = 'doctor' and u.active
union all
select d.id, 'department'::text, d.name, d.local_name, d.room, 'available'::text, ''::text, null::uuid
from departments d where d.active
order by 2 desc, 3, 1;

-- name: GetQueueSettings :one
select consultation_minutes, slip_width_mm, token_prefix from settings;

-- name: LastVisitOfUser :one
-- The newest token that somebody gave today.
select v.id from visits v where v.day = @day and v.created_by = @created_by order by v.arrived_at desc, v.id desc limit 1;
