-- name: ListDisplays :many
select id, name, generation, lines, active, created_at, version from displays order by lower(name), id;

-- name: GetDisplay :one
select id, name, generation, lines, active from displays where id = @id;

-- name: InsertDisplay :exec
insert into displays (id, name, lines, created_by) values (@id, @name, @lines, @created_by);

-- name: SwitchDisplay :execrows
update displays set active = @active where id = @id and version = @version;

-- name: RaiseDisplayGeneration :execrows
update displays set generation = generation + 1 where id = @id and version = @version;

-- name: GetDisplaySettings :one
select display_notice, display_chime, consultation_minutes from settings;

-- name: ListDisplayLines :many
-- The doctors and departments of today's tokens; a department has no room of a doctor.
select u.id, 'doctor'::text as kind, u.full_name as name, u.local_name, coalesce(p.room, '')::text as room, coalesce(p.availability, '')::text as availability
from users u left join profiles p on p.user_id = u.id
where u.role = 'doctor' and u.active
union all
select d.id, 'department'::text, d.name, d.local_name, d.room, 'available'::text
from departments d where d.active
order by 2 desc, 3, 1;

-- name: ListDisplayTokens :many
-- Today's tokens that wait, were called or are inside; never a name.
select v.id, v.line_id, v.state, v.priority, v.arrived_at, v.called_at, v.call_count, t.label
from visits v join tokens t on t.visit_id = v.id
where v.day = platform.clinic_today() and v.state in ('waiting', 'called', 'in_consultation')
order by v.line_id, v.priority desc, v.arrived_at, v.id;

-- name: GetDisplayVisit :one
-- One token of today, for the patient's own link.
select v.id, v.line_id, v.state, v.called_at, v.call_count, t.label
from visits v join tokens t on t.visit_id = v.id
where v.id = @id and v.day = platform.clinic_today();

-- name: ListCalledTimes :many
-- When the line's patients were called today: the pace that a display may know.
select v.called_at::timestamptz as called_at from visits v
where v.day = platform.clinic_today() and v.line_id = @line_id and v.called_at is not null
order by v.called_at;
