-- name: ListStaff :many
-- For the clinic admin: everyone with the work of today and of the month.
select u.id, u.username, coalesce(u.email, '')::text as email, u.full_name, u.local_name, u.phone, u.role, u.active,
       u.last_seen_at, (u.password_changed_at is null and u.last_seen_at is null)::boolean as fresh,
       exists (select from invitations i where i.user_id = u.id and i.used_at is null and i.revoked_at is null and i.expires_at > now())::boolean as invited,
       coalesce(p.specialisation, '')::text as specialisation, coalesce(p.shift, '')::text as shift, coalesce(p.availability, '')::text as availability,
       coalesce(d.today, 0)::integer as seen_today, coalesce(d.month, 0)::integer as seen_month,
       coalesce(c.today, 0)::integer as checked_in_today, coalesce(c.month, 0)::integer as checked_in_month
from users u
left join profiles p on p.user_id = u.id
left join (select v.doctor_id, count(*) filter (where v.day = @today::date) as today, count(*) as month
           from visits v where v.day >= @since::date and v.doctor_id is not null and v.state = 'done' group by v.doctor_id) d on d.doctor_id = u.id
left join (select v.created_by, count(*) filter (where v.day = @today::date) as today, count(*) as month
           from visits v where v.day >= @since::date and v.created_by is not null group by v.created_by) c on c.created_by = u.id
order by u.active desc, array_position(array['clinic_admin', 'doctor', 'nurse', 'receptionist', 'lab_technician'], u.role), lower(u.full_name), u.id
limit 1000;

-- name: GetStaff :one
select u.id, u.username, coalesce(u.email, '')::text as email, u.full_name, u.local_name, u.phone, u.role, u.active, u.language, u.last_seen_at,
       coalesce(u.locked_until > now(), false)::boolean as resting, u.created_at, u.version,
       coalesce(p.specialisation, '')::text as specialisation, coalesce(p.licence_number, '')::text as licence_number,
       coalesce(p.qualification, '')::text as qualification, p.years, p.fee_paise, coalesce(p.availability, 'available')::text as availability,
       coalesce(p.room, '')::text as room, coalesce(p.token_prefix, '')::text as token_prefix, p.department_id, coalesce(p.shift, '')::text as shift
from users u left join profiles p on p.user_id = u.id
where u.id = @id;

-- name: InsertStaff :exec
insert into users (id, username, email, full_name, local_name, phone, role, language)
values (@id, @username, sqlc.narg('email'), @full_name, @local_name, @phone, @role, @language);

-- name: UpdateStaff :execrows
update users set username = @username, email = sqlc.narg('email'), full_name = @full_name, local_name = @local_name, phone = @phone, role = @role,
                 language = @language
where id = @id and version = @version;

-- name: SaveProfile :exec
insert into profiles (user_id, specialisation, licence_number, qualification, years, fee_paise, availability, room, token_prefix, department_id, shift)
values (@user_id, @specialisation, sqlc.narg('licence_number'), @qualification, sqlc.narg('years'), sqlc.narg('fee_paise'), @availability, @room, @token_prefix,
        sqlc.narg('department_id'), @shift)
on conflict (user_id) do update set specialisation = excluded.specialisation, licence_number = excluded.licence_number, qualification = excluded.qualification,
  years = excluded.years, fee_paise = excluded.fee_paise, availability = excluded.availability, room = excluded.room, token_prefix = excluded.token_prefix,
  department_id = excluded.department_id, shift = excluded.shift;

-- name: SetStaffActive :execrows
update users set active = @active where id = @id and version = @version;

-- name: LockAdmins :many
-- The clinic's living admins, locked in one order, so that two of them can't
-- each end the other.
select id from users where role = 'clinic_admin' and active order by id for update;

-- name: LoginTaken :one
-- Another person who signs in by this word, whichever of the two it is to them.
select exists (select from users where id <> @id and (username = @login::text or email = @login::text))::boolean;

-- name: CountWaitingForDoctor :one
select count(*)::integer from visits where doctor_id = @doctor_id::uuid and day = @today::date and state in ('waiting', 'called', 'in_consultation', 'skipped');
