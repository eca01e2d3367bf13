-- Roles are global to a server, so they stand outside the goose migrations.
-- `cloister migrate` runs this file as the administrator, as often as it likes:
-- it creates what is missing and sets every attribute again, so that a role
-- that was loosened by hand is tightened by the next run. Passwords are set by
-- the program, never here. A superuser is needed for the two BYPASSRLS roles;
-- where there is none, run this file by hand once as one who may.
do $roles$
declare
  r record;
begin
  perform pg_advisory_xact_lock(4711001);
  for r in
    select * from (values
      ('cloister_owner',          'nologin noinherit nobypassrls'),
      ('cloister_search',         'nologin noinherit bypassrls'),
      ('cloister_migrator',       'login noinherit nobypassrls'),
      ('cloister_app',            'login noinherit nobypassrls'),
      ('cloister_auditor',        'login noinherit nobypassrls'),
      ('cloister_backup',         'login noinherit bypassrls'),
      ('cloister_clinic_admin',   'nologin noinherit nobypassrls'),
      ('cloister_doctor',         'nologin noinherit nobypassrls'),
      ('cloister_nurse',          'nologin noinherit nobypassrls'),
      ('cloister_receptionist',   'nologin noinherit nobypassrls'),
      ('cloister_lab_technician', 'nologin noinherit nobypassrls'),
      ('cloister_patient',        'nologin noinherit nobypassrls'),
      ('cloister_display',        'nologin noinherit nobypassrls'),
      ('cloister_jobs',           'nologin noinherit nobypassrls'),
      ('cloister_gate',           'nologin noinherit nobypassrls'),
      ('cloister_share',          'nologin noinherit nobypassrls'),
      ('cloister_platform',       'nologin noinherit nobypassrls')
    ) as t(name, attributes)
  loop
    if not exists (select from pg_catalog.pg_roles where rolname = r.name) then
      execute format('create role %I nosuperuser nocreatedb nocreaterole noreplication %s', r.name, r.attributes);
    elsif exists (
      select from pg_catalog.pg_roles where rolname = r.name
        and (rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolinherit
             or rolcanlogin <> (r.attributes like 'login%')
             or rolbypassrls <> (r.attributes like '% bypassrls'))
    ) then
      execute format('alter role %I nosuperuser nocreatedb nocreaterole noreplication %s', r.name, r.attributes);
    end if;
  end loop;

  -- The migrator may become the owner and nothing else.
  if not pg_has_role('cloister_migrator', 'cloister_owner', 'member') then
    grant cloister_owner to cloister_migrator;
  end if;
  -- The service may become a staff role and nothing else.
  for r in
    select unnest(array['clinic_admin', 'doctor', 'nurse', 'receptionist', 'lab_technician',
                        'patient', 'display', 'jobs', 'gate', 'share', 'platform']) as name
  loop
    if not pg_has_role('cloister_app', 'cloister_' || r.name, 'member') then
      execute format('grant %I to cloister_app', 'cloister_' || r.name);
    end if;
  end loop;
end
$roles$;
