-- What the administrator does once in each database, before the first
-- migration: nobody but our logins may connect, nobody may make temporary
-- tables or use a language, and there is no schema public to put things in.
-- Idempotent; run by `cloister migrate` on every call.
do $database$
declare
  f record;
  login text;
begin
  perform pg_advisory_xact_lock(4711002);
  execute format('revoke all on database %I from public', current_database());
  execute format('grant connect on database %I to cloister_app, cloister_migrator, cloister_auditor, cloister_backup', current_database());
  execute format('grant create on database %I to cloister_owner', current_database());
  execute format('alter role cloister_app in database %I set search_path = %L', current_database(), '');
  execute format('alter role cloister_migrator in database %I set search_path = %L', current_database(), '');
  execute format('alter role cloister_auditor in database %I set search_path = pg_catalog, pg_temp', current_database());
  execute format('alter role cloister_backup in database %I set search_path = pg_catalog, pg_temp', current_database());
  -- A session whose client is gone ends its statement within seconds, where the
  -- server can tell: a cancel request that overtakes its statement is lost.
  if current_setting('server_version_num')::integer >= 140000 and version() ~ 'linux' then
    execute format('alter role cloister_app in database %I set client_connection_check_interval = %L', current_database(), '2s');
  end if;
  if exists (select from pg_catalog.pg_namespace where nspname = 'public')
     and not exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public')
     and not exists (select from pg_catalog.pg_proc c join pg_catalog.pg_namespace n on n.oid = c.pronamespace where n.nspname = 'public') then
    drop schema public;
  end if;

  -- Some managed servers keep these to themselves. The signature of the scope
  -- holds without them, so a refusal is told and not fatal.
  begin
    revoke usage on language plpgsql, sql from public;
    grant usage on language plpgsql, sql to cloister_owner;
  exception when insufficient_privilege then
    raise warning 'this server does not let us revoke USAGE on languages: %', sqlerrm;
  end;
  begin
    -- The service's own login sets the scope with set_config; once a
    -- transaction has taken a staff role, nothing in it can call it again.
    revoke execute on function pg_catalog.set_config(text, text, boolean) from public;
    grant execute on function pg_catalog.set_config(text, text, boolean) to cloister_app, cloister_migrator, cloister_owner, cloister_backup, cloister_auditor;
    -- The pool asks each backend for its own size, to recycle those that grew.
    grant execute on function pg_catalog.pg_get_backend_memory_contexts() to cloister_app;
    -- Large objects belong to no schema and know no wall.
    for f in
      select p.oid::regprocedure as signature from pg_catalog.pg_proc p
      where p.pronamespace = 'pg_catalog'::regnamespace
        and p.proname in ('lo_create', 'lo_creat', 'lo_from_bytea', 'lo_put', 'lo_get', 'lo_open', 'lowrite', 'loread', 'lo_unlink', 'lo_truncate', 'lo_truncate64')
    loop
      execute format('revoke execute on function %s from public', f.signature);
    end loop;
    -- Nor do locks and events: an advisory lock of one clinic would hold up the
    -- migration of all, and a forged event would empty another's caches. The
    -- functions that make XML run a text as a query, which hides what it calls.
    for f in
      select p.oid::regprocedure as signature from pg_catalog.pg_proc p
      where p.pronamespace = 'pg_catalog'::regnamespace
        and (p.proname ~ '^pg_(try_)?advisory_' or p.proname in ('pg_notify', 'pg_logical_emit_message')
             or p.proname ~ '^(query|cursor|table|schema|database)_to_xml')
    loop
      execute format('revoke execute on function %s from public', f.signature);
      execute format('grant execute on function %s to cloister_migrator, cloister_owner', f.signature);
    end loop;
    -- A session may end others of its login, and all of the service's are of one.
    revoke execute on function pg_catalog.pg_cancel_backend(integer), pg_catalog.pg_terminate_backend(integer, bigint) from public;
  exception when insufficient_privilege then
    raise warning 'this server does not let us revoke functions of pg_catalog: %', sqlerrm;
  end;
  begin
    -- Whatever the server's own log is set to, the sessions that handle patients
    -- write no value of a statement to it.
    foreach login in array array['cloister_app', 'cloister_migrator'] loop
      for f in
        select * from (values ('log_statement', 'none'), ('log_min_error_statement', 'panic'), ('log_parameter_max_length', '0'),
          ('log_parameter_max_length_on_error', '0'), ('log_error_verbosity', 'terse')) as s (name, value)
      loop
        execute format('alter role %I in database %I set %s = %L', login, current_database(), f.name, f.value);
      end loop;
    end loop;
  exception when insufficient_privilege then
    raise warning 'this server does not let us keep the service''s statements out of its log: %', sqlerrm;
  end;
  begin
    -- The auditor sees how clients are let in, without being a superuser.
    grant select on pg_catalog.pg_hba_file_rules to cloister_auditor;
    grant execute on function pg_catalog.pg_hba_file_rules() to cloister_auditor;
  exception when insufficient_privilege then
    raise warning 'this server does not let us show the auditor how clients are let in: %', sqlerrm;
  end;
end
$database$;
