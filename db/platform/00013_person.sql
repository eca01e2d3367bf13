-- Who is who once records were merged: a record counts as the one it was merged
-- into, at any remove. An appointment is made for a follow-up, and becomes a
-- visit, of its own patient; from then on it keeps that visit.

-- +goose Up
-- +goose StatementBegin

-- survivor is the record that a patient of a clinic's schema counts as: itself
-- where it was not merged.
create function platform.survivor(home text, patient uuid) returns uuid
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  found uuid;
begin
  execute format('with recursive up (id, merged_into) as (select p.id, p.merged_into from %1$I.patients p where p.id = $1 '
                 'union select p.id, p.merged_into from %1$I.patients p join up u on p.id = u.merged_into) '
                 'select u.id from up u where u.merged_into is null', home) into found using patient;
  return found;
end
$$;

-- guard_appointment stands before every change of an appointment.
--   booked  -> arrived, no_show, cancelled; booked anew at another time or doctor
--   no_show -> arrived (came after all), booked (by mistake)
-- arrived and cancelled are final. The scheduled work may insert history as it was.
-- The doctor's profile is locked: bookings of one doctor come one after another,
-- so that of two for one time the second is refused and no deadlock decides, and
-- a leave that is being taken is waited for.
create or replace function platform.guard_appointment() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  jobs    constant boolean := current_setting('role') = 'cloister_jobs';
  set_for boolean := tg_op = 'INSERT';
  minutes integer;
  seen    boolean;
  z       text;
  away    boolean;
  whose   uuid;
begin
  if tg_op = 'INSERT' then
    if not jobs and new.state <> 'booked' then
      raise exception 'an appointment begins booked, not %', new.state using errcode = 'CL409', constraint = 'appointment_move';
    end if;
  else
    new.version := old.version + 1;
    new.updated_at := now();
    if (new.id, new.patient_id, new.created_at) is distinct from (old.id, old.patient_id, old.created_at) then
      raise exception 'an appointment keeps its patient' using errcode = 'CL409', constraint = 'appointment_keeps';
    end if;
    if new.state <> old.state and not (old.state, new.state) in
        (('booked', 'arrived'), ('booked', 'no_show'), ('booked', 'cancelled'), ('no_show', 'arrived'), ('no_show', 'booked')) then
      raise exception 'an appointment cannot go from % to %', old.state, new.state using errcode = 'CL409', constraint = 'appointment_move';
    end if;
    if current_setting('role') = 'cloister_patient' and new.state <> old.state and new.state <> 'cancelled' then
      raise exception 'only the clinic says who came' using errcode = '42501', constraint = 'appointment_move';
    end if;
    set_for := (new.doctor_id, new.starts_at) is distinct from (old.doctor_id, old.starts_at);
    if set_for and not (old.state = 'booked' and new.state = 'booked') then
      raise exception 'only what is booked can be moved' using errcode = 'CL409', constraint = 'appointment_move';
    end if;
    if new.state = 'no_show' and old.state = 'booked' and new.starts_at > now() then
      raise exception 'nobody has missed what is still to come' using errcode = 'CL409', constraint = 'appointment_early';
    end if;
  end if;
  if new.follow_up_id is not null and tg_op = 'INSERT' then
    execute format('select f.patient_id from %I.follow_ups f where f.id = $1', tg_table_schema) into whose using new.follow_up_id;
    if platform.survivor(tg_table_schema, whose) is distinct from platform.survivor(tg_table_schema, new.patient_id) then
      raise exception 'the follow-up is another patient''s' using errcode = 'CL409', constraint = 'appointment_follow_up';
    end if;
  end if;
  if new.visit_id is not null and (tg_op = 'INSERT' or new.visit_id is distinct from old.visit_id) then
    if tg_op = 'UPDATE' and old.visit_id is not null then
      raise exception 'an appointment keeps its visit' using errcode = 'CL409', constraint = 'appointment_keeps';
    end if;
    execute format('select v.patient_id from %I.visits v where v.id = $1', tg_table_schema) into whose using new.visit_id;
    if platform.survivor(tg_table_schema, whose) is distinct from platform.survivor(tg_table_schema, new.patient_id) then
      raise exception 'the visit is another patient''s' using errcode = 'CL409', constraint = 'appointment_visit_patient';
    end if;
  end if;
  if not set_for then
    return new;
  end if;
  execute format('select u.active and u.role = ''doctor'' from %1$I.profiles p join %1$I.users u on u.id = p.user_id where p.user_id = $1 for no key update of p', tg_table_schema)
    into seen using new.doctor_id;
  if seen is not true then
    raise exception 'nobody can be booked with this person' using errcode = 'CL409', constraint = 'appointment_doctor';
  end if;
  execute format('select s.slot_minutes from %I.settings s', tg_table_schema) into minutes;
  new.ends_at := new.starts_at + make_interval(mins => minutes);
  if jobs then
    return new;
  end if;
  if new.ends_at <= now() then
    raise exception 'this time is over' using errcode = 'CL409', constraint = 'appointment_past';
  end if;
  select c.zone into z from platform.clinics c where c.id = platform.current_clinic();
  execute format('select exists (select from %I.leaves l where l.doctor_id = $1 and not l.withdrawn and $2 between l.from_day and l.until_day)', tg_table_schema)
    into away using new.doctor_id, (new.starts_at at time zone coalesce(z, 'Asia/Kolkata'))::date;
  if away then
    raise exception 'the doctor is on leave' using errcode = 'CL409', constraint = 'appointment_leave';
  end if;
  return new;
end
$$;
-- +goose StatementEnd
revoke all on function platform.survivor(text, uuid) from public;

-- +goose Down
-- +goose StatementBegin
create or replace function platform.guard_appointment() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  jobs    constant boolean := current_setting('role') = 'cloister_jobs';
  set_for boolean := tg_op = 'INSERT';
  minutes integer;
  seen    boolean;
  z       text;
  away    boolean;
begin
  if tg_op = 'INSERT' then
    if not jobs and new.state <> 'booked' then
      raise exception 'an appointment begins booked, not %', new.state using errcode = 'CL409', constraint = 'appointment_move';
    end if;
  else
    new.version := old.version + 1;
    new.updated_at := now();
    if (new.id, new.patient_id, new.created_at) is distinct from (old.id, old.patient_id, old.created_at) then
      raise exception 'an appointment keeps its patient' using errcode = 'CL409', constraint = 'appointment_keeps';
    end if;
    if new.state <> old.state and not (old.state, new.state) in
        (('booked', 'arrived'), ('booked', 'no_show'), ('booked', 'cancelled'), ('no_show', 'arrived'), ('no_show', 'booked')) then
      raise exception 'an appointment cannot go from % to %', old.state, new.state using errcode = 'CL409', constraint = 'appointment_move';
    end if;
    if current_setting('role') = 'cloister_patient' and new.state <> old.state and new.state <> 'cancelled' then
      raise exception 'only the clinic says who came' using errcode = '42501', constraint = 'appointment_move';
    end if;
    set_for := (new.doctor_id, new.starts_at) is distinct from (old.doctor_id, old.starts_at);
    if set_for and not (old.state = 'booked' and new.state = 'booked') then
      raise exception 'only what is booked can be moved' using errcode = 'CL409', constraint = 'appointment_move';
    end if;
    if new.state = 'no_show' and old.state = 'booked' and new.starts_at > now() then
      raise exception 'nobody has missed what is still to come' using errcode = 'CL409', constraint = 'appointment_early';
    end if;
  end if;
  if not set_for then
    return new;
  end if;
  execute format('select u.active and u.role = ''doctor'' from %1$I.profiles p join %1$I.users u on u.id = p.user_id where p.user_id = $1 for no key update of p', tg_table_schema)
    into seen using new.doctor_id;
  if seen is not true then
    raise exception 'nobody can be booked with this person' using errcode = 'CL409', constraint = 'appointment_doctor';
  end if;
  execute format('select s.slot_minutes from %I.settings s', tg_table_schema) into minutes;
  new.ends_at := new.starts_at + make_interval(mins => minutes);
  if jobs then
    return new;
  end if;
  if new.ends_at <= now() then
    raise exception 'this time is over' using errcode = 'CL409', constraint = 'appointment_past';
  end if;
  select c.zone into z from platform.clinics c where c.id = platform.current_clinic();
  execute format('select exists (select from %I.leaves l where l.doctor_id = $1 and not l.withdrawn and $2 between l.from_day and l.until_day)', tg_table_schema)
    into away using new.doctor_id, (new.starts_at at time zone coalesce(z, 'Asia/Kolkata'))::date;
  if away then
    raise exception 'the doctor is on leave' using errcode = 'CL409', constraint = 'appointment_leave';
  end if;
  return new;
end
$$;
-- +goose StatementEnd
drop function platform.survivor;
