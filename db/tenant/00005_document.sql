-- What patients bring along from elsewhere: reports and pictures as files. The
-- row says what it is; the file itself stands encrypted in the store under the
-- same id. Nothing is deleted or changed: a wrong one is withdrawn with a
-- reason, and stays to be seen as that. The rules stand in platform.guard_document.

-- +goose Up
create table documents (
  clinic_id   uuid not null,
  id          uuid primary key,
  patient_id  uuid not null references patients (id),
  kind        text not null check (kind in ('lab', 'xray', 'ct', 'ultrasound', 'ecg', 'blood', 'discharge', 'other')),
  title       text not null check (btrim(title) <> '' and length(title) <= 200),
  -- The day that stands on the report.
  dated_on    date,
  note        text not null default '' check (length(note) <= 1000),
  media_type  text not null check (media_type in ('application/pdf', 'image/jpeg', 'image/png')),
  bytes       integer not null check (bytes between 1 and 10485760),
  pages       smallint not null check (pages between 1 and 200),
  -- Empty where the patient brought it through the portal.
  uploaded_by uuid references users (id),
  uploaded_at timestamptz not null default now()
);
create index documents_patient on documents (patient_id, uploaded_at desc, id desc);
create trigger a_guard before insert on documents for each row execute function platform.guard_document('documents');
select platform.protect('documents',
  '{"clinic_admin": "S I", "doctor": "S I", "nurse": "S I", "receptionist": "S I", "lab_technician": "S I", "patient": "own:S own:I", "jobs": "S I"}',
  conditions => '{"own": "patient_id = (select platform.current_patient_id())"}', append_only => true);

create table document_withdrawals (
  clinic_id    uuid not null,
  id           uuid primary key,
  document_id  uuid not null references documents (id),
  patient_id   uuid not null references patients (id),
  reason       text not null check (btrim(reason) <> '' and length(reason) <= 500),
  withdrawn_by uuid references users (id),
  withdrawn_at timestamptz not null default now()
);
create unique index document_withdrawals_one on document_withdrawals (document_id);
create trigger a_guard before insert on document_withdrawals for each row execute function platform.guard_document('document_withdrawals');
select platform.protect('document_withdrawals',
  '{"clinic_admin": "S I", "doctor": "S I", "nurse": "S I", "receptionist": "S I", "lab_technician": "S I", "patient": "own:S", "jobs": "S I"}',
  conditions => '{"own": "patient_id = (select platform.current_patient_id())"}', append_only => true);

-- +goose Down
drop table document_withdrawals, documents;
