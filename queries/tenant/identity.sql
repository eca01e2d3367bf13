-- name: GateSession :one
-- Under cloister_gate: who a session token belongs to. All-zero ids stand for none.
select r.session_id::uuid as session_id,
       coalesce(r.user_id, '00000000-0000-0000-0000-000000000000'::uuid)::uuid as user_id,
       coalesce(r.patient_id, '00000000-0000-0000-0000-000000000000'::uuid)::uuid as patient_id,
       r.role::text as role, r.full_name::text as full_name, r.language::text as language, r.theme::text as theme,
       r.density::text as density, r.single_keys::boolean as single_keys, r.idle_minutes::integer as idle_minutes,
       r.created_at::timestamptz as created_at, r.last_seen_at::timestamptz as last_seen_at
from platform.gate_session(@hash::bytea) r;

-- name: GateSignIn :one
-- Under cloister_gate: what verifies a password; the try is counted here.
select r.user_id::uuid as user_id, r.role::text as role, coalesce(r.password_hash, '')::text as password_hash,
       r.active::boolean as active, coalesce(r.locked_until > now(), false)::boolean as resting
from platform.gate_signin(@login::text) r;

-- name: GateReauth :one
-- Under cloister_gate: GateSignIn for somebody who is signed in.
select r.role::text as role, coalesce(r.password_hash, '')::text as password_hash,
       r.active::boolean as active, coalesce(r.locked_until > now(), false)::boolean as resting
from platform.gate_reauth(@user_id::uuid) r;

-- name: ClearFailures :execrows
update users set failed_attempts = 0, locked_until = null, last_seen_at = now() where id = @id and active;

-- name: InsertSession :exec
insert into sessions (id, user_id, token_hash, address, agent) values (@id, @user_id::uuid, @token_hash, @address, @agent);

-- name: TouchSession :execrows
update sessions set last_seen_at = now() where id = @id and revoked_at is null;

-- name: NoteActivity :exec
select platform.note_activity();

-- name: RevokeSession :execrows
update sessions set revoked_at = now() where id = @id and user_id = @user_id::uuid and revoked_at is null;

-- name: RevokeSessionsOfUser :execrows
-- The session that is kept may be the all-zero id, for none.
update sessions set revoked_at = now() where user_id = @user_id::uuid and revoked_at is null and id <> @keep::uuid;

-- name: ListSessionsOfUser :many
select s.id, s.created_at, s.last_seen_at, s.address, s.agent
from sessions s, settings c
where s.user_id = @user_id::uuid and s.revoked_at is null
  and s.last_seen_at > now() - make_interval(mins => c.session_idle_minutes)
order by s.last_seen_at desc, s.id
limit 100;

-- name: SetPassword :execrows
update users set password_hash = @password_hash::text, password_changed_at = now(), failed_attempts = 0, locked_until = null
where id = @id and active;

-- name: RefreshHash :execrows
-- The same password under newer costs: it was not changed.
update users set password_hash = @password_hash::text where id = @id and active;

-- name: SetPreferences :execrows
update users set language = @language, theme = @theme, density = @density, single_keys = @single_keys where id = @id;

-- name: FindUserForReset :one
-- Under cloister_jobs: whom a forgotten password belongs to. The row is locked,
-- so that links asked for at once are counted one after the other.
select id, username, coalesce(email, '')::text as email, full_name, role from users
where active and (username = @login::text or email = @login::text)
for update;

-- name: GetOwnLogin :one
-- Under a staff role: what the signed user signs in with.
select r.username::text as username, coalesce(r.email, '')::text as email from platform.own_login() r;

-- name: GetInvitation :one
select i.id, i.kind, coalesce(i.user_id, '00000000-0000-0000-0000-000000000000'::uuid)::uuid as user_id, i.email, i.created_at, i.expires_at,
       (i.used_at is null and i.revoked_at is null and i.expires_at > now())::boolean as open,
       coalesce(i.used_at > now() - interval '15 minutes', false)::boolean as just_used,
       u.full_name, u.role, u.active
from invitations i join users u on u.id = i.user_id
where i.id = @id;

-- name: InsertInvitation :exec
insert into invitations (id, kind, user_id, email, created_by, expires_at)
values (@id, @kind, @user_id::uuid, @email, @created_by, now() + make_interval(mins => @minutes::integer));

-- name: UseInvitation :execrows
update invitations set used_at = now()
where id = @id and user_id = @user_id::uuid and used_at is null and revoked_at is null and expires_at > now();

-- name: CloseInvitationsOfUser :execrows
-- A new link ends the older ones.
update invitations set revoked_at = now() where user_id = @user_id::uuid and used_at is null and revoked_at is null;

-- name: UseInvitationsOfUser :execrows
-- A password that was set ends every other open link of its owner.
update invitations set used_at = now() where user_id = @user_id::uuid and used_at is null and revoked_at is null;

-- name: MarkInvitationSent :execrows
update invitations set sent_at = now() where id = @id;

-- name: CountRecentResets :one
-- Links of the last hour, and those of a moment ago, which the same click made.
select count(*)::integer as hour, count(*) filter (where created_at > now() - interval '30 seconds')::integer as moment
from invitations
where user_id = @user_id::uuid and kind = 'reset' and created_at > now() - interval '1 hour';

-- name: GetOpenInvitation :one
-- The person's newest link that still works.
select id, kind from invitations
where user_id = @user_id::uuid and used_at is null and revoked_at is null and expires_at > now()
order by created_at desc, id desc
limit 1;

-- name: IsOwnSession :one
-- Whether a session, living or ended, is this person's.
select exists (select from sessions where id = @id and user_id = @user_id::uuid)::boolean;

-- name: ListUnsentInvitations :many
-- Under cloister_jobs: who has only invitations of this maker, none of them
-- sent or used. The all-zero id stands for none that still works long enough.
select u.id, u.username, u.full_name, u.email::text as email, u.role,
       coalesce((select i.id from invitations i where i.user_id = u.id and i.revoked_at is null and i.expires_at > now() + make_interval(mins => @minutes::integer)
                 order by i.created_at desc, i.id desc limit 1), '00000000-0000-0000-0000-000000000000'::uuid)::uuid as invitation
from users u
where u.active and u.email is not null
  and exists (select from invitations i where i.user_id = u.id and i.kind = 'invite' and i.revoked_at is null)
  and not exists (select from invitations i where i.user_id = u.id and (i.sent_at is not null or i.used_at is not null or i.created_by <> @created_by))
order by u.username, u.id;
