-- The registry: which clinics there are, where each one's schema is, what
-- its plan allows, and what was done to it when. It holds counts and contacts
-- of clinics and never a patient. Rows that belong to a clinic carry the same
-- wall as the clinics' own tables.

-- +goose Up
create table platform.plans (
  code                text primary key check (code ~ '^[a-z_]{2,30}$'),
  name                text not null,
  monthly_price_paise bigint not null default 0 check (monthly_price_paise >= 0),
  trial_days          integer check (trial_days > 0),
  -- NULL is unlimited.
  max_doctors         integer check (max_doctors >= 0),
  max_receptionists   integer check (max_receptionists >= 0),
  max_lab_technicians integer check (max_lab_technicians >= 0),
  max_patients        integer check (max_patients >= 0),
  max_storage_bytes   bigint check (max_storage_bytes >= 0),
  features            jsonb not null default '{}',
  position            integer not null default 0
);
insert into platform.plans (code, name, monthly_price_paise, trial_days, max_doctors, max_receptionists, max_lab_technicians, max_patients, max_storage_bytes, position) values
  ('trial',        'Trial',             0,   30,    3,    3,    2,  2000,  5::bigint << 30, 1),
  ('basic',        'Basic',         99900, null,    3,    3,    2,  2000,  5::bigint << 30, 2),
  ('professional', 'Professional', 299900, null,   15,   10,    5, 25000, 50::bigint << 30, 3),
  ('enterprise',   'Enterprise',   999900, null, null, null, null,  null,             null, 4);

-- One row a physical schema. A spare is made ahead with its clinic_id, so that
-- its tables' checks and defaults are there before the clinic is.
create table platform.schemas (
  clinic_id   uuid primary key,
  schema_name text not null unique check (schema_name ~ '^(clinic|spare)_[a-z0-9_]{1,50}$'),
  state       text not null default 'building' check (state in ('building', 'spare', 'assigned', 'dropped')),
  version     bigint not null default 0,
  created_at  timestamptz not null default now(),
  assigned_at timestamptz
);
create index schemas_state_version on platform.schemas (state, version);

create table platform.clinics (
  id                  uuid primary key references platform.schemas (clinic_id),
  slug                text not null unique check (slug ~ '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$' and slug !~ '--'),
  name                text not null check (btrim(name) <> '' and length(name) <= 200),
  local_name          text not null default '' check (length(local_name) <= 200),
  registration_number text unique check (btrim(registration_number) <> ''),
  gstin               text check (gstin ~ '^[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]$'),
  logo                bytea check (octet_length(logo) <= 102400),
  brand_color         text check (brand_color ~ '^#[0-9a-f]{6}$'),
  address             text not null default '',
  city                text not null default '',
  state               text not null default '',
  pin                 text not null default '' check (pin = '' or pin ~ '^[1-9][0-9]{5}$'),
  phone               text not null default '' check (phone = '' or phone ~ '^\+[0-9]{6,15}$'),
  email               text not null default '',
  website             text not null default '',
  store_name          text not null default '',
  store_address       text not null default '',
  store_phone         text not null default '' check (store_phone = '' or store_phone ~ '^\+[0-9]{6,15}$'),
  zone                text not null default 'Asia/Kolkata',
  language            text not null default 'en' check (language in ('en', 'hi', 'mr')),
  status              text not null default 'pending' check (status in
                        ('pending', 'trial', 'active', 'past_due', 'suspended', 'expired', 'archived', 'deleted')),
  status_reason       text not null default '',
  plan                text not null default 'trial' references platform.plans (code),
  trial_ends_at       timestamptz,
  created_at          timestamptz not null default now(),
  updated_at          timestamptz not null default now(),
  suspended_at        timestamptz,
  archived_at         timestamptz,
  delete_after        timestamptz,
  deleted_at          timestamptz,
  version             integer not null default 1,
  constraint clinics_store_address check (store_name = '' or btrim(store_address) <> ''),
  constraint clinics_suspended_reason check (status <> 'suspended' or btrim(status_reason) <> '')
);
create index clinics_status on platform.clinics (status);

-- An old slug keeps leading to its clinic, and no other clinic may take it.
create table platform.old_slugs (
  slug       text primary key,
  clinic_id  uuid not null references platform.clinics (id),
  retired_at timestamptz not null default now()
);

-- What a clinic uses of what its plan counts; the row is locked by the insert
-- that needs it, so a limit can't be overrun by two at once.
create table platform.usage (
  clinic_id uuid not null references platform.schemas (clinic_id),
  kind      text not null check (kind in ('doctors', 'receptionists', 'lab_technicians', 'patients', 'staff', 'storage')),
  used      bigint not null default 0 check (used >= 0),
  changed_at timestamptz not null default now(),
  primary key (clinic_id, kind)
);

-- A clinic's data keyset, wrapped by the master key. Destroying the row makes
-- every encrypted value of the clinic, and of its backups, unreadable.
create table platform.keysets (
  clinic_id    uuid primary key references platform.schemas (clinic_id),
  wrapped      bytea,
  created_at   timestamptz not null default now(),
  destroyed_at timestamptz,
  constraint keysets_whole check ((wrapped is null) = (destroyed_at is not null))
);

-- Tells a right master key from a wrong one before anything is written.
create table platform.installation (
  only_row      boolean primary key default true check (only_row),
  key_check     bytea not null,
  created_at    timestamptz not null default now()
);

create table platform.operators (
  id                  uuid primary key,
  email               text not null unique check (email = lower(email) and email like '%@%'),
  full_name           text not null,
  password_hash       text,
  language            text not null default 'en' check (language in ('en', 'hi', 'mr')),
  theme               text not null default 'auto' check (theme in ('auto', 'light', 'dark')),
  active              boolean not null default true,
  failed_attempts     integer not null default 0,
  locked_until        timestamptz,
  created_at          timestamptz not null default now()
);

create table platform.operator_sessions (
  id           uuid primary key,
  operator_id  uuid not null references platform.operators (id),
  token_hash   bytea not null unique,
  created_at   timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  revoked_at   timestamptz,
  address      text not null default '',
  agent        text not null default ''
);

create table platform.provisionings (
  id          uuid primary key,
  clinic_id   uuid not null,
  slug        text not null default '',
  action      text not null check (action in ('spare', 'create', 'suspend', 'resume', 'archive', 'restore', 'delete', 'purge', 'rename')),
  actor       text not null,
  reason      text not null default '',
  started_at  timestamptz not null default now(),
  finished_at timestamptz,
  error       text
);
create index provisionings_clinic on platform.provisionings (clinic_id, started_at);

-- One row a clinic and version, and one row a clinic with the last outcome.
create table platform.migrations (
  clinic_id   uuid not null references platform.schemas (clinic_id) on delete cascade,
  version     bigint not null,
  applied_at  timestamptz not null default clock_timestamp(),
  duration_ms double precision not null default 0,
  primary key (clinic_id, version)
);
create table platform.migration_outcomes (
  clinic_id   uuid primary key references platform.schemas (clinic_id) on delete cascade,
  state       text not null check (state in ('ok', 'failed')),
  version     bigint not null,
  error       text not null default '',
  duration_ms double precision not null default 0,
  finished_at timestamptz not null default clock_timestamp()
);

-- The registry's own trail. A clinic's trail stands in the clinic's schema.
create table platform.trail (
  id           uuid primary key,
  clinic_id    uuid,
  at           timestamptz not null,
  xact         xid8 not null,
  actor        text not null,
  actor_role   text not null,
  request_id   text not null default '',
  address      text not null default '',
  reason       text not null default '',
  action       text not null check (action in ('insert', 'update', 'delete', 'view')),
  entity       text not null,
  record_id    uuid,
  before       jsonb,
  after        jsonb
);
create index trail_clinic on platform.trail (clinic_id, at);

-- +goose StatementBegin
do $walls$
declare
  t text;
  own text;
begin
  foreach t in array array['plans', 'schemas', 'clinics', 'old_slugs', 'usage', 'keysets', 'installation', 'operators',
                           'operator_sessions', 'provisionings', 'migrations', 'migration_outcomes', 'trail'] loop
    execute format('alter table platform.%I enable row level security', t);
    execute format('alter table platform.%I force row level security', t);
    -- The registry is not clinical: its owner keeps it, the clinics' tables it does not.
    execute format('create policy owner_all on platform.%I to cloister_owner using (true) with check (true)', t);
  end loop;

  -- Operators: the registry and counts, under a signed operator.
  foreach t in array array['plans', 'schemas', 'clinics', 'old_slugs', 'usage', 'provisionings', 'migrations', 'migration_outcomes', 'trail'] loop
    execute format('grant select on platform.%I to cloister_platform', t);
    execute format('create policy operator_read on platform.%I for select to cloister_platform using ((select platform.current_operator_id()) is not null)', t);
  end loop;
  foreach t in array array['operators', 'operator_sessions'] loop
    own := case t when 'operators' then 'id' else 'operator_id' end;
    execute format('create policy operator_own on platform.%I to cloister_platform using (%I = (select platform.current_operator_id())) with check (%I = (select platform.current_operator_id()))', t, own, own);
  end loop;
end
$walls$;
-- +goose StatementEnd
grant select (id, email, full_name, language, theme, active), update (language, theme, password_hash, failed_attempts, locked_until) on platform.operators to cloister_platform;
grant select, insert, delete, update (last_seen_at, revoked_at) on platform.operator_sessions to cloister_platform;

-- A clinic sees its own registry row; its admin keeps the facts and the look.
create policy clinic_read on platform.clinics for select
  to cloister_clinic_admin, cloister_doctor, cloister_nurse, cloister_receptionist, cloister_lab_technician, cloister_patient, cloister_display, cloister_jobs
  using (id = (select platform.current_clinic()));
create policy clinic_edit on platform.clinics for update to cloister_clinic_admin, cloister_jobs
  using (id = (select platform.current_clinic())) with check (id = (select platform.current_clinic()));
grant select on platform.clinics to cloister_clinic_admin, cloister_doctor, cloister_nurse, cloister_receptionist, cloister_lab_technician, cloister_jobs;
grant select (id, slug, name, local_name, logo, brand_color, address, city, state, pin, phone, email, website, zone, language, status)
  on platform.clinics to cloister_patient, cloister_display;
grant update (name, local_name, registration_number, gstin, logo, brand_color, address, city, state, pin, phone, email, website,
              store_name, store_address, store_phone, zone, language, updated_at, version)
  on platform.clinics to cloister_clinic_admin, cloister_jobs;

create policy clinic_read on platform.usage for select to cloister_clinic_admin, cloister_jobs
  using (clinic_id = (select platform.current_clinic()));
grant select on platform.usage to cloister_clinic_admin, cloister_jobs;
create policy clinic_read on platform.plans for select to cloister_clinic_admin, cloister_jobs
  using ((select platform.current_clinic()) is not null);
grant select on platform.plans to cloister_clinic_admin, cloister_jobs;

-- Every role whose work meets an encrypted value may fetch the wrapped keyset
-- of its own clinic; wrapped, it is of no use without the master key.
create policy clinic_read on platform.keysets for select
  to cloister_clinic_admin, cloister_doctor, cloister_nurse, cloister_receptionist, cloister_patient, cloister_jobs
  using (clinic_id = (select platform.current_clinic()));
grant select on platform.keysets to cloister_clinic_admin, cloister_doctor, cloister_nurse, cloister_receptionist, cloister_patient, cloister_jobs;

grant usage on schema platform to cloister_app, cloister_clinic_admin, cloister_doctor, cloister_nurse, cloister_receptionist,
  cloister_lab_technician, cloister_patient, cloister_display, cloister_jobs, cloister_gate, cloister_platform, cloister_backup, cloister_auditor;
grant usage on schema ext to cloister_clinic_admin, cloister_doctor, cloister_nurse, cloister_receptionist,
  cloister_lab_technician, cloister_patient, cloister_display, cloister_jobs, cloister_gate, cloister_platform, cloister_backup, cloister_search;
grant select on all tables in schema platform to cloister_backup;
revoke select on platform.scope_keys from cloister_backup;

-- resolve_clinic is what the service may ask before it has a scope: the public
-- facts that lead from an address to a schema.
-- +goose StatementBegin
create function platform.resolve_clinic(wanted text)
returns table (id uuid, slug text, schema_name text, name text, local_name text, status text, status_reason text, zone text,
               language text, brand_color text, has_logo boolean, logo_hash text, moved boolean)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
begin
  return query
    select c.id, c.slug, s.schema_name, c.name, c.local_name,
           case when c.status = 'trial' and c.trial_ends_at < now() then 'expired' else c.status end,
           c.status_reason, c.zone, c.language, coalesce(c.brand_color, ''), c.logo is not null,
           coalesce(encode(sha256(c.logo), 'hex'), ''), c.slug <> wanted
    from platform.clinics c
    join platform.schemas s on s.clinic_id = c.id
    where s.state = 'assigned'
      and (c.slug = wanted
           or c.id = (select o.clinic_id from platform.old_slugs o where o.slug = wanted))
      and c.status not in ('pending', 'archived', 'deleted')
    -- Whoever has the name now goes before whoever had it.
    order by c.slug <> wanted
    limit 1;
end
$$;

-- find_clinics is the public finder of the home page: name and city only.
create function platform.find_clinics(fragment text, at_most integer)
returns table (slug text, name text, city text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
begin
  return query
    select c.slug, c.name, c.city from platform.clinics c
    where c.status in ('trial', 'active', 'past_due')
      and (strpos(lower(c.name), lower(fragment)) > 0 or strpos(lower(c.city), lower(fragment)) > 0)
    order by c.name, c.slug
    limit least(greatest(at_most, 0), 50);
end
$$;

-- A change of the registry is told to every service, so that none keeps
-- serving a clinic that was suspended a moment ago.
create function platform.tell_registry() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
begin
  perform pg_notify('cloister_registry', coalesce(new.id, old.id)::text);
  return null;
end
$$;
-- +goose StatementEnd
create trigger tell after insert or update or delete on platform.clinics
  for each row execute function platform.tell_registry();
revoke all on function platform.resolve_clinic(text), platform.find_clinics(text, integer), platform.tell_registry() from public;
grant execute on function platform.resolve_clinic(text), platform.find_clinics(text, integer) to cloister_app;

-- +goose Down
drop table platform.trail, platform.migration_outcomes, platform.migrations, platform.provisionings, platform.operator_sessions,
  platform.operators, platform.installation, platform.keysets, platform.usage, platform.old_slugs, platform.clinics, platform.schemas, platform.plans cascade;
