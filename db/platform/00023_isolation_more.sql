-- What an administrator's hand could do to a database without a rule of the
-- isolation audit telling of it: operators, casts and tables beside those that
-- migrations make, parents of clinics' tables, settings that stand for sessions,
-- logins that can make themselves more, and keys that sign scopes. The rules that
-- there were become isolation.wall_findings; isolation.findings are all of them.

-- +goose Up
-- +goose StatementBegin
create function isolation.signing_keys() returns setof text
language plpgsql stable parallel safe security definer set search_path = pg_catalog, pg_temp as $$
begin
  return query select k.kid from platform.scope_keys k;
end
$$;
-- +goose StatementEnd
revoke all on function isolation.signing_keys() from public;

-- +goose StatementBegin
do $views$
begin
execute $sql$alter view isolation.findings rename to wall_findings$sql$;

execute $sql$create view isolation.logins as
select r.oid, r.rolname::text as role, d.oid as database, d.datname::text as database_name,
  case when r.rolname in ('cloister_app', 'cloister_migrator') then '' when r.rolname in ('cloister_auditor', 'cloister_backup') then 'pg_catalog, pg_temp' end as path
from pg_catalog.pg_roles r, pg_catalog.pg_database d
where d.datname = current_database() and r.rolname in ('cloister_app', 'cloister_migrator', 'cloister_auditor', 'cloister_backup')$sql$;

execute $sql$create view isolation.role_findings as
with me as (select d.oid, d.datname, d.datdba, d.datistemplate from pg_catalog.pg_database d where d.datname = current_database()),
strangers as (
  select r.* from pg_catalog.pg_roles r, me
  where r.rolcanlogin and r.rolname !~ '^cloister_' and r.oid <> me.datdba and r.oid <> 10),
settings as (
  select o.setrole, o.setdatabase, r.rolname, r.rolcanlogin, split_part(c, '=', 1) as name, substr(c, strpos(c, '=') + 1) as value, c as text
  from me cross join pg_catalog.pg_db_role_setting o cross join unnest(o.setconfig) c
  left join pg_catalog.pg_roles r on r.oid = o.setrole
  where o.setdatabase in (0, me.oid) and (o.setrole = 0 or r.rolname ~ '^cloister_'))
select 'CLO-A310' as rule, null::text as schema_name, 'role ' || r.rolname as object, 'it is a superuser and may sign in' as reason, null::text as evidence, format('alter role %I nosuperuser;', r.rolname) as mend
from strangers r where r.rolsuper
union all
select 'CLO-A311', null, 'role ' || r.rolname, case when r.rolreplication then 'it may copy the whole server' else 'it may give itself every role that is no superuser' end,
  concat_ws(' ', case when r.rolreplication then 'replication' end, case when r.rolcreaterole then 'createrole' end), format('alter role %I noreplication nocreaterole;', r.rolname)
from strangers r where not r.rolsuper and (r.rolreplication or r.rolcreaterole and current_setting('server_version_num')::integer < 160000)
union all
select 'CLO-A312', null, 'role ' || x.via, format('the login %s reaches %s and reads the statements of every session', x.role, x.reaches), x.path, format('revoke %I from %I;', x.reaches, x.via)
from isolation.reach x join strangers r on r.rolname = x.role where not r.rolsuper and x.reaches in ('pg_monitor', 'pg_read_all_stats') and x.via !~ '^pg_'
union all
-- What the installation sets for its logins is right; anything of these names
-- besides changes what a name, a text or a statement means in their sessions.
select 'CLO-A313', null, case when s.setrole <> 0 then 'role ' || s.rolname when s.setdatabase <> 0 then 'database ' || me.datname else 'all roles' end,
  case when s.setrole <> 0 and not s.rolcanlogin then format('the setting %s waits for the role to sign in', s.name) else format('the setting %s stands for sessions', s.name) end, s.text,
  case when s.setrole = 0 and s.setdatabase = 0 then format('alter role all reset %s;', s.name) when s.setrole = 0 then format('alter database %I reset %s;', me.datname, s.name)
    when s.setdatabase = 0 then format('alter role %I reset %s;', s.rolname, s.name)
    when l.path is not null and s.name = 'search_path' then format('alter role %I in database %I set search_path = %s;', s.rolname, me.datname, case when l.path = '' then '''''' else l.path end)
    else format('alter role %I in database %I reset %s;', s.rolname, me.datname, s.name) end
from settings s cross join me left join isolation.logins l on l.oid = s.setrole and s.setdatabase <> 0
where (s.name in ('search_path', 'standard_conforming_strings', 'backslash_quote', 'transform_null_equals', 'default_transaction_isolation', 'default_transaction_read_only',
    'default_tablespace', 'temp_tablespaces', 'default_table_access_method', 'dynamic_library_path', 'default_text_search_config', 'row_security', 'check_function_bodies')
  or s.setrole <> 0 and not s.rolcanlogin)
  and not (s.name = 'search_path' and coalesce(s.value in (l.path, '"' || l.path || '"'), false))
  and s.text <> 'row_security=off' -- CLO-A308
union all
select 'CLO-A413', n.nspname, 'schema', format('%s may pass %s on', pg_get_userbyid(a.grantee), a.privilege_type), null, format('revoke grant option for %s on schema %I from %I cascade;', a.privilege_type, n.nspname, pg_get_userbyid(a.grantee))
from pg_catalog.pg_namespace n, aclexplode(n.nspacl) a where a.is_grantable and a.grantee not in (0, n.nspowner) and n.nspname !~ '^pg_'
union all
select 'CLO-A413', n.nspname, format('function %s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)), format('%s may pass %s on', pg_get_userbyid(a.grantee), a.privilege_type), null,
  format('revoke grant option for execute on function %I.%I(%s) from %I cascade;', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid), pg_get_userbyid(a.grantee))
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace, aclexplode(p.proacl) a where a.is_grantable and a.grantee not in (0, p.proowner)
union all
select 'CLO-A413', null, 'database ' || d.datname, format('%s may pass %s on', pg_get_userbyid(a.grantee), a.privilege_type), null, format('revoke grant option for %s on database %I from %I cascade;', a.privilege_type, d.datname, pg_get_userbyid(a.grantee))
from pg_catalog.pg_database d, aclexplode(d.datacl) a where d.datname = current_database() and a.is_grantable and a.grantee not in (0, d.datdba)
union all
select 'CLO-A412', 'pg_catalog', c.relname || '.' || t.attname, format('%s has %s', case when a.grantee = 0 then 'PUBLIC' else pg_get_userbyid(a.grantee)::text end, a.privilege_type), null,
  format('revoke %s (%I) on pg_catalog.%I from %s;', a.privilege_type, t.attname, c.relname, case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
from pg_catalog.pg_class c join pg_catalog.pg_attribute t on t.attrelid = c.oid and t.attacl is not null, aclexplode(t.attacl) a
where c.relnamespace = 'pg_catalog'::regnamespace and a.grantee <> c.relowner
  and not exists (select from pg_catalog.pg_init_privs i, aclexplode(i.initprivs) b where i.classoid = 'pg_class'::regclass and i.objoid = c.oid and i.objsubid = t.attnum and b.grantee = a.grantee and b.privilege_type = a.privilege_type)
union all
select 'CLO-A412', 'pg_catalog', c.relname, 'its conditions may be asked before its own, so that it tells what its reader may not see', coalesce(c.reloptions::text, 'no options'), format('alter view pg_catalog.%I set (security_barrier = true);', c.relname)
from pg_catalog.pg_class c where c.relnamespace = 'pg_catalog'::regnamespace and c.relname in ('pg_stats', 'pg_stats_ext', 'pg_stats_ext_exprs') and not coalesce(c.reloptions::text ~ 'security_barrier=(true|on|1|yes)', false)
union all
select 'CLO-A411', 'pg_catalog', 'function ' || p.oid::regprocedure::text, format('%s may call it', case when a.grantee = 0 then 'PUBLIC' else pg_get_userbyid(a.grantee)::text end), null,
  format('revoke execute on function pg_catalog.%s from %s;', p.oid::regprocedure, case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
from pg_catalog.pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
where p.pronamespace = 'pg_catalog'::regnamespace and p.proname in ('pg_cancel_backend', 'pg_terminate_backend') and (a.grantee = 0 or pg_get_userbyid(a.grantee) ~ '^cloister_')
union all
select 'CLO-A415', null, 'database ' || me.datname, 'every role that may make databases may copy it', 'is_template', format('alter database %I is_template false;', me.datname) from me where me.datistemplate
union all
select 'CLO-A608', null, 'database ' || me.datname, format('it belongs to %s, which may therefore set what it likes for all sessions', pg_get_userbyid(me.datdba)), null, null from me where pg_get_userbyid(me.datdba) ~ '^cloister_'
union all
select 'CLO-A811', 'platform', 'scope_keys', format('the signing key %s is not the program''s: who has it names any clinic', k), null, null from isolation.signing_keys() k where k <> '1'
union all
select 'CLO-A903', null, 'setting ' || e.name || ' of ' || e.role, format('its sessions write values of patients to the server''s log (%s)', e.value), e.value,
  format('alter role %I in database %I set %s = %s;', e.role, e.database_name, e.name, e.good)
from (
  select l.role, l.database_name, s.name, w.good, coalesce((select substr(c, strpos(c, '=') + 1) from pg_catalog.pg_db_role_setting o cross join unnest(o.setconfig) c
      where split_part(c, '=', 1) = s.name and o.setdatabase in (0, l.database) and o.setrole in (0, l.oid) order by o.setrole <> 0 desc, o.setdatabase <> 0 desc limit 1), s.setting) as value
  from isolation.logins l cross join (values ('log_statement', 'none'), ('log_min_error_statement', 'panic'), ('log_parameter_max_length', '0'), ('log_parameter_max_length_on_error', '0'), ('log_error_verbosity', 'terse')) w (name, good)
  join pg_catalog.pg_settings s on s.name = w.name
  where l.role = 'cloister_migrator') e
where e.value <> e.good and not (e.name = 'log_statement' and e.value = 'ddl' or e.name = 'log_min_error_statement' and e.value in ('fatal', 'log'))$sql$;

-- What stands among the server's own objects and the extensions' and is neither's.
-- Numbers below 16384 are those that the server was made with.
execute $sql$create view isolation.catalog_findings as
with member as materialized (select d.classid, d.objid, d.refobjid from pg_catalog.pg_depend d where d.deptype = 'e' and d.refclassid = 'pg_extension'::regclass),
shared (oid, name) as (select n.oid, n.nspname from pg_catalog.pg_namespace n where n.nspname in ('ext', 'isolation', 'pg_catalog', 'information_schema')),
by_hand (schema_name, object, what, mend) as (
  select n.nspname, format('operator %s (%s, %s)', o.oprname, case when o.oprleft = 0 then 'none' else format_type(o.oprleft, null) end, format_type(o.oprright, null)), 'operator',
    format('drop operator %s;', o.oid::regoperator)
  from pg_catalog.pg_operator o join pg_catalog.pg_namespace n on n.oid = o.oprnamespace where o.oid >= 16384 and o.oid not in (select objid from member where classid = 'pg_operator'::regclass)
  union all
  select n.nspname, format('operator class %s using %s', o.opcname, m.amname), 'operator class', format('drop operator class %I.%I using %I;', n.nspname, o.opcname, m.amname)
  from pg_catalog.pg_opclass o join pg_catalog.pg_namespace n on n.oid = o.opcnamespace join pg_catalog.pg_am m on m.oid = o.opcmethod where o.oid >= 16384 and o.oid not in (select objid from member where classid = 'pg_opclass'::regclass)
  union all
  select n.nspname, format('operator family %s using %s', o.opfname, m.amname), 'operator family', format('drop operator family %I.%I using %I;', n.nspname, o.opfname, m.amname)
  from pg_catalog.pg_opfamily o join pg_catalog.pg_namespace n on n.oid = o.opfnamespace join pg_catalog.pg_am m on m.oid = o.opfmethod where o.oid >= 16384 and o.oid not in (select objid from member where classid = 'pg_opfamily'::regclass)
  union all
  select n.nspname, format('operator family %s using %s', f.opfname, m.amname), 'operator in a family of the server', format('alter operator family %I.%I using %I drop operator %s (%s, %s);', n.nspname, f.opfname, m.amname, a.amopstrategy, a.amoplefttype::regtype, a.amoprighttype::regtype)
  from pg_catalog.pg_amop a join pg_catalog.pg_opfamily f on f.oid = a.amopfamily join pg_catalog.pg_namespace n on n.oid = f.opfnamespace join pg_catalog.pg_am m on m.oid = f.opfmethod where a.oid >= 16384 and f.oid < 16384
  union all
  select n.nspname, format('operator family %s using %s', f.opfname, m.amname), 'function in a family of the server', format('alter operator family %I.%I using %I drop function %s (%s, %s);', n.nspname, f.opfname, m.amname, a.amprocnum, a.amproclefttype::regtype, a.amprocrighttype::regtype)
  from pg_catalog.pg_amproc a join pg_catalog.pg_opfamily f on f.oid = a.amprocfamily join pg_catalog.pg_namespace n on n.oid = f.opfnamespace join pg_catalog.pg_am m on m.oid = f.opfmethod where a.oid >= 16384 and f.oid < 16384
  union all
  select null, format('cast from %s to %s', format_type(c.castsource, null), format_type(c.casttarget, null)), case c.castcontext when 'i' then 'implicit cast' when 'a' then 'cast on assignment' else 'cast' end,
    format('drop cast (%s as %s);', c.castsource::regtype, c.casttarget::regtype)
  from pg_catalog.pg_cast c where c.oid >= 16384 and c.oid not in (select objid from member where classid = 'pg_cast'::regclass)
  union all
  select n.nspname, 'collation ' || o.collname, 'collation', format('drop collation %I.%I;', n.nspname, o.collname)
  from pg_catalog.pg_collation o join pg_catalog.pg_namespace n on n.oid = o.collnamespace where o.oid >= 16384 and n.nspname <> 'pg_catalog' and o.oid not in (select objid from member where classid = 'pg_collation'::regclass)
  union all
  select n.nspname, 'conversion ' || o.conname, 'conversion', format('drop conversion %I.%I;', n.nspname, o.conname)
  from pg_catalog.pg_conversion o join pg_catalog.pg_namespace n on n.oid = o.connamespace where o.oid >= 16384 and o.oid not in (select objid from member where classid = 'pg_conversion'::regclass)
  union all
  select n.nspname, 'text search ' || o.kind || ' ' || o.name, 'text search ' || o.kind, format('drop text search %s %I.%I;', o.kind, n.nspname, o.name)
  from (select 'configuration' as kind, cfgname as name, cfgnamespace as home, oid, 'pg_ts_config'::regclass as class from pg_catalog.pg_ts_config
    union all select 'dictionary', dictname, dictnamespace, oid, 'pg_ts_dict'::regclass from pg_catalog.pg_ts_dict
    union all select 'parser', prsname, prsnamespace, oid, 'pg_ts_parser'::regclass from pg_catalog.pg_ts_parser
    union all select 'template', tmplname, tmplnamespace, oid, 'pg_ts_template'::regclass from pg_catalog.pg_ts_template) o
  join pg_catalog.pg_namespace n on n.oid = o.home where o.oid >= 16384 and (o.class, o.oid) not in (select classid, objid from member)
  union all
  select null, 'access method ' || a.amname, 'access method', format('drop access method %I;', a.amname) from pg_catalog.pg_am a where a.oid >= 16384 and a.oid not in (select objid from member where classid = 'pg_am'::regclass)
  union all
  select null, format('transform for %s in %s', format_type(t.trftype, null), l.lanname), 'transform', format('drop transform for %s language %I;', t.trftype::regtype, l.lanname)
  from pg_catalog.pg_transform t join pg_catalog.pg_language l on l.oid = t.trflang where t.oid >= 16384 and t.oid not in (select objid from member where classid = 'pg_transform'::regclass))
select 'CLO-A512' as rule, s.name::text as schema_name, format('function %s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)) as object, 'it is neither the server''s nor an extension''s' as reason,
  'owner ' || pg_get_userbyid(p.proowner) as evidence, format('drop routine %I.%I(%s);', s.name, p.proname, pg_get_function_identity_arguments(p.oid)) as mend
from shared s join pg_catalog.pg_proc p on p.pronamespace = s.oid
where p.oid >= 16384 and s.name <> 'isolation' and p.oid not in (select objid from member where classid = 'pg_proc'::regclass)
union all
select 'CLO-A513', n.nspname, format('function %s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)), format('it is not what the extension %s made', e.extname),
  concat_ws(' ', l.lanname, p.probin, case when p.prosecdef then 'security definer' end, 'owner ' || pg_get_userbyid(p.proowner)), null
from member m join pg_catalog.pg_extension e on e.oid = m.refobjid and e.extname in ('pg_trgm', 'btree_gist', 'plpgsql')
join pg_catalog.pg_proc p on m.classid = 'pg_proc'::regclass and p.oid = m.objid join pg_catalog.pg_namespace n on n.oid = p.pronamespace join pg_catalog.pg_language l on l.oid = p.prolang
where l.lanname <> 'c' or p.probin !~ '^\$libdir/' or p.prosecdef
  or not exists (select from pg_catalog.pg_roles r where r.oid = p.proowner and (r.rolsuper or r.oid = e.extowner))
union all
select 'CLO-A501', n.nspname, format('function %s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)), 'it has its owner''s rights and stands among the server''s own', 'owner ' || pg_get_userbyid(p.proowner),
  format('alter function %I.%I(%s) security invoker;', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace where p.prosecdef and n.nspname in ('pg_catalog', 'information_schema')
union all
-- Administrators are told to do this to make policies quicker. No release marks these itself.
select 'CLO-A509', 'pg_catalog', format('function %s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)), 'it is marked LEAKPROOF, which the server itself does not, so it is called on rows before a policy has judged them', null,
  format('alter function pg_catalog.%I(%s) not leakproof;', p.proname, pg_get_function_identity_arguments(p.oid))
from pg_catalog.pg_proc p where p.pronamespace = 'pg_catalog'::regnamespace and p.proleakproof
  and (p.provolatile = 'v' and p.proname <> 'gen_random_uuid' or p.proname ~ '(like|regexeq|regexne|_contains|_contained|_match|_match_vq|_exists)$' or p.proname ~ '^(int|float|numeric|cash).*(div|mod|mul)')
union all
select 'CLO-A603', null, 'foreign-data wrapper ' || w.fdwname, 'it leads out of this database', null, format('drop foreign data wrapper %I cascade;', w.fdwname)
from pg_catalog.pg_foreign_data_wrapper w where w.oid not in (select objid from member where classid = 'pg_foreign_data_wrapper'::regclass)
union all
select 'CLO-A609', n.nspname, 'schema', 'it is neither a clinic''s nor the platform''s', 'owner ' || pg_get_userbyid(n.nspowner), null from pg_catalog.pg_namespace n where n.nspname = 'jobs'
union all
select 'CLO-A615', h.schema_name, c.relname, format('who reads %I.%I reads its rows, and only the parent''s policies are asked', pn.nspname, p.relname), null, format('alter table %I.%I no inherit %I.%I;', h.schema_name, c.relname, pn.nspname, p.relname)
from isolation.homes h join pg_catalog.pg_class c on c.relnamespace = h.oid join pg_catalog.pg_inherits i on i.inhrelid = c.oid
join pg_catalog.pg_class p on p.oid = i.inhparent and p.relnamespace <> h.oid join pg_catalog.pg_namespace pn on pn.oid = p.relnamespace where c.relkind in ('r', 'p', 'f')
union all
select 'CLO-A617', s.name, c.relname, format('a %s stands where none belongs, and no rule looks into it', case c.relkind when 'v' then 'view' when 'm' then 'materialised view' when 'S' then 'sequence' when 'f' then 'foreign table' when 'c' then 'type' else 'table' end), 'owner ' || pg_get_userbyid(c.relowner),
  case c.relkind when 'v' then format('drop view %I.%I;', s.name, c.relname) when 'S' then format('drop sequence %I.%I;', s.name, c.relname) when 'c' then format('drop type %I.%I;', s.name, c.relname) end
from shared s join pg_catalog.pg_class c on c.relnamespace = s.oid
where c.oid >= 16384 and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c') and c.oid not in (select objid from member where classid = 'pg_class'::regclass)
  and not (s.name = 'isolation' and c.relkind = 'v' and c.relname in ('homes', 'relations', 'policy_groups', 'policies', 'constraints', 'grant_groups', 'grants', 'reach', 'objects', 'entrances', 'logins',
    'findings', 'wall_findings', 'role_findings', 'catalog_findings'))
union all
select 'CLO-A617', s.name, 'type ' || y.typname, 'a type stands where none belongs', 'owner ' || pg_get_userbyid(y.typowner), format('drop type %I.%I;', s.name, y.typname)
from shared s join pg_catalog.pg_type y on y.typnamespace = s.oid where y.oid >= 16384 and y.typtype in ('e', 'd', 'r') and y.oid not in (select objid from member where classid = 'pg_type'::regclass)
union all
select 'CLO-A608', 'isolation', c.relname, format('it belongs to %s', pg_get_userbyid(c.relowner)), null, format('alter view isolation.%I owner to cloister_owner;', c.relname)
from pg_catalog.pg_class c where c.relnamespace = 'isolation'::regnamespace and c.relkind = 'v' and pg_get_userbyid(c.relowner) <> 'cloister_owner'
union all
select 'CLO-A619', h.schema_name, c.relname, format('it is kept in the tablespace %s, not with its database', t.spcname), null, format('alter %s %I.%I set tablespace pg_default;', case when c.relkind in ('i', 'I') then 'index' else 'table' end, h.schema_name, c.relname)
from pg_catalog.pg_class c join pg_catalog.pg_tablespace t on t.oid = c.reltablespace join isolation.homes h on h.oid = c.relnamespace
union all
-- No migration makes one, and the fingerprint groups indexes without this mark.
select 'CLO-A806', h.schema_name, t.relname || ' index ' || i.relname, 'it takes an empty value for one that may be there once', pg_get_indexdef(i.oid),
  format('drop index %1$I.%2$I; %3$s;', h.schema_name, i.relname, replace(pg_get_indexdef(i.oid), ' NULLS NOT DISTINCT', ''))
from pg_catalog.pg_index x join pg_catalog.pg_class i on i.oid = x.indexrelid join pg_catalog.pg_class t on t.oid = x.indrelid join isolation.homes h on h.oid = t.relnamespace where x.indnullsnotdistinct
union all
select 'CLO-A620', b.schema_name, b.object, format('no migration and no extension made this %s', b.what), null, b.mend from by_hand b$sql$;

execute $sql$create view isolation.findings as
select f.rule, f.schema_name, f.slug, f.object, f.reason, f.evidence, case f.rule when 'CLO-A507' then replace(f.mend, 'drop function', 'drop routine') else f.mend end as mend from isolation.wall_findings f
-- What the server's own roles are members of is not to be changed.
where not (f.rule = 'CLO-A306' and f.object ~ '^role pg_')
union all
select f.rule, f.schema_name, h.slug, f.object, f.reason, f.evidence, f.mend
from (select * from isolation.role_findings union all select * from isolation.catalog_findings) f left join isolation.homes h on h.schema_name = f.schema_name$sql$;
end
$views$;
-- +goose StatementEnd

grant execute on function isolation.signing_keys() to cloister_auditor;
grant select on isolation.logins, isolation.role_findings, isolation.catalog_findings, isolation.findings to cloister_auditor;

-- +goose Down
drop view isolation.findings, isolation.role_findings, isolation.catalog_findings, isolation.logins;
drop function isolation.signing_keys();
-- +goose StatementBegin
do $views$ begin execute 'alter view isolation.wall_findings rename to findings'; end $views$;
-- +goose StatementEnd
