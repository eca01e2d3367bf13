-- A follow-up is of the patient and the doctor of its consultation, whoever
-- writes it: with another's it would call the wrong person back, and show one
-- patient what was noted of another.

-- +goose Up
-- +goose StatementBegin

-- guard_follow_up stands before every new follow-up.
create function platform.guard_follow_up() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  c record;
begin
  execute format('select c.patient_id, c.doctor_id from %I.consultations c where c.id = $1', tg_table_schema) into c using new.consultation_id;
  if c.patient_id is null then
    raise exception 'the follow-up has no consultation' using errcode = '23503', constraint = 'follow_ups_consultation_id_fkey';
  end if;
  new.patient_id := c.patient_id;
  new.doctor_id := c.doctor_id;
  return new;
end
$$;
-- +goose StatementEnd
revoke all on function platform.guard_follow_up() from public;

-- +goose Down
drop function platform.guard_follow_up cascade;
