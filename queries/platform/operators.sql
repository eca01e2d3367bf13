-- name: GateOperatorSession :one
-- Under cloister_gate: which operator a session token belongs to.
select r.session_id::uuid as session_id, r.operator_id::uuid as operator_id, r.full_name::text as full_name,
       r.language::text as language, r.theme::text as theme, r.last_seen_at::timestamptz as last_seen_at
from platform.gate_operator_session(@hash::bytea) r;

-- name: GateOperatorSignIn :one
-- Under cloister_gate: what verifies an operator's password; the try is counted here.
select r.operator_id::uuid as operator_id, coalesce(r.password_hash, '')::text as password_hash,
       r.active::boolean as active, coalesce(r.locked_until > now(), false)::boolean as resting
from platform.gate_operator_signin(@login::text) r;

-- name: ClearOperatorFailures :execrows
update platform.operators set failed_attempts = 0, locked_until = null where id = @id and active;

-- name: InsertOperatorSession :exec
insert into platform.operator_sessions (id, operator_id, token_hash, address, agent) values (@id, @operator_id, @token_hash, @address, @agent);

-- name: TouchOperatorSession :execrows
update platform.operator_sessions set last_seen_at = now() where id = @id and revoked_at is null;

-- name: RevokeOperatorSession :execrows
update platform.operator_sessions set revoked_at = now() where id = @id and revoked_at is null;

-- name: SetOperatorPreferences :execrows
update platform.operators set language = @language, theme = @theme where id = @id;
