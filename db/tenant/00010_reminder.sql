-- Reminders of appointments: which time of an appointment its patient was
-- reminded of, one row an appointment. A row counts for the time and the doctor
-- that it names: who is moved is reminded anew. It stands beside the appointment
-- and not in it, since a reminder must not make a form out of date that somebody
-- has open. A try that failed is made again later, a few times.

-- +goose Up
create table reminders (
  clinic_id      uuid not null,
  id             uuid primary key,
  appointment_id uuid not null references appointments (id),
  patient_id     uuid not null references patients (id),
  doctor_id      uuid not null references users (id),
  starts_at      timestamptz not null,
  tries          smallint not null default 1 check (tries > 0),
  tried_at       timestamptz not null,
  sent_at        timestamptz
);
create unique index reminders_appointment on reminders (appointment_id);
create index reminders_patient on reminders (patient_id);
select platform.protect('reminders',
  '{"clinic_admin": "S", "doctor": "S", "nurse": "S", "receptionist": "S", "jobs": "S I U(doctor_id,starts_at,tries,tried_at,sent_at)"}',
  quiet => '{tries,tried_at}');

alter table settings add column appointment_reminders boolean not null default true;

-- +goose Down
alter table settings drop column appointment_reminders;
drop table reminders;
