-- name: ResolveClinic :one
select r.id::uuid as id, r.slug::text as slug, r.schema_name::text as schema_name, r.name::text as name, r.local_name::text as local_name,
       r.status::text as status, r.status_reason::text as status_reason, r.zone::text as zone, r.language::text as language,
       r.brand_color::text as brand_color, r.has_logo::boolean as has_logo, r.logo_hash::text as logo_hash, r.moved::boolean as moved,
       r.version::bigint as version, r.version_before::bigint as version_before
from platform.resolve_clinic(@wanted::text) r;

-- name: ListClinics :many
select c.id, c.slug, c.name, c.city, c.status, c.status_reason, c.plan, c.trial_ends_at, c.created_at, s.schema_name, s.version
from platform.clinics c join platform.schemas s on s.clinic_id = c.id
order by c.slug;
