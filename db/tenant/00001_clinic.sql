-- A clinic's own schema: its settings and people, its patients, the queue, and
-- the trail. Each table is finished by platform.protect, which alone writes
-- policies and grants; the rights are docs/access.md, cell by cell. Keys are
-- uuid v7 made by the service; clinic_id gets its check and default there.

-- +goose Up
create table trail (
  clinic_id  uuid not null,
  id         uuid primary key,
  at         timestamptz not null,
  -- The writing transaction: the sealer takes only rows whose transaction is
  -- older than every running one, so a late commit can't slip behind a seal.
  xact       xid8 not null,
  actor      text not null,
  actor_role text not null,
  request_id text not null default '',
  address    text not null default '',
  reason     text not null default '',
  action     text not null check (action in ('insert', 'update', 'delete', 'view')),
  outcome    text not null default 'done' check (outcome in ('done', 'refused')),
  entity     text not null,
  record_id  uuid,
  patient_id uuid,
  before     jsonb,
  after      jsonb
);
create index trail_at on trail (at);
create index trail_record on trail (record_id, at);
create index trail_patient on trail (patient_id, at) where patient_id is not null;
select platform.protect('trail',
  '{"clinic_admin": "S", "patient": "own:S(id,at,actor,actor_role,action,entity,patient_id)"}',
  conditions => '{"own": "patient_id = (select platform.current_patient_id()) and action = ''view''"}',
  append_only => true);

create table counters (
  clinic_id uuid not null,
  kind      text not null,
  period    text not null,
  value     bigint not null check (value > 0),
  primary key (kind, period)
);
select platform.protect('counters', '{}', quiet => '{value}');

create table settings (
  clinic_id            uuid not null,
  id                   uuid primary key,
  opening_hours        jsonb not null default '{}' check (jsonb_typeof(opening_hours) = 'object'),
  currency             text not null default 'INR' check (currency ~ '^[A-Z]{3}$'),
  tax_rate_bp          integer not null default 0 check (tax_rate_bp between 0 and 10000),
  slot_minutes         integer not null default 15 check (slot_minutes between 5 and 240),
  letterhead           text not null default 'full' check (letterhead in ('full', 'none')),
  letterhead_offset_mm integer not null default 0 check (letterhead_offset_mm between 0 and 60),
  token_prefix         text not null default 'T' check (token_prefix ~ '^[A-Z]{1,3}$'),
  slip_width_mm        integer not null default 80 check (slip_width_mm in (58, 80)),
  consultation_minutes integer not null default 8 check (consultation_minutes between 1 and 120),
  follow_up_days       integer not null default 7 check (follow_up_days between 0 and 365),
  session_idle_minutes integer not null default 15 check (session_idle_minutes between 5 and 720),
  display_notice       text not null default '' check (length(display_notice) <= 200),
  display_chime        boolean not null default true,
  portal_welcome       text not null default '' check (length(portal_welcome) <= 500),
  updated_at           timestamptz not null default now(),
  version              integer not null default 1
);
create unique index settings_one on settings (clinic_id);
create trigger bump before update on settings for each row execute function platform.bump();
select platform.protect('settings',
  '{"clinic_admin": "S U", "doctor": "S", "nurse": "S", "receptionist": "S", "lab_technician": "S",
    "patient": "S(id,opening_hours,currency,slot_minutes,follow_up_days,portal_welcome)",
    "display": "S(display_notice,display_chime,consultation_minutes)", "jobs": "S U"}');

create table departments (
  clinic_id    uuid not null,
  id           uuid primary key,
  name         text not null check (btrim(name) <> '' and length(name) <= 100),
  local_name   text not null default '' check (length(local_name) <= 100),
  room         text not null default '' check (length(room) <= 40),
  token_prefix text not null default '' check (token_prefix ~ '^[A-Z]{0,3}$'),
  active       boolean not null default true,
  created_at   timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  version      integer not null default 1
);
create unique index departments_name on departments (lower(name));
create trigger bump before update on departments for each row execute function platform.bump();
select platform.protect('departments',
  '{"clinic_admin": "S I U", "doctor": "S", "nurse": "S", "receptionist": "S", "lab_technician": "S",
    "patient": "S(id,name,local_name,active)", "display": "S(id,name,local_name,room,active)", "jobs": "S I"}');

create table users (
  clinic_id           uuid not null,
  id                  uuid primary key,
  username            text not null check (username = lower(username) and username ~ '^[a-z0-9][a-z0-9._@+-]{1,149}$'),
  email               text check (email = lower(email) and email like '%_@_%' and length(email) <= 254),
  full_name           text not null check (btrim(full_name) <> '' and length(full_name) <= 200),
  local_name          text not null default '' check (length(local_name) <= 200),
  phone               text not null default '' check (phone = '' or phone ~ '^\+[0-9]{6,15}$'),
  role                text not null check (role in ('clinic_admin', 'doctor', 'nurse', 'receptionist', 'lab_technician')),
  active              boolean not null default true,
  password_hash       text,
  password_changed_at timestamptz,
  language            text not null default '' check (language in ('', 'en', 'hi', 'mr')),
  theme               text not null default 'auto' check (theme in ('auto', 'light', 'dark')),
  density             text not null default 'compact' check (density in ('compact', 'comfortable')),
  single_keys         boolean not null default true,
  failed_attempts     integer not null default 0,
  locked_until        timestamptz,
  last_seen_at        timestamptz,
  created_at          timestamptz not null default now(),
  updated_at          timestamptz not null default now(),
  version             integer not null default 1
);
create unique index users_username on users (username);
create unique index users_email on users (email);
create index users_role on users (role) where active;
-- Signing in and being seen are no edit of the record.
create trigger bump before update on users for each row
  when ((new.failed_attempts, new.locked_until, new.last_seen_at) is not distinct from (old.failed_attempts, old.locked_until, old.last_seen_at))
  execute function platform.bump();
create trigger quota after insert or update of role, active on users for each row execute function platform.count_user();
select platform.protect('users',
  '{"clinic_admin": "S(id,username,email,full_name,local_name,phone,role,active,password_changed_at,language,theme,density,single_keys,locked_until,last_seen_at,created_at,updated_at,version) I U(username,email,full_name,local_name,phone,role,active,language,theme,density,single_keys,password_hash,password_changed_at,failed_attempts,locked_until,last_seen_at)",
    "doctor": "S(id,full_name,local_name,role,active,language,theme,density,single_keys,version) own:U(local_name,phone,language,theme,density,single_keys,password_hash,password_changed_at,failed_attempts,locked_until,last_seen_at)",
    "nurse": "S(id,full_name,local_name,role,active,language,theme,density,single_keys,version) own:U(local_name,phone,language,theme,density,single_keys,password_hash,password_changed_at,failed_attempts,locked_until,last_seen_at)",
    "receptionist": "S(id,full_name,local_name,role,active,language,theme,density,single_keys,version) own:U(local_name,phone,language,theme,density,single_keys,password_hash,password_changed_at,failed_attempts,locked_until,last_seen_at)",
    "lab_technician": "S(id,full_name,local_name,role,active,language,theme,density,single_keys,version) own:U(local_name,phone,language,theme,density,single_keys,password_hash,password_changed_at,failed_attempts,locked_until,last_seen_at)",
    "patient": "doctors:S(id,full_name,local_name,role,active)",
    "display": "doctors:S(id,full_name,local_name,role,active)",
    "jobs": "S(id,username,email,full_name,local_name,phone,role,active) I U(username,email,full_name,phone,active)"}',
  conditions => '{"own": "id = (select platform.current_user_id())", "doctors": "role = ''doctor''"}',
  secret => '{password_hash}', quiet => '{failed_attempts,locked_until,last_seen_at}');

create table profiles (
  clinic_id      uuid not null,
  user_id        uuid primary key references users (id),
  specialisation text not null default '',
  licence_number text check (btrim(licence_number) <> ''),
  qualification  text not null default '',
  years          smallint check (years between 0 and 80),
  fee_paise      bigint check (fee_paise >= 0),
  availability   text not null default 'available' check (availability in ('available', 'on_leave', 'offline')),
  office_hours   jsonb not null default '{}' check (jsonb_typeof(office_hours) = 'object'),
  room           text not null default '' check (length(room) <= 40),
  token_prefix   text not null default '' check (token_prefix ~ '^[A-Z]{0,3}$'),
  department_id  uuid references departments (id),
  shift          text not null default '' check (shift in ('', 'morning', 'afternoon', 'evening', 'night')),
  updated_at     timestamptz not null default now(),
  version        integer not null default 1
);
create unique index profiles_licence on profiles (licence_number);
create trigger bump before update on profiles for each row execute function platform.bump();
select platform.protect('profiles',
  '{"clinic_admin": "S I U",
    "doctor": "S own:U(qualification,availability,office_hours,room)",
    "nurse": "S own:U(shift)", "receptionist": "S own:U(shift)", "lab_technician": "S own:U(shift)",
    "patient": "doctors:S(user_id,specialisation,licence_number,qualification,years,fee_paise,availability,office_hours,room)",
    "display": "doctors:S(user_id,room,availability)", "jobs": "S I U"}',
  conditions => '{"own": "user_id = (select platform.current_user_id())", "doctors": "licence_number is not null"}');

create table patients (
  clinic_id           uuid not null,
  id                  uuid primary key,
  number              text not null default '',
  first_name          text not null check (btrim(first_name) <> ''),
  last_name           text not null default '',
  full_name           text not null generated always as (btrim(first_name || ' ' || last_name)) stored,
  local_name          text not null default '',
  search_key          text not null default '',
  terms               tsvector not null generated always as (to_tsvector('pg_catalog.simple', search_key)) stored,
  sex                 text not null default '' check (sex in ('', 'male', 'female', 'other')),
  birth_date          date check (birth_date >= date '1880-01-01'),
  age_years           smallint check (age_years between 0 and 130),
  age_months          smallint check (age_months between 0 and 11),
  age_told_on         date,
  blood_group         text not null default '' check (blood_group in ('', 'A+', 'A-', 'B+', 'B-', 'AB+', 'AB-', 'O+', 'O-')),
  phone               text not null default '' check (phone = '' or phone ~ '^\+[0-9]{6,15}$'),
  email               text not null default '' check (email = '' or email like '%_@_%'),
  address             text not null default '',
  city                text not null default '',
  state               text not null default '',
  pin                 text not null default '' check (pin = '' or pin ~ '^[1-9][0-9]{5}$'),
  emergency_name      text not null default '',
  emergency_phone     text not null default '' check (emergency_phone = '' or emergency_phone ~ '^\+[0-9]{6,15}$'),
  emergency_relation  text not null default '',
  id_kind             text not null default '' check (id_kind in ('', 'aadhaar', 'pan', 'licence', 'abha', 'other')),
  -- Ciphertext under the clinic's keyset with this row as associated data, a
  -- keyed hash to find equal numbers, and the tail that a masked number shows.
  id_cipher           bytea,
  id_blind            bytea,
  id_tail             text not null default '' check (length(id_tail) <= 4),
  weight_grams        integer check (weight_grams between 200 and 500000),
  allergies           text not null default '',
  no_known_allergies  boolean not null default false,
  history             text not null default '',
  note                text not null default '',
  status              text not null default 'registered' check (status in
                        ('registered', 'in_diagnosis', 'in_treatment', 'admitted', 'discharged', 'deceased')),
  language            text not null default '' check (language in ('', 'en', 'hi', 'mr')),
  photo_cipher        bytea check (octet_length(photo_cipher) <= 524288),
  registered_on       date not null,
  registered_by       uuid references users (id),
  last_visit_on       date,
  merged_into         uuid references patients (id),
  created_at          timestamptz not null default now(),
  updated_at          timestamptz not null default now(),
  version             integer not null default 1,
  constraint patients_age check (age_years is null or age_told_on is not null),
  constraint patients_id_whole check ((id_cipher is null) = (id_blind is null) and (id_cipher is null or id_kind <> '')),
  constraint patients_allergies check (not (no_known_allergies and btrim(allergies) <> '')),
  constraint patients_not_into_itself check (merged_into <> id)
);
create unique index patients_number on patients (number text_pattern_ops);
create index patients_phone on patients (phone);
create index patients_phone_part on patients using gin (phone ext.gin_trgm_ops);
create index patients_terms on patients using gin (terms);
create index patients_key on patients (search_key text_pattern_ops);
create index patients_id_blind on patients (id_blind) where id_blind is not null;
create index patients_recent on patients (registered_on desc, id desc);
create index patients_merged on patients (merged_into) where merged_into is not null;
create trigger a_number before insert on patients for each row execute function platform.number_patient();
-- The day of the last visit is kept by the queue; it is no edit of the record.
create trigger bump before update on patients for each row
  when (new.last_visit_on is not distinct from old.last_visit_on) execute function platform.bump();
create trigger words after insert or update of search_key on patients for each row execute function platform.learn_words();

create table name_words (
  clinic_id uuid not null,
  word      text primary key check (word <> '')
);
create index name_words_near on name_words using gin (word ext.gin_trgm_ops);
-- The vocabulary is derived from names and read only by the search function.
select platform.protect('name_words', '{}', quiet => '{word}');
grant select on name_words to cloister_search;

select platform.protect('patients',
  '{"clinic_admin": "S I U", "receptionist": "S I U",
    "doctor": "S U(blood_group,weight_grams,allergies,no_known_allergies,history,status)",
    "nurse": "S U(blood_group,weight_grams,allergies,no_known_allergies,history,status)",
    "lab_technician": "S(id,number,full_name,local_name,sex,birth_date,age_years,age_months,age_told_on,phone,last_visit_on,merged_into)",
    "patient": "own:S own:U(phone,email,address,city,state,pin,emergency_name,emergency_phone,emergency_relation,language)",
    "jobs": "S I U"}',
  conditions => '{"own": "id = (select platform.current_patient_id())"}',
  secret => '{id_cipher,id_blind,photo_cipher}', quiet => '{terms,search_key,last_visit_on}');
grant select (clinic_id, id, number, full_name, local_name, search_key, terms, sex, birth_date, age_years, age_told_on, phone, last_visit_on, merged_into)
  on patients to cloister_search;

create table patient_merges (
  clinic_id    uuid not null,
  id           uuid primary key,
  survivor_id  uuid not null references patients (id),
  duplicate_id uuid not null references patients (id),
  reason       text not null default '',
  merged_by    uuid not null references users (id),
  merged_at    timestamptz not null default now(),
  undone_by    uuid references users (id),
  undone_at    timestamptz,
  constraint patient_merges_two check (survivor_id <> duplicate_id),
  constraint patient_merges_undone check ((undone_by is null) = (undone_at is null))
);
create unique index patient_merges_once on patient_merges (duplicate_id) where undone_at is null;
create index patient_merges_survivor on patient_merges (survivor_id);
select platform.protect('patient_merges',
  '{"clinic_admin": "S I U(undone_by,undone_at)", "receptionist": "S I U(undone_by,undone_at)", "doctor": "S", "nurse": "S"}');

-- Numbers that other systems gave to our records; the importer finds by them
-- what it has already brought over.
create table identifiers (
  clinic_id  uuid not null,
  id         uuid primary key,
  entity     text not null check (entity in ('clinic', 'users', 'profiles', 'patients', 'visits', 'departments')),
  record_id  uuid not null,
  system     text not null check (system ~ '^[a-z0-9_.:-]{1,60}$'),
  value      text not null check (value <> ''),
  facts      jsonb not null default '{}',
  created_at timestamptz not null default now()
);
create unique index identifiers_source on identifiers (system, value) where system = 'legacy.row';
create index identifiers_value on identifiers (value text_pattern_ops);
create index identifiers_record on identifiers (record_id);
select platform.protect('identifiers',
  '{"clinic_admin": "S", "doctor": "S", "nurse": "S", "receptionist": "S I", "jobs": "S I"}');
grant select (clinic_id, entity, record_id, value) on identifiers to cloister_search;

create table invitations (
  clinic_id  uuid not null,
  id         uuid primary key,
  kind       text not null check (kind in ('invite', 'reset')),
  user_id    uuid references users (id),
  patient_id uuid references patients (id),
  email      text not null default '',
  created_by text not null,
  created_at timestamptz not null default now(),
  sent_at    timestamptz,
  expires_at timestamptz not null,
  used_at    timestamptz,
  revoked_at timestamptz,
  constraint invitations_whose check (num_nonnulls(user_id, patient_id) = 1)
);
create index invitations_user on invitations (user_id, created_at);
create index invitations_patient on invitations (patient_id) where patient_id is not null;
select platform.protect('invitations',
  '{"clinic_admin": "S I U",
    "doctor": "own:S own:U(used_at)", "nurse": "own:S own:U(used_at)", "receptionist": "own:S own:U(used_at)",
    "lab_technician": "own:S own:U(used_at)", "patient": "own:S own:U(used_at)", "jobs": "S I U(sent_at)"}',
  conditions => '{"own": "user_id = (select platform.current_user_id()) or patient_id = (select platform.current_patient_id())"}');

create table sessions (
  clinic_id    uuid not null,
  id           uuid primary key,
  user_id      uuid references users (id),
  patient_id   uuid references patients (id),
  token_hash   bytea not null check (octet_length(token_hash) = 32),
  created_at   timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  revoked_at   timestamptz,
  address      text not null default '',
  agent        text not null default '' check (length(agent) <= 300),
  constraint sessions_whose check (num_nonnulls(user_id, patient_id) = 1)
);
create unique index sessions_token on sessions (token_hash);
create index sessions_user on sessions (user_id) where revoked_at is null;
select platform.protect('sessions',
  '{"clinic_admin": "S(id,user_id,patient_id,created_at,last_seen_at,revoked_at,address,agent) own:I U(revoked_at,last_seen_at) own:D",
    "doctor": "own:S(id,user_id,patient_id,created_at,last_seen_at,revoked_at,address,agent) own:I own:U(revoked_at,last_seen_at) own:D",
    "nurse": "own:S(id,user_id,patient_id,created_at,last_seen_at,revoked_at,address,agent) own:I own:U(revoked_at,last_seen_at) own:D",
    "receptionist": "own:S(id,user_id,patient_id,created_at,last_seen_at,revoked_at,address,agent) own:I own:U(revoked_at,last_seen_at) own:D",
    "lab_technician": "own:S(id,user_id,patient_id,created_at,last_seen_at,revoked_at,address,agent) own:I own:U(revoked_at,last_seen_at) own:D",
    "patient": "own:S(id,user_id,patient_id,created_at,last_seen_at,revoked_at,address,agent) own:I own:U(revoked_at,last_seen_at) own:D"}',
  conditions => '{"own": "user_id = (select platform.current_user_id()) or patient_id = (select platform.current_patient_id())"}',
  secret => '{token_hash}', quiet => '{last_seen_at}');

create table visits (
  clinic_id     uuid not null,
  id            uuid primary key,
  patient_id    uuid not null references patients (id),
  doctor_id     uuid references users (id),
  department_id uuid references departments (id),
  -- The line that the patient stands in.
  line_id       uuid generated always as (coalesce(doctor_id, department_id)) stored,
  day           date not null,
  kind          text not null check (kind in ('routine', 'follow_up', 'emergency', 'admission')),
  purpose       text not null default '' check (length(purpose) <= 500),
  note          text not null default '',
  state         text not null default 'waiting' check (state in
                  ('waiting', 'called', 'in_consultation', 'done', 'skipped', 'no_show', 'cancelled')),
  state_reason  text not null default '' check (length(state_reason) <= 500),
  priority      boolean not null default false,
  call_count    smallint not null default 0,
  arrived_at    timestamptz not null,
  called_at     timestamptz,
  started_at    timestamptz,
  ended_at      timestamptz,
  created_by    uuid references users (id),
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now(),
  version       integer not null default 1,
  constraint visits_line check (num_nonnulls(doctor_id, department_id) >= 1),
  constraint visits_cancel_reason check (state <> 'cancelled' or btrim(state_reason) <> '')
);
create unique index visits_one_open on visits (patient_id, line_id, day) where state in ('waiting', 'called', 'in_consultation', 'skipped');
create index visits_day_line on visits (day, line_id);
create index visits_patient on visits (patient_id, arrived_at desc);
create trigger a_move before insert or update on visits for each row execute function platform.move_visit();
create trigger moves after insert or update on visits for each row execute function platform.record_move();
select platform.protect('visits',
  '{"clinic_admin": "S", "doctor": "S U(state,state_reason,call_count)", "nurse": "S U(state,state_reason,call_count)",
    "receptionist": "S I U(doctor_id,department_id,kind,purpose,note,state,state_reason,priority,call_count)",
    "lab_technician": "S", "patient": "own:S(id,patient_id,doctor_id,department_id,line_id,day,kind,purpose,state,priority,arrived_at,called_at,started_at,ended_at)",
    "display": "today:S(id,doctor_id,department_id,line_id,day,state,priority,arrived_at,called_at,call_count)", "jobs": "S I"}',
  conditions => '{"own": "patient_id = (select platform.current_patient_id())", "today": "day = (select platform.clinic_today())"}');

create table tokens (
  clinic_id uuid not null,
  id        uuid primary key,
  visit_id  uuid not null unique references visits (id),
  line_id   uuid not null,
  day       date not null,
  number    integer not null check (number > 0),
  label     text not null,
  made_at   timestamptz not null default now()
);
create unique index tokens_number on tokens (line_id, day, number);
create index tokens_day on tokens (day, label);
create trigger a_number before insert on tokens for each row execute function platform.number_token();
select platform.protect('tokens',
  '{"clinic_admin": "S", "doctor": "S", "nurse": "S", "receptionist": "S I", "lab_technician": "S",
    "patient": "own:S", "display": "today:S", "jobs": "S I"}',
  conditions => '{"own": "exists (select from visits v where v.id = tokens.visit_id)", "today": "day = (select platform.clinic_today())"}');

create table queue_moves (
  clinic_id  uuid not null,
  id         uuid primary key,
  visit_id   uuid not null references visits (id),
  patient_id uuid not null references patients (id),
  from_state text,
  to_state   text not null,
  from_line  uuid,
  to_line    uuid,
  priority   boolean not null default false,
  reason     text not null default '',
  moved_by   text not null,
  moved_at   timestamptz not null
);
create index queue_moves_visit on queue_moves (visit_id, moved_at);
-- Written by the database alone (platform.record_move), so nobody can time a
-- wait otherwise than it was.
select platform.protect('queue_moves',
  '{"clinic_admin": "S", "doctor": "S", "nurse": "S", "receptionist": "S", "lab_technician": "S", "patient": "own:S", "jobs": "S"}',
  conditions => '{"own": "patient_id = (select platform.current_patient_id())"}', append_only => true);

-- A display's secret link is derived from its id and generation; revoking it
-- is raising the generation.
create table displays (
  clinic_id  uuid not null,
  id         uuid primary key,
  name       text not null check (btrim(name) <> '' and length(name) <= 100),
  generation integer not null default 1,
  lines      uuid[] not null default '{}',
  active     boolean not null default true,
  created_by uuid references users (id),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version    integer not null default 1
);
create trigger bump before update on displays for each row execute function platform.bump();
select platform.protect('displays',
  '{"clinic_admin": "S I U", "receptionist": "S I U", "display": "S(id,name,generation,lines,active)", "jobs": "S I"}');

-- What somebody was typing, kept until it is saved or thrown away.
create table drafts (
  clinic_id  uuid not null,
  id         uuid primary key,
  user_id    uuid not null references users (id),
  kind       text not null check (kind in ('registration', 'patient', 'check_in', 'settings', 'consultation')),
  subject_id uuid,
  body       jsonb not null check (octet_length(body::text) <= 262144),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version    integer not null default 1
);
create unique index drafts_one on drafts (user_id, kind, coalesce(subject_id, '00000000-0000-0000-0000-000000000000'));
create trigger bump before update on drafts for each row execute function platform.bump();
select platform.protect('drafts',
  '{"clinic_admin": "own:S own:I own:U own:D", "doctor": "own:S own:I own:U own:D", "receptionist": "own:S own:I own:U own:D"}',
  conditions => '{"own": "user_id = (select platform.current_user_id())"}',
  -- Nobody but its writer may read a draft, so the trail doesn't keep its words.
  secret => '{body}', quiet => '{body}');

-- A form's key, so that the same form sent twice is done once.
create table submissions (
  clinic_id  uuid not null,
  id         uuid primary key,
  user_id    uuid not null references users (id),
  action     text not null,
  result_id  uuid not null,
  created_at timestamptz not null default now()
);
create index submissions_created on submissions (created_at);
select platform.protect('submissions',
  '{"clinic_admin": "own:S own:I", "doctor": "own:S own:I", "nurse": "own:S own:I", "receptionist": "own:S own:I", "lab_technician": "own:S own:I"}',
  conditions => '{"own": "user_id = (select platform.current_user_id())"}');

-- +goose Down
drop table submissions, drafts, displays, queue_moves, tokens, visits, sessions, invitations, identifiers, patient_merges,
  name_words, patients, profiles, users, departments, settings, counters, trail;
