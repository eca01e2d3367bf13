-- Files that were brought along are counted against the plan's storage in the
-- transaction that keeps their row: the clinic's counting row stays locked until
-- it ends, so no two uploads share the last of it.

-- +goose Up
-- +goose StatementBegin
create or replace function platform.take_quota(what text, by integer) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  clinic  uuid := platform.current_clinic();
  now_is  bigint;
  at_most bigint;
begin
  insert into platform.usage as u (clinic_id, kind, used) values (clinic, what, greatest(by, 0))
    on conflict (clinic_id, kind) do update set used = greatest(u.used + by, 0), changed_at = now()
    returning used into now_is;
  if by <= 0 then
    return;
  end if;
  select case what when 'doctors' then p.max_doctors when 'receptionists' then p.max_receptionists
                   when 'lab_technicians' then p.max_lab_technicians when 'patients' then p.max_patients
                   when 'storage' then p.max_storage_bytes end
    into at_most
  from platform.clinics c join platform.plans p on p.code = c.plan where c.id = clinic;
  if at_most is not null and now_is > at_most then
    raise exception 'the plan allows % %', at_most, what
      using errcode = 'CL402', constraint = 'quota_' || what, detail = at_most::text;
  end if;
end
$$;

-- guard_document stands before every new document and every withdrawal: who
-- brought or withdrew it and when is not the sender's to say, a record that was
-- merged takes none, and its size is counted.
create function platform.guard_document() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  merged boolean;
  d      record;
begin
  if tg_argv[0] = 'document_withdrawals' then
    execute format('select d.patient_id from %I.documents d where d.id = $1', tg_table_schema) into d using new.document_id;
    if d.patient_id is null then
      raise exception 'the withdrawal has no document' using errcode = '23503', constraint = 'document_withdrawals_document_id_fkey';
    end if;
    new.patient_id := d.patient_id;
    if current_setting('role') <> 'cloister_jobs' then
      new.withdrawn_by := platform.current_user_id();
      new.withdrawn_at := now();
    end if;
    return new;
  end if;
  execute format('select p.merged_into is not null from %I.patients p where p.id = $1 for share', tg_table_schema) into merged using new.patient_id;
  if merged is null then
    raise exception 'the document has no patient' using errcode = '23503', constraint = 'documents_patient_id_fkey';
  end if;
  if current_setting('role') <> 'cloister_jobs' then
    if merged then
      raise exception 'the record was merged' using errcode = 'CL409', constraint = 'document_merged';
    end if;
    new.uploaded_by := platform.current_user_id();
    new.uploaded_at := now();
  end if;
  perform platform.take_quota('storage', new.bytes);
  return new;
end
$$;
-- +goose StatementEnd
revoke all on function platform.guard_document() from public;

-- +goose Down
drop function platform.guard_document cascade;
