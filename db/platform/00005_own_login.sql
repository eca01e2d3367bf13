-- What one signs in with oneself. A staff role may read the cards of its
-- colleagues and not their logins, and columns can't be granted for one's own
-- row only; so the signed user's own login comes from a function.

-- +goose Up
-- +goose StatementBegin
create function platform.own_login() returns table (username text, email text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  home text;
  own uuid := platform.current_user_id();
begin
  select s.schema_name into home from platform.schemas s where s.clinic_id = platform.current_clinic() and s.state = 'assigned';
  if home is null or own is null then
    return;
  end if;
  return query execute format('select u.username, u.email from %1$I.users u where u.id = $1', home) using own;
end
$$;
-- +goose StatementEnd
revoke all on function platform.own_login() from public;
grant execute on function platform.own_login()
  to cloister_clinic_admin, cloister_doctor, cloister_nurse, cloister_receptionist, cloister_lab_technician;

-- +goose Down
drop function platform.own_login;
