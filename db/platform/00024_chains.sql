-- The chains go on where their numbers don't. A row of a trail stands in its
-- chain by the number of its transaction; a clinic that was brought back from
-- another server, or a whole database that was loaded into a new one, brings
-- numbers along that this server has not come to, and what is written next would
-- fall behind what is sealed. So each chain has a base that is added to the
-- server's own numbers: 0 as long as nothing was brought back.
--
-- The registry's own trail, of what operators and commands did to clinics, is
-- chained, too: its chain is that of no clinic.

-- +goose Up
create table platform.chains (
  clinic_id uuid primary key, -- zeros: the registry's own
  base      bigint not null default 0 check (base >= 0),
  sealed    bigint not null default 0 -- the last number that is under a seal
);
alter table platform.chains enable row level security;
alter table platform.chains force row level security;
create policy owner_all on platform.chains to cloister_owner using (true) with check (true);
grant select on platform.chains to cloister_backup;

create table platform.seals (
  id        uuid primary key,
  number    bigint not null unique check (number > 0),
  sealed_at timestamptz not null,
  previous  bytea not null check (length(previous) = 32),
  last_xact xid8 not null,
  last_id   uuid not null,
  rows      bytea not null check (length(rows) > 0 and length(rows) % 48 = 0),
  hash      bytea not null check (length(hash) = 32)
);
alter table platform.seals enable row level security;
alter table platform.seals force row level security;
create policy owner_all on platform.seals to cloister_owner using (true) with check (true);
grant select on platform.seals to cloister_backup;
create trigger keep before update or delete on platform.seals for each row execute function platform.refuse_change('seals');
create trigger keep_all before truncate on platform.seals for each statement execute function platform.refuse_change('seals');
create index trail_xact on platform.trail (xact, id);

-- +goose StatementBegin

-- lift_chain puts the base over everything that is on the trail. Whoever calls it
-- holds a lock on the trail that no writer passes, so that no row of the old base
-- comes in behind.
create function platform.lift_chain(home text, chain uuid) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  top bigint;
begin
  execute format('select coalesce(max(t.xact::text::bigint), 0) from %I.trail t', home) into top;
  update platform.chains k set base = greatest(top, k.sealed) + 1 where k.clinic_id = chain returning k.base into top;
  return top;
end
$$;

-- trail_number is where a row stands in its chain: the transaction's number and
-- the chain's base. A number that is under a seal already is of a server that was
-- made anew, where the first to write lifts the base. It runs in the statement
-- that inserts, behind its lock on the trail, so it sees a base that somebody
-- lifted meanwhile.
create function platform.trail_number(home text, chain uuid) returns xid8
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  mine bigint := pg_current_xact_id()::text::bigint;
  c    record;
begin
  select k.base, k.sealed into c from platform.chains k where k.clinic_id = chain;
  if not found then
    return pg_current_xact_id();
  end if;
  if mine + c.base <= c.sealed then
    begin
      execute format('lock table %I.trail in share row exclusive mode nowait', home);
    exception when lock_not_available then
      raise exception 'the numbers of this server are behind the trail of %, and others write to it', home using errcode = '40001';
    end;
    c.base := platform.lift_chain(home, chain);
  end if;
  return (mine + c.base)::text::xid8;
end
$$;

create or replace function platform.trail_row(home text, what text, entity text, record uuid, patient uuid, before jsonb, after jsonb) returns void
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
                 'values ($1, $2, now(), platform.trail_number($14, $2), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)', home)
    using platform.uuid7(), clinic, actor, current_setting('role'), coalesce(req ->> 'id', ''), coalesce(req ->> 'addr', ''),
          coalesce(req ->> 'reason', ''), what, entity, record, patient, before, after, home;
end
$$;

create or replace function platform.record_registry_change() returns trigger
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
  values (platform.uuid7(), coalesce(new.id, old.id), now(), platform.trail_number('platform', '00000000-0000-0000-0000-000000000000'), actor, current_setting('role'),
          coalesce(req ->> 'id', ''), coalesce(req ->> 'addr', ''), coalesce(req ->> 'reason', ''), lower(tg_op), 'clinics', coalesce(new.id, old.id), was, is_now);
  return null;
end
$$;

-- seal_rows makes the next seal over a trail and says how many rows it covers; 0
-- when there is nothing to seal. A row waits until every transaction that is as
-- old as its own has ended, so none can come in behind a seal. Rows that tell of
-- seals alone are left for the next one: sealing them would go on for ever. The
-- lock lets one sealer at a time work on a chain.
--
-- Rows of numbers that this server has not come to were brought along. Then the
-- base is lifted over them, behind a lock that waits for who is writing: what
-- writes next sees the new one.
create function platform.seal_rows(home text, chain uuid) returns integer
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  head    record;
  made    record;
  sealed  timestamptz := clock_timestamp();
  lift    bigint;
  -- The registry's trail has no outcome, and a clinic in the place of a patient.
  own     constant boolean := home <> 'platform';
  behind  boolean;
  ahead   constant text := 'select coalesce((select t.xact from %1$I.trail t order by t.xact desc, t.id desc limit 1), ''0''::xid8)'
    ' >= ((pg_snapshot_xmax(pg_current_snapshot())::text::bigint + $1)::text)::xid8';
begin
  execute format('lock table %I.seals in share row exclusive mode', home);
  execute format('select number, hash, last_xact, last_id from %I.seals order by number desc limit 1', home) into head;
  insert into platform.chains (clinic_id, sealed) values (chain, coalesce(head.last_xact, '0'::xid8)::text::bigint) on conflict do nothing;
  select k.base into lift from platform.chains k where k.clinic_id = chain;
  execute format(ahead, home) into behind using lift;
  if behind then
    execute format('lock table %I.trail in share row exclusive mode', home);
    select k.base into lift from platform.chains k where k.clinic_id = chain;
    execute format(ahead, home) into behind using lift;
    if behind then
      lift := platform.lift_chain(home, chain);
    end if;
  end if;
  execute format($q$
    with picked as (
      select t.* from %I.trail t
      where (t.xact, t.id) > ($1, $2) and t.xact < ((pg_snapshot_xmin(pg_current_snapshot())::text::bigint + $3)::text)::xid8
      order by t.xact, t.id limit 1000)
    select count(*)::integer as n, count(*) filter (where p.entity <> 'seals') as others,
      (array_agg(p.xact order by p.xact desc, p.id desc))[1] as last_xact, (array_agg(p.id order by p.xact desc, p.id desc))[1] as last_id,
      string_agg(uuid_send(p.id) || sha256(convert_to('cloister row 1', 'UTF8') || platform.canonical(p.id::text)
        || platform.canonical((extract(epoch from p.at) * 1000000)::bigint::text) || platform.canonical(p.xact::text)
        || platform.canonical(p.actor) || platform.canonical(p.actor_role) || platform.canonical(p.request_id) || platform.canonical(p.address)
        || platform.canonical(p.reason) || platform.canonical(p.action) || platform.canonical(%s) || platform.canonical(p.entity)
        || platform.canonical(p.record_id::text) || platform.canonical(%s)
        || platform.canonical(p.before::text) || platform.canonical(p.after::text)), '' order by p.xact, p.id) as rows
    from picked p $q$, home, case when own then 'p.outcome' else 'null' end, case when own then 'p.patient_id::text' else 'p.clinic_id::text' end)
    into made using coalesce(head.last_xact, '0'::xid8), coalesce(head.last_id, '00000000-0000-0000-0000-000000000000'::uuid), lift;
  if made.others = 0 then
    return 0;
  end if;
  execute format('insert into %I.seals (id, number, sealed_at, previous, last_xact, last_id, rows, hash%s) values ($1, $2, $3, $4, $5, $6, $7, $8%s)',
      home, case when own then ', clinic_id' else '' end, case when own then ', $9' else '' end)
    using platform.uuid7(), coalesce(head.number, 0) + 1, sealed, coalesce(head.hash, decode(repeat('00', 32), 'hex')),
      made.last_xact, made.last_id, made.rows,
      sha256(convert_to('cloister seal 1', 'UTF8') || int8send(coalesce(head.number, 0) + 1) || int8send((extract(epoch from sealed) * 1000000)::bigint)
        || coalesce(head.hash, decode(repeat('00', 32), 'hex')) || made.rows), chain;
  update platform.chains k set sealed = made.last_xact::text::bigint where k.clinic_id = chain;
  return made.n;
end
$$;

-- seal_trail seals the trail of the signed clinic.
create or replace function platform.seal_trail() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  home text;
begin
  select s.schema_name into home from platform.schemas s where s.clinic_id = platform.current_clinic();
  if home is null then
    raise exception 'a seal needs a signed clinic' using errcode = '42501';
  end if;
  return platform.seal_rows(home, platform.current_clinic());
end
$$;

-- seal_registry seals the registry's own trail. It gives a number of rows and
-- takes nothing, so it is asked under any signed clinic.
create function platform.seal_registry() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if platform.current_clinic() is null then
    raise exception 'a seal needs a signed clinic' using errcode = '42501';
  end if;
  return platform.seal_rows('platform', '00000000-0000-0000-0000-000000000000');
end
$$;

-- resume_chain has the chain of a clinic that was brought back, and whose schema
-- nobody else sees yet, go on behind its own rows.
create function platform.resume_chain(clinic uuid, home text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  here bigint := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
  last bigint;
  done bigint;
begin
  execute format('select coalesce(max(t.xact::text::bigint), 0) from %I.trail t', home) into last;
  execute format('select coalesce(max(s.last_xact::text::bigint), 0) from %I.seals s', home) into done;
  insert into platform.chains as k (clinic_id, base, sealed) values (clinic, case when last >= here then last + 1 else 0 end, done)
    on conflict (clinic_id) do update set sealed = excluded.sealed, base = case when last >= here + k.base then last + 1 else k.base end;
end
$$;
-- +goose StatementEnd
revoke all on function platform.trail_number(text, uuid), platform.lift_chain(text, uuid), platform.seal_rows(text, uuid), platform.seal_registry(), platform.resume_chain(uuid, text) from public;
grant execute on function platform.seal_registry() to cloister_jobs;

-- +goose Down
-- +goose StatementBegin
create or replace function platform.trail_row(home text, what text, entity text, record uuid, patient uuid, before jsonb, after jsonb) returns void
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

create or replace function platform.record_registry_change() returns trigger
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

create or replace function platform.seal_trail() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  home    text;
  head    record;
  made    record;
  sealed  timestamptz := clock_timestamp();
begin
  select s.schema_name into home from platform.schemas s where s.clinic_id = platform.current_clinic();
  if home is null then
    raise exception 'a seal needs a signed clinic' using errcode = '42501';
  end if;
  execute format('lock table %I.seals in share row exclusive mode', home);
  execute format('select number, hash, last_xact, last_id from %I.seals order by number desc limit 1', home) into head;
  if head.last_xact >= pg_snapshot_xmax(pg_current_snapshot()) then
    raise exception 'the last seal of % names a transaction that this server has not come to', home using errcode = '55000';
  end if;
  execute format($q$
    with picked as (
      select t.* from %I.trail t
      where (t.xact, t.id) > ($1, $2) and t.xact < pg_snapshot_xmin(pg_current_snapshot())
      order by t.xact, t.id limit 1000)
    select count(*)::integer as n, count(*) filter (where p.entity <> 'seals') as others,
      (array_agg(p.xact order by p.xact desc, p.id desc))[1] as last_xact, (array_agg(p.id order by p.xact desc, p.id desc))[1] as last_id,
      string_agg(uuid_send(p.id) || sha256(convert_to('cloister row 1', 'UTF8') || platform.canonical(p.id::text)
        || platform.canonical((extract(epoch from p.at) * 1000000)::bigint::text) || platform.canonical(p.xact::text)
        || platform.canonical(p.actor) || platform.canonical(p.actor_role) || platform.canonical(p.request_id) || platform.canonical(p.address)
        || platform.canonical(p.reason) || platform.canonical(p.action) || platform.canonical(p.outcome) || platform.canonical(p.entity)
        || platform.canonical(p.record_id::text) || platform.canonical(p.patient_id::text)
        || platform.canonical(p.before::text) || platform.canonical(p.after::text)), '' order by p.xact, p.id) as rows
    from picked p $q$, home)
    into made using coalesce(head.last_xact, '0'::xid8), coalesce(head.last_id, '00000000-0000-0000-0000-000000000000'::uuid);
  if made.others = 0 then
    return 0;
  end if;
  execute format('insert into %I.seals (clinic_id, id, number, sealed_at, previous, last_xact, last_id, rows, hash) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)', home)
    using platform.current_clinic(), platform.uuid7(), coalesce(head.number, 0) + 1, sealed, coalesce(head.hash, decode(repeat('00', 32), 'hex')),
      made.last_xact, made.last_id, made.rows,
      sha256(convert_to('cloister seal 1', 'UTF8') || int8send(coalesce(head.number, 0) + 1) || int8send((extract(epoch from sealed) * 1000000)::bigint)
        || coalesce(head.hash, decode(repeat('00', 32), 'hex')) || made.rows);
  return made.n;
end
$$;
-- +goose StatementEnd
drop function platform.resume_chain(uuid, text), platform.seal_registry(), platform.seal_rows(text, uuid), platform.trail_number(text, uuid), platform.lift_chain(text, uuid);
drop index platform.trail_xact;
drop table platform.seals, platform.chains;
