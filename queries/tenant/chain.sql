-- name: SealTrail :one
-- How many rows the next seal covers; none: there was nothing to seal.
select platform.seal_trail()::integer as rows;

-- name: SealRegistry :one
-- The same of the registry's own trail.
select platform.seal_registry()::integer as rows;
