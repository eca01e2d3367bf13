-- What a database administrator checks the walls with: schema isolation, which
-- only cloister_auditor may read. It reads the catalogs and which schema is
-- which clinic's, and no clinical row. `cloister isolation audit` runs the text of
-- these views out of this file, so that a view which was altered in a database
-- can't hide anything from it; in psql they give the same.
--
-- Everything is set-based over all clinics. Spelling an expression out opens its
-- table, which for a thousand clinics costs gigabytes; so what is equal but for the
-- clinic's own name and id is grouped first, and one of each group is spelled out.

-- +goose Up
create schema isolation;

-- +goose StatementBegin
create function isolation.registered()
returns table (schema_name text, clinic_id uuid, state text, version bigint, slug text, status text)
language plpgsql stable parallel safe security definer set search_path = pg_catalog, pg_temp as $$
begin
  return query
    select s.schema_name, coalesce(s.clinic_id, c.id), s.state, s.version, c.slug, c.status
    from platform.schemas s full join platform.clinics c on c.id = s.clinic_id;
end
$$;
-- +goose StatementEnd
-- +goose StatementBegin
create function isolation.platform_version() returns bigint
language plpgsql stable parallel safe security definer set search_path = pg_catalog, pg_temp as $$
begin
  return (select max(v.version_id) from platform.versions v where v.is_applied);
end
$$;
-- +goose StatementEnd
revoke all on all functions in schema isolation from public;

-- +goose StatementBegin
do $views$
begin
execute $sql$create view isolation.homes as
select n.oid, n.nspname::text as schema_name, n.nspowner, n.nspacl,
  case when n.nspname = 'platform' then 'shared' else 'clinic' end as kind,
  r.clinic_id, r.slug, r.state, r.version,
  -- How a clinic's id stands inside a stored expression, byte by byte; the
  -- server prints bytes with or without a sign, as its processor has it.
  (select string_agg((case when get_byte(uuid_send(r.clinic_id), i) > 127 then get_byte(uuid_send(r.clinic_id), i) - 256 else get_byte(uuid_send(r.clinic_id), i) end)::text, ' ' order by i)
   from generate_series(0, 15) i) as id_signed,
  (select string_agg(get_byte(uuid_send(r.clinic_id), i)::text, ' ' order by i) from generate_series(0, 15) i) as id_unsigned
from pg_catalog.pg_namespace n
left join isolation.registered() r on r.schema_name = n.nspname
where n.nspname ~ '^(clinic|spare)_' or n.nspname = 'platform' or r.schema_name is not null$sql$;

execute $sql$create view isolation.relations as
select c.oid, h.oid as home, h.schema_name, h.kind as home_kind, h.clinic_id, c.relname::text as name, c.relkind as kind,
  c.relrowsecurity as rls, c.relforcerowsecurity as forced, c.relowner as owner, c.relacl as acl,
  c.relpersistence as persistence, c.reloptions as options, c.relreplident as identity, c.relispartition as partition,
  a.attnum as clinic_column, h.id_signed, h.id_unsigned
from isolation.homes h
join pg_catalog.pg_class c on c.relnamespace = h.oid
left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'clinic_id' and not a.attisdropped
where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')$sql$;

-- The seed is drawn anew each time, so that nobody can prepare two expressions
-- that fall into one group.
execute $sql$create view isolation.policy_groups as
with seed as materialized (select (random() * 9e18)::bigint as n),
-- Hashing the expressions is the most of the work, and goes to all processors.
raw as materialized (
  select pol.oid, pol.polrelid, pol.polname::text as name, pol.polcmd as command, pol.polpermissive as permissive, pol.polroles as roles,
    -- Tables that a sub-select reads are named in its tree besides by number;
    -- that they are the clinic's own is looked at with the dependencies.
    hashtextextended(case when t.reads then regexp_replace(t.qual, ':relid \d+', ':relid', 'g') else t.qual end, (select n from seed)) as qual,
    hashtextextended(case when t.reads then regexp_replace(t.checked, ':relid \d+', ':relid', 'g') else t.checked end, (select n from seed)) as checked,
    t.reads
  from pg_catalog.pg_policy pol
  -- Unpacked once, whatever is asked of it then.
  cross join lateral (select u.qual, u.checked, coalesce(u.qual like '%:relid %', false) or coalesce(u.checked like '%:relid %', false) as reads
    from (select pol.polqual::text || '' as qual, pol.polwithcheck::text || '' as checked offset 0) u offset 0) t),
p as (
  select r.home, r.home_kind, r.name as table_name, raw.oid, raw.name, raw.command, raw.permissive, raw.roles, raw.qual, raw.checked
  from isolation.relations r join raw on raw.polrelid = r.oid),
foreign_reads as materialized (
  select distinct raw.oid as objid
  from raw
  join pg_catalog.pg_class own on own.oid = raw.polrelid
  join pg_catalog.pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = raw.oid and d.refclassid = 'pg_class'::regclass
  join pg_catalog.pg_class c on c.oid = d.refobjid
  where raw.reads and c.relnamespace <> own.relnamespace),
g as materialized (
  select p.home_kind, p.table_name, p.name, p.command, p.permissive, p.roles, f.objid is not null as reads_elsewhere,
    min(p.oid) as one, array_agg(p.home) as homes, sum(hashint8extended(p.home::bigint, 0)) as mark
  from p left join foreign_reads f on f.objid = p.oid
  group by p.home_kind, p.table_name, p.name, p.command, p.permissive, p.roles, p.qual, p.checked, f.objid is not null)
select g.home_kind, g.table_name, g.name, g.command, g.permissive, g.roles, g.reads_elsewhere, g.homes, g.mark, g.one,
  replace(pg_get_expr(o.polqual, o.polrelid), n.nspname || case g.home_kind when 'clinic' then '.' else '!' end, '') as qual,
  replace(pg_get_expr(o.polwithcheck, o.polrelid), n.nspname || case g.home_kind when 'clinic' then '.' else '!' end, '') as checked,
  coalesce(o.polqual::text, '') || coalesce(o.polwithcheck::text, '') as tree,
  (select string_agg(case when x = 0 then 'public' else pg_get_userbyid(x)::text end, ', ' order by case when x = 0 then 'public' else pg_get_userbyid(x)::text end) from unnest(g.roles) x) as role_names
from g
-- Few groups out of many rows: looked up one by one, not joined.
cross join lateral (select * from pg_catalog.pg_policy where oid = g.one offset 0) o
cross join lateral (select * from pg_catalog.pg_class where oid = o.polrelid offset 0) c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace$sql$;

execute $sql$create view isolation.policies as
select h.schema_name, h.slug, g.table_name, g.name as policy, g.command, g.permissive, g.role_names, g.qual as using_expression, g.checked as check_expression
from isolation.policy_groups g, unnest(g.homes) x
join isolation.homes h on h.oid = x$sql$;

execute $sql$create view isolation.constraints as
with seed as materialized (select (random() * 9e18)::bigint as n),
k as materialized (
  select r.home, r.schema_name, r.home_kind, r.clinic_id, r.name as table_name, c.oid, c.conname::text as name, c.contype as type, c.convalidated as validated,
    concat_ws('|', c.condeferrable, c.condeferred, c.conkey::text, c.confkey::text, c.confupdtype, c.confdeltype, c.confmatchtype, c.conexclop::text, c.connoinherit,
      f.relname, case when f.oid is not null and f.relnamespace <> r.home then f.relnamespace::text end,
      i.indclass::text, i.indoption::text, i.indcollation::text, md5(i.indpred::text), md5(i.indexprs::text),
      hashtextextended(case when c.conkey = array[r.clinic_column] then replace(replace(c.conbin::text, r.id_signed, '<clinic>'), r.id_unsigned, '<clinic>') else c.conbin::text end, seed.n)) as raw
  from seed cross join isolation.relations r
  join pg_catalog.pg_constraint c on c.conrelid = r.oid
  left join pg_catalog.pg_class f on f.oid = c.confrelid
  left join pg_catalog.pg_index i on i.indexrelid = c.conindid and c.contype in ('p', 'u', 'x')
  where c.contype in ('c', 'f', 'p', 'u', 'x')),
g as materialized (
  select k.home_kind, k.table_name, k.name, k.type, k.validated, min(k.oid) as one, array_agg(k.home) as homes
  from k group by k.home_kind, k.table_name, k.name, k.type, k.validated, k.raw)
select g.home_kind, g.table_name, g.name, g.type, g.validated, g.homes,
  replace(replace(pg_get_constraintdef(g.one), n.nspname || case g.home_kind when 'clinic' then '.' else '!' end, ''), coalesce(r.clinic_id::text, '-'), '<clinic>') as definition
from g
cross join lateral (select * from pg_catalog.pg_constraint where oid = g.one offset 0) o
join pg_catalog.pg_namespace n on n.oid = o.connamespace
left join isolation.registered() r on r.schema_name = n.nspname$sql$;

-- A clinic's grants are those of all others, so they are taken apart once.
execute $sql$create view isolation.grant_groups as
with acls as (
  select r.home_kind, r.name as object, null::text as column_name, r.kind, r.owner, r.acl::text as acl, array_agg(r.home) as homes, sum(hashint8extended(r.home::bigint, 0)) as mark
  from isolation.relations r where r.acl is not null group by 1, 2, 3, 4, 5, 6
  union all
  select r.home_kind, r.name, a.attname::text, r.kind, r.owner, a.attacl::text, array_agg(r.home), sum(hashint8extended(r.home::bigint, 0))
  from isolation.relations r join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attacl is not null and not a.attisdropped group by 1, 2, 3, 4, 5, 6)
select g.home_kind, g.object, g.column_name, g.kind, x.grantee, case when x.grantee = 0 then 'public' else pg_get_userbyid(x.grantee)::text end as role, x.privilege_type as privilege, x.is_grantable as grantable, g.homes, g.mark, g.acl
from acls g, aclexplode(g.acl::aclitem[]) x
where x.grantee <> g.owner$sql$;

execute $sql$create view isolation.grants as
select h.schema_name, h.slug, g.object, g.column_name, g.role, g.privilege, g.grantable
from isolation.grant_groups g, unnest(g.homes) x
join isolation.homes h on h.oid = x$sql$;

execute $sql$create view isolation.reach as
with recursive step as (
  select m.member, m.roleid, m.member as via, 1 as steps, array[m.member, m.roleid] as path
  from pg_catalog.pg_auth_members m
  union all
  select s.member, m.roleid, m.member, s.steps + 1, s.path || m.roleid
  from step s join pg_catalog.pg_auth_members m on m.member = s.roleid and m.roleid <> all (s.path))
select a.rolname::text as role, a.rolcanlogin as login, b.rolname::text as reaches, b.rolsuper as superuser, b.rolbypassrls as bypasses, pg_get_userbyid(s.via)::text as via, s.steps,
  (select string_agg(pg_get_userbyid(x)::text, ' > ' order by o) from unnest(s.path) with ordinality u(x, o)) as path
from step s
join pg_catalog.pg_roles a on a.oid = s.member
join pg_catalog.pg_roles b on b.oid = s.roleid$sql$;

-- objects is the fingerprint: every object of every clinic's schema and of the
-- shared ones, spelled out without the clinic's own name and id, and the schemas
-- in which it stands so.
execute $sql$create view isolation.objects as
with seed as materialized (select (random() * 9e18)::bigint as n),
rel as materialized (select * from isolation.relations),
tables as (
  select r.home_kind, 'table' as kind, r.name, format('%s %s owner %s%s%s', case r.persistence when 'p' then 'permanent' when 'u' then 'unlogged' else 'temporary' end,
      case r.kind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view' when 'm' then 'materialised view' when 'f' then 'foreign table' when 'S' then 'sequence' else 'type' end,
      pg_get_userbyid(r.owner), case when r.options is not null then ' with ' || r.options::text else '' end, case when r.partition then ' partition' else '' end) as definition, array_agg(r.home) as homes
  from rel r group by 1, 2, 3, 4),
column_groups as materialized (
  select r.home_kind, r.name as table_name, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attcollation, a.attidentity, a.attgenerated,
    hashtextextended(case when a.attname = 'clinic_id' then replace(replace(d.adbin::text, coalesce(r.id_signed, '-'), '<clinic>'), coalesce(r.id_unsigned, '-'), '<clinic>') else d.adbin::text end, seed.n) as raw,
    min(d.oid) as one, array_agg(r.home) as homes
  from seed cross join rel r
  join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  left join pg_catalog.pg_attrdef d on d.adrelid = r.oid and d.adnum = a.attnum
  where r.kind in ('r', 'p')
  group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
columns as (
  select g.home_kind, 'column' as kind, g.table_name || '.' || g.attname as name,
    concat(format_type(g.atttypid, g.atttypmod), case when l.collname <> 'default' then ' collate ' || l.collname end, case when g.attnotnull then ' not null' end,
      case when g.attidentity <> '' then ' identity' end, case when d.oid is not null then case when g.attgenerated = '' then ' default ' else ' generated ' end
      || replace(replace(pg_get_expr(d.adbin, d.adrelid), n.nspname || case g.home_kind when 'clinic' then '.' else '!' end, ''), coalesce(h.clinic_id::text, '-'), '<clinic>') end) as definition, g.homes
  from column_groups g
  left join lateral (select * from pg_catalog.pg_attrdef where oid = g.one offset 0) d on true
  left join lateral (select * from pg_catalog.pg_class where oid = d.adrelid offset 0) c on true
  left join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join isolation.homes h on h.oid = n.oid
  left join pg_catalog.pg_collation l on l.oid = g.attcollation),
acls as (
  select h.kind as home_kind, 'schema' as name, h.nspacl::text as acl, h.nspowner as owner, array_agg(h.oid) as homes from isolation.homes h where h.nspacl is not null group by 1, 2, 3, 4
  union all
  select 'shared', format('function %I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), coalesce(p.proacl, acldefault('f', p.proowner))::text, p.proowner, array['platform'::regnamespace::oid]
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace where n.nspname in ('platform', 'isolation')
  union all
  select 'shared', format('isolation.%I', c.relname), c.relacl::text, c.relowner, array['platform'::regnamespace::oid]
  from pg_catalog.pg_class c where c.relnamespace = 'isolation'::regnamespace and c.relacl is not null and c.relkind in ('r', 'v', 'm', 'p', 'f', 'S')
  union all
  select 'shared', 'schema isolation', n.nspacl::text, n.nspowner, array['platform'::regnamespace::oid] from pg_catalog.pg_namespace n where n.nspname = 'isolation' and n.nspacl is not null
  union all
  select 'shared', 'schema ext', n.nspacl::text, n.nspowner, array['platform'::regnamespace::oid] from pg_catalog.pg_namespace n where n.nspname = 'ext' and n.nspacl is not null),
grants as (
  select g.home_kind, 'grant' as kind, g.name || ' to ' || case when x.grantee = 0 then 'public' else pg_get_userbyid(x.grantee)::text end as name,
    string_agg(distinct lower(x.privilege_type) || case when x.is_grantable then ' with grant option' else '' end, ', ') as definition, g.homes
  from acls g, aclexplode(g.acl::aclitem[]) x
  where x.grantee <> g.owner
  group by g.home_kind, g.name, g.acl, g.homes, x.grantee
  union all
  select g.home_kind, 'grant', g.object || coalesce('.' || g.column_name, '') || ' to ' || g.role,
    string_agg(distinct lower(g.privilege) || case when g.grantable then ' with grant option' else '' end, ', '), g.homes
  from isolation.grant_groups g
  group by g.home_kind, g.object, g.column_name, g.acl, g.homes, g.role),
constraints as (
  select c.home_kind, 'constraint' as kind, c.table_name || '.' || c.name as name, c.definition, c.homes from isolation.constraints c),
index_groups as materialized (
  select r.home_kind, r.name as table_name, i.relname, min(x.indexrelid::bigint)::oid as one, array_agg(r.home) as homes
  from seed cross join rel r
  join pg_catalog.pg_index x on x.indrelid = r.oid
  join pg_catalog.pg_class i on i.oid = x.indexrelid
  where not exists (select from pg_catalog.pg_constraint k where k.conindid = x.indexrelid and k.conrelid = r.oid and k.contype in ('p', 'u', 'x'))
  group by 1, 2, 3, x.indkey::text, x.indclass::text, x.indoption::text, x.indcollation::text, x.indisunique, x.indisvalid, x.indnkeyatts, i.relam, i.reloptions::text,
    hashtextextended(x.indpred::text, seed.n), hashtextextended(x.indexprs::text, seed.n)),
indexes as (
  select g.home_kind, 'index' as kind, g.table_name || '.' || g.relname as name,
    replace(pg_get_indexdef(g.one), n.nspname || case g.home_kind when 'clinic' then '.' else '!' end, '') || case when x.indisvalid then '' else ' invalid' end as definition, g.homes
  from index_groups g
  cross join lateral (select * from pg_catalog.pg_index where indexrelid = g.one offset 0) x
  cross join lateral (select * from pg_catalog.pg_class where oid = g.one offset 0) i
  join pg_catalog.pg_namespace n on n.oid = i.relnamespace),
trigger_groups as materialized (
  select r.home_kind, r.name as table_name, t.tgname, t.tgenabled, min(t.oid) as one, array_agg(r.home) as homes
  from seed cross join rel r
  join pg_catalog.pg_trigger t on t.tgrelid = r.oid and not t.tgisinternal
  group by 1, 2, 3, 4, t.tgfoid, t.tgtype, t.tgargs, t.tgattr::text, t.tgdeferrable, t.tginitdeferred, t.tgoldtable, t.tgnewtable, hashtextextended(t.tgqual::text, seed.n)),
triggers as (
  select g.home_kind, 'trigger' as kind, g.table_name || '.' || g.tgname as name,
    replace(pg_get_triggerdef(g.one), n.nspname || case g.home_kind when 'clinic' then '.' else '!' end, '') || case g.tgenabled when 'O' then '' else ' disabled' end as definition, g.homes
  from trigger_groups g
  cross join lateral (select * from pg_catalog.pg_trigger where oid = g.one offset 0) t
  cross join lateral (select * from pg_catalog.pg_class where oid = t.tgrelid offset 0) c
  -- The shared functions keep their schema's name.
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace),
policies as (
  select g.home_kind, 'policy' as kind, g.table_name || '.' || g.name as name,
    concat(case when g.permissive then '' else 'restrictive ' end, 'for ', case g.command when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
      ' to ', g.role_names, case when g.qual is not null then ' using (' || g.qual || ')' end, case when g.checked is not null then ' with check (' || g.checked || ')' end,
      case when g.reads_elsewhere and g.home_kind = 'clinic' then ' reading another schema' end) as definition, g.homes
  from isolation.policy_groups g),
functions as (
  select case when h.kind = 'clinic' then 'clinic' else 'shared' end as home_kind, 'function' as kind,
    format('%s%I(%s)', case when h.kind = 'clinic' then '' else n.nspname || '.' end, p.proname, pg_get_function_identity_arguments(p.oid)) as name,
    format('returns %s language %s %s%s%s parallel %s owner %s set %s source %s', pg_get_function_result(p.oid), l.lanname, case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
      case when p.prosecdef then ' security definer' else '' end, case when p.proleakproof then ' leakproof' else '' end, p.proparallel, pg_get_userbyid(p.proowner), coalesce(p.proconfig::text, 'nothing'), md5(p.prosrc)) as definition,
    array[coalesce(h.oid, 'platform'::regnamespace::oid)] as homes
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_language l on l.oid = p.prolang
  left join isolation.homes h on h.oid = n.oid
  where h.oid is not null or n.nspname = 'isolation'),
others as (
  select h.kind as home_kind, 'type' as kind, t.typname::text as name, format('type %s', t.typtype) as definition, array_agg(h.oid) as homes
  from (select * from pg_catalog.pg_type where typtype in ('e', 'd', 'r') offset 0) t join isolation.homes h on h.oid = t.typnamespace group by 1, 2, 3, 4
  union all
  select r.home_kind, 'rule', r.name || '.' || w.rulename, pg_get_ruledef(w.oid), array_agg(r.home)
  from rel r join pg_catalog.pg_rewrite w on w.ev_class = r.oid where w.rulename <> '_RETURN' group by 1, 2, 3, 4
  union all
  select r.home_kind, 'statistics', s.stxname::text, 'statistics on ' || r.name, array_agg(r.home)
  from rel r join pg_catalog.pg_statistic_ext s on s.stxrelid = r.oid group by 1, 2, 3, 4
  union all
  select h.kind, 'schema', 'schema', 'owner ' || pg_get_userbyid(h.nspowner), array_agg(h.oid) from isolation.homes h group by 1, 2, 3, 4)
select o.home_kind, o.kind, o.name, o.definition, o.homes from (
  select * from tables union all select * from columns union all select * from grants union all select * from constraints union all select * from indexes
  union all select * from triggers union all select * from policies union all select * from functions union all select * from others) o$sql$;

-- findings are the static rules; docs/isolation/rules.md says what each means. Whether
-- an object is what its migration version should have is not among them: the
-- program knows that and the database does not.
execute $sql$create view isolation.findings as
with rel as materialized (select * from isolation.relations),
tab as materialized (select * from rel where kind in ('r', 'p')),
acl as materialized (select * from isolation.grant_groups),
pol as materialized (select * from isolation.policy_groups),
known (role, attributes) as (values
  ('cloister_owner', ''), ('cloister_search', 'bypassrls'), ('cloister_migrator', 'login'), ('cloister_app', 'login'), ('cloister_auditor', 'login'),
  ('cloister_backup', 'login bypassrls'), ('cloister_clinic_admin', ''), ('cloister_doctor', ''), ('cloister_nurse', ''), ('cloister_receptionist', ''),
  ('cloister_lab_technician', ''), ('cloister_patient', ''), ('cloister_display', ''), ('cloister_jobs', ''), ('cloister_gate', ''), ('cloister_share', ''), ('cloister_platform', '')),
members (role, member) as (
  select 'cloister_owner', 'cloister_migrator'
  union all select k.role, 'cloister_app' from known k where k.role in ('cloister_clinic_admin', 'cloister_doctor', 'cloister_nurse', 'cloister_receptionist', 'cloister_lab_technician',
    'cloister_patient', 'cloister_display', 'cloister_jobs', 'cloister_gate', 'cloister_share', 'cloister_platform')),
me as (select d.oid, d.datname, d.datdba, coalesce(d.datacl, acldefault('d', d.datdba)) as acl from pg_catalog.pg_database d where d.datname = current_database()),
-- A policy is the wall alone, or the wall AND its own condition; an OR around it
-- is spelled out otherwise.
wall (alone) as (values ('(clinic_id = ( SELECT platform.current_clinic() AS current_clinic))')),
expressions as materialized (
  select g.*, e.part, e.text,
    case when g.home_kind = 'clinic' then e.text = w.alone or starts_with(e.text, '(' || w.alone || ' AND ')
         when g.role_names = 'cloister_owner' then true
         when g.role_names = 'cloister_platform' then e.text ~ '^\((\w+ = )?\( SELECT platform\.current_operator_id\(\) AS current_operator_id\)( IS NOT NULL)?\)$'
         else e.text = w.alone or starts_with(e.text, '(' || w.alone || ' AND ')
           or g.table_name = 'clinics' and e.text = '(id = ( SELECT platform.current_clinic() AS current_clinic))'
           or g.table_name in ('plans') and e.text = '(( SELECT platform.current_clinic() AS current_clinic) IS NOT NULL)' end as walled
  from pol g, wall w,
  lateral (select 'using' as part, coalesce(g.qual, 'true') as text where g.command <> 'a'
           union all select 'check', coalesce(g.checked, case when g.command = 'a' then 'true' else coalesce(g.qual, 'true') end) where g.command in ('a', 'w', '*')) e),
bad_policies as materialized (
  select e.*, case when e.walled then null when e.part = 'check' and e.command <> 'a' and coalesce(e.qual, 'true') <> e.text then 'CLO-A204'
    when e.text = 'true' then 'CLO-A202' when strpos(e.text, 'platform.current_clinic()') > 0 and e.text like '% OR %' then 'CLO-A203'
    else 'CLO-A201' end as rule
  from expressions e),
called as materialized (
  select g.homes, g.home_kind, g.table_name, g.name, p.proname, n.nspname, p.provolatile, p.oid::regprocedure::text as signature
  from pol g
  cross join lateral (select distinct m[2]::oid as fn from regexp_matches(g.tree, ':(funcid|opfuncid) (\d+)', 'g') m) t
  join pg_catalog.pg_proc p on p.oid = t.fn
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace),
policy_faults as (
  select b.rule, b.homes, b.table_name, b.name, format('its %s expression %s', upper(b.part), case b.rule when 'CLO-A201' then 'does not begin with the clinic wall' when 'CLO-A202' then 'lets every row through'
      when 'CLO-A203' then 'puts the clinic wall beside something else with OR' else 'is weaker than the expression that selects the rows' end) as reason, b.text as evidence
  from bad_policies b where b.rule is not null
  union all
  select 'CLO-A204', e.homes, e.table_name, e.name, 'its CHECK holds the wall but not the condition of its USING', e.text
  from expressions e, wall w where e.part = 'check' and e.walled and e.text <> coalesce(e.qual, e.text) and e.text = w.alone
  union all
  select 'CLO-A205', g.homes, g.table_name, g.name, 'it is RESTRICTIVE', coalesce(g.qual, g.checked) from pol g where not g.permissive
  union all
  select 'CLO-A207', c.homes, c.table_name, c.name, 'it reads a setting that anybody may set', c.signature from called c where c.nspname = 'pg_catalog' and c.proname in ('current_setting', 'set_config')
  union all
  select 'CLO-A208', c.homes, c.table_name, c.name, case when c.provolatile = 'v' then 'it calls a volatile function' else 'it calls a function that is neither the server''s nor the platform''s' end, c.signature
  from called c where c.provolatile = 'v' or c.nspname not in ('pg_catalog', 'platform', 'ext')
  union all
  select 'CLO-A209', e.homes, e.table_name, e.name, 'it calls the scope once a row instead of once a statement', e.text
  from expressions e where regexp_replace(e.text, 'SELECT platform\.current_\w+\(\)', '', 'g') ~ 'platform\.current_(clinic|actor|user_id|patient_id|operator_id)\(\)'
  union all
  select 'CLO-A210', g.homes, g.table_name, g.name, 'it is for ' || coalesce(nullif(r.rolname::text, ''), 'everybody'), g.role_names
  from pol g, unnest(g.roles) x left join pg_catalog.pg_roles r on r.oid = x
  where x = 0 or r.rolcanlogin or r.rolname not in (select k.role from known k)
  union all
  select 'CLO-A211', g.homes, g.table_name, g.name, 'it reads a table of another schema', coalesce(g.qual, g.checked) from pol g where g.reads_elsewhere and g.home_kind = 'clinic'),
uncovered as (
  select g.home_kind, g.object, g.role, g.command, x as home
  from (
    select a.home_kind, a.object, a.grantee, a.role, case a.privilege when 'SELECT' then 'r'::"char" when 'INSERT' then 'a' when 'UPDATE' then 'w' else 'd' end as command, a.homes, a.mark
    from acl a join pg_catalog.pg_roles r on r.oid = a.grantee and not r.rolbypassrls and not r.rolsuper
    where a.privilege in ('SELECT', 'INSERT', 'UPDATE', 'DELETE') and a.kind in ('r', 'p')) g
  cross join lateral (
    select unnest(g.homes) except select unnest(p.homes) from pol p
    where p.home_kind = g.home_kind and p.table_name = g.object and p.command in (g.command, '*') and p.roles && array[0::oid, g.grantee]) u (x)
  where not exists (select from pol p where p.home_kind = g.home_kind and p.table_name = g.object and p.command in (g.command, '*') and p.roles && array[0::oid, g.grantee] and p.mark = g.mark)
  group by 1, 2, 3, 4, 5),
effective (name, value) as (
  select s.name, coalesce(
    (select split_part(c, '=', 2) from pg_catalog.pg_db_role_setting o join me on o.setdatabase = me.oid, unnest(o.setconfig) c where o.setrole = (select oid from pg_catalog.pg_roles where rolname = 'cloister_app') and split_part(c, '=', 1) = s.name),
    (select split_part(c, '=', 2) from pg_catalog.pg_db_role_setting o, unnest(o.setconfig) c where o.setdatabase = 0 and o.setrole = (select oid from pg_catalog.pg_roles where rolname = 'cloister_app') and split_part(c, '=', 1) = s.name),
    (select split_part(c, '=', 2) from pg_catalog.pg_db_role_setting o join me on o.setdatabase = me.oid, unnest(o.setconfig) c where o.setrole = 0 and split_part(c, '=', 1) = s.name),
    s.setting)
  from pg_catalog.pg_settings s),
walled_views as (
  with recursive uses as (
    select distinct w.ev_class as view, d.refobjid as rel
    from pg_catalog.pg_rewrite w join pg_catalog.pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass and d.refobjid <> w.ev_class
    where w.oid >= 16384),
  chain as (
    select u.view, r.schema_name || '.' || r.name as reads from uses u join tab r on r.oid = u.rel
    union
    select u.view, c.reads from uses u join chain c on c.view = u.rel)
  select v.oid, v.relkind, n.nspname, v.relname, v.reloptions, min(c.reads) as reads
  from chain c join pg_catalog.pg_class v on v.oid = c.view join pg_catalog.pg_namespace n on n.oid = v.relnamespace group by 1, 2, 3, 4, 5),
found (rule, schema_name, object, reason, evidence, mend) as (
  -- Walls of tables.
  select 'CLO-A101', t.schema_name, t.name, 'row-level security is not enabled', 'relrowsecurity = false', format('alter table %I.%I enable row level security;', t.schema_name, t.name) from tab t where not t.rls
  union all
  select 'CLO-A102', t.schema_name, t.name, 'row-level security is not forced, so the owner passes it', 'relforcerowsecurity = false', format('alter table %I.%I force row level security;', t.schema_name, t.name) from tab t where not t.forced
  union all
  select 'CLO-A103', t.schema_name, t.name, 'it has no policy', null, null from tab t where not exists (select from pg_catalog.pg_policy p where p.polrelid = t.oid)
  union all
  select 'CLO-A104', h.schema_name, u.object, format('%s may %s and no policy says of which rows', u.role, case u.command when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' else 'delete' end), null, null
  from uncovered u join isolation.homes h on h.oid = u.home
  union all
  select 'CLO-A105', t.schema_name, t.name, 'no valid constraint holds its rows to this clinic', null,
    format('alter table %1$I.%2$I drop constraint if exists %3$I, add constraint %3$I check (clinic_id = %4$L::uuid);', t.schema_name, t.name, t.name || '_clinic', t.clinic_id)
  from tab t where t.home_kind = 'clinic' and (t.home, t.name) not in (select unnest(c.homes), c.table_name from isolation.constraints c
    where c.home_kind = 'clinic' and c.name = c.table_name || '_clinic' and c.type = 'c' and c.validated and c.definition = 'CHECK ((clinic_id = ''<clinic>''::uuid))')
  union all
  select 'CLO-A107', t.schema_name, t.name, 'several clinics share it and no index begins with clinic_id', null, format('create index on %I.%I (clinic_id);', t.schema_name, t.name)
  from tab t where t.home_kind = 'shared' and t.clinic_column is not null
    and not exists (select from pg_catalog.pg_index i where i.indrelid = t.oid and i.indisvalid and i.indkey[0] = t.clinic_column)
  union all
  select 'CLO-A108', t.schema_name, t.name || ' index ' || i.relname, 'a clinic''s role may write to a key that is unique over all clinics, and so ask whether another has a value', pg_get_indexdef(i.oid), case when exists (select from pg_catalog.pg_constraint k where k.conindid = i.oid and k.contype in ('p', 'u')) then null else format('drop index %I.%I;', t.schema_name, i.relname) end
  from tab t join pg_catalog.pg_index x on x.indrelid = t.oid and x.indisunique join pg_catalog.pg_class i on i.oid = x.indexrelid
  where t.home_kind = 'shared' and not (x.indkey::int2[] && array[t.clinic_column])
    -- The addresses and registration numbers of clinics are public.
    and i.relname not in ('clinics_slug_key', 'clinics_registration_number_key')
    and exists (select from acl a join pg_catalog.pg_attribute c on c.attrelid = t.oid and c.attnum = any (x.indkey::int2[]) where a.home_kind = 'shared' and a.object = t.name
      and a.privilege in ('INSERT', 'UPDATE') and (a.column_name is null or a.column_name = c.attname) and a.role <> 'cloister_platform')
  -- Policies.
  union all
  select f.rule, h.schema_name, f.table_name || ' policy ' || f.name, f.reason, f.evidence, format('drop policy %I on %I.%I;', f.name, h.schema_name, f.table_name)
  from policy_faults f, unnest(f.homes) x join isolation.homes h on h.oid = x
  -- Roles.
  union all
  select 'CLO-A301', null, 'role ' || r.via, format('the login %s reaches %s, which %s', r.role, r.reaches, case when r.superuser then 'is superuser' else 'bypasses row-level security' end), r.path, format('revoke %I from %I;', r.reaches, r.via)
  from isolation.reach r where r.login and (r.superuser or r.bypasses) and not (select s.rolsuper from pg_catalog.pg_roles s where s.rolname = r.role)
  union all
  select 'CLO-A302', null, 'role ' || r.rolname, case when r.rolsuper then 'it is a superuser' else 'it bypasses row-level security' end, null, format('alter role %I nosuperuser nobypassrls;', r.rolname)
  from pg_catalog.pg_roles r left join known k on k.role = r.rolname
  where (r.rolbypassrls and not r.rolsuper and coalesce(k.attributes, '') not like '%bypassrls') or (r.rolsuper and k.role is not null)
  union all
  select 'CLO-A303', null, 'role ' || r.rolname, 'it inherits, so it has what its roles have without taking one', null, format('alter role %I noinherit;', r.rolname)
  from pg_catalog.pg_roles r join known k on k.role = r.rolname where r.rolinherit
  union all
  select 'CLO-A303', null, 'role ' || m.member::regrole::text, format('its membership of %s is inherited', m.roleid::regrole), null, format('grant %s to %s with inherit false;', m.roleid::regrole, m.member::regrole)
  from pg_catalog.pg_auth_members m join members x on x.role = m.roleid::regrole::text and x.member = m.member::regrole::text where to_jsonb(m) ->> 'inherit_option' = 'true'
  union all
  select 'CLO-A304', null, 'role ' || pg_get_userbyid(m.member), format('it is a member of %s', pg_get_userbyid(m.roleid)), case when m.admin_option then 'with admin option' end, format('revoke %I from %I;', pg_get_userbyid(m.roleid), pg_get_userbyid(m.member))
  from pg_catalog.pg_auth_members m
  where (pg_get_userbyid(m.roleid) in (select k.role from known k) or pg_get_userbyid(m.member) in (select k.role from known k))
    and ((pg_get_userbyid(m.roleid)::text, pg_get_userbyid(m.member)::text) not in (select x.role, x.member from members x) or m.admin_option)
  union all
  select 'CLO-A304', null, 'role ' || x.member, format('it is not a member of %s, which its work needs', x.role), null, format('grant %I to %I;', x.role, x.member)
  from members x where exists (select from pg_catalog.pg_roles r where r.rolname = x.role) and exists (select from pg_catalog.pg_roles r where r.rolname = x.member)
    and not exists (select from pg_catalog.pg_auth_members m where pg_get_userbyid(m.roleid) = x.role and pg_get_userbyid(m.member) = x.member)
  union all
  select 'CLO-A305', null, 'role ' || k.role, case when r.oid is null then 'it is missing' else 'its attributes are not what it needs' end,
    concat_ws(' ', case when r.rolcreatedb then 'createdb' end, case when r.rolcreaterole then 'createrole' end, case when r.rolreplication then 'replication' end, case when r.rolcanlogin then 'login' else 'nologin' end),
    case when r.oid is not null then format('alter role %I nocreatedb nocreaterole noreplication %s;', k.role, case when k.attributes like 'login%' then 'login' else 'nologin' end) end
  from known k left join pg_catalog.pg_roles r on r.rolname = k.role
  where r.oid is null or r.rolcreatedb or r.rolcreaterole or r.rolreplication or r.rolcanlogin <> (k.attributes like 'login%') or (k.attributes like '%bypassrls' and not r.rolbypassrls)
  union all
  select 'CLO-A306', null, 'role ' || r.via, format('%s reaches %s, which reads or writes past the grants', r.role, r.reaches), r.path, format('revoke %I from %I;', r.reaches, r.via)
  from isolation.reach r where r.role !~ '^pg_' and not (select s.rolsuper from pg_catalog.pg_roles s where s.rolname = r.role)
    and (r.reaches in ('pg_read_all_data', 'pg_write_all_data', 'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program', 'pg_maintain', 'pg_create_subscription')
      or r.reaches in ('pg_monitor', 'pg_read_all_stats', 'pg_signal_backend', 'pg_stat_scan_tables') and r.role in (select k.role from known k))
  union all
  select 'CLO-A307', null, 'role ' || k.role, 'its search_path in this database does not end with pg_temp and is not empty', p.path, format('alter role %I in database %I set search_path = %s;', k.role, me.datname, case when k.role in ('cloister_app', 'cloister_migrator') then '''''' else 'pg_catalog, pg_temp' end)
  from known k cross join me join pg_catalog.pg_roles r on r.rolname = k.role
  left join lateral (select split_part(c, '=', 2) as path from pg_catalog.pg_db_role_setting o, unnest(o.setconfig) c where o.setrole = r.oid and o.setdatabase = me.oid and c like 'search_path=%') p on true
  where k.attributes like 'login%' and not coalesce(p.path in ('', '""') or p.path ~ '(^|, *)pg_temp$', false)
  union all
  select 'CLO-A308', null, case when o.setrole <> 0 then 'role ' || r.rolname when o.setdatabase <> 0 then 'database ' || me.datname else 'all roles' end, format('the setting %s stands for its sessions', split_part(c, '=', 1)), c,
    case when o.setrole = 0 and o.setdatabase = 0 then format('alter role all reset %s;', split_part(c, '=', 1)) when o.setrole = 0 then format('alter database %I reset %s;', me.datname, split_part(c, '=', 1)) when o.setdatabase = 0 then format('alter role %I reset %s;', r.rolname, split_part(c, '=', 1))
         else format('alter role %I in database %I reset %s;', r.rolname, me.datname, split_part(c, '=', 1)) end
  from pg_catalog.pg_db_role_setting o cross join me cross join unnest(o.setconfig) c left join pg_catalog.pg_roles r on r.oid = o.setrole
  where o.setdatabase in (0, me.oid) and (o.setrole = 0 or r.rolname in (select k.role from known k))
    and (split_part(c, '=', 1) in ('role', 'session_replication_role', 'session_preload_libraries', 'local_preload_libraries') or c like 'app.%' or c = 'row_security=off')
  union all
  select 'CLO-A309', null, 'parameter ' || p.parname, format('%s may set it', coalesce(nullif(pg_get_userbyid(a.grantee)::text, 'unknown (OID=0)'), 'everybody')), a.privilege_type,
    format('revoke %s on parameter %s from %s;', a.privilege_type, p.parname, case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
  from pg_catalog.pg_parameter_acl p, aclexplode(p.paracl) a left join pg_catalog.pg_roles r on r.oid = a.grantee where not coalesce(r.rolsuper, false)
  -- Grants.
  union all
  select 'CLO-A403', h.schema_name, a.object, format('%s has %s', a.role, a.privilege), null, format('revoke %s%s on %I.%I from %s;', a.privilege, case when a.column_name is not null then format(' (%I)', a.column_name) else '' end, h.schema_name, a.object, case when a.grantee = 0 then 'public' else quote_ident(a.role) end)
  from acl a cross join unnest(a.homes) x join isolation.homes h on h.oid = x where a.privilege in ('TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN')
  union all
  select 'CLO-A404', h.schema_name, a.object, format('PUBLIC has %s', a.privilege), a.column_name, format('revoke %s%s on %I.%I from public;', a.privilege, case when a.column_name is not null then format(' (%I)', a.column_name) else '' end, h.schema_name, a.object)
  from acl a cross join unnest(a.homes) x join isolation.homes h on h.oid = x where a.grantee = 0 and a.privilege not in ('TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN')
  union all
  select 'CLO-A405', h.schema_name, a.object, format('the service''s own login has %s, without taking a role', a.privilege), a.column_name, format('revoke %s%s on %I.%I from cloister_app;', a.privilege, case when a.column_name is not null then format(' (%I)', a.column_name) else '' end, h.schema_name, a.object)
  from acl a cross join unnest(a.homes) x join isolation.homes h on h.oid = x where a.role = 'cloister_app' and a.privilege not in ('TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN')
  union all
  select 'CLO-A413', h.schema_name, a.object, format('%s may pass %s on', a.role, a.privilege), a.column_name, format('revoke grant option for %s%s on %I.%I from %I;', a.privilege, case when a.column_name is not null then format(' (%I)', a.column_name) else '' end, h.schema_name, a.object, a.role)
  from acl a cross join unnest(a.homes) x join isolation.homes h on h.oid = x where a.grantable and a.grantee <> 0
  union all
  select 'CLO-A404', n.nspname, 'schema', format('PUBLIC has %s', a.privilege_type), null, format('revoke %s on schema %I from public;', a.privilege_type, n.nspname)
  from pg_catalog.pg_namespace n, aclexplode(n.nspacl) a where a.grantee = 0 and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'public')
  union all
  select 'CLO-A406', n.nspname, 'default privileges of ' || pg_get_userbyid(d.defaclrole), format('%s will have %s on each new %s', coalesce(nullif(pg_get_userbyid(a.grantee)::text, 'unknown (OID=0)'), 'PUBLIC'), a.privilege_type,
      case d.defaclobjtype when 'r' then 'table' when 'S' then 'sequence' when 'f' then 'function' when 'T' then 'type' else 'schema' end), d.defaclacl::text,
    format('alter default privileges for role %I%s revoke %s on %s from %s;', pg_get_userbyid(d.defaclrole), case when n.oid is not null then format(' in schema %I', n.nspname) else '' end, a.privilege_type,
      case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types' else 'schemas' end, case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
  from pg_catalog.pg_default_acl d left join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a
  where a.grantee <> d.defaclrole and not (a.grantee = 0 and d.defaclobjtype = 'T')
  union all
  select 'CLO-A406', null, 'default privileges of ' || r.rolname, 'PUBLIC will have EXECUTE on each new function', 'the server''s own default', format('alter default privileges for role %I revoke execute on functions from public;', r.rolname)
  from pg_catalog.pg_roles r where r.rolname = 'cloister_owner' and not exists (select from pg_catalog.pg_default_acl d where d.defaclrole = r.oid and d.defaclnamespace = 0 and d.defaclobjtype = 'f')
  union all
  select 'CLO-A407', null, 'database ' || me.datname, format('%s has %s', coalesce(nullif(pg_get_userbyid(a.grantee)::text, 'unknown (OID=0)'), 'PUBLIC'), a.privilege_type), null,
    format('revoke %s on database %I from %s;', a.privilege_type, me.datname, case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
  from me, aclexplode(me.acl) a where a.privilege_type in ('CREATE', 'TEMPORARY') and a.grantee <> me.datdba and not (a.privilege_type = 'CREATE' and pg_get_userbyid(a.grantee) = 'cloister_owner')
  union all
  select 'CLO-A407', n.nspname, 'schema', format('%s may create in it', coalesce(nullif(pg_get_userbyid(a.grantee)::text, 'unknown (OID=0)'), 'PUBLIC')), null,
    format('revoke create on schema %I from %s;', n.nspname, case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
  from pg_catalog.pg_namespace n, aclexplode(n.nspacl) a where a.privilege_type = 'CREATE' and a.grantee <> n.nspowner and a.grantee <> 0 and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'public')
  union all
  select 'CLO-A408', null, 'database ' || me.datname, format('%s may connect', coalesce(nullif(pg_get_userbyid(a.grantee)::text, 'unknown (OID=0)'), 'PUBLIC')), null,
    format('revoke connect on database %I from %s;', me.datname, case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
  from me, aclexplode(me.acl) a left join pg_catalog.pg_roles r on r.oid = a.grantee
  where a.privilege_type = 'CONNECT' and a.grantee <> me.datdba and not coalesce(r.rolsuper or r.rolname in (select k.role from known k where k.attributes like 'login%'), false)
  union all
  select 'CLO-A409', null, 'language ' || l.lanname, format('%s may use it', coalesce(nullif(pg_get_userbyid(a.grantee)::text, 'unknown (OID=0)'), 'PUBLIC')), null,
    format('revoke usage on language %I from %s;', l.lanname, case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
  from pg_catalog.pg_language l, aclexplode(coalesce(l.lanacl, acldefault('l', l.lanowner))) a where l.lanpltrusted and a.grantee not in (l.lanowner, coalesce((select oid from pg_catalog.pg_roles where rolname = 'cloister_owner'), l.lanowner))
  union all
  -- What the installation took from PUBLIC, and what somebody gave since.
  select case when p.proname = 'set_config' then 'CLO-A410' when p.proname ~ '^(lo_|lo(read|write)|pg_(try_)?advisory_|pg_notify|pg_logical_emit_message|(query|cursor|table|schema|database)_to_xml)' then 'CLO-A411' else 'CLO-A412' end,
    'pg_catalog', 'function ' || p.oid::regprocedure::text, format('%s may call it', coalesce(nullif(pg_get_userbyid(a.grantee)::text, 'unknown (OID=0)'), 'PUBLIC')), null,
    format('revoke execute on function pg_catalog.%s from %s;', p.oid::regprocedure, case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
  from pg_catalog.pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
  where p.pronamespace = 'pg_catalog'::regnamespace and a.grantee <> p.proowner
    and (p.proacl is not null or p.proname = 'set_config' or p.proname ~ '^(lo_(create|creat|from_bytea|put|get|open|unlink|truncate|truncate64)$|lo(read|write)$|pg_(try_)?advisory_|pg_notify$|pg_logical_emit_message$|(query|cursor|table|schema|database)_to_xml)')
    and (p.proname = 'set_config' or p.proname ~ '^(lo_(create|creat|from_bytea|put|get|open|unlink|truncate|truncate64)$|lo(read|write)$|pg_(try_)?advisory_|pg_notify$|pg_logical_emit_message$|(query|cursor|table|schema|database)_to_xml)'
      or not exists (select from pg_catalog.pg_init_privs i, aclexplode(i.initprivs) b where i.classoid = 'pg_proc'::regclass and i.objoid = p.oid and b.grantee = a.grantee))
    and not coalesce((p.proname = 'set_config' and pg_get_userbyid(a.grantee) in ('cloister_app', 'cloister_migrator', 'cloister_owner', 'cloister_backup', 'cloister_auditor'))
      or (p.proname ~ '^(pg_(try_)?advisory_|pg_notify$|pg_logical_emit_message$|(query|cursor|table|schema|database)_to_xml)' and pg_get_userbyid(a.grantee) in ('cloister_migrator', 'cloister_owner'))
      or (p.proname = 'pg_get_backend_memory_contexts' and pg_get_userbyid(a.grantee) = 'cloister_app')
      or (p.proname = 'pg_hba_file_rules' and pg_get_userbyid(a.grantee) = 'cloister_auditor'), false)
    and not (a.grantee = 0 and p.proacl is not null and p.proname <> 'set_config' and exists (select from aclexplode(acldefault('f', p.proowner)) b where b.grantee = 0) and not exists (select from pg_catalog.pg_init_privs i where i.classoid = 'pg_proc'::regclass and i.objoid = p.oid)
      and p.proname !~ '^(lo_(create|creat|from_bytea|put|get|open|unlink|truncate|truncate64)$|lo(read|write)$|pg_(try_)?advisory_|pg_notify$|pg_logical_emit_message$|(query|cursor|table|schema|database)_to_xml)')
  union all
  select 'CLO-A412', 'pg_catalog', c.relname, format('%s has %s', coalesce(nullif(pg_get_userbyid(a.grantee)::text, 'unknown (OID=0)'), 'PUBLIC'), a.privilege_type), null,
    format('revoke %s on pg_catalog.%I from %s;', a.privilege_type, c.relname, case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
  from pg_catalog.pg_class c, aclexplode(c.relacl) a
  where c.relnamespace = 'pg_catalog'::regnamespace and a.grantee <> c.relowner
    and not exists (select from pg_catalog.pg_init_privs i, aclexplode(i.initprivs) b where i.classoid = 'pg_class'::regclass and i.objoid = c.oid and i.objsubid = 0 and b.grantee = a.grantee and b.privilege_type = a.privilege_type)
    and not (c.relname = 'pg_hba_file_rules' and pg_get_userbyid(a.grantee) = 'cloister_auditor')
  union all
  select 'CLO-A414', null, 'large object ' || l.oid, 'large objects belong to no clinic and know no wall', null, format('select lo_unlink(%s);', l.oid) from pg_catalog.pg_largeobject_metadata l
  -- Functions.
  union all
  select 'CLO-A502', n.nspname, format('function %s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)), 'it has its owner''s rights and no fixed path that ends with pg_temp', coalesce(p.proconfig::text, 'nothing is set'),
    format('alter function %I.%I(%s) set search_path = pg_catalog, pg_temp;', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where p.prosecdef and n.nspname not in ('pg_catalog', 'information_schema') and not coalesce(p.proconfig @> array['search_path=pg_catalog, pg_temp'], false)
  union all
  select 'CLO-A501', n.nspname, format('function %s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)), 'it has its owner''s rights and stands outside the platform''s own schemas', 'owner ' || pg_get_userbyid(p.proowner),
    format('alter function %I.%I(%s) security invoker;', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where p.prosecdef and n.nspname not in ('pg_catalog', 'information_schema', 'platform', 'isolation')
  union all
  select 'CLO-A503', n.nspname, format('function %s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)), 'everybody may call it', coalesce(p.proacl::text, 'never revoked'),
    format('revoke execute on function %I.%I(%s) from public;', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where n.nspname in ('platform', 'isolation') and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0)
  union all
  select 'CLO-A504', n.nspname, format('function %s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)), 'it belongs to ' || pg_get_userbyid(p.proowner), null,
    format('alter function %I.%I(%s) owner to %s;', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid), case when p.proname = 'search_patients' then 'cloister_search' else 'cloister_owner' end)
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where n.nspname in ('platform', 'isolation') and pg_get_userbyid(p.proowner) <> 'cloister_owner' and not (p.proname = 'search_patients' and pg_get_userbyid(p.proowner) = 'cloister_search')
  union all
  select 'CLO-A506', n.nspname, format('function %s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)), 'the policies stand on it, and it is not a stable function with its owner''s rights',
    format('%s%s', case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end, case when p.prosecdef then ', security definer' else '' end),
    format('alter function %I.%I(%s) stable security definer;', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where n.nspname = 'platform' and p.proname in ('current_clinic', 'current_actor', 'current_user_id', 'current_patient_id', 'current_operator_id') and (p.provolatile <> 's' or not p.prosecdef)
  union all
  select 'CLO-A507', h.schema_name, format('function %s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)), 'functions belong to the shared schema', null, format('drop function %I.%I(%s);', h.schema_name, p.proname, pg_get_function_identity_arguments(p.oid))
  from isolation.homes h join pg_catalog.pg_proc p on p.pronamespace = h.oid where h.kind = 'clinic'
  union all
  select 'CLO-A509', n.nspname, format('function %s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)), 'it is marked LEAKPROOF, so it is called on rows before a policy has judged them', null,
    format('alter function %I.%I(%s) not leakproof;', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace where p.proleakproof and n.nspname <> 'pg_catalog'
  union all
  select 'CLO-A511', null, 'language ' || l.lanname, 'the product uses none but SQL and PL/pgSQL', case when l.lanpltrusted then 'trusted' else 'untrusted' end, format('drop language %I;', l.lanname)
  from pg_catalog.pg_language l where l.lanname not in ('internal', 'c', 'sql', 'plpgsql')
  -- Objects.
  union all
  select case v.relkind when 'm' then 'CLO-A602' else 'CLO-A601' end, v.nspname, v.relname, case v.relkind when 'm' then format('it keeps rows of %s where no policy guards them', v.reads) else format('it reads %s with its owner''s rights', v.reads) end, coalesce(v.reloptions::text, 'no options'),
    case v.relkind when 'm' then format('drop materialized view %I.%I;', v.nspname, v.relname) else format('alter view %I.%I set (security_invoker = true);', v.nspname, v.relname) end
  from walled_views v where v.relkind = 'm' or not coalesce(v.reloptions::text ~ 'security_invoker=(true|on|1|yes)', false)
  union all
  select 'CLO-A602', n.nspname, c.relname, 'a materialised view has no policy', null, format('drop materialized view %I.%I;', n.nspname, c.relname)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind = 'm' and c.oid not in (select v.oid from walled_views v)
  union all
  select 'CLO-A603', null, 'server ' || s.srvname, 'it leads out of this database', s.srvoptions::text, format('drop server %I cascade;', s.srvname) from pg_catalog.pg_foreign_server s
  union all
  select 'CLO-A603', n.nspname, c.relname, 'a foreign table knows no wall', null, format('drop foreign table %I.%I;', n.nspname, c.relname)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind = 'f'
  union all
  select 'CLO-A604', n.nspname, c.relname, format('it holds rows of %s.%s and has no wall of its own', t.schema_name, t.name), format('enabled %s, forced %s', c.relrowsecurity, c.relforcerowsecurity),
    format('alter table %I.%I enable row level security, force row level security;', n.nspname, c.relname)
  from tab t join pg_catalog.pg_inherits i on i.inhparent = t.oid join pg_catalog.pg_class c on c.oid = i.inhrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where not (c.relrowsecurity and c.relforcerowsecurity)
  union all
  select 'CLO-A605', h.schema_name, 'type ' || y.typname, 'an enum, domain, range or composite type in a clinic''s schema breaks the cached plans of the others', y.typtype::text, format('drop type %I.%I;', h.schema_name, y.typname)
  from (select * from pg_catalog.pg_type where typtype in ('e', 'd', 'r', 'c') offset 0) y join isolation.homes h on h.oid = y.typnamespace
  where h.kind = 'clinic' and (y.typtype in ('e', 'd', 'r') or y.typtype = 'c' and exists (select from rel r where r.oid = y.typrelid and r.kind = 'c'))
  union all
  select 'CLO-A606', n.nspname, c.relname || ' constraint ' || k.conname, format('it refers to a table of schema %s', f.relnamespace::regnamespace), null, format('alter table %I.%I drop constraint %I;', n.nspname, c.relname, k.conname)
  from pg_catalog.pg_constraint k join pg_catalog.pg_class c on c.oid = k.conrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace join pg_catalog.pg_class f on f.oid = k.confrelid
  where k.contype = 'f' and c.relnamespace <> f.relnamespace
  union all
  select 'CLO-A607', r.schema_name, r.name, 'a sequence tells how much another clinic works, and no policy guards it', null, format('drop sequence %I.%I;', r.schema_name, r.name) from rel r where r.kind = 'S' and r.home_kind = 'clinic'
  union all
  select 'CLO-A608', r.schema_name, r.name, format('it belongs to %s', pg_get_userbyid(r.owner)), null, format('alter table %I.%I owner to cloister_owner;', r.schema_name, r.name) from rel r where r.kind <> 'c' and pg_get_userbyid(r.owner) <> 'cloister_owner'
  union all
  select 'CLO-A608', n.nspname, 'schema', format('it belongs to %s', pg_get_userbyid(n.nspowner)), null, format('alter schema %I owner to cloister_owner;', n.nspname)
  from pg_catalog.pg_namespace n where (n.oid in (select h.oid from isolation.homes h) or n.nspname in ('ext', 'isolation')) and pg_get_userbyid(n.nspowner) <> 'cloister_owner'
  union all
  select 'CLO-A609', n.nspname, 'schema', 'it is neither a clinic''s nor the platform''s', 'owner ' || pg_get_userbyid(n.nspowner), null
  from pg_catalog.pg_namespace n where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'public', 'platform', 'ext', 'isolation', 'jobs') and n.oid not in (select h.oid from isolation.homes h)
  union all
  select 'CLO-A610', 'public', 'schema', 'schema public is where everybody looks', null, 'drop schema public;' from pg_catalog.pg_namespace n where n.nspname = 'public'
  union all
  select 'CLO-A611', null, 'extension ' || e.extname, 'the product does not use it', e.extversion, format('drop extension %I;', e.extname) from pg_catalog.pg_extension e where e.extname not in ('plpgsql', 'pg_trgm', 'btree_gist')
  union all
  select 'CLO-A612', null, 'publication ' || p.pubname, 'it sends rows out of the database, past every policy', case when p.puballtables then 'all tables' end, format('drop publication %I;', p.pubname) from pg_catalog.pg_publication p
  union all
  select 'CLO-A612', null, 'subscription ' || s.subname, 'it writes rows into the database, past every policy', null, format('drop subscription %I;', s.subname) from pg_catalog.pg_subscription s where s.subdbid = (select me.oid from me)
  union all
  select 'CLO-A613', null, 'event trigger ' || e.evtname, 'it runs its function at every change of the schema', e.evtfoid::regproc::text, format('drop event trigger %I;', e.evtname) from pg_catalog.pg_event_trigger e
  union all
  select 'CLO-A614', t.schema_name, t.name || ' rule ' || w.rulename, 'a rewrite rule sends statements elsewhere', null, format('drop rule %I on %I.%I;', w.rulename, t.schema_name, t.name) from tab t join pg_catalog.pg_rewrite w on w.ev_class = t.oid
  union all
  select 'CLO-A616', t.schema_name, t.name || ' statistics ' || s.stxname, 'extended statistics keep values of rows outside the table', null, format('drop statistics %I.%I;', s.stxnamespace::regnamespace, s.stxname) from tab t join pg_catalog.pg_statistic_ext s on s.stxrelid = t.oid
  union all
  select 'CLO-A618', null, 'replication slot ' || s.slot_name, 'it hands out every change of this database', s.plugin::text, format('select pg_drop_replication_slot(%L);', s.slot_name) from pg_catalog.pg_replication_slots s where s.slot_type = 'logical' and s.database = current_database()
  -- The trail.
  union all
  select 'CLO-A701', t.schema_name, t.name, 'no trigger writes its changes to the trail', null, null
  from tab t where t.home_kind = 'clinic' and t.name <> 'trail' and not exists (select from pg_catalog.pg_trigger g where g.tgrelid = t.oid and g.tgname = 'trail')
  union all
  select 'CLO-A702', t.schema_name, t.name || ' trigger ' || g.tgname, case g.tgenabled when 'D' then 'it is disabled' when 'R' then 'it fires on a replica only' else 'it is set to fire always' end, 'tgenabled = ' || g.tgenabled::text,
    case when g.tgisinternal then format('alter table %I.%I enable trigger all;', t.schema_name, t.name) else format('alter table %I.%I enable trigger %I;', t.schema_name, t.name, g.tgname) end
  from tab t join pg_catalog.pg_trigger g on g.tgrelid = t.oid where g.tgenabled <> 'O'
  union all
  select 'CLO-A703', t.schema_name, t.name || ' trigger trail', 'it does not call platform.record_change under the table''s own name', pg_get_triggerdef(g.oid), format('drop trigger trail on %I.%I;', t.schema_name, t.name)
  from tab t join pg_catalog.pg_trigger g on g.tgrelid = t.oid and g.tgname = 'trail' join pg_catalog.pg_proc p on p.oid = g.tgfoid
  where t.home_kind = 'clinic' and not (p.proname = 'record_change' and p.pronamespace = 'platform'::regnamespace and g.tgtype = 29 and g.tgqual is null and starts_with(encode(g.tgargs, 'escape'), t.name || '\000'))
  union all
  select 'CLO-A704', t.schema_name, t.name, format('nothing refuses to %s its rows', x.what), null,
    format('create trigger %I before %s on %I.%I for each %s execute function platform.refuse_change(%L);', x.trigger, x.what, t.schema_name, t.name, x.level, t.name)
  from tab t cross join (values ('keep', 'update or delete', 27, 'row'), ('keep_all', 'truncate', 34, 'statement')) x (trigger, what, type, level)
  where t.name = 'trail' and not exists (select from pg_catalog.pg_trigger g join pg_catalog.pg_proc p on p.oid = g.tgfoid where g.tgrelid = t.oid and g.tgname = x.trigger and g.tgtype = x.type and g.tgqual is null and p.proname = 'refuse_change')
  union all
  select 'CLO-A705', h.schema_name, a.object, format('%s has %s on the trail', a.role, a.privilege), a.column_name, format('revoke %s%s on %I.%I from %s;', a.privilege, case when a.column_name is not null then format(' (%I)', a.column_name) else '' end, h.schema_name, a.object, case when a.grantee = 0 then 'public' else quote_ident(a.role) end)
  from acl a cross join unnest(a.homes) x join isolation.homes h on h.oid = x where a.object = 'trail' and a.privilege in ('INSERT', 'UPDATE', 'DELETE')
  -- The registry.
  union all
  select 'CLO-A802', h.schema_name, 'schema', 'no row of the registry names it', null, null from isolation.homes h where h.kind = 'clinic' and h.clinic_id is null
  union all
  select 'CLO-A802', r.schema_name, 'registry', case when r.schema_name is null then format('clinic %s has no schema', r.slug) when n.oid is null then format('its schema is %s and does not exist', r.state)
      when r.state = 'dropped' then 'its schema is dropped and exists' when r.state = 'assigned' then 'it is assigned and no clinic has it' else format('it is %s and clinic %s has it', r.state, r.slug) end, r.clinic_id::text, null
  from isolation.registered() r left join pg_catalog.pg_namespace n on n.nspname = r.schema_name
  where r.schema_name is null or n.oid is null and r.state <> 'dropped' or n.oid is not null and r.state = 'dropped' or r.state = 'assigned' and r.slug is null or r.state = 'spare' and r.slug is not null
  -- The server.
  union all
  select 'CLO-A901', null, 'server', format('version %s lacks %s', current_setting('server_version'), f.what), current_setting('server_version_num'), null
  from (values (15, 3, 'the fix of CVE-2023-2455 (row security ignores a change of user after inlining)'), (15, 4, 'the fix of CVE-2023-39418 (MERGE ignores policies of UPDATE and SELECT)'),
    (15, 6, 'the fix of CVE-2024-0985 (a concurrent refresh of a materialised view runs foreign SQL)'), (16, 2, 'the fix of CVE-2024-0985 (a concurrent refresh of a materialised view runs foreign SQL)'),
    (15, 9, 'the fixes of CVE-2024-10976 and CVE-2024-10978 (policies and SET ROLE below a changed user)'), (16, 5, 'the fixes of CVE-2024-10976 and CVE-2024-10978 (policies and SET ROLE below a changed user)'), (17, 1, 'the fixes of CVE-2024-10976 and CVE-2024-10978 (policies and SET ROLE below a changed user)'),
    (15, 14, 'the fix of CVE-2025-8713 (statistics tell rows that a policy hides)'), (16, 10, 'the fix of CVE-2025-8713 (statistics tell rows that a policy hides)'), (17, 6, 'the fix of CVE-2025-8713 (statistics tell rows that a policy hides)'),
    (15, 15, 'the fix of CVE-2025-12817 (CREATE STATISTICS in a schema of others)'), (16, 11, 'the fix of CVE-2025-12817 (CREATE STATISTICS in a schema of others)'), (17, 7, 'the fix of CVE-2025-12817 (CREATE STATISTICS in a schema of others)'), (18, 1, 'the fix of CVE-2025-12817 (CREATE STATISTICS in a schema of others)')) f (major, minor, what)
  where current_setting('server_version_num')::integer / 10000 = f.major and current_setting('server_version_num')::integer % 10000 < f.minor
  union all
  select 'CLO-A901', null, 'server', format('version %s gets no fixes any more, or none that this program knows', current_setting('server_version')), null, null where current_setting('server_version_num')::integer / 10000 not between 15 and 18
  union all
  select 'CLO-A902', null, 'setting ' || e.name, format('it is %s', e.value), e.value, format('alter system reset %s;', e.name) from effective e
  where e.name = 'row_security' and e.value <> 'on' or e.name = 'session_replication_role' and e.value <> 'origin' or e.name = 'allow_system_table_mods' and e.value = 'on'
  union all
  select 'CLO-A903', null, 'setting ' || e.name, format('the service''s sessions would write values of patients to the server''s log (%s)', e.value), e.value,
    format('alter role cloister_app in database %I set %s = %s;', me.datname, e.name, case e.name when 'log_statement' then 'none' when 'log_min_error_statement' then 'panic' when 'log_error_verbosity' then 'terse'
      when 'log_parameter_max_length' then '0' when 'log_parameter_max_length_on_error' then '0' else 'off' end)
  from effective e, me
  where e.name = 'log_statement' and e.value in ('mod', 'all') or e.name = 'log_min_error_statement' and e.value not in ('panic', 'fatal', 'log') or e.name in ('log_parameter_max_length', 'log_parameter_max_length_on_error') and e.value <> '0'
    or e.name = 'log_error_verbosity' and e.value <> 'terse' or e.name in ('debug_print_parse', 'debug_print_rewritten', 'debug_print_plan') and e.value = 'on'
    or e.name = 'auto_explain.log_min_duration' and e.value <> '-1'
  union all
  select 'CLO-A907', null, 'setting password_encryption', 'new passwords would be kept as MD5', e.value, 'alter system set password_encryption = ''scram-sha-256'';' from effective e where e.name = 'password_encryption' and e.value <> 'scram-sha-256')
select f.rule, f.schema_name::text, h.slug, f.object::text, f.reason, f.evidence, f.mend
from found f left join isolation.homes h on h.schema_name = f.schema_name$sql$;

-- How clients come in. Only who may read pg_hba_file_rules can answer it.
execute $sql$create view isolation.entrances as
select case when r.auth_method in ('trust', 'password', 'ident') then 'CLO-A905' else 'CLO-A904' end as rule, null::text as schema_name, null::text as slug, 'pg_hba.conf line ' || r.line_number as object,
  case when r.auth_method = 'trust' then 'it lets clients in without a password' when r.auth_method = 'password' then 'it takes passwords in clear text' when r.auth_method = 'ident' then 'it believes what the client''s machine says'
    else 'it lets clients of other machines in unencrypted' end as reason,
  concat_ws(' ', r.type, array_to_string(r.database, ','), array_to_string(r.user_name, ','), r.address, r.netmask, r.auth_method) as evidence, null::text as mend
from pg_catalog.pg_hba_file_rules r
where r.error is null and r.auth_method <> 'reject' and (r.database && array['all', current_database()::text])
  and (r.auth_method in ('trust', 'password', 'ident')
    or r.type in ('host', 'hostnossl') and r.address not in ('127.0.0.1', '::1', 'localhost', 'samehost') and exists (
      select from unnest(string_to_array(current_setting('listen_addresses'), ',')) a where btrim(a) not in ('', 'localhost', '127.0.0.1', '::1')))$sql$;
end
$views$;
-- +goose StatementEnd

grant usage on schema isolation to cloister_auditor;
grant execute on function isolation.registered(), isolation.platform_version() to cloister_auditor;
grant select on isolation.homes, isolation.relations, isolation.policy_groups, isolation.policies, isolation.constraints, isolation.grant_groups, isolation.grants, isolation.reach,
  isolation.objects, isolation.findings, isolation.entrances to cloister_auditor;

-- What the audit found here. Rights that a schema gives by default only add to
-- the server's own, so that functions of the owner were everybody's until each
-- migration revoked them; nothing kept the registry's trail from TRUNCATE; and
-- old addresses had no index that begins with their clinic.
alter default privileges for role cloister_owner revoke execute on functions from public;
create trigger keep_all before truncate on platform.trail for each statement execute function platform.refuse_change('trail');
create index old_slugs_clinic on platform.old_slugs (clinic_id);

-- +goose Down
drop index platform.old_slugs_clinic;
drop trigger keep_all on platform.trail;
alter default privileges for role cloister_owner grant execute on functions to public;
drop schema isolation cascade;
