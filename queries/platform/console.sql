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
