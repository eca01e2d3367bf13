-- Small things that people need of the shared schema: proving again who one is
-- (to change a password, say) without the service ever reading a hash under a
-- staff role, what one signs in with oneself, and the day a clinic was last at work, which operators
-- see beside its counts and which says nothing of any patient.

-- +goose Up
create table platform.activity (
  clinic_id uuid primary key references platform.schemas (clinic_id),
  last_at   timestamptz not null
);
alter table platform.activity enable row level security;
alter table platform.activity force row level security;
create policy owner_all on platform.activity to cloister_owner using (true) with check (true);
create policy operator_read on platform.activity for select to cloister_platform using ((select platform.current_operator_id()) is not null);
grant select on platform.activity to cloister_platform, cloister_backup;

-- +goose StatementBegin
-- note_activity keeps the time at which somebody of the signed clinic worked,
-- to five minutes, so that a busy clinic doesn't rewrite the row at each touch.
create function platform.note_activity() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  clinic uuid := platform.current_clinic();
begin
  if clinic is null then
    return;
  end if;
  insert into platform.activity as a (clinic_id, last_at) values (clinic, now())
    on conflict (clinic_id) do update set last_at = now() where a.last_at < now() - interval '5 minutes';
end
$$;

-- gate_reauth is gate_signin for somebody who is signed in already: it counts
-- the try in the same way.
create function platform.gate_reauth(who uuid)
returns table (role text, password_hash text, active boolean, locked_until timestamptz)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  home text;
begin
  select s.schema_name into home from platform.schemas s where s.clinic_id = platform.current_clinic() and s.state = 'assigned';
  if home is null then
    return;
  end if;
  return query execute format($q$
    update %1$I.users u
    set failed_attempts = u.failed_attempts + 1,
        locked_until = case when u.locked_until > now() then u.locked_until
                            when u.failed_attempts + 1 >= 5
                            then now() + least(interval '15 minutes', interval '30 seconds' * power(2, least(u.failed_attempts + 1 - 5, 5))) end
    from %1$I.users was
    where was.id = u.id and u.id = $1
    returning u.role, u.password_hash, u.active, was.locked_until$q$, home) using who;
end
$$;

-- own_login is what the signed user signs in with. A staff role may read the
-- cards of its colleagues and not their logins, and columns can't be granted for
-- one's own row only.
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
revoke all on function platform.note_activity(), platform.gate_reauth(uuid), platform.own_login() from public;
grant execute on function platform.note_activity()
  to cloister_clinic_admin, cloister_doctor, cloister_nurse, cloister_receptionist, cloister_lab_technician, cloister_patient;
grant execute on function platform.gate_reauth(uuid) to cloister_gate;
grant execute on function platform.own_login()
  to cloister_clinic_admin, cloister_doctor, cloister_nurse, cloister_receptionist, cloister_lab_technician;

-- +goose Down
drop function platform.own_login, platform.gate_reauth, platform.note_activity;
drop table platform.activity;
