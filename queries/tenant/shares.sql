-- name: GetShared :one
-- What sharing needs to know of a prescription and its patient, who may have been
-- merged into another record, and that into a third.
with recursive up (id, merged_into) as (
  select o.id, o.merged_into from prescriptions p join patients o on o.id = p.patient_id where p.id = @id
  union
  select o.id, o.merged_into from patients o join up u on o.id = u.merged_into
)
select p.id, p.number, p.state, p.patient_id, k.id as record_id, k.full_name, k.local_name, k.number as patient_number, k.sex, k.phone, k.email, k.language,
       k.birth_date, k.age_years, k.age_months, k.age_told_on
from prescriptions p
join up u on u.merged_into is null
join patients k on k.id = u.id
where p.id = @id and p.state <> 'draft';

-- name: InsertShare :exec
-- The same form makes the same link. The patient is the prescription's.
insert into shares (id, prescription_id, patient_id, token_hash, channel, recipient, expires_at)
values (@id, @prescription_id, @prescription_id, @token_hash, @channel, @recipient, now() + make_interval(days => @days::integer));

-- name: InsertShareEvent :exec
-- The patient is the link's.
insert into share_events (id, share_id, patient_id, kind) values (@id, @share_id, @share_id, @kind);

-- name: ListShares :many
-- Newest first, with how each was delivered.
select s.id, s.channel, s.recipient, coalesce(u.full_name, '')::text as created_by, s.created_at, s.expires_at, s.revoked_at, coalesce(b.full_name, '')::text as revoked_by,
       s.wrong_tries, s.locked_at, s.opened_count, s.first_opened_at, s.last_opened_at, (s.expires_at <= now())::boolean as expired,
       coalesce((select e.kind from share_events e where e.share_id = s.id and e.kind in ('handed', 'sent', 'failed') order by e.at desc, e.id desc limit 1), '')::text as delivery,
       (select count(*) from share_events e where e.share_id = s.id and e.kind = 'downloaded')::integer as downloads
from shares s
left join users u on u.id = s.created_by
left join users b on b.id = s.revoked_by
where s.prescription_id = @prescription_id
order by s.created_at desc, s.id desc
limit @at_most::integer;

-- name: GetShare :one
select s.id, s.prescription_id, s.channel, s.recipient from shares s where s.id = @id;

-- name: RevokeShare :execrows
update shares set revoked_at = now() where id = @id and revoked_at is null;

-- name: LookAtShare :one
-- Under cloister_share: what the link of this hash is good for.
select r.state::text as state, r.language::text as language, r.tries_left::integer as tries_left
from platform.share_look(@hash::bytea) r;

-- name: TryShare :one
-- Under cloister_share: an answer to the link's question is judged and counted.
select r.share_id::uuid as share_id, r.state::text as state, r.tries_left::integer as tries_left
from platform.share_try(@hash::bytea, @answer::text, @opening::bytea) r;

-- name: ReadShare :one
-- Under cloister_share and the signed link: what stands on the prescription.
select coalesce(platform.share_read(@opening::bytea, @file::boolean), 'null'::jsonb)::jsonb as document;
