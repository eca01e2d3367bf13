-- Prescriptions by link: who may see which one until when, and what became of
-- it. The link itself is nowhere: only its hash is kept. Whoever opens one has no
-- right on these tables; the functions of platform/00011_share.sql keep the
-- counters and the log. Nothing is deleted: a link is revoked.

-- +goose Up
create table shares (
  clinic_id       uuid not null,
  id              uuid primary key,
  prescription_id uuid not null references prescriptions (id),
  patient_id      uuid not null references patients (id),
  token_hash      bytea not null check (octet_length(token_hash) = 32),
  channel         text not null check (channel in ('whatsapp', 'sms', 'email', 'copy')),
  -- Whom it was sent to: a phone in E.164 or an email; empty where it was copied.
  recipient       text not null default '' check (length(recipient) <= 254),
  created_by      uuid references users (id),
  created_at      timestamptz not null default now(),
  expires_at      timestamptz not null default now() + interval '7 days',
  revoked_at      timestamptz,
  revoked_by      uuid references users (id),
  wrong_tries     smallint not null default 0 check (wrong_tries between 0 and 5),
  locked_at       timestamptz,
  opened_count    integer not null default 0 check (opened_count >= 0),
  first_opened_at timestamptz,
  last_opened_at  timestamptz,
  updated_at      timestamptz not null default now(),
  version         integer not null default 1,
  constraint shares_expiry check (expires_at > created_at and expires_at <= created_at + interval '31 days'),
  constraint shares_lock check ((wrong_tries = 5) = (locked_at is not null)),
  constraint shares_opened check ((opened_count = 0) = (first_opened_at is null) and (opened_count = 0) = (last_opened_at is null)),
  constraint shares_recipient check (case channel when 'copy' then recipient = '' when 'email' then recipient like '%_@_%' else recipient ~ '^\+[0-9]{6,15}$' end)
);
create unique index shares_token on shares (token_hash);
create index shares_prescription on shares (prescription_id, created_at desc);
create index shares_patient on shares (patient_id, created_at desc);
create trigger a_guard before insert or update or delete on shares for each row execute function platform.guard_share();
select platform.protect('shares',
  '{"clinic_admin": "S(id,prescription_id,patient_id,channel,recipient,created_by,created_at,expires_at,revoked_at,revoked_by,wrong_tries,locked_at,opened_count,first_opened_at,last_opened_at,updated_at,version) U(revoked_at)",
    "doctor": "S(id,prescription_id,patient_id,channel,recipient,created_by,created_at,expires_at,revoked_at,revoked_by,wrong_tries,locked_at,opened_count,first_opened_at,last_opened_at,updated_at,version) I(id,prescription_id,patient_id,token_hash,channel,recipient,expires_at) U(revoked_at)",
    "nurse": "S(id,prescription_id,patient_id,channel,recipient,created_by,created_at,expires_at,revoked_at,revoked_by,wrong_tries,locked_at,opened_count,first_opened_at,last_opened_at,updated_at,version)",
    "receptionist": "S(id,prescription_id,patient_id,channel,recipient,created_by,created_at,expires_at,revoked_at,revoked_by,wrong_tries,locked_at,opened_count,first_opened_at,last_opened_at,updated_at,version) I(id,prescription_id,patient_id,token_hash,channel,recipient,expires_at) U(revoked_at)",
    "patient": "own:S(id,prescription_id,patient_id,channel,recipient,created_at,expires_at,revoked_at,locked_at,opened_count,first_opened_at,last_opened_at)",
    "jobs": "S I"}',
  conditions => '{"own": "patient_id = (select platform.current_patient_id())"}', secret => '{token_hash}');

-- What became of a link: handed to whoever sends it on, mailed or not, opened,
-- its file taken, a wrong answer. An opening has a key of its own, kept as its
-- hash, and ends by itself.
create table share_events (
  clinic_id     uuid not null,
  id            uuid primary key,
  share_id      uuid not null references shares (id),
  patient_id    uuid not null references patients (id),
  kind          text not null check (kind in ('handed', 'sent', 'failed', 'opened', 'downloaded', 'refused', 'locked')),
  at            timestamptz not null default now(),
  address       text not null default '' check (length(address) <= 64),
  opening_hash  bytea check (octet_length(opening_hash) = 32),
  opening_until timestamptz,
  constraint share_events_opening check ((opening_hash is not null) = (kind = 'opened') and (opening_until is not null) = (kind = 'opened'))
);
create index share_events_share on share_events (share_id, at);
create trigger a_guard before insert on share_events for each row execute function platform.guard_share_event();
select platform.protect('share_events',
  '{"clinic_admin": "S(id,share_id,patient_id,kind,at,address)", "doctor": "S(id,share_id,patient_id,kind,at,address) I(id,share_id,patient_id,kind)", "nurse": "S(id,share_id,patient_id,kind,at,address)",
    "receptionist": "S(id,share_id,patient_id,kind,at,address) I(id,share_id,patient_id,kind)", "patient": "own:S(id,share_id,patient_id,kind,at)", "jobs": "S I"}',
  conditions => '{"own": "patient_id = (select platform.current_patient_id())"}', secret => '{opening_hash}', append_only => true);

-- +goose Down
drop table share_events, shares;
