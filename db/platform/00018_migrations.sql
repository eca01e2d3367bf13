-- A clinic whose schema this program does not know answers 503, not with errors
-- from the middle of its pages. Which version a schema is at stands in the
-- registry, so the answer to "where is this clinic" carries it, and a migration
-- that lands tells the services, as every change of the registry does.

-- +goose Up
-- The version before the last tells whether a clinic is ahead by one migration,
-- which a program of the release before can serve, or by more.
drop function platform.resolve_clinic(text);
-- +goose StatementBegin
create function platform.resolve_clinic(wanted text)
returns table (id uuid, slug text, schema_name text, name text, local_name text, status text, status_reason text, zone text,
               language text, brand_color text, has_logo boolean, logo_hash text, moved boolean, version bigint, version_before bigint)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
begin
  return query
    select c.id, c.slug, s.schema_name, c.name, c.local_name,
           case when c.status = 'trial' and c.trial_ends_at < now() then 'expired' else c.status end,
           c.status_reason, c.zone, c.language, coalesce(c.brand_color, ''), c.logo is not null,
           coalesce(encode(sha256(c.logo), 'hex'), ''), c.slug <> wanted, s.version,
           coalesce((select max(m.version) from platform.migrations m where m.clinic_id = c.id and m.version < s.version), 0)
    from platform.clinics c
    join platform.schemas s on s.clinic_id = c.id
    where s.state = 'assigned'
      and (c.slug = wanted
           or c.id = (select o.clinic_id from platform.old_slugs o where o.slug = wanted))
      and c.status not in ('pending', 'archived', 'deleted')
    -- Whoever has the name now goes before whoever had it.
    order by c.slug <> wanted
    limit 1;
end
$$;

create function platform.tell_schema() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform pg_notify('cloister_registry', new.clinic_id::text);
  return null;
end
$$;
-- +goose StatementEnd
-- A spare has no address, so nobody has to hear of it.
create trigger tell after update of version on platform.schemas
  for each row when (old.version <> new.version and new.state = 'assigned') execute function platform.tell_schema();
revoke all on function platform.resolve_clinic(text), platform.tell_schema() from public;
grant execute on function platform.resolve_clinic(text) to cloister_app;

-- +goose Down
drop trigger tell on platform.schemas;
drop function platform.tell_schema();
drop function platform.resolve_clinic(text);
-- +goose StatementBegin
create function platform.resolve_clinic(wanted text)
returns table (id uuid, slug text, schema_name text, name text, local_name text, status text, status_reason text, zone text,
               language text, brand_color text, has_logo boolean, logo_hash text, moved boolean)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
begin
  return query
    select c.id, c.slug, s.schema_name, c.name, c.local_name,
           case when c.status = 'trial' and c.trial_ends_at < now() then 'expired' else c.status end,
           c.status_reason, c.zone, c.language, coalesce(c.brand_color, ''), c.logo is not null,
           coalesce(encode(sha256(c.logo), 'hex'), ''), c.slug <> wanted
    from platform.clinics c
    join platform.schemas s on s.clinic_id = c.id
    where s.state = 'assigned'
      and (c.slug = wanted
           or c.id = (select o.clinic_id from platform.old_slugs o where o.slug = wanted))
      and c.status not in ('pending', 'archived', 'deleted')
    order by c.slug <> wanted
    limit 1;
end
$$;
-- +goose StatementEnd
revoke all on function platform.resolve_clinic(text) from public;
grant execute on function platform.resolve_clinic(text) to cloister_app;
