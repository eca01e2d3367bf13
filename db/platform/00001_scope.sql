-- The signed scope. Everything else stands on it: no policy, trigger or
-- function believes app.clinic_id or app.actor unless the signature over
-- clinic, actor and role is right, and the role in it is the role in force.
-- The key can be read only by the owner of these functions.

-- +goose Up
create schema if not exists platform;
create schema if not exists ext;
create extension if not exists pg_trgm schema ext;

create table platform.scope_keys (
  kid        text primary key check (kid ~ '^[a-z0-9]{1,8}$'),
  -- HMAC-SHA256 with its key already mixed into both 64 byte pads: two plain
  -- sha256 calls a check, no extension.
  inner_pad  bytea not null check (octet_length(inner_pad) = 64),
  outer_pad  bytea not null check (octet_length(outer_pad) = 64),
  created_at timestamptz not null default now()
);
alter table platform.scope_keys enable row level security;
alter table platform.scope_keys force row level security;
create policy owner_all on platform.scope_keys to cloister_owner using (true) with check (true);

-- current_clinic is the wall's word: the clinic of the signed scope, or NULL.
-- Every statement under a policy calls it once a table, so it is one query and
-- nothing else: each further line of plpgsql costs a microsecond at a statement's
-- first call. Where a setting or the key is missing the comparison is NULL, which
-- is no; a signed scope without a clinic (an operator's) has none.
-- +goose StatementBegin
create function platform.current_clinic() returns uuid
language plpgsql stable parallel safe security definer
set search_path = pg_catalog, pg_temp as $$
begin
  return (select nullif(current_setting('app.clinic_id', true), '')::uuid from platform.scope_keys k
    where k.kid = split_part(current_setting('app.sig', true), ':', 1)
      and split_part(current_setting('app.sig', true), ':', 2) = encode(sha256(k.outer_pad || sha256(k.inner_pad || convert_to(
        current_setting('app.clinic_id', true) || '|' || current_setting('app.actor', true) || '|' || current_setting('role'), 'UTF8'))), 'hex'));
end
$$;

-- current_actor is the signed actor as kind:uuid, or NULL. The clinic is empty
-- in an operator's scope.
create function platform.current_actor() returns text
language plpgsql stable parallel safe security definer
set search_path = pg_catalog, pg_temp as $$
begin
  return (select nullif(current_setting('app.actor', true), '') from platform.scope_keys k
    where k.kid = split_part(current_setting('app.sig', true), ':', 1)
      and split_part(current_setting('app.sig', true), ':', 2) = encode(sha256(k.outer_pad || sha256(k.inner_pad || convert_to(
        coalesce(current_setting('app.clinic_id', true), '') || '|' || current_setting('app.actor', true) || '|' || current_setting('role'), 'UTF8'))), 'hex'));
end
$$;

-- current_user_id, current_patient_id and current_operator_id are the signed
-- actor's id if the actor is of that kind, else NULL.
create function platform.current_user_id() returns uuid
language plpgsql stable parallel safe security definer
set search_path = pg_catalog, pg_temp as $$
declare
  actor text := platform.current_actor();
begin
  if actor like 'user:%' then
    return substr(actor, 6)::uuid;
  end if;
  return null;
end
$$;

create function platform.current_patient_id() returns uuid
language plpgsql stable parallel safe security definer
set search_path = pg_catalog, pg_temp as $$
declare
  actor text := platform.current_actor();
begin
  if actor like 'patient:%' then
    return substr(actor, 9)::uuid;
  end if;
  return null;
end
$$;

create function platform.current_operator_id() returns uuid
language plpgsql stable parallel safe security definer
set search_path = pg_catalog, pg_temp as $$
declare
  actor text := platform.current_actor();
begin
  if actor like 'operator:%' then
    return substr(actor, 10)::uuid;
  end if;
  return null;
end
$$;

-- uuid7 makes a time-ordered key (RFC 9562, version 7) for rows that the
-- database writes itself; the service makes its own.
create function platform.uuid7() returns uuid
language plpgsql volatile parallel safe
set search_path = pg_catalog, pg_temp as $$
declare
  ms bigint := floor(extract(epoch from clock_timestamp()) * 1000);
  raw bytea := uuid_send(gen_random_uuid());
begin
  raw := overlay(raw placing substr(int8send(ms), 3, 6) from 1 for 6);
  raw := set_byte(raw, 6, (get_byte(raw, 6) & 15) | 112);
  return encode(raw, 'hex')::uuid;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop schema platform cascade;
drop schema ext cascade;
