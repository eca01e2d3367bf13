-- Prescriptions of the older system get numbers of the clinic's own row, which
-- goes on after them. As with patients they are taken as one block: a
-- transaction that counts them one by one walks over all its own dead versions
-- of the counting row.

-- +goose Up
-- +goose StatementBegin

-- reserve_prescriptions takes n numbers of a year at once and gives the first.
create function platform.reserve_prescriptions(year text, n integer) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  home   text;
  last_n bigint;
begin
  select s.schema_name into home from platform.schemas s where s.clinic_id = platform.current_clinic() and s.state = 'assigned';
  if home is null or n is null or n < 1 or year !~ '^[0-9]{4}$' then
    raise exception 'a block of numbers needs a signed clinic, a year and a count' using errcode = '22023';
  end if;
  execute format('insert into %I.counters as c (clinic_id, kind, period, value) values ($1, ''prescription'', $2, $3) '
                 'on conflict (kind, period) do update set value = c.value + $3 returning value', home)
    into last_n using platform.current_clinic(), year, n;
  return last_n - n + 1;
end
$$;

-- guard_imported stands before every new prescription: only scheduled work may
-- bring a number or one of another system along, and its own number has to be
-- from a reserved block; the unique index keeps it from being given twice.
create function platform.guard_imported() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  n bigint;
begin
  if current_setting('role') <> 'cloister_jobs' then
    new.old_number := '';
    new.number := '';
    return new;
  end if;
  if new.number = '' then
    return new;
  end if;
  execute format('select value from %I.counters where kind = ''prescription'' and period = $1', tg_table_schema) into n using substr(new.number, 4, 4);
  if new.number !~ '^RX-[0-9]{4}-[0-9]{5,12}$' or coalesce(n, 0) < substr(new.number, 9)::bigint then
    raise exception 'the number is not from a reserved block' using errcode = '23514', constraint = 'prescriptions_number_reserved';
  end if;
  return new;
end
$$;
-- +goose StatementEnd
revoke all on function platform.reserve_prescriptions(text, integer), platform.guard_imported() from public;
grant execute on function platform.reserve_prescriptions(text, integer) to cloister_jobs;

-- +goose Down
drop function platform.guard_imported, platform.reserve_prescriptions cascade;
