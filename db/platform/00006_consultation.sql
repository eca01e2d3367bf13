-- The rules of a consultation, in the database so that they hold for whoever
-- writes: it belongs to the visit's doctor, what is finished changes no more,
-- finishing closes the visit in the same transaction, and what is added later
-- stands beside it. Scheduled work may insert history as it was.

-- +goose Up
-- +goose StatementBegin

-- guard_consultation stands before every change of a consultation.
create function platform.guard_consultation() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v record;
begin
  if tg_op = 'DELETE' then
    if old.state = 'finished' then
      raise exception 'a finished consultation stays' using errcode = 'CL409', constraint = 'consultation_finished';
    end if;
    return old;
  end if;
  if tg_op = 'INSERT' then
    execute format('select v.patient_id, v.doctor_id, v.state from %I.visits v where v.id = $1 for share', tg_table_schema) into v using new.visit_id;
    if v.patient_id is null then
      raise exception 'the consultation has no visit' using errcode = '23503', constraint = 'consultations_visit_id_fkey';
    end if;
    new.patient_id := v.patient_id;
    if current_setting('role') = 'cloister_jobs' then
      return new;
    end if;
    if v.doctor_id <> new.doctor_id then
      raise exception 'the visit is another doctor''s' using errcode = '42501', constraint = 'consultation_doctor';
    end if;
    if v.state not in ('in_consultation', 'done') or new.state <> 'open' then
      raise exception 'a consultation begins with its visit' using errcode = 'CL409', constraint = 'consultation_visit';
    end if;
    new.started_at := now();
    new.finished_at := null;
    return new;
  end if;
  if old.state = 'finished' then
    raise exception 'a finished consultation changes no more' using errcode = 'CL409', constraint = 'consultation_finished';
  end if;
  if (new.id, new.visit_id, new.patient_id, new.doctor_id, new.started_at) is distinct from (old.id, old.visit_id, old.patient_id, old.doctor_id, old.started_at) then
    raise exception 'a consultation keeps its visit, patient and doctor' using errcode = 'CL409', constraint = 'consultation_keeps';
  end if;
  new.version := old.version + 1;
  new.updated_at := now();
  if new.state = 'finished' then
    new.finished_at := now();
    execute format('select v.state from %I.visits v where v.id = $1 for update', tg_table_schema) into v using new.visit_id;
    if v.state = 'in_consultation' then
      execute format('update %I.visits set state = ''done'' where id = $1', tg_table_schema) using new.visit_id;
    elsif v.state <> 'done' then
      raise exception 'the patient was sent back to wait' using errcode = 'CL409', constraint = 'consultation_visit';
    end if;
  end if;
  return new;
end
$$;

-- guard_note stands before every change of a diagnosis or an addendum: the
-- patient and the doctor are the consultation's, diagnoses belong to an open
-- one, addenda to a finished one.
create function platform.guard_note() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  c record;
begin
  execute format('select c.patient_id, c.doctor_id, c.state from %I.consultations c where c.id = $1 for share', tg_table_schema)
    into c using case when tg_op = 'DELETE' then old.consultation_id else new.consultation_id end;
  if c.patient_id is null then
    raise exception 'the note has no consultation' using errcode = '23503', constraint = tg_argv[0] || '_consultation_id_fkey';
  end if;
  if tg_op = 'INSERT' then
    new.patient_id := c.patient_id;
    new.doctor_id := c.doctor_id;
    if current_setting('role') = 'cloister_jobs' then
      return new;
    end if;
  end if;
  if tg_argv[0] = 'addenda' then
    if c.state <> 'finished' then
      raise exception 'an addendum follows what is finished' using errcode = 'CL409', constraint = 'addendum_early';
    end if;
    return new;
  end if;
  if c.state = 'finished' then
    raise exception 'a finished consultation changes no more' using errcode = 'CL409', constraint = 'consultation_finished';
  end if;
  if tg_op = 'DELETE' then
    return old;
  end if;
  if tg_op = 'UPDATE' and (new.id, new.consultation_id, new.patient_id, new.doctor_id) is distinct from (old.id, old.consultation_id, old.patient_id, old.doctor_id) then
    raise exception 'a diagnosis keeps its consultation' using errcode = 'CL409', constraint = 'consultation_keeps';
  end if;
  return new;
end
$$;

-- guard_vitals stands before every change of a visit's vitals: whose they are,
-- who took them and when stays, and once a doctor has finished they stay whole.
create function platform.guard_vitals() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v record;
begin
  execute format('select v.patient_id, v.state, exists (select from %1$I.consultations c where c.visit_id = v.id and c.state = ''finished'') as finished '
    'from %1$I.visits v where v.id = $1 for share of v', tg_table_schema) into v using case when tg_op = 'DELETE' then old.visit_id else new.visit_id end;
  if v.patient_id is null then
    raise exception 'the vitals have no visit' using errcode = '23503', constraint = 'vitals_visit_id_fkey';
  end if;
  if tg_op = 'INSERT' then
    new.patient_id := v.patient_id;
    if current_setting('role') = 'cloister_jobs' then
      return new;
    end if;
    new.taken_at := now();
    new.taken_by := platform.current_user_id();
  end if;
  if v.finished then
    raise exception 'the vitals of a finished consultation stay' using errcode = 'CL409', constraint = 'consultation_finished';
  end if;
  if tg_op = 'DELETE' then
    return old;
  end if;
  if v.state in ('cancelled', 'no_show') and tg_op = 'INSERT' then
    raise exception 'nobody was here to be measured' using errcode = 'CL409', constraint = 'vitals_visit';
  end if;
  if tg_op = 'UPDATE' then
    if (new.id, new.visit_id, new.patient_id, new.taken_by, new.taken_at) is distinct from (old.id, old.visit_id, old.patient_id, old.taken_by, old.taken_at) then
      raise exception 'vitals keep their visit, and who took them when' using errcode = 'CL409', constraint = 'consultation_keeps';
    end if;
    new.version := old.version + 1;
    new.updated_at := now();
  end if;
  return new;
end
$$;
-- +goose StatementEnd
revoke all on function platform.guard_consultation(), platform.guard_note(), platform.guard_vitals() from public;

-- +goose Down
drop function platform.guard_vitals, platform.guard_note, platform.guard_consultation cascade;
