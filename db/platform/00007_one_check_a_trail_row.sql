-- A row of the trail asked for the signed clinic and for the signed actor, and
-- each answer checked the same signature: a twentieth of an import. It is one
-- signature over clinic, actor and role, so where it holds for the clinic the
-- actor is the one that was signed.

-- +goose Up
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
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
create or replace function platform.trail_row(home text, what text, entity text, record uuid, patient uuid, before jsonb, after jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  clinic uuid := platform.current_clinic();
  actor  text := platform.current_actor();
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
-- +goose StatementEnd
