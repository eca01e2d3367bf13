-- One clinic's archive: a clinic that is put back into its own place gets a
-- new schema under a registry row that stays, and the ledger has words for what
-- was taken out and brought back.

-- +goose Up
-- +goose StatementBegin

-- remake_schema creates the schema of a clinic that the registry has already,
-- and lets the roles in.
create function platform.remake_schema(home text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  execute format('create schema %I', home);
  execute format('grant usage on schema %I to cloister_clinic_admin, cloister_doctor, cloister_nurse, cloister_receptionist, '
    'cloister_lab_technician, cloister_patient, cloister_display, cloister_jobs, cloister_backup, cloister_search', home);
end
$$;

create or replace function platform.make_schema(clinic uuid, home text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform platform.remake_schema(home);
  insert into platform.schemas (clinic_id, schema_name) values (clinic, home);
end
$$;
-- +goose StatementEnd
revoke all on function platform.remake_schema(text) from public;

alter table platform.provisionings
  drop constraint provisionings_action_check,
  add constraint provisionings_action_check check (action in
    ('spare', 'create', 'suspend', 'resume', 'archive', 'restore', 'delete', 'purge', 'rename', 'export', 'copy', 'replace'));

-- +goose Down
delete from platform.provisionings where action in ('export', 'copy', 'replace');
alter table platform.provisionings
  drop constraint provisionings_action_check,
  add constraint provisionings_action_check check (action in
    ('spare', 'create', 'suspend', 'resume', 'archive', 'restore', 'delete', 'purge', 'rename'));
-- +goose StatementBegin
create or replace function platform.make_schema(clinic uuid, home text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  execute format('create schema %I', home);
  execute format('grant usage on schema %I to cloister_clinic_admin, cloister_doctor, cloister_nurse, cloister_receptionist, '
    'cloister_lab_technician, cloister_patient, cloister_display, cloister_jobs, cloister_backup, cloister_search', home);
  insert into platform.schemas (clinic_id, schema_name) values (clinic, home);
end
$$;
-- +goose StatementEnd
drop function platform.remake_schema(text);
