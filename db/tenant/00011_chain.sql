-- Seals: each covers some rows of the trail and the seal before, so that none of
-- them can be changed, removed, put in or put elsewhere without a trace. Only
-- platform.seal_trail makes them; what they cover goes to the trail as a digest.

-- +goose Up
create table seals (
  clinic_id uuid not null,
  id        uuid primary key,
  number    bigint not null unique check (number > 0),
  sealed_at timestamptz not null,
  previous  bytea not null check (length(previous) = 32),
  last_xact xid8 not null,
  last_id   uuid not null,
  -- Of each row its id and its hash, 48 bytes, in the order of the rows.
  rows      bytea not null check (length(rows) > 0 and length(rows) % 48 = 0),
  hash      bytea not null check (length(hash) = 32)
);
select platform.protect('seals', '{"clinic_admin": "S(id,number,sealed_at,hash)"}', secret => '{rows}', append_only => true);

-- The order of sealing. Rows come in at its end, so it costs a write little.
create index trail_xact on trail (xact, id);

-- +goose Down
drop index trail_xact;
drop table seals;
