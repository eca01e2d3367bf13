-- What was done to clinics, backups among it, is noted in the ledger of
-- provisionings, whose rows are ended and mended later. So each note, and each
-- change of one, is on the registry's trail, too, which is append-only and
-- chained: no archive leaves that nobody noted, and no note is taken back. The
-- making of spare schemas is nobody's act and left out.

-- +goose Up
-- +goose StatementBegin
create function platform.record_ledger() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  req jsonb := coalesce(nullif(current_setting('app.request', true), ''), '{}')::jsonb;
  was jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
  now_is jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
begin
  insert into platform.trail (id, clinic_id, at, xact, actor, actor_role, request_id, address, reason, action, entity, record_id, before, after)
  values (platform.uuid7(), coalesce(new.clinic_id, old.clinic_id), now(), platform.trail_number('platform', '00000000-0000-0000-0000-000000000000'),
          coalesce(platform.current_actor(), new.actor, 'unknown'), current_setting('role'), coalesce(req ->> 'id', ''), coalesce(req ->> 'addr', ''),
          coalesce(new.reason, ''), lower(tg_op), 'provisionings', coalesce(new.id, old.id), was, now_is);
  return null;
end
$$;
-- +goose StatementEnd
revoke all on function platform.record_ledger() from public;
create trigger trail after insert on platform.provisionings
  for each row when (new.action <> 'spare') execute function platform.record_ledger();
create trigger trail_later after update or delete on platform.provisionings
  for each row when (old.action <> 'spare') execute function platform.record_ledger();

-- +goose Down
drop trigger trail_later on platform.provisionings;
drop trigger trail on platform.provisionings;
drop function platform.record_ledger();
