-- What a doctor finds and decides: vitals of a visit, the consultation with its
-- diagnoses, what is added after it is finished, and when the patient shall
-- come again. What is being typed stays in drafts until it is finished. The
-- rules stand in platform.guard_consultation, guard_note and guard_vitals.

-- +goose Up
create table consultations (
  clinic_id      uuid not null,
  id             uuid primary key,
  visit_id       uuid not null references visits (id),
  patient_id     uuid not null references patients (id),
  doctor_id      uuid not null references users (id),
  complaint      text not null default '' check (length(complaint) <= 4000),
  symptoms       text[] not null default '{}' check (cardinality(symptoms) <= 60),
  findings       text not null default '' check (length(findings) <= 8000),
  plan           text not null default '' check (length(plan) <= 8000),
  advice         text not null default '' check (length(advice) <= 4000),
  urgency        text not null default 'routine' check (urgency in ('routine', 'moderate', 'urgent', 'critical')),
  follow_up_days smallint check (follow_up_days between 1 and 730),
  state          text not null default 'open' check (state in ('open', 'finished')),
  started_at     timestamptz not null default now(),
  finished_at    timestamptz,
  updated_at     timestamptz not null default now(),
  version        integer not null default 1,
  constraint consultations_end check ((state = 'finished') = (finished_at is not null))
);
create unique index consultations_one on consultations (visit_id, doctor_id);
create index consultations_patient on consultations (patient_id, started_at desc);
create index consultations_open on consultations (doctor_id, started_at) where state = 'open';
create trigger a_guard before insert or update or delete on consultations for each row execute function platform.guard_consultation();
select platform.protect('consultations',
  '{"clinic_admin": "S", "nurse": "S", "receptionist": "S", "patient": "finished:S", "jobs": "S I",
    "doctor": "S own:I own:U(complaint,symptoms,findings,plan,advice,urgency,follow_up_days,state)"}',
  conditions => '{"own": "doctor_id = (select platform.current_user_id())",
    "finished": "patient_id = (select platform.current_patient_id()) and state = ''finished''"}');

-- Code and title stand as they were in the list of that day; free text has no
-- code. One that the doctor takes back before finishing is withdrawn.
create table diagnoses (
  clinic_id       uuid not null,
  id              uuid primary key,
  consultation_id uuid not null references consultations (id),
  patient_id      uuid not null references patients (id),
  doctor_id       uuid not null references users (id),
  code            text not null default '' check (code = '' or code ~ '^[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?$'),
  title           text not null check (btrim(title) <> '' and length(title) <= 300),
  note            text not null default '' check (length(note) <= 500),
  position        smallint not null check (position > 0),
  withdrawn       boolean not null default false,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  version         integer not null default 1
);
create unique index diagnoses_once on diagnoses (consultation_id, code, lower(title)) where not withdrawn;
create index diagnoses_doctor on diagnoses (doctor_id, created_at desc);
create trigger a_guard before insert or update or delete on diagnoses for each row execute function platform.guard_note('diagnoses');
create trigger bump before update on diagnoses for each row execute function platform.bump();
select platform.protect('diagnoses',
  '{"clinic_admin": "S", "nurse": "S", "receptionist": "S", "patient": "finished:S", "jobs": "S I",
    "doctor": "S own:I own:U(note,position,withdrawn)"}',
  conditions => '{"own": "doctor_id = (select platform.current_user_id())",
    "finished": "patient_id = (select platform.current_patient_id()) and not withdrawn and exists (select from consultations c where c.id = diagnoses.consultation_id)"}');

create table addenda (
  clinic_id       uuid not null,
  id              uuid primary key,
  consultation_id uuid not null references consultations (id),
  patient_id      uuid not null references patients (id),
  doctor_id       uuid not null references users (id),
  body            text not null check (btrim(body) <> '' and length(body) <= 4000),
  written_at      timestamptz not null default now()
);
create index addenda_consultation on addenda (consultation_id, written_at);
create trigger a_guard before insert on addenda for each row execute function platform.guard_note('addenda');
select platform.protect('addenda',
  '{"clinic_admin": "S", "nurse": "S", "receptionist": "S", "patient": "finished:S", "jobs": "S I", "doctor": "S own:I"}',
  conditions => '{"own": "doctor_id = (select platform.current_user_id())",
    "finished": "patient_id = (select platform.current_patient_id())"}', append_only => true);

-- Whole numbers in fixed units, so that nothing is rounded twice: pressure in
-- mmHg, temperature in tenths of the degree it was told in, sugar in mg/dL.
create table vitals (
  clinic_id          uuid not null,
  id                 uuid primary key,
  visit_id           uuid not null references visits (id),
  patient_id         uuid not null references patients (id),
  taken_by           uuid references users (id),
  taken_at           timestamptz not null default now(),
  systolic           smallint check (systolic between 30 and 300),
  diastolic          smallint check (diastolic between 10 and 200),
  pulse              smallint check (pulse between 20 and 300),
  temperature_tenths smallint,
  temperature_unit   text not null default '' check (temperature_unit in ('', 'C', 'F')),
  respiration        smallint check (respiration between 3 and 120),
  spo2               smallint check (spo2 between 30 and 100),
  sugar              smallint check (sugar between 10 and 1000),
  sugar_kind         text not null default '' check (sugar_kind in ('', 'fasting', 'random')),
  weight_grams       integer check (weight_grams between 200 and 500000),
  height_mm          integer check (height_mm between 200 and 2700),
  -- Tenths of kg/m².
  bmi_tenths         integer generated always as (round(weight_grams::numeric * 10000 / (height_mm::numeric * height_mm))::integer) stored,
  updated_at         timestamptz not null default now(),
  version            integer not null default 1,
  constraint vitals_pressure check ((systolic is null) = (diastolic is null) and (systolic is null or systolic > diastolic)),
  constraint vitals_temperature check (case temperature_unit when 'C' then temperature_tenths between 250 and 450
    when 'F' then temperature_tenths between 770 and 1130 else temperature_tenths is null end),
  constraint vitals_sugar check ((sugar is null) = (sugar_kind = '')),
  constraint vitals_some check (num_nonnulls(systolic, pulse, temperature_tenths, respiration, spo2, sugar, weight_grams, height_mm) > 0)
);
create unique index vitals_one on vitals (visit_id, taken_by);
create index vitals_patient on vitals (patient_id, taken_at desc);
create trigger a_guard before insert or update or delete on vitals for each row execute function platform.guard_vitals();
select platform.protect('vitals',
  '{"clinic_admin": "S", "receptionist": "S I", "patient": "own:S", "jobs": "S I",
    "doctor": "S I own:U(systolic,diastolic,pulse,temperature_tenths,temperature_unit,respiration,spo2,sugar,sugar_kind,weight_grams,height_mm)",
    "nurse": "S I own:U(systolic,diastolic,pulse,temperature_tenths,temperature_unit,respiration,spo2,sugar,sugar_kind,weight_grams,height_mm)"}',
  conditions => '{"own": "taken_by = (select platform.current_user_id()) or patient_id = (select platform.current_patient_id())"}');

create table follow_ups (
  clinic_id       uuid not null,
  id              uuid primary key,
  consultation_id uuid not null references consultations (id),
  patient_id      uuid not null references patients (id),
  doctor_id       uuid not null references users (id),
  due_on          date not null,
  note            text not null default '' check (length(note) <= 500),
  state           text not null default 'due' check (state in ('due', 'done', 'cancelled')),
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  version         integer not null default 1
);
create unique index follow_ups_one on follow_ups (consultation_id);
create index follow_ups_due on follow_ups (doctor_id, due_on) where state = 'due';
create index follow_ups_patient on follow_ups (patient_id, due_on);
create trigger bump before update on follow_ups for each row execute function platform.bump();
select platform.protect('follow_ups',
  '{"clinic_admin": "S", "nurse": "S", "patient": "own:S", "jobs": "S I",
    "doctor": "S I U(due_on,note,state)", "receptionist": "S U(due_on,note,state)"}',
  conditions => '{"own": "patient_id = (select platform.current_patient_id())"}');

-- +goose Down
drop table follow_ups, vitals, addenda, diagnoses, consultations;
