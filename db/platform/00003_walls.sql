-- One helper finishes every clinic table, so that no migration can forget a
-- wall: platform.protect sets the clinic's check and default, forces row-level
-- security, writes every policy with the clinic wall in front, grants exactly
-- what it was told, and hangs the trail's trigger. platform.check_walls is what
-- a migration must pass inside its own transaction.

-- +goose Up
-- +goose StatementBegin

-- make_schema creates a clinic's schema, notes it in the registry and lets the
-- roles in; what they may do inside, each table says.
create function platform.make_schema(clinic uuid, home text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  execute format('create schema %I', home);
  execute format('grant usage on schema %I to cloister_clinic_admin, cloister_doctor, cloister_nurse, cloister_receptionist, '
    'cloister_lab_technician, cloister_patient, cloister_display, cloister_jobs, cloister_backup, cloister_search', home);
  insert into platform.schemas (clinic_id, schema_name) values (clinic, home);
end
$$;

-- protect(table, access, conditions, secret, quiet, append_only)
--   access      {"role": "rights"}: rights are S, I, U or D, each with an optional
--               column list and an optional named condition before a colon, as in
--               "S I U(phone,email) own:D"; roles without the prefix cloister_
--   conditions  {"own": "SQL over the row"}: put after the wall with AND
--   secret      columns that the trail keeps as digests
--   quiet       columns whose change alone is not worth a trail row
--   append_only nobody, owner included, may change or delete a row
-- The schema is the caller's current schema; run it as the owner.
create function platform.protect(tbl text, access jsonb, conditions jsonb default '{}',
  secret text[] default '{}', quiet text[] default '{}', append_only boolean default false) returns void
language plpgsql as $$
declare
  here    text := pg_catalog.current_schema();
  clinic  uuid;
  wall    constant text := 'clinic_id = (select platform.current_clinic())';
  pol     record;
  role    text;
  rights  text;
  token   text;
  part    text[];
  cmd     text;
  groups  jsonb := '{}';
  grp     text;
  clause  text;
  cond    text;
begin
  select s.clinic_id into clinic from platform.schemas s where s.schema_name = here;
  if clinic is null then
    raise exception 'schema % is not in platform.schemas', here;
  end if;

  execute format('alter table %I alter column clinic_id set not null, alter column clinic_id set default %L', tbl, clinic);
  if not exists (select from pg_catalog.pg_constraint k where k.conrelid = tbl::regclass and k.conname = tbl || '_clinic') then
    execute format('alter table %I add constraint %I check (clinic_id = %L::uuid)', tbl, tbl || '_clinic', clinic);
  end if;
  execute format('alter table %I enable row level security', tbl);
  execute format('alter table %I force row level security', tbl);
  for pol in select p.polname from pg_catalog.pg_policy p where p.polrelid = tbl::regclass loop
    execute format('drop policy %I on %I', pol.polname, tbl);
  end loop;
  execute format('revoke all on %I from public, cloister_app, cloister_clinic_admin, cloister_doctor, cloister_nurse, cloister_receptionist, '
    'cloister_lab_technician, cloister_patient, cloister_display, cloister_jobs, cloister_gate, cloister_platform', tbl);
  execute format('grant select on %I to cloister_backup', tbl);

  -- The owner passes the same wall; its functions and migrations need the rest.
  foreach cmd in array array['select', 'insert', 'update', 'delete'] loop
    groups := jsonb_set(groups, array[cmd || '/'], '["owner"]');
  end loop;
  for role, rights in select e.key, e.value from jsonb_each_text(access) e order by e.key loop
    foreach token in array regexp_split_to_array(btrim(rights), '\s+') loop
      part := regexp_match(token, '^(?:([a-z_]+):)?([SIUD])(?:\(([a-z0-9_,]+)\))?$');
      if part is null then
        raise exception 'protect(%): % is no right', tbl, token;
      end if;
      cmd := case part[2] when 'S' then 'select' when 'I' then 'insert' when 'U' then 'update' else 'delete' end;
      cond := coalesce(part[1], '');
      if cond <> '' and not conditions ? cond then
        raise exception 'protect(%): condition % is not given', tbl, cond;
      end if;
      if part[3] is null then
        execute format('grant %s on %I to %I', cmd, tbl, 'cloister_' || role);
      else
        execute format('grant %s (%s) on %I to %I', cmd,
          (select string_agg(quote_ident(c), ', ') from unnest(string_to_array(part[3], ',')) c), tbl, 'cloister_' || role);
      end if;
      grp := cmd || '/' || cond;
      groups := jsonb_set(groups, array[grp], coalesce(groups -> grp, '[]') || to_jsonb(role));
    end loop;
  end loop;

  for grp in select jsonb_object_keys(groups) loop
    cmd := split_part(grp, '/', 1);
    cond := split_part(grp, '/', 2);
    clause := wall || case when cond = '' then '' else ' and (' || (conditions ->> cond) || ')' end;
    execute format('create policy %I on %I for %s to %s %s',
      cmd || case when cond = '' then '' else '_' || cond end, tbl, cmd,
      (select string_agg(distinct quote_ident('cloister_' || r), ', ') from jsonb_array_elements_text(groups -> grp) r),
      case cmd when 'insert' then format('with check (%s)', clause)
               when 'update' then format('using (%s) with check (%s)', clause, clause)
               else format('using (%s)', clause) end);
  end loop;

  if append_only then
    execute format('create or replace trigger keep before update or delete on %I for each row execute function platform.refuse_change(%L)', tbl, tbl);
    execute format('create or replace trigger keep_all before truncate on %I for each statement execute function platform.refuse_change(%L)', tbl, tbl);
  end if;
  if tbl <> 'trail' then
    execute format('create or replace trigger trail after insert or update or delete on %I for each row execute function platform.record_change(%L, %L, %L)',
      tbl, tbl, array_to_string(secret, ','), array_to_string(quiet, ','));
  end if;
end
$$;

create function platform.refuse_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception '% is append-only', tg_argv[0] using errcode = '42501';
end
$$;

-- trail_row writes one row of a clinic's trail.
create function platform.trail_row(home text, what text, entity text, record uuid, patient uuid, before jsonb, after jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  clinic uuid := platform.current_clinic();
  -- The clinic is there only if the signature over both is right.
  actor  text := case when clinic is not null then nullif(current_setting('app.actor', true), '') end;
  req    jsonb := coalesce(nullif(current_setting('app.request', true), ''), '{}')::jsonb;
begin
  if clinic is null or actor is null then
    raise exception 'a change of % needs a signed clinic and actor', entity using errcode = '42501';
  end if;
  execute format('insert into %I.trail (id, clinic_id, at, xact, actor, actor_role, request_id, address, reason, action, entity, record_id, patient_id, before, after) '
                 'values ($1, $2, now(), pg_current_xact_id(), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)', home)
    using platform.uuid7(), clinic, actor, current_setting('role'), coalesce(req ->> 'id', ''), coalesce(req ->> 'addr', ''),
          coalesce(req ->> 'reason', ''), what, entity, record, patient, before, after;
end
$$;

-- record_change is the trail's trigger: table name, secret columns, quiet columns.
create function platform.record_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  was     jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
  is_now  jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
  whole   jsonb := coalesce(is_now, was);
  quiet   text[] := string_to_array(tg_argv[2], ',');
  k       text;
begin
  if tg_op = 'UPDATE' then
    select jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, n.value) into was, is_now
    from jsonb_each(was) o join jsonb_each(is_now) n on n.key = o.key
    where o.value is distinct from n.value and o.key <> 'updated_at' and o.key <> 'version' and o.key <> all (quiet);
    if was is null then
      if platform.current_actor() is null then
        raise exception 'a change of % needs a signed clinic and actor', tg_argv[0] using errcode = '42501';
      end if;
      return null;
    end if;
  end if;
  if tg_argv[1] <> '' then
    foreach k in array string_to_array(tg_argv[1], ',') loop
      if was ->> k is not null then
        was := jsonb_set(was, array[k], to_jsonb('sha256:' || encode(sha256(convert_to(was ->> k, 'UTF8')), 'hex')));
      end if;
      if is_now ->> k is not null then
        is_now := jsonb_set(is_now, array[k], to_jsonb('sha256:' || encode(sha256(convert_to(is_now ->> k, 'UTF8')), 'hex')));
      end if;
    end loop;
  end if;
  perform platform.trail_row(tg_table_schema, lower(tg_op), tg_argv[0],
    coalesce(whole ->> 'id', whole ->> 'user_id')::uuid,
    case when tg_argv[0] = 'patients' then whole ->> 'id' else whole ->> 'patient_id' end::uuid, was, is_now);
  return null;
end
$$;

-- record_view notes in the reading transaction that somebody saw a record.
create function platform.record_view(entity text, record uuid, patient uuid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  home text;
begin
  select s.schema_name into home from platform.schemas s where s.clinic_id = platform.current_clinic();
  if home is null then
    raise exception 'a view of % needs a signed clinic', entity using errcode = '42501';
  end if;
  perform platform.trail_row(home, 'view', entity, record, patient, null, null);
end
$$;

-- record_registry_change is the registry's trail.
create function platform.record_registry_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  actor  text := platform.current_actor();
  req    jsonb := coalesce(nullif(current_setting('app.request', true), ''), '{}')::jsonb;
  was    jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - 'logo' end;
  is_now jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - 'logo' end;
begin
  if actor is null then
    raise exception 'a change of the registry needs a signed actor' using errcode = '42501';
  end if;
  insert into platform.trail (id, clinic_id, at, xact, actor, actor_role, request_id, address, reason, action, entity, record_id, before, after)
  values (platform.uuid7(), coalesce(new.id, old.id), now(), pg_current_xact_id(), actor, current_setting('role'),
          coalesce(req ->> 'id', ''), coalesce(req ->> 'addr', ''), coalesce(req ->> 'reason', ''), lower(tg_op), 'clinics', coalesce(new.id, old.id), was, is_now);
  return null;
end
$$;

-- check_walls raises when any table of a schema lacks a wall. A migration of a
-- clinic calls it last in its own transaction, so what weakens a wall can't land.
-- No catalog has an index on its namespace, so what stands in the schema is read
-- from the dependencies: with a thousand clinics that is the difference between
-- a millisecond and a scan of every clinic's tables.
-- Checks, policies and triggers are most of the work. A migration therefore has
-- only those of the tables looked at that its own transaction changed
-- (changed_only): the others' were when they landed. Everything else is looked at
-- for the whole schema, and without changed_only this is, too.
create function platform.check_walls(home text, changed_only boolean default false) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  fault  text;
  clinic uuid := (select s.clinic_id from platform.schemas s where s.schema_name = home);
  -- A policy is the wall alone, or the wall AND its own condition; an OR around
  -- it deparses otherwise.
  alone  constant text := '(clinic_id = ( SELECT platform.current_clinic() AS current_clinic))';
  front  constant text := '(' || alone || ' AND ';
begin
  with
    inside as materialized (
      select d.classid, d.objid from pg_depend d where d.refclassid = 'pg_namespace'::regclass and d.refobjid = home::regnamespace),
    rel as materialized (
      select c.oid, c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relacl
      from inside i join pg_class c on c.oid = i.objid where i.classid = 'pg_class'::regclass),
    tab as materialized (select * from rel where relkind in ('r', 'p')),
    -- Who changes a table's columns, constraints, policies or triggers holds a lock
    -- on it to the end that readers and writers of rows do not take.
    touched as materialized (
      select * from tab t
      where not changed_only or t.oid in (
        select l.relation from pg_locks l
        where l.pid = pg_backend_pid() and l.locktype = 'relation' and l.mode not in ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock'))),
    -- Materialised, so that each expression is spelled out once.
    pol as materialized (
      select t.relname, p.polname, p.polpermissive, p.polcmd, pg_get_expr(p.polqual, p.polrelid) as qual, pg_get_expr(p.polwithcheck, p.polrelid) as checked
      from touched t join pg_policy p on p.polrelid = t.oid)
  select string_agg(f.what, '; ' order by f.what) into fault from (
    select format('%s: row-level security is not enabled and forced', t.relname) as what
    from tab t where not (t.relrowsecurity and t.relforcerowsecurity)
    union all
    select format('%s: kind %s is not allowed in a clinic schema', r.relname, r.relkind)
    from rel r where r.relkind in ('v', 'm', 'f', 'S', 'c')
    union all
    select format('%s: no clinic_id check of this schema', t.relname)
    from touched t where not exists (select from pg_constraint k where k.conrelid = t.oid and k.contype = 'c' and k.conname = t.relname || '_clinic' and k.convalidated
        and pg_get_constraintdef(k.oid) = format('CHECK ((clinic_id = %L::uuid))', clinic))
    union all
    select format('%s: no trail trigger', t.relname)
    from touched t where t.relname <> 'trail'
      and not exists (select from pg_trigger g where g.tgrelid = t.oid and g.tgname = 'trail' and g.tgenabled = 'O')
    union all
    select format('%s: policy %s does not begin with the wall', p.relname, p.polname)
    from pol p
    where not p.polpermissive
       or (p.qual <> alone and not starts_with(p.qual, front))
       or (p.qual is not null and p.polcmd <> 'r' and p.polcmd <> 'd' and p.checked is null)
       or (p.checked <> alone and not starts_with(p.checked, front))
    union all
    select format('%s: no policy', t.relname)
    from touched t where not exists (select from pg_policy p where p.polrelid = t.oid)
    union all
    select format('%s: a right for %s that goes round the roles', r.relname, coalesce(nullif(pg_get_userbyid(a.grantee), 'unknown (OID=0)'), 'public'))
    from rel r, aclexplode(r.relacl) a
    where a.grantee = 0 or a.grantee = 'cloister_app'::regrole
    union all
    select format('type %s: enum, domain and composite types break cached plans of other clinics', y.typname)
    from inside i join pg_type y on y.oid = i.objid where i.classid = 'pg_type'::regclass and y.typtype in ('e', 'd', 'c')
    union all
    select format('function %s: functions belong to the shared schema', p.proname)
    from inside i join pg_proc p on p.oid = i.objid where i.classid = 'pg_proc'::regclass
  ) f;
  if fault is not null then
    raise exception 'walls of %: %', home, fault using errcode = '42501';
  end if;
end
$$;

-- clinic_today is the day it is in the clinic of the scope.
create function platform.clinic_today() returns date
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  z text;
begin
  select c.zone into z from platform.clinics c where c.id = platform.current_clinic();
  return (now() at time zone coalesce(z, 'Asia/Kolkata'))::date;
end
$$;

-- next_number takes the next value of a counter of a clinic's schema; its row
-- stays locked until the transaction ends, so numbers have no gap.
create function platform.next_number(home text, what text, stretch text) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  n bigint;
begin
  execute format('insert into %I.counters as c (clinic_id, kind, period, value) values ($1, $2, $3, 1) '
                 'on conflict (kind, period) do update set value = c.value + 1 returning value', home)
    into n using platform.current_clinic(), what, stretch;
  return n;
end
$$;

-- take_quota counts one more of a kind against the clinic's plan.
create function platform.take_quota(what text, by integer) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  clinic  uuid := platform.current_clinic();
  now_is  bigint;
  at_most bigint;
begin
  insert into platform.usage as u (clinic_id, kind, used) values (clinic, what, greatest(by, 0))
    on conflict (clinic_id, kind) do update set used = greatest(u.used + by, 0), changed_at = now()
    returning used into now_is;
  if by <= 0 then
    return;
  end if;
  select case what when 'doctors' then p.max_doctors when 'receptionists' then p.max_receptionists
                   when 'lab_technicians' then p.max_lab_technicians when 'patients' then p.max_patients end
    into at_most
  from platform.clinics c join platform.plans p on p.code = c.plan where c.id = clinic;
  if at_most is not null and now_is > at_most then
    raise exception 'the plan allows % %', at_most, what
      using errcode = 'CL402', constraint = 'quota_' || what, detail = at_most::text;
  end if;
end
$$;

create function platform.quota_kind(role text, active boolean) returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  if not active then
    return null;
  end if;
  return case role when 'doctor' then 'doctors' when 'receptionist' then 'receptionists'
                   when 'lab_technician' then 'lab_technicians' else 'staff' end;
end
$$;

create function platform.count_user() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  was    text := case when tg_op = 'UPDATE' then platform.quota_kind(old.role, old.active) end;
  is_now text := platform.quota_kind(new.role, new.active);
begin
  if was is distinct from is_now then
    if was is not null then
      perform platform.take_quota(was, -1);
    end if;
    if is_now is not null then
      perform platform.take_quota(is_now, 1);
    end if;
  end if;
  return null;
end
$$;

-- number_patient gives PT-YYYY-NNNNN, YYYY the year of registration.
create function platform.number_patient() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  n text;
begin
  new.registered_on := coalesce(new.registered_on, platform.clinic_today());
  if new.number <> '' and current_setting('role') = 'cloister_jobs' then
    -- From a block of reserve_patients, which has counted it; the unique index
    -- keeps it from being given twice.
    execute format('select value::text from %I.counters where kind = ''patient'' and period = $1', tg_table_schema)
      into n using to_char(new.registered_on, 'YYYY');
    if new.number !~ ('^PT-' || to_char(new.registered_on, 'YYYY') || '-[0-9]{5,12}$') or coalesce(n, '0')::bigint < substr(new.number, 9)::bigint then
      raise exception 'the number is not from a reserved block' using errcode = '23514', constraint = 'patients_number_reserved';
    end if;
    return new;
  end if;
  perform platform.take_quota('patients', 1);
  n := platform.next_number(tg_table_schema, 'patient', to_char(new.registered_on, 'YYYY'))::text;
  new.number := 'PT-' || to_char(new.registered_on, 'YYYY') || '-' || lpad(n, greatest(5, length(n)), '0');
  return new;
end
$$;

-- reserve_patients takes n numbers of a year and their quota at once and gives
-- the first. An import needs it: a transaction that updates the two counting
-- rows for each of its patients walks over all its own dead versions of them.
create function platform.reserve_patients(year text, n integer) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  home   text;
  last_n bigint;
begin
  select s.schema_name into home from platform.schemas s where s.clinic_id = platform.current_clinic() and s.state = 'assigned';
  if home is null or n is null or n < 1 or year !~ '^[0-9]{4}$' then
    raise exception 'a block of numbers needs a signed clinic, a year and a count' using errcode = '22023';
  end if;
  perform platform.take_quota('patients', n);
  execute format('insert into %I.counters as c (clinic_id, kind, period, value) values ($1, ''patient'', $2, $3) '
                 'on conflict (kind, period) do update set value = c.value + $3 returning value', home)
    into last_n using platform.current_clinic(), year, n;
  return last_n - n + 1;
end
$$;

-- learn_words keeps the clinic's vocabulary of name words, against which a
-- misspelling is compared: some thousand words instead of every patient. Folded
-- words, marked by zx (patient.SearchKey), are no spelling of anybody's.
-- A trigram index answers equality too, by reading all that was lately added to
-- it, and Postgres believes it cheap; a scan of the table it believes cheap as
-- well. Where neither is allowed the primary key is asked, one look a word;
-- otherwise registering gets slower with each patient until the next vacuum.
create function platform.learn_words() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  words text[];
  known text[];
  w     text;
begin
  if btrim(new.search_key) <> '' and (tg_op = 'INSERT' or old.search_key is distinct from new.search_key) then
    words := string_to_array(btrim(new.search_key), ' ');
    -- Most words are known; asking for all at once is cheaper than trying each.
    execute format('select array(select v.word from %I.name_words v where v.word = any ($1))', tg_table_schema) into known using words;
    foreach w in array words loop
      if w <> '' and w <> all (known) then
        execute format('insert into %I.name_words (word) values ($1) on conflict (word) do nothing', tg_table_schema) using w;
      end if;
    end loop;
  end if;
  return null;
end
$$;

-- number_token gives the next number of the line and day.
create function platform.number_token() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v record;
  n text;
  prefix text;
begin
  execute format('select day, line_id, doctor_id, department_id from %I.visits where id = $1', tg_table_schema) into v using new.visit_id;
  if v is null then
    raise exception 'the token has no visit' using errcode = '23503', constraint = 'tokens_visit_id_fkey';
  end if;
  if v.doctor_id is not null then
    execute format('select token_prefix from %I.profiles where user_id = $1', tg_table_schema) into prefix using v.doctor_id;
  else
    execute format('select token_prefix from %I.departments where id = $1', tg_table_schema) into prefix using v.department_id;
  end if;
  if coalesce(prefix, '') = '' then
    execute format('select token_prefix from %I.settings', tg_table_schema) into prefix;
  end if;
  new.line_id := v.line_id;
  new.day := v.day;
  new.number := platform.next_number(tg_table_schema, 'token:' || v.line_id, to_char(v.day, 'YYYY-MM-DD'));
  n := new.number::text;
  new.label := coalesce(prefix, 'T') || '-' || lpad(n, greatest(3, length(n)), '0');
  return new;
end
$$;

-- move_visit lets only legal moves through and times them.
--   waiting         -> called, in_consultation, skipped, no_show, cancelled
--   called          -> called (again), waiting, in_consultation, skipped, no_show, cancelled
--   skipped         -> waiting, called, no_show, cancelled
--   in_consultation -> done, waiting (sent back)
--   no_show         -> waiting (came after all)
-- done and cancelled are final. The scheduled work may insert history as it was.
create function platform.move_visit() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'INSERT' then
    if current_setting('role') in ('cloister_jobs') then
      return new;
    end if;
    if new.state <> 'waiting' then
      raise exception 'a visit begins waiting, not %', new.state using errcode = 'CL409', constraint = 'visit_move';
    end if;
    new.day := platform.clinic_today();
    new.arrived_at := now();
    return new;
  end if;
  new.version := old.version + 1;
  new.updated_at := now();
  if new.patient_id <> old.patient_id or new.day <> old.day then
    raise exception 'a visit keeps its patient and day' using errcode = 'CL409', constraint = 'visit_move';
  end if;
  -- line_id is generated after this trigger, so the line is read from its parts.
  if coalesce(new.doctor_id, new.department_id) is distinct from old.line_id and old.state not in ('waiting', 'called', 'skipped') then
    raise exception 'only a waiting visit can be transferred' using errcode = 'CL409', constraint = 'visit_transfer';
  end if;
  if new.state = old.state and new.call_count = old.call_count then
    return new;
  end if;
  if not (old.state, new.state) in (
      ('waiting', 'called'), ('waiting', 'in_consultation'), ('waiting', 'skipped'), ('waiting', 'no_show'), ('waiting', 'cancelled'),
      ('called', 'called'), ('called', 'waiting'), ('called', 'in_consultation'), ('called', 'skipped'), ('called', 'no_show'), ('called', 'cancelled'),
      ('skipped', 'waiting'), ('skipped', 'called'), ('skipped', 'no_show'), ('skipped', 'cancelled'),
      ('in_consultation', 'done'), ('in_consultation', 'waiting'),
      ('no_show', 'waiting')) then
    raise exception 'a visit cannot go from % to %', old.state, new.state using errcode = 'CL409', constraint = 'visit_move';
  end if;
  if new.state = 'cancelled' and btrim(new.state_reason) = '' then
    raise exception 'cancelling a visit needs a reason' using errcode = '23514', constraint = 'visits_cancel_reason';
  end if;
  if new.state = 'called' then
    new.called_at := now();
    new.call_count := old.call_count + 1;
  elsif new.state = 'in_consultation' then
    new.started_at := now();
  elsif new.state in ('done', 'cancelled', 'no_show') then
    new.ended_at := now();
  elsif new.state = 'waiting' then
    new.ended_at := null;
  end if;
  return new;
end
$$;

-- record_move writes each change of the queue, timed, as a row of queue_moves.
create function platform.record_move() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'INSERT' or (old.state, old.line_id, old.priority, old.call_count) is distinct from (new.state, new.line_id, new.priority, new.call_count) then
    execute format('insert into %I.queue_moves (id, visit_id, patient_id, from_state, to_state, from_line, to_line, priority, reason, moved_by, moved_at) '
                   'values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)', tg_table_schema)
      using platform.uuid7(), new.id, new.patient_id, case when tg_op = 'UPDATE' then old.state end, new.state,
            case when tg_op = 'UPDATE' then old.line_id end, new.line_id, new.priority, new.state_reason, platform.current_actor(),
            case when tg_op = 'INSERT' then new.arrived_at else now() end;
  end if;
  if tg_op = 'INSERT' then
    execute format('update %I.patients set last_visit_on = $2 where id = $1 and (last_visit_on is null or last_visit_on < $2)', tg_table_schema)
      using new.patient_id, new.day;
  end if;
  return null;
end
$$;

-- bump is the optimistic lock: every change raises the version.
create function platform.bump() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  new.version := old.version + 1;
  new.updated_at := now();
  return new;
end
$$;

-- tell says to every service that something of the signed clinic has changed.
-- pg_notify itself is not the staff roles' (db/server/01_database.sql), or one clinic
-- could empty another's caches as often as it liked.
create function platform.tell(topic text, id uuid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  clinic uuid := platform.current_clinic();
begin
  if clinic is null or topic !~ '^[a-z_]{1,30}$' then
    raise exception 'an event needs a signed clinic and a topic' using errcode = '42501';
  end if;
  perform pg_notify('cloister', clinic || ':' || topic || ':' || coalesce(id::text, ''));
end
$$;

-- gate_session finds a living session of the signed clinic by its token's hash.
create function platform.gate_session(hash bytea)
returns table (session_id uuid, user_id uuid, patient_id uuid, role text, full_name text, language text, theme text, density text,
               single_keys boolean, idle_minutes integer, created_at timestamptz, last_seen_at timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  home text;
begin
  select s.schema_name into home from platform.schemas s where s.clinic_id = platform.current_clinic() and s.state = 'assigned';
  if home is null then
    return;
  end if;
  return query execute format($q$
    select s.id, s.user_id, s.patient_id, coalesce(u.role, 'patient'), coalesce(u.full_name, p.full_name), coalesce(u.language, ''),
           coalesce(u.theme, 'auto'), coalesce(u.density, 'compact'), coalesce(u.single_keys, true), c.session_idle_minutes, s.created_at, s.last_seen_at
    from %1$I.sessions s
    cross join %1$I.settings c
    left join %1$I.users u on u.id = s.user_id
    left join %1$I.patients p on p.id = s.patient_id
    where s.token_hash = $1 and s.revoked_at is null
      -- A time to come is nobody's last sign of life, and would never grow old.
      and s.last_seen_at > now() - make_interval(mins => c.session_idle_minutes) and s.last_seen_at < now() + interval '1 minute'
      and (u.id is null or u.active)$q$, home) using hash;
end
$$;

-- gate_signin gives what a sign-in needs to verify a password, and counts the
-- try before it is judged: after five the account rests, each time for longer.
-- The exponent is bounded: tries made while the account rests are counted, too,
-- and some forty of them would else overflow the interval and shut it for good.
create function platform.gate_signin(login text)
returns table (user_id uuid, role text, password_hash text, active boolean, locked_until timestamptz)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  home text;
begin
  select s.schema_name into home from platform.schemas s where s.clinic_id = platform.current_clinic() and s.state = 'assigned';
  if home is null or login is null or login = '' then
    return;
  end if;
  return query execute format($q$
    update %1$I.users u
    set failed_attempts = u.failed_attempts + 1,
        locked_until = case when u.locked_until > now() then u.locked_until
                            when u.failed_attempts + 1 >= 5
                            then now() + least(interval '15 minutes', interval '30 seconds' * power(2, least(u.failed_attempts + 1 - 5, 5))) end
    from %1$I.users was
    where was.id = u.id and (u.username = $1 or u.email = $1)
    returning u.id, u.role, u.password_hash, u.active, was.locked_until$q$, home) using lower(btrim(login));
end
$$;

-- at_platform_gate tells whether the scope is the gate's own, signed for no clinic.
create function platform.at_platform_gate() returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return current_setting('app.clinic_id', true) = '' and coalesce(platform.current_actor() like 'gate:%', false);
end
$$;

-- The same two doors for operators of the platform. They have no clinic, so
-- they are asked under a signed gate without one: the role alone, which any
-- session of the service may take, opens nothing.
create function platform.gate_operator_session(hash bytea)
returns table (session_id uuid, operator_id uuid, full_name text, language text, theme text, last_seen_at timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  if not platform.at_platform_gate() then
    return;
  end if;
  return query
    select s.id, o.id, o.full_name, o.language, o.theme, s.last_seen_at
    from platform.operator_sessions s join platform.operators o on o.id = s.operator_id
    where s.token_hash = hash and s.revoked_at is null and o.active and s.last_seen_at > now() - interval '15 minutes';
end
$$;

create function platform.gate_operator_signin(login text)
returns table (operator_id uuid, password_hash text, active boolean, locked_until timestamptz)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if not platform.at_platform_gate() then
    return;
  end if;
  return query
    update platform.operators u
    set failed_attempts = u.failed_attempts + 1,
        locked_until = case when u.locked_until > now() then u.locked_until
                            when u.failed_attempts + 1 >= 5
                            then now() + least(interval '15 minutes', interval '30 seconds' * power(2, least(u.failed_attempts + 1 - 5, 5))) end
    from platform.operators was
    where was.id = u.id and u.email = lower(btrim(login))
    returning u.id, u.password_hash, u.active, was.locked_until;
end
$$;

-- search_patients finds at most at_most patients of the signed clinic, best
-- first: by the beginning of a number or by a number from elsewhere (code), by
-- digits of the phone, or by words of the name. words are plain and folds are
-- the same words folded (patient.ParseSearch), each taken as a beginning; what
-- is near in the clinic's vocabulary comes last, when the rest gave next to
-- nothing. It gives ids; the caller reads the rows under the policies.
-- It belongs to cloister_search (db/server/02_search.sql), so the clinic stands in
-- each statement itself: the schema is looked up by the signed clinic.
create function platform.search_patients(words text, folds text, digits text, code text, at_most integer)
returns table (id uuid, rank real)
-- Few rows: told the default of 1000, the planner reads a whole clinic to join
-- them. No scan: for a common name the planner hopes to meet enough of them soon,
-- and the index is three times as fast among 100 000.
language plpgsql stable security definer rows 20 set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
declare
  clinic uuid := platform.current_clinic();
  home   text;
  word   text;
  near   text;
  query  text := '';
  n      integer := 0;
  found_now integer;
  mine   constant text := 'select p.id, %s from %I.patients p where p.clinic_id = $1 and p.merged_into is null and ';
  recent constant text := ' order by 2 desc, p.last_visit_on desc nulls last, p.id limit $3';
  -- The first matches that the index gives, then the best of them.
  best   constant text := 'select p.id, %s from (select p.id, p.search_key, p.last_visit_on from %I.patients p where p.clinic_id = $1 and p.merged_into is null '
                          'and p.terms @@ $2::tsquery limit 300) p' || recent;
begin
  select s.schema_name into home from platform.schemas s where s.clinic_id = clinic and s.state = 'assigned';
  if home is null then
    return;
  end if;
  at_most := least(greatest(at_most, 1), 50);
  if coalesce(code, '') <> '' then
    return query execute format(mine || 'p.number ^@ $2 order by p.number desc limit $3', '4::real', home) using clinic, code, at_most;
    get diagnostics n = row_count;
    if n < at_most then
      return query execute format('select p.id, 3::real from %1$I.identifiers i join %1$I.patients p on p.id = i.record_id where i.clinic_id = $1 and p.clinic_id = $1 '
        'and p.merged_into is null and i.entity = ''patients'' and i.value = $2 limit $3', home) using clinic, code, at_most - n;
    end if;
  end if;
  if length(coalesce(digits, '')) >= 4 then
    return query execute format(mine || 'p.phone like $2' || recent, 'case when p.phone like $4 then 4 else 3 end::real', home)
      using clinic, '%' || digits || '%', at_most - n, '+91' || digits || '%';
    return;
  end if;
  if coalesce(words, '') = '' then
    return;
  end if;

  -- As typed, each word a beginning; whole words and the typed order first.
  return query execute format(best, 'case when strpos('' '' || p.search_key || '' '', '' '' || $4 || '' '') > 0 then 4 when strpos('' '' || p.search_key, '' '' || $4) > 0 then 3 else 2 end::real', home)
    using clinic, platform.word_query(words), at_most, words;
  get diagnostics n = row_count;
  if n >= at_most then
    return;
  end if;

  -- Another spelling of the same sound.
  return query execute format(best, '1::real', home)
    using clinic, platform.word_query(folds) || ' & !(' || platform.word_query(words) || ')', at_most - n;
  get diagnostics found_now = row_count;
  n := n + found_now;
  if n >= 3 then
    return;
  end if;

  -- Next to nothing: each word stands for the nearest words of the vocabulary.
  foreach word in array string_to_array(words, ' ') loop
    execute format('select string_agg(quote_literal(w.word), '' | '') from (select v.word from %I.name_words v where v.clinic_id = $1 '
      'and v.word operator(ext.%%) $2 order by ext.similarity(v.word, $2) desc, v.word limit 4) w', home) into near using clinic, word;
    if near is null then
      return;
    end if;
    query := query || case when query = '' then '(' else ' & (' end || near || ')';
  end loop;
  return query execute format(best, 'ext.similarity(p.search_key, $4) * 0.5::real', home)
    using clinic, query || ' & !(' || platform.word_query(folds) || ') & !(' || platform.word_query(words) || ')', at_most - n, words;
end
$$;

-- word_query is the tsquery text that wants every word as a beginning.
create function platform.word_query(words text) returns text
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
begin
  return (select string_agg(quote_literal(w) || ':*', ' & ') from unnest(string_to_array(words, ' ')) w where w <> '');
end
$$;
-- +goose StatementEnd

create trigger trail after insert or update or delete on platform.clinics
  for each row execute function platform.record_registry_change();
create trigger keep before update or delete on platform.trail
  for each row execute function platform.refuse_change('trail');

-- +goose StatementBegin
do $grants$
begin
  -- Nothing here is anybody's unless it is named.
  revoke all on all functions in schema platform from public;
  alter default privileges for role cloister_owner in schema platform revoke execute on functions from public;
  grant execute on function platform.current_clinic(), platform.current_actor(), platform.current_user_id(), platform.current_patient_id(),
    platform.clinic_today()
    to cloister_clinic_admin, cloister_doctor, cloister_nurse, cloister_receptionist, cloister_lab_technician, cloister_patient,
       cloister_display, cloister_jobs, cloister_gate, cloister_platform, cloister_backup;
  grant execute on function platform.current_operator_id() to cloister_platform, cloister_gate;
  grant execute on function platform.record_view(text, uuid, uuid)
    to cloister_clinic_admin, cloister_doctor, cloister_nurse, cloister_receptionist, cloister_lab_technician, cloister_patient, cloister_jobs;
  grant execute on function platform.tell(text, uuid)
    to cloister_clinic_admin, cloister_doctor, cloister_nurse, cloister_receptionist, cloister_lab_technician, cloister_patient, cloister_jobs;
  grant execute on function platform.search_patients(text, text, text, text, integer)
    to cloister_clinic_admin, cloister_doctor, cloister_nurse, cloister_receptionist, cloister_lab_technician, cloister_jobs;
  grant execute on function platform.reserve_patients(text, integer) to cloister_jobs;
  grant execute on function platform.gate_session(bytea), platform.gate_signin(text), platform.gate_operator_session(bytea), platform.gate_operator_signin(text)
    to cloister_gate;
  grant execute on function platform.resolve_clinic(text), platform.find_clinics(text, integer) to cloister_app;
end
$grants$;
-- +goose StatementEnd

-- +goose Down
drop trigger trail on platform.clinics;
drop trigger keep on platform.trail;
drop function platform.search_patients, platform.word_query, platform.gate_operator_signin, platform.gate_operator_session, platform.gate_signin, platform.gate_session,
  platform.tell, platform.at_platform_gate, platform.bump, platform.record_move, platform.move_visit, platform.number_token, platform.learn_words, platform.reserve_patients, platform.number_patient, platform.count_user,
  platform.quota_kind, platform.take_quota, platform.next_number, platform.clinic_today, platform.check_walls, platform.record_registry_change,
  platform.record_view, platform.record_change, platform.trail_row, platform.refuse_change, platform.protect, platform.make_schema cascade;
