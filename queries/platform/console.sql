-- name: ListClinicsForConsole :many
-- Counts and states; no clinical row is reachable from here.
select c.id, c.slug, c.name, c.city, c.status, c.status_reason, c.plan, p.name as plan_name, c.trial_ends_at, c.created_at, c.delete_after,
       coalesce((select sum(g.used) from platform.usage g where g.clinic_id = c.id and g.kind in ('doctors', 'receptionists', 'lab_technicians', 'staff')), 0)::bigint as staff,
       coalesce((select g.used from platform.usage g where g.clinic_id = c.id and g.kind = 'patients'), 0)::bigint as patients,
       coalesce((select g.used from platform.usage g where g.clinic_id = c.id and g.kind = 'storage'), 0)::bigint as storage,
       a.last_at
from platform.clinics c
join platform.plans p on p.code = c.plan
left join platform.activity a on a.clinic_id = c.id
where (@state::text = '' or c.status = @state::text)
  and (@fragment::text = '' or strpos(lower(c.name || ' ' || c.slug || ' ' || c.city || ' ' || c.status), lower(@fragment::text)) > 0)
  and (c.slug > @after::text)
order by c.slug
limit @at_most::integer;

-- name: CountClinicsPerStatus :many
-- Of the clinics that the same fragment finds.
select c.status, count(*)::integer as clinics from platform.clinics c
where @fragment::text = '' or strpos(lower(c.name || ' ' || c.slug || ' ' || c.city || ' ' || c.status), lower(@fragment::text)) > 0
group by c.status order by c.status;

-- name: ListVersionsForConsole :many
-- Where each clinic's schema stands beside a program's version, those first that
-- somebody has to see to: 1 failed, 2 behind, 3 running, 4 ahead, 5 current. One that
-- lacks a version below its last is behind. A migration at work holds the schema's
-- advisory lock.
with held as (
  select (l.classid::bigint << 32) | l.objid::bigint as lock_key from pg_catalog.pg_locks l
  where l.locktype = 'advisory' and l.objsubid = 1 and l.granted and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())),
place as (
  select c.id, c.slug, c.name, s.version, coalesce(o.error, '') as error, o.finished_at, coalesce(m.duration_ms, 0)::double precision as duration_ms,
         coalesce((select max(b.version) from platform.migrations b where b.clinic_id = c.id and b.version < s.version), 0)::bigint as version_before,
         (case when s.version >= @target::bigint
                    and (select count(*) from platform.migrations a where a.clinic_id = c.id and a.version = any (@known::bigint[])) = cardinality(@known::bigint[])
                    then case when s.version = @target::bigint then 5 else 4 end
               when (select count(*) from held h where h.lock_key = ('x' || encode(substr(sha256(convert_to('cloister schema ', 'UTF8') || uuid_send(c.id)), 1, 8), 'hex'))::bit(64)::bigint) > 0 then 3
               when o.state = 'failed' then 1
               else 2 end)::integer as condition
  from platform.clinics c
  join platform.schemas s on s.clinic_id = c.id and s.state = 'assigned'
  left join platform.migration_outcomes o on o.clinic_id = c.id
  left join platform.migrations m on m.clinic_id = c.id and m.version = s.version)
select p.id, p.slug, p.name, p.version, p.version_before, p.error, p.finished_at, p.duration_ms, p.condition from place p
where (@wanted::integer = 0 or p.condition = @wanted::integer)
  and (@fragment::text = '' or strpos(lower(p.name || ' ' || p.slug), lower(@fragment::text)) > 0)
  and (p.condition, p.slug) > (@after_condition::integer, @after::text)
order by p.condition, p.slug
limit @at_most::integer;

-- name: CountVersionsForConsole :many
-- The same, counted by version and condition.
with held as (
  select (l.classid::bigint << 32) | l.objid::bigint as lock_key from pg_catalog.pg_locks l
  where l.locktype = 'advisory' and l.objsubid = 1 and l.granted and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())),
place as (
  select c.slug, c.name, s.version,
         (case when s.version >= @target::bigint
                    and (select count(*) from platform.migrations a where a.clinic_id = c.id and a.version = any (@known::bigint[])) = cardinality(@known::bigint[])
                    then case when s.version = @target::bigint then 5 else 4 end
               when (select count(*) from held h where h.lock_key = ('x' || encode(substr(sha256(convert_to('cloister schema ', 'UTF8') || uuid_send(c.id)), 1, 8), 'hex'))::bit(64)::bigint) > 0 then 3
               when o.state = 'failed' then 1
               else 2 end)::integer as condition
  from platform.clinics c
  join platform.schemas s on s.clinic_id = c.id and s.state = 'assigned'
  left join platform.migration_outcomes o on o.clinic_id = c.id)
select p.version, p.condition,
       count(*)::integer as clinics,
       (count(*) filter (where @fragment::text = '' or strpos(lower(p.name || ' ' || p.slug), lower(@fragment::text)) > 0))::integer as found
from place p group by p.version, p.condition order by p.version desc, p.condition;
