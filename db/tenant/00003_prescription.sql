-- What a doctor prescribes and which tests they ask for, and the clinic's own
-- lists of both. What is being typed stays in the consultation's draft; a
-- prescription gets its lines and its number when it is issued, and from then
-- on only its state moves. Doses are in quarters of a tablet or measure, so
-- that half a tablet is a whole number. The rules stand in
-- platform.guard_prescription, guard_prescription_line and guard_test_request.

-- +goose Up
create table formulary (
  clinic_id  uuid not null,
  id         uuid primary key,
  name       text not null check (btrim(name) <> '' and length(name) <= 200),
  generic    text not null default '' check (length(generic) <= 200),
  form       text not null default '' check (form in ('', 'tablet', 'capsule', 'syrup', 'injection', 'ointment', 'cream', 'drops', 'soap', 'lotion', 'powder', 'suspension', 'inhaler')),
  strengths  text[] not null default '{}' check (cardinality(strengths) <= 30),
  strength   text not null default '' check (length(strength) <= 60),
  morning    smallint not null default 0 check (morning between 0 and 80),
  afternoon  smallint not null default 0 check (afternoon between 0 and 80),
  evening    smallint not null default 0 check (evening between 0 and 80),
  night      smallint not null default 0 check (night between 0 and 80),
  sos        boolean not null default false,
  days       smallint check (days between 1 and 365),
  food       text not null default '' check (food in ('', 'before', 'after', 'with', 'any')),
  route      text not null default '' check (length(route) <= 40),
  class      text not null default '' check (class ~ '^[a-z_]{0,40}$'),
  active     boolean not null default true,
  source     text not null default 'clinic' check (source in ('starter', 'clinic')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version    integer not null default 1,
  constraint formulary_dose check (not sos or morning + afternoon + evening + night = 0)
);
create unique index formulary_once on formulary (lower(name), form, route);
create trigger bump before update on formulary for each row execute function platform.bump();
select platform.protect('formulary',
  '{"clinic_admin": "S I U", "doctor": "S I U", "nurse": "S", "receptionist": "S", "lab_technician": "S", "jobs": "S I"}');

create table test_catalogue (
  clinic_id  uuid not null,
  id         uuid primary key,
  name       text not null check (btrim(name) <> '' and length(name) <= 200),
  kind       text not null default 'other' check (kind in ('blood', 'urine', 'xray', 'ultrasound', 'ecg', 'ct', 'mri', 'other')),
  category   text not null default '' check (length(category) <= 100),
  code       text not null default '' check (length(code) <= 20),
  active     boolean not null default true,
  source     text not null default 'clinic' check (source in ('starter', 'clinic')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version    integer not null default 1
);
create unique index test_catalogue_once on test_catalogue (lower(name));
create trigger bump before update on test_catalogue for each row execute function platform.bump();
select platform.protect('test_catalogue',
  '{"clinic_admin": "S I U", "doctor": "S I U", "nurse": "S", "receptionist": "S", "lab_technician": "S", "jobs": "S I"}');

create table prescriptions (
  clinic_id      uuid not null,
  id             uuid primary key,
  number         text not null default '' check (number ~ '^(RX-[0-9]{4}-[0-9]{5,12})?$'),
  visit_id       uuid not null references visits (id),
  patient_id     uuid not null references patients (id),
  doctor_id      uuid not null references users (id),
  state          text not null default 'draft' check (state in ('draft', 'issued', 'dispensed', 'completed', 'cancelled')),
  cancel_reason  text not null default '' check (length(cancel_reason) <= 500),
  version_of     uuid references prescriptions (id),
  version_reason text not null default '' check (length(version_reason) <= 500),
  issued_at      timestamptz,
  ended_at       timestamptz,
  created_at     timestamptz not null default now(),
  updated_at     timestamptz not null default now(),
  version        integer not null default 1,
  constraint prescriptions_issue check ((state = 'draft') = (issued_at is null) and (state = 'draft') = (number = '')),
  constraint prescriptions_end check ((state in ('completed', 'cancelled')) = (ended_at is not null)),
  constraint prescriptions_cancel_reason check ((state = 'cancelled') = (btrim(cancel_reason) <> '')),
  constraint prescriptions_version check ((version_of is null) = (btrim(version_reason) = '') and version_of <> id)
);
create unique index prescriptions_number on prescriptions (number) where number <> '';
create unique index prescriptions_version_of on prescriptions (version_of);
create index prescriptions_patient on prescriptions (patient_id, issued_at desc);
create index prescriptions_visit on prescriptions (visit_id);
create trigger a_guard before insert or update or delete on prescriptions for each row execute function platform.guard_prescription();
select platform.protect('prescriptions',
  '{"clinic_admin": "S", "doctor": "S own:I own:U(state,cancel_reason)", "nurse": "S", "receptionist": "S", "patient": "issued:S", "jobs": "S I"}',
  conditions => '{"own": "doctor_id = (select platform.current_user_id())",
    "issued": "patient_id = (select platform.current_patient_id()) and state <> ''draft''"}');

-- warnings are what the doctor was told and overrode, with the reason.
create table prescription_lines (
  clinic_id       uuid not null,
  id              uuid primary key,
  prescription_id uuid not null references prescriptions (id),
  patient_id      uuid not null references patients (id),
  doctor_id       uuid not null references users (id),
  position        smallint not null check (position > 0),
  medicine        text not null check (btrim(medicine) <> '' and length(medicine) <= 200),
  generic         text not null default '' check (length(generic) <= 200),
  form            text not null default '' check (form in ('', 'tablet', 'capsule', 'syrup', 'injection', 'ointment', 'cream', 'drops', 'soap', 'lotion', 'powder', 'suspension', 'inhaler')),
  strength        text not null default '' check (length(strength) <= 60),
  morning         smallint not null default 0 check (morning between 0 and 80),
  afternoon       smallint not null default 0 check (afternoon between 0 and 80),
  evening         smallint not null default 0 check (evening between 0 and 80),
  night           smallint not null default 0 check (night between 0 and 80),
  sos             boolean not null default false,
  days            smallint check (days between 1 and 365),
  quantity        smallint check (quantity between 1 and 5000),
  food            text not null default '' check (food in ('', 'before', 'after', 'with', 'any')),
  route           text not null default '' check (length(route) <= 40),
  instructions    text not null default '' check (length(instructions) <= 500),
  refills         smallint not null default 0 check (refills between 0 and 24),
  listed          boolean not null default false,
  warnings        text[] not null default '{}' check (warnings <@ array['allergy', 'twice', 'no_dose', 'no_days']),
  override_reason text not null default '' check (length(override_reason) <= 300),
  created_at      timestamptz not null default now(),
  constraint prescription_lines_dose check (not sos or morning + afternoon + evening + night = 0),
  constraint prescription_lines_override check ((cardinality(warnings) > 0) = (btrim(override_reason) <> ''))
);
create unique index prescription_lines_position on prescription_lines (prescription_id, position);
create index prescription_lines_doctor on prescription_lines (doctor_id, created_at desc);
create index prescription_lines_patient on prescription_lines (patient_id, created_at desc);
create trigger a_guard before insert on prescription_lines for each row execute function platform.guard_prescription_line();
select platform.protect('prescription_lines',
  '{"clinic_admin": "S", "doctor": "S own:I", "nurse": "S", "receptionist": "S", "patient": "issued:S", "jobs": "S I"}',
  conditions => '{"own": "doctor_id = (select platform.current_user_id())",
    "issued": "patient_id = (select platform.current_patient_id()) and exists (select from prescriptions p where p.id = prescription_lines.prescription_id)"}', append_only => true);

-- A doctor's own way with a complaint that comes again and again. sheet holds
-- the rows as they are typed, since they become rows of a form.
create table prescription_templates (
  clinic_id  uuid not null,
  id         uuid primary key,
  doctor_id  uuid not null references users (id),
  name       text not null check (btrim(name) <> '' and length(name) <= 100),
  keyword    text not null default '' check (keyword = lower(keyword) and length(keyword) <= 30),
  sheet      jsonb not null check (jsonb_typeof(sheet) = 'object' and octet_length(sheet::text) <= 65536),
  shared     boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version    integer not null default 1
);
create unique index prescription_templates_name on prescription_templates (doctor_id, lower(name));
create trigger bump before update on prescription_templates for each row execute function platform.bump();
select platform.protect('prescription_templates',
  '{"clinic_admin": "S", "doctor": "own:S shared:S own:I own:U own:D", "jobs": "S I"}',
  conditions => '{"own": "doctor_id = (select platform.current_user_id())", "shared": "shared"}');

create table test_requests (
  clinic_id    uuid not null,
  id           uuid primary key,
  visit_id     uuid not null references visits (id),
  patient_id   uuid not null references patients (id),
  doctor_id    uuid not null references users (id),
  state        text not null default 'requested' check (state in ('requested', 'collected', 'in_progress', 'reported', 'cancelled')),
  state_reason text not null default '' check (length(state_reason) <= 500),
  test_id      uuid references test_catalogue (id),
  name         text not null check (btrim(name) <> '' and length(name) <= 200),
  kind         text not null default 'other' check (kind in ('blood', 'urine', 'xray', 'ultrasound', 'ecg', 'ct', 'mri', 'other')),
  code         text not null default '' check (length(code) <= 20),
  urgency      text not null default 'routine' check (urgency in ('routine', 'stat')),
  required_on  date,
  note         text not null default '' check (length(note) <= 500),
  requested_at timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  version      integer not null default 1,
  constraint test_requests_cancel_reason check (state <> 'cancelled' or btrim(state_reason) <> '')
);
create unique index test_requests_once on test_requests (visit_id, lower(name)) where state <> 'cancelled';
create index test_requests_patient on test_requests (patient_id, requested_at desc);
create index test_requests_open on test_requests (urgency, requested_at) where state in ('requested', 'collected', 'in_progress');
create trigger a_guard before insert or update or delete on test_requests for each row execute function platform.guard_test_request();
select platform.protect('test_requests',
  '{"clinic_admin": "S", "doctor": "S own:I own:U(state,state_reason,urgency,required_on,note)", "nurse": "S", "receptionist": "S",
    "lab_technician": "S U(state,state_reason)", "patient": "own:S", "jobs": "S I"}',
  conditions => '{"own": "doctor_id = (select platform.current_user_id()) or patient_id = (select platform.current_patient_id())"}');

select platform.add_starter_lists();

-- +goose Down
drop table test_requests, prescription_templates, prescription_lines, prescriptions, test_catalogue, formulary;
