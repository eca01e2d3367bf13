-- name: ListPrivileges :many
-- Which role has which privilege on the tables of a clinic. The schema is the
-- newest of those that have most of the tables: one that is being made or waits
-- for a migration has some only. No row: there is none yet.
select r.role::text as role, n.n::integer as position,
       coalesce(case when (@columns::text[])[n.n] = '' then pg_catalog.has_table_privilege(r.role, c.oid, (@commands::text[])[n.n])
                     else pg_catalog.has_column_privilege(r.role, c.oid, a.attnum, (@commands::text[])[n.n]) end, false)::boolean as has
from unnest(@roles::text[]) as r(role)
cross join generate_subscripts(@tables::text[], 1) as n(n)
join pg_catalog.pg_class c on c.relname = (@tables::text[])[n.n] and c.relkind in ('r', 'p')
  and c.relnamespace = (select k.relnamespace from pg_catalog.pg_class k join pg_catalog.pg_namespace s on s.oid = k.relnamespace
                        where k.relname = any(@tables::text[]) and k.relkind in ('r', 'p') and s.nspname ~ '^(clinic|spare)_'
                        group by k.relnamespace order by count(*) desc, k.relnamespace desc limit 1)
left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = (@columns::text[])[n.n] and not a.attisdropped;

-- name: FindClinics :many
select f.slug::text as slug, f.name::text as name, f.city::text as city
from platform.find_clinics(@fragment::text, @at_most::integer) f;
