-- The rules of prescriptions and test requests, in the database so that they
-- hold for whoever writes: what was issued changes no more, a correction is a
-- new version that ends the old one, numbers have no gap, and a test moves only
-- forward. And the starter lists of medicines and tests, which every clinic
-- gets as rows of its own: db/reference says where they come from.

-- +goose Up
create table platform.starter_medicines (
  generic   text not null,
  form      text not null,
  strengths text[] not null,
  strength  text not null,
  dose      text not null check (dose ~ '^([0-9]-[0-9]-[0-9]|SOS|)$'),
  days      smallint,
  food      text not null,
  route     text not null,
  class     text not null,
  primary key (generic, form, route)
);
create table platform.starter_tests (
  name     text primary key,
  kind     text not null,
  category text not null,
  code     text not null
);
-- +goose StatementBegin
do $walls$
declare
  t text;
begin
  foreach t in array array['starter_medicines', 'starter_tests'] loop
    execute format('alter table platform.%I enable row level security', t);
    execute format('alter table platform.%I force row level security', t);
    execute format('create policy owner_all on platform.%I to cloister_owner using (true) with check (true)', t);
    execute format('grant select on platform.%I to cloister_backup', t);
  end loop;
end
$walls$;

-- add_starter_lists gives the clinic of the current schema what the starter
-- lists have and it has not. Run it as the owner, in a clinic's scope; what the
-- clinic has changed or switched off stays so.
create function platform.add_starter_lists() returns void
language plpgsql as $$
declare
  m record;
begin
  for m in select s.generic, s.form, s.strengths, s.strength, s.dose, s.days, s.food, s.route, s.class from platform.starter_medicines s order by s.generic, s.form, s.route loop
    insert into formulary (id, name, generic, form, strengths, strength, morning, afternoon, night, sos, days, food, route, class, source)
    values (platform.uuid7(), m.generic, m.generic, m.form, m.strengths, m.strength,
      case when m.dose ~ '-' then 4 * split_part(m.dose, '-', 1)::smallint else 0 end, case when m.dose ~ '-' then 4 * split_part(m.dose, '-', 2)::smallint else 0 end,
      case when m.dose ~ '-' then 4 * split_part(m.dose, '-', 3)::smallint else 0 end, m.dose = 'SOS', m.days, m.food, m.route, m.class, 'starter')
    on conflict do nothing;
  end loop;
  for m in select s.name, s.kind, s.category, s.code from platform.starter_tests s order by s.name loop
    insert into test_catalogue (id, name, kind, category, code, source)
    values (platform.uuid7(), m.name, m.kind, m.category, m.code, 'starter')
    on conflict do nothing;
  end loop;
end
$$;

-- guard_prescription stands before every change of a prescription.
create function platform.guard_prescription() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v     record;
  jobs  boolean := current_setting('role') = 'cloister_jobs';
  zone  text;
  year  text;
  n     text;
  lines bigint;
begin
  if tg_op = 'DELETE' then
    raise exception 'a prescription stays' using errcode = 'CL409', constraint = 'prescription_issued';
  end if;
  if tg_op = 'INSERT' then
    execute format('select v.patient_id, exists (select from %1$I.consultations c where c.visit_id = v.id and c.doctor_id = $2) as seen from %1$I.visits v where v.id = $1 for share of v', tg_table_schema)
      into v using new.visit_id, new.doctor_id;
    if v.patient_id is null then
      raise exception 'the prescription has no visit' using errcode = '23503', constraint = 'prescriptions_visit_id_fkey';
    end if;
    new.patient_id := v.patient_id;
    if not jobs then
      if not v.seen then
        raise exception 'the doctor has not seen the patient at this visit' using errcode = '42501', constraint = 'prescription_doctor';
      end if;
      if new.state <> 'draft' then
        raise exception 'a prescription begins as a draft' using errcode = 'CL409', constraint = 'prescription_move';
      end if;
      new.number := '';
      new.issued_at := null;
      new.ended_at := null;
    end if;
    if new.version_of is not null then
      execute format('select p.patient_id, p.visit_id, p.doctor_id, p.state from %I.prescriptions p where p.id = $1 for update', tg_table_schema) into v using new.version_of;
      if v.patient_id is null or (v.patient_id, v.visit_id, v.doctor_id) is distinct from (new.patient_id, new.visit_id, new.doctor_id) or (v.state <> 'issued' and not jobs) then
        raise exception 'only what is issued is corrected, by its doctor' using errcode = 'CL409', constraint = 'prescription_version';
      end if;
    end if;
  else
    if (new.id, new.number, new.visit_id, new.patient_id, new.doctor_id, new.version_of, new.version_reason, new.issued_at, new.ended_at, new.created_at)
       is distinct from (old.id, old.number, old.visit_id, old.patient_id, old.doctor_id, old.version_of, old.version_reason, old.issued_at, old.ended_at, old.created_at) then
      raise exception 'what was prescribed changes no more' using errcode = 'CL409', constraint = 'prescription_issued';
    end if;
    if new.state = old.state then
      if new.cancel_reason <> old.cancel_reason then
        raise exception 'what was prescribed changes no more' using errcode = 'CL409', constraint = 'prescription_issued';
      end if;
      return new;
    end if;
    if not (old.state, new.state) in (('draft', 'issued'), ('issued', 'dispensed'), ('issued', 'completed'), ('issued', 'cancelled'), ('dispensed', 'completed')) then
      raise exception 'from % to % is no way', old.state, new.state using errcode = 'CL409', constraint = 'prescription_move';
    end if;
    if new.cancel_reason <> old.cancel_reason and new.state <> 'cancelled' then
      raise exception 'a reason belongs to a cancellation' using errcode = 'CL409', constraint = 'prescription_issued';
    end if;
    new.version := old.version + 1;
    new.updated_at := now();
    if new.state in ('completed', 'cancelled') then
      new.ended_at := now();
    end if;
    if new.state = 'issued' then
      execute format('select count(*) from %I.prescription_lines l where l.prescription_id = $1', tg_table_schema) into lines using new.id;
      if lines = 0 then
        raise exception 'nothing is prescribed' using errcode = 'CL409', constraint = 'prescription_empty';
      end if;
      new.issued_at := now();
    end if;
  end if;
  if new.state <> 'draft' and new.number = '' then
    select c.zone into zone from platform.clinics c where c.id = platform.current_clinic();
    year := to_char(new.issued_at at time zone coalesce(zone, 'Asia/Kolkata'), 'YYYY');
    n := platform.next_number(tg_table_schema, 'prescription', year)::text;
    new.number := 'RX-' || year || '-' || lpad(n, greatest(5, length(n)), '0');
    if new.version_of is not null and not jobs then
      execute format('update %I.prescriptions set state = ''cancelled'', cancel_reason = $2 where id = $1', tg_table_schema) using new.version_of, new.version_reason;
    end if;
  end if;
  return new;
end
$$;

-- guard_prescription_line stands before every line: it belongs to a draft, whose
-- patient and doctor it has.
create function platform.guard_prescription_line() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  p record;
begin
  execute format('select p.patient_id, p.doctor_id, p.state from %I.prescriptions p where p.id = $1 for share', tg_table_schema) into p using new.prescription_id;
  if p.patient_id is null then
    raise exception 'the line has no prescription' using errcode = '23503', constraint = 'prescription_lines_prescription_id_fkey';
  end if;
  new.patient_id := p.patient_id;
  new.doctor_id := p.doctor_id;
  if p.state <> 'draft' and current_setting('role') <> 'cloister_jobs' then
    raise exception 'what was prescribed changes no more' using errcode = 'CL409', constraint = 'prescription_issued';
  end if;
  return new;
end
$$;

-- guard_test_request stands before every change of a test request: it goes
-- forward only, and what is reported can't be cancelled.
create function platform.guard_test_request() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v record;
begin
  if tg_op = 'DELETE' then
    raise exception 'a test request stays' using errcode = 'CL409', constraint = 'test_request_keeps';
  end if;
  if tg_op = 'INSERT' then
    execute format('select v.patient_id, exists (select from %1$I.consultations c where c.visit_id = v.id and c.doctor_id = $2) as seen from %1$I.visits v where v.id = $1 for share of v', tg_table_schema)
      into v using new.visit_id, new.doctor_id;
    if v.patient_id is null then
      raise exception 'the request has no visit' using errcode = '23503', constraint = 'test_requests_visit_id_fkey';
    end if;
    new.patient_id := v.patient_id;
    if current_setting('role') = 'cloister_jobs' then
      return new;
    end if;
    if not v.seen then
      raise exception 'the doctor has not seen the patient at this visit' using errcode = '42501', constraint = 'prescription_doctor';
    end if;
    if new.state <> 'requested' then
      raise exception 'a test begins as a request' using errcode = 'CL409', constraint = 'test_request_move';
    end if;
    new.requested_at := now();
    return new;
  end if;
  if (new.id, new.visit_id, new.patient_id, new.doctor_id, new.test_id, new.name, new.kind, new.code, new.requested_at)
     is distinct from (old.id, old.visit_id, old.patient_id, old.doctor_id, old.test_id, old.name, old.kind, old.code, old.requested_at) then
    raise exception 'a request keeps its test and patient' using errcode = 'CL409', constraint = 'test_request_keeps';
  end if;
  if new.state <> old.state and not (old.state, new.state) in (('requested', 'collected'), ('requested', 'in_progress'), ('collected', 'in_progress'), ('in_progress', 'reported'),
     ('requested', 'cancelled'), ('collected', 'cancelled'), ('in_progress', 'cancelled')) then
    raise exception 'from % to % is no way', old.state, new.state using errcode = 'CL409', constraint = 'test_request_move';
  end if;
  if new.state = old.state and old.state in ('reported', 'cancelled') and new is distinct from old then
    raise exception 'a request that ended changes no more' using errcode = 'CL409', constraint = 'test_request_keeps';
  end if;
  new.version := old.version + 1;
  new.updated_at := now();
  return new;
end
$$;
-- +goose StatementEnd
revoke all on function platform.add_starter_lists(), platform.guard_prescription(), platform.guard_prescription_line(), platform.guard_test_request() from public;

-- +goose Down
drop function platform.guard_test_request, platform.guard_prescription_line, platform.guard_prescription, platform.add_starter_lists cascade;
drop table platform.starter_tests, platform.starter_medicines;
