-- A link to a prescription of a merged record asks for what the record says that
-- it counts as, at any remove, and shows the allergies that any of the person's
-- records tells, as the paper does.

-- +goose Up
-- +goose StatementBegin

-- known_allergies is what any of the records says that count as a survivor.
create function platform.known_allergies(home text, patient uuid) returns table (told text, denied boolean)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return query execute format('with recursive family (id) as (select $1 union select p.id from %1$I.patients p join family f on p.merged_into = f.id) '
    'select coalesce(string_agg(distinct p.allergies, ''; '') filter (where p.allergies <> ''''), ''''), coalesce(bool_or(p.no_known_allergies) and bool_and(p.allergies = ''''), false) '
    'from family f join %1$I.patients p on p.id = f.id', home) using patient;
end
$$;

-- guard_share stands before every change of a link: it leads to a prescription
-- that was issued, of a patient who can answer its question. Who made and who
-- ended it is not the sender's to say; its counters are the opener's functions'.
create or replace function platform.guard_share() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  rx   record;
  who  text := current_setting('role');
begin
  if tg_op = 'DELETE' then
    raise exception 'a link stays on the record' using errcode = 'CL409', constraint = 'share_keeps';
  end if;
  if tg_op = 'INSERT' then
    execute format('select p.patient_id, p.state, k.phone, k.birth_date, k.age_years from %1$I.prescriptions p join %1$I.patients o on o.id = p.patient_id '
                   'join %1$I.patients k on k.id = platform.survivor(%1$L, o.id) where p.id = $1 for share of p', tg_table_schema) into rx using new.prescription_id;
    if rx.patient_id is null then
      raise exception 'the link has no prescription' using errcode = '23503', constraint = 'shares_prescription_id_fkey';
    end if;
    new.patient_id := rx.patient_id;
    if who = 'cloister_jobs' then
      return new;
    end if;
    if rx.state not in ('issued', 'dispensed', 'completed') then
      raise exception 'only what is issued is shared' using errcode = 'CL409', constraint = 'share_state';
    end if;
    if length(rx.phone) < 5 and rx.birth_date is null and rx.age_years is null then
      raise exception 'the patient could not answer the question' using errcode = 'CL409', constraint = 'share_question';
    end if;
    new.created_by := platform.current_user_id();
    new.created_at := now();
    new.revoked_at := null;
    new.revoked_by := null;
    new.wrong_tries := 0;
    new.locked_at := null;
    new.opened_count := 0;
    new.first_opened_at := null;
    new.last_opened_at := null;
    return new;
  end if;
  if (new.id, new.prescription_id, new.patient_id, new.token_hash, new.channel, new.recipient, new.created_by, new.created_at, new.expires_at)
     is distinct from (old.id, old.prescription_id, old.patient_id, old.token_hash, old.channel, old.recipient, old.created_by, old.created_at, old.expires_at) then
    raise exception 'a link is ended, not changed' using errcode = 'CL409', constraint = 'share_keeps';
  end if;
  if who = 'cloister_share' then
    new.revoked_at := old.revoked_at;
  elsif old.revoked_at is not null then
    new.revoked_at := old.revoked_at;
    new.revoked_by := old.revoked_by;
  elsif new.revoked_at is not null then
    new.revoked_at := now();
    new.revoked_by := platform.current_user_id();
  end if;
  new.version := old.version + 1;
  new.updated_at := now();
  return new;
end
$$;

-- share_try answers a link's question: the year of birth, or the last four
-- digits of the phone. Of an age that was told, both years that it can mean are
-- right. The row is locked first, so that tries sent at once are judged one after
-- the other and the sixth is not judged at all. A right answer opens the link to
-- whoever holds the key of this hash.
create or replace function platform.share_try(hash bytea, answer text, opening bytea) returns table (share_id uuid, state text, tries_left integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  home text := platform.share_home();
  s    record;
  p    record;
begin
  if home is null or hash is null or octet_length(opening) is distinct from 32 then
    return;
  end if;
  execute format('select s.id, s.patient_id, s.wrong_tries, s.revoked_at, s.locked_at, s.expires_at, p.state as rx '
    'from %1$I.shares s join %1$I.prescriptions p on p.id = s.prescription_id where s.token_hash = $1 for update of s', home) into s using hash;
  if s.id is null then
    return;
  end if;
  share_id := s.id;
  state := platform.share_state(s.revoked_at, s.locked_at, s.expires_at, s.rx);
  tries_left := 5 - s.wrong_tries;
  if state <> 'open' then
    return next;
    return;
  end if;
  execute format('select k.phone, k.birth_date, k.age_years, k.age_told_on from %I.patients k where k.id = $1', home)
    into p using platform.survivor(home, s.patient_id);
  if answer ~ '^[0-9]{4}$' and (
       (length(p.phone) >= 5 and answer = right(p.phone, 4))
       or (p.birth_date is not null and answer::integer = extract(year from p.birth_date))
       or (p.birth_date is null and p.age_years is not null and extract(year from p.age_told_on) - p.age_years - answer::integer in (0, 1))) then
    execute format('update %I.shares set opened_count = opened_count + 1, first_opened_at = coalesce(first_opened_at, now()), last_opened_at = now() where id = $1', home) using s.id;
    execute format('insert into %I.share_events (id, share_id, patient_id, kind, opening_hash, opening_until) values ($1, $2, $3, ''opened'', $4, now() + interval ''15 minutes'')', home)
      using platform.uuid7(), s.id, s.patient_id, opening;
    return next;
    return;
  end if;
  tries_left := tries_left - 1;
  execute format('insert into %I.share_events (id, share_id, patient_id, kind) values ($1, $2, $3, $4)', home)
    using platform.uuid7(), s.id, s.patient_id, case when tries_left = 0 then 'locked' else 'refused' end;
  execute format('update %I.shares set wrong_tries = wrong_tries + 1, locked_at = case when wrong_tries = 4 then now() end where id = $1', home) using s.id;
  state := case when tries_left = 0 then 'locked' else 'wrong' end;
  return next;
end
$$;

-- share_read gives what stands on the signed link's prescription to who holds
-- the key of an opening that is not over, and notes on the trail that it was
-- seen. NULL: the link has to be opened first.
create or replace function platform.share_read(opening bytea, file boolean) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  home  text := platform.share_home();
  actor text := platform.current_actor();
  s     record;
  doc   jsonb;
begin
  if home is null or opening is null or actor is null or actor not like 'share:%' then
    return null;
  end if;
  execute format('select s.id, s.prescription_id, s.patient_id, platform.share_state(s.revoked_at, s.locked_at, s.expires_at, p.state) as state '
    'from %1$I.share_events e join %1$I.shares s on s.id = e.share_id join %1$I.prescriptions p on p.id = s.prescription_id '
    'where e.share_id = $1 and e.kind = ''opened'' and e.opening_hash = $2 and e.opening_until > now()', home) into s using substr(actor, 7)::uuid, opening;
  if s.id is null or s.state <> 'open' then
    return null;
  end if;
  if file then
    execute format('insert into %I.share_events (id, share_id, patient_id, kind) values ($1, $2, $3, ''downloaded'')', home) using platform.uuid7(), s.id, s.patient_id;
  end if;
  perform platform.record_view('prescriptions', s.prescription_id, s.patient_id);
  execute format($q$
    select jsonb_build_object(
      'id', p.id, 'number', p.number, 'issued', p.issued_at, 'expires', s.expires_at,
      'doctor', jsonb_build_object('name', u.full_name, 'local_name', u.local_name, 'specialisation', r.specialisation, 'qualification', r.qualification, 'licence', r.licence_number),
      'patient', jsonb_build_object('number', k.number, 'name', k.full_name, 'local_name', k.local_name, 'sex', k.sex, 'birth_date', k.birth_date, 'age_years', k.age_years,
        'age_months', k.age_months, 'age_told_on', k.age_told_on, 'allergies', a.told, 'none_known', a.denied),
      'clinic', (select jsonb_build_object('name', c.name, 'local_name', c.local_name, 'registration', c.registration_number, 'address', c.address, 'city', c.city, 'pin', c.pin,
        'phone', c.phone, 'email', c.email, 'store_name', c.store_name, 'store_address', c.store_address, 'store_phone', c.store_phone) from platform.clinics c where c.id = p.clinic_id),
      'blank', (select t.letterhead = 'none' from %1$I.settings t), 'offset_mm', (select t.letterhead_offset_mm from %1$I.settings t),
      'lines', (select coalesce(jsonb_agg(jsonb_build_object('medicine', l.medicine, 'generic', l.generic, 'form', l.form, 'strength', l.strength, 'morning', l.morning,
        'afternoon', l.afternoon, 'evening', l.evening, 'night', l.night, 'sos', l.sos, 'days', l.days, 'quantity', l.quantity, 'food', l.food, 'route', l.route,
        'instructions', l.instructions, 'refills', l.refills) order by l.position), '[]') from %1$I.prescription_lines l where l.prescription_id = p.id),
      'vitals', (select jsonb_build_object('systolic', (array_agg(v.systolic order by v.updated_at desc, v.id desc) filter (where v.systolic is not null))[1],
        'diastolic', (array_agg(v.diastolic order by v.updated_at desc, v.id desc) filter (where v.diastolic is not null))[1],
        'pulse', (array_agg(v.pulse order by v.updated_at desc, v.id desc) filter (where v.pulse is not null))[1],
        'temperature', (array_agg(v.temperature_tenths order by v.updated_at desc, v.id desc) filter (where v.temperature_tenths is not null))[1],
        'unit', (array_agg(v.temperature_unit order by v.updated_at desc, v.id desc) filter (where v.temperature_tenths is not null))[1],
        'respiration', (array_agg(v.respiration order by v.updated_at desc, v.id desc) filter (where v.respiration is not null))[1],
        'spo2', (array_agg(v.spo2 order by v.updated_at desc, v.id desc) filter (where v.spo2 is not null))[1],
        'sugar', (array_agg(v.sugar order by v.updated_at desc, v.id desc) filter (where v.sugar is not null))[1],
        'sugar_kind', (array_agg(v.sugar_kind order by v.updated_at desc, v.id desc) filter (where v.sugar is not null))[1],
        'weight_grams', (array_agg(v.weight_grams order by v.updated_at desc, v.id desc) filter (where v.weight_grams is not null))[1],
        'height_mm', (array_agg(v.height_mm order by v.updated_at desc, v.id desc) filter (where v.height_mm is not null))[1])
        from %1$I.vitals v where v.visit_id = p.visit_id),
      'notes', (select jsonb_build_object('complaint', c.complaint, 'findings', c.findings, 'advice', c.advice, 'follow_up_days', c.follow_up_days, 'finished', c.finished_at,
        'diagnoses', (select coalesce(jsonb_agg(jsonb_build_object('code', d.code, 'title', d.title) order by d.position), '[]') from %1$I.diagnoses d
          where d.consultation_id = c.id and not d.withdrawn))
        from %1$I.consultations c where c.visit_id = p.visit_id and c.doctor_id = p.doctor_id and c.state = 'finished'),
      'tests', (select coalesce(jsonb_agg(jsonb_build_object('name', t.name, 'stat', t.urgency = 'stat', 'note', t.note) order by t.requested_at, t.id), '[]') from %1$I.test_requests t
        where t.visit_id = p.visit_id and t.doctor_id = p.doctor_id and t.state <> 'cancelled'))
    from %1$I.shares s
    join %1$I.prescriptions p on p.id = s.prescription_id
    join %1$I.patients k on k.id = platform.survivor(%1$L, p.patient_id)
    cross join lateral platform.known_allergies(%1$L, k.id) a
    join %1$I.users u on u.id = p.doctor_id
    left join %1$I.profiles r on r.user_id = p.doctor_id
    where s.id = $1$q$, home) into doc using s.id;
  return doc;
end
$$;
-- +goose StatementEnd
revoke all on function platform.known_allergies(text, uuid) from public;

-- +goose Down
-- +goose StatementBegin
create or replace function platform.guard_share() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  rx   record;
  who  text := current_setting('role');
begin
  if tg_op = 'DELETE' then
    raise exception 'a link stays on the record' using errcode = 'CL409', constraint = 'share_keeps';
  end if;
  if tg_op = 'INSERT' then
    execute format('select p.patient_id, p.state, k.phone, k.birth_date, k.age_years from %1$I.prescriptions p join %1$I.patients o on o.id = p.patient_id '
                   'join %1$I.patients k on k.id = coalesce(o.merged_into, o.id) where p.id = $1 for share of p', tg_table_schema) into rx using new.prescription_id;
    if rx.patient_id is null then
      raise exception 'the link has no prescription' using errcode = '23503', constraint = 'shares_prescription_id_fkey';
    end if;
    new.patient_id := rx.patient_id;
    if who = 'cloister_jobs' then
      return new;
    end if;
    if rx.state not in ('issued', 'dispensed', 'completed') then
      raise exception 'only what is issued is shared' using errcode = 'CL409', constraint = 'share_state';
    end if;
    if length(rx.phone) < 5 and rx.birth_date is null and rx.age_years is null then
      raise exception 'the patient could not answer the question' using errcode = 'CL409', constraint = 'share_question';
    end if;
    new.created_by := platform.current_user_id();
    new.created_at := now();
    new.revoked_at := null;
    new.revoked_by := null;
    new.wrong_tries := 0;
    new.locked_at := null;
    new.opened_count := 0;
    new.first_opened_at := null;
    new.last_opened_at := null;
    return new;
  end if;
  if (new.id, new.prescription_id, new.patient_id, new.token_hash, new.channel, new.recipient, new.created_by, new.created_at, new.expires_at)
     is distinct from (old.id, old.prescription_id, old.patient_id, old.token_hash, old.channel, old.recipient, old.created_by, old.created_at, old.expires_at) then
    raise exception 'a link is ended, not changed' using errcode = 'CL409', constraint = 'share_keeps';
  end if;
  if who = 'cloister_share' then
    new.revoked_at := old.revoked_at;
  elsif old.revoked_at is not null then
    new.revoked_at := old.revoked_at;
    new.revoked_by := old.revoked_by;
  elsif new.revoked_at is not null then
    new.revoked_at := now();
    new.revoked_by := platform.current_user_id();
  end if;
  new.version := old.version + 1;
  new.updated_at := now();
  return new;
end
$$;

create or replace function platform.share_try(hash bytea, answer text, opening bytea) returns table (share_id uuid, state text, tries_left integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  home text := platform.share_home();
  s    record;
  p    record;
begin
  if home is null or hash is null or octet_length(opening) is distinct from 32 then
    return;
  end if;
  execute format('select s.id, s.patient_id, s.wrong_tries, s.revoked_at, s.locked_at, s.expires_at, p.state as rx '
    'from %1$I.shares s join %1$I.prescriptions p on p.id = s.prescription_id where s.token_hash = $1 for update of s', home) into s using hash;
  if s.id is null then
    return;
  end if;
  share_id := s.id;
  state := platform.share_state(s.revoked_at, s.locked_at, s.expires_at, s.rx);
  tries_left := 5 - s.wrong_tries;
  if state <> 'open' then
    return next;
    return;
  end if;
  execute format('select k.phone, k.birth_date, k.age_years, k.age_told_on from %1$I.patients o join %1$I.patients k on k.id = coalesce(o.merged_into, o.id) where o.id = $1', home)
    into p using s.patient_id;
  if answer ~ '^[0-9]{4}$' and (
       (length(p.phone) >= 5 and answer = right(p.phone, 4))
       or (p.birth_date is not null and answer::integer = extract(year from p.birth_date))
       or (p.birth_date is null and p.age_years is not null and extract(year from p.age_told_on) - p.age_years - answer::integer in (0, 1))) then
    execute format('update %I.shares set opened_count = opened_count + 1, first_opened_at = coalesce(first_opened_at, now()), last_opened_at = now() where id = $1', home) using s.id;
    execute format('insert into %I.share_events (id, share_id, patient_id, kind, opening_hash, opening_until) values ($1, $2, $3, ''opened'', $4, now() + interval ''15 minutes'')', home)
      using platform.uuid7(), s.id, s.patient_id, opening;
    return next;
    return;
  end if;
  tries_left := tries_left - 1;
  execute format('insert into %I.share_events (id, share_id, patient_id, kind) values ($1, $2, $3, $4)', home)
    using platform.uuid7(), s.id, s.patient_id, case when tries_left = 0 then 'locked' else 'refused' end;
  execute format('update %I.shares set wrong_tries = wrong_tries + 1, locked_at = case when wrong_tries = 4 then now() end where id = $1', home) using s.id;
  state := case when tries_left = 0 then 'locked' else 'wrong' end;
  return next;
end
$$;

create or replace function platform.share_read(opening bytea, file boolean) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  home  text := platform.share_home();
  actor text := platform.current_actor();
  s     record;
  doc   jsonb;
begin
  if home is null or opening is null or actor is null or actor not like 'share:%' then
    return null;
  end if;
  execute format('select s.id, s.prescription_id, s.patient_id, platform.share_state(s.revoked_at, s.locked_at, s.expires_at, p.state) as state '
    'from %1$I.share_events e join %1$I.shares s on s.id = e.share_id join %1$I.prescriptions p on p.id = s.prescription_id '
    'where e.share_id = $1 and e.kind = ''opened'' and e.opening_hash = $2 and e.opening_until > now()', home) into s using substr(actor, 7)::uuid, opening;
  if s.id is null or s.state <> 'open' then
    return null;
  end if;
  if file then
    execute format('insert into %I.share_events (id, share_id, patient_id, kind) values ($1, $2, $3, ''downloaded'')', home) using platform.uuid7(), s.id, s.patient_id;
  end if;
  perform platform.record_view('prescriptions', s.prescription_id, s.patient_id);
  execute format($q$
    select jsonb_build_object(
      'id', p.id, 'number', p.number, 'issued', p.issued_at, 'expires', s.expires_at,
      'doctor', jsonb_build_object('name', u.full_name, 'local_name', u.local_name, 'specialisation', r.specialisation, 'qualification', r.qualification, 'licence', r.licence_number),
      'patient', jsonb_build_object('number', k.number, 'name', k.full_name, 'local_name', k.local_name, 'sex', k.sex, 'birth_date', k.birth_date, 'age_years', k.age_years,
        'age_months', k.age_months, 'age_told_on', k.age_told_on, 'allergies', k.allergies, 'none_known', k.no_known_allergies),
      'clinic', (select jsonb_build_object('name', c.name, 'local_name', c.local_name, 'registration', c.registration_number, 'address', c.address, 'city', c.city, 'pin', c.pin,
        'phone', c.phone, 'email', c.email, 'store_name', c.store_name, 'store_address', c.store_address, 'store_phone', c.store_phone) from platform.clinics c where c.id = p.clinic_id),
      'blank', (select t.letterhead = 'none' from %1$I.settings t), 'offset_mm', (select t.letterhead_offset_mm from %1$I.settings t),
      'lines', (select coalesce(jsonb_agg(jsonb_build_object('medicine', l.medicine, 'generic', l.generic, 'form', l.form, 'strength', l.strength, 'morning', l.morning,
        'afternoon', l.afternoon, 'evening', l.evening, 'night', l.night, 'sos', l.sos, 'days', l.days, 'quantity', l.quantity, 'food', l.food, 'route', l.route,
        'instructions', l.instructions, 'refills', l.refills) order by l.position), '[]') from %1$I.prescription_lines l where l.prescription_id = p.id),
      'vitals', (select jsonb_build_object('systolic', (array_agg(v.systolic order by v.updated_at desc, v.id desc) filter (where v.systolic is not null))[1],
        'diastolic', (array_agg(v.diastolic order by v.updated_at desc, v.id desc) filter (where v.diastolic is not null))[1],
        'pulse', (array_agg(v.pulse order by v.updated_at desc, v.id desc) filter (where v.pulse is not null))[1],
        'temperature', (array_agg(v.temperature_tenths order by v.updated_at desc, v.id desc) filter (where v.temperature_tenths is not null))[1],
        'unit', (array_agg(v.temperature_unit order by v.updated_at desc, v.id desc) filter (where v.temperature_tenths is not null))[1],
        'respiration', (array_agg(v.respiration order by v.updated_at desc, v.id desc) filter (where v.respiration is not null))[1],
        'spo2', (array_agg(v.spo2 order by v.updated_at desc, v.id desc) filter (where v.spo2 is not null))[1],
        'sugar', (array_agg(v.sugar order by v.updated_at desc, v.id desc) filter (where v.sugar is not null))[1],
        'sugar_kind', (array_agg(v.sugar_kind order by v.updated_at desc, v.id desc) filter (where v.sugar is not null))[1],
        'weight_grams', (array_agg(v.weight_grams order by v.updated_at desc, v.id desc) filter (where v.weight_grams is not null))[1],
        'height_mm', (array_agg(v.height_mm order by v.updated_at desc, v.id desc) filter (where v.height_mm is not null))[1])
        from %1$I.vitals v where v.visit_id = p.visit_id),
      'notes', (select jsonb_build_object('complaint', c.complaint, 'findings', c.findings, 'advice', c.advice, 'follow_up_days', c.follow_up_days, 'finished', c.finished_at,
        'diagnoses', (select coalesce(jsonb_agg(jsonb_build_object('code', d.code, 'title', d.title) order by d.position), '[]') from %1$I.diagnoses d
          where d.consultation_id = c.id and not d.withdrawn))
        from %1$I.consultations c where c.visit_id = p.visit_id and c.doctor_id = p.doctor_id and c.state = 'finished'),
      'tests', (select coalesce(jsonb_agg(jsonb_build_object('name', t.name, 'stat', t.urgency = 'stat', 'note', t.note) order by t.requested_at, t.id), '[]') from %1$I.test_requests t
        where t.visit_id = p.visit_id and t.doctor_id = p.doctor_id and t.state <> 'cancelled'))
    from %1$I.shares s
    join %1$I.prescriptions p on p.id = s.prescription_id
    join %1$I.patients o on o.id = p.patient_id
    join %1$I.patients k on k.id = coalesce(o.merged_into, o.id)
    join %1$I.users u on u.id = p.doctor_id
    left join %1$I.profiles r on r.user_id = p.doctor_id
    where s.id = $1$q$, home) into doc using s.id;
  return doc;
end
$$;
-- +goose StatementEnd
drop function platform.known_allergies;
