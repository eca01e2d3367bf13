-- name: GetKeyset :one
-- The clinic's own wrapped keyset; the policy lets no other be seen.
select wrapped, destroyed_at from platform.keysets;
