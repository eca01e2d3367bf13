-- name: GetDayFigures :one
select count(*)::integer as visits,
       count(*) filter (where v.state in ('waiting', 'skipped'))::integer as waiting,
       count(*) filter (where v.state = 'called')::integer as called,
       count(*) filter (where v.state = 'in_consultation')::integer as consulting,
       count(*) filter (where v.state = 'done')::integer as done,
       count(*) filter (where v.state in ('no_show', 'cancelled'))::integer as lost,
       coalesce(avg(extract(epoch from v.called_at - v.arrived_at)) filter (where v.called_at is not null), 0)::float8 as wait_seconds,
       coalesce(avg(extract(epoch from v.ended_at - v.started_at)) filter (where v.state = 'done' and v.started_at is not null), 0)::float8 as consult_seconds
from visits v where v.day = @today::date;

-- name: GetPatientFigures :one
select count(*)::integer as patients,
       count(*) filter (where registered_on = @today::date)::integer as today,
       count(*) filter (where status = 'admitted')::integer as admitted
from patients where merged_into is null;

-- name: CountVisitsPerDay :many
select v.day, count(*)::integer as visits, count(*) filter (where v.state = 'done')::integer as done
from visits v where v.day between @since::date and @today::date
group by v.day order by v.day;

-- name: ListDoctorLoad :many
select u.id, u.full_name, coalesce(p.room, '')::text as room, coalesce(p.availability, '')::text as availability,
       count(v.id) filter (where v.state in ('waiting', 'called', 'skipped'))::integer as waiting,
       count(v.id) filter (where v.state = 'in_consultation')::integer as consulting,
       count(v.id) filter (where v.state = 'done')::integer as done,
       coalesce(avg(extract(epoch from v.ended_at - v.started_at)) filter (where v.state = 'done' and v.started_at is not null), 0)::float8 as consult_seconds
from users u
left join profiles p on p.user_id = u.id
left join visits v on v.doctor_id = u.id and v.day = @today::date
where u.role = 'doctor' and u.active
group by u.id, u.full_name, p.room, p.availability
order by lower(u.full_name), u.id;

-- name: ListRecentTrail :many
-- What happened last; views and sign-ins are left to the audit page.
select t.id, t.at, t.actor_role, t.action, t.entity, t.record_id, coalesce(u.full_name, '')::text as who
from trail t left join users u on t.actor = 'user:' || u.id::text
where t.action <> 'view' and t.entity in ('patients', 'visits', 'users', 'departments', 'settings', 'patient_merges', 'displays', 'invitations', 'appointments')
order by t.at desc, t.id desc
limit @at_most::integer;

-- name: ListUsage :many
-- What the clinic uses of what its plan counts; no limit is all-zero minus one.
select g.kind, g.used,
       coalesce(case g.kind when 'doctors' then p.max_doctors::bigint when 'receptionists' then p.max_receptionists::bigint
                            when 'lab_technicians' then p.max_lab_technicians::bigint when 'patients' then p.max_patients::bigint
                            when 'storage' then p.max_storage_bytes end, -1)::bigint as at_most
from platform.usage g
join platform.clinics c on c.id = g.clinic_id
join platform.plans p on p.code = c.plan
where g.clinic_id = (select platform.current_clinic())
order by g.kind;
