-- The chain over a clinic's trail. seal_trail covers what is on the trail and
-- not sealed yet by one seal, which holds the hash of each row and of the seal
-- before it: docs/trail.md has the format byte by byte. It runs apart from what
-- it seals, so a write pays nothing for it but one entry in an index.

-- +goose Up
-- +goose StatementBegin

-- canonical is one value as it is hashed: its length and its bytes, or -1 for null.
create function platform.canonical(value text) returns bytea
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(int4send(octet_length(value)) || convert_to(value, 'UTF8'), '\xffffffff'::bytea)
$$;

-- seal_trail makes the next seal of the signed clinic and says how many rows it
-- covers; 0 when there is nothing to seal. A row waits until every transaction
-- that is as old as its own has ended, so none can come in behind a seal. Rows
-- that tell of seals alone are left for the next one: sealing them would go on
-- for ever. The lock lets one sealer at a time work on a clinic.
create function platform.seal_trail() returns integer
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
revoke all on function platform.canonical(text), platform.seal_trail() from public;
grant execute on function platform.seal_trail() to cloister_jobs;

-- +goose Down
drop function platform.seal_trail(), platform.canonical(text);
