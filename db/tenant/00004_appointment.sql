-- Who comes when: appointments with a doctor, and the days on which a doctor is
-- away. Two appointments of one doctor, or of one patient, never overlap, which
-- an exclusion constraint says whoever books at whatever moment. What may be
-- booked stands in platform.guard_appointment.

-- +goose Up
create table leaves (
  clinic_id  uuid not null,
  id         uuid primary key,
  doctor_id  uuid not null references users (id),
  from_day   date not null,
  until_day  date not null,
  reason     text not null default '' check (length(reason) <= 200),
  withdrawn  boolean not null default false,
  created_by uuid references users (id),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version    integer not null default 1,
  constraint leaves_days check (until_day >= from_day and until_day - from_day < 366)
);
create index leaves_doctor on leaves (doctor_id, until_day) where not withdrawn;
create trigger a_guard before insert or update on leaves for each row execute function platform.guard_leave();
select platform.protect('leaves',
  '{"clinic_admin": "S I U(withdrawn)", "doctor": "S own:I own:U(withdrawn)", "nurse": "S", "receptionist": "S I U(withdrawn)", "jobs": "S I"}',
  conditions => '{"own": "doctor_id = (select platform.current_user_id())"}');

create table appointments (
  clinic_id    uuid not null,
  id           uuid primary key,
  patient_id   uuid not null references patients (id),
  doctor_id    uuid not null references users (id),
  starts_at    timestamptz not null,
  -- The guard sets it by the clinic's slot.
  ends_at      timestamptz not null,
  kind         text not null default 'routine' check (kind in ('routine', 'follow_up')),
  purpose      text not null default '' check (length(purpose) <= 500),
  state        text not null default 'booked' check (state in ('booked', 'arrived', 'no_show', 'cancelled')),
  state_reason text not null default '' check (length(state_reason) <= 500),
  visit_id     uuid references visits (id),
  follow_up_id uuid references follow_ups (id),
  booked_by    uuid references users (id),
  created_at   timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  version      integer not null default 1,
  constraint appointments_length check (ends_at > starts_at and ends_at - starts_at <= interval '4 hours'),
  constraint appointments_visit check ((state = 'arrived') = (visit_id is not null)),
  constraint appointments_cancel_reason check (state <> 'cancelled' or btrim(state_reason) <> ''),
  constraint appointments_doctor_free exclude using gist (doctor_id with =, tstzrange(starts_at, ends_at) with &&) where (state in ('booked', 'arrived')),
  constraint appointments_patient_free exclude using gist (patient_id with =, tstzrange(starts_at, ends_at) with &&) where (state in ('booked', 'arrived'))
);
create unique index appointments_visit_one on appointments (visit_id);
create index appointments_day on appointments (starts_at);
create index appointments_doctor on appointments (doctor_id, starts_at);
create index appointments_patient on appointments (patient_id, starts_at desc);
create index appointments_follow_up on appointments (follow_up_id) where follow_up_id is not null;
create trigger a_guard before insert or update on appointments for each row execute function platform.guard_appointment();
select platform.protect('appointments',
  '{"clinic_admin": "S I U(doctor_id,starts_at,kind,purpose,state,state_reason,visit_id)", "nurse": "S",
    "doctor": "S own:I own:U(starts_at,kind,purpose,state,state_reason)",
    "receptionist": "S I U(doctor_id,starts_at,kind,purpose,state,state_reason,visit_id)",
    "patient": "own:S(id,patient_id,doctor_id,starts_at,ends_at,kind,purpose,state,state_reason,version) own:I(id,patient_id,doctor_id,starts_at,kind,purpose) own:U(doctor_id,starts_at,state,state_reason)",
    "jobs": "S I"}',
  conditions => '{"own": "doctor_id = (select platform.current_user_id()) or patient_id = (select platform.current_patient_id())"}');

-- +goose Down
drop table appointments, leaves;
