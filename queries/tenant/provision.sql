-- What a clinic has from its first moment; written by the owner.

-- name: AddSettings :exec
insert into settings (id, opening_hours) values (@id, @opening_hours);

-- name: AddFirstDepartment :exec
insert into departments (id, name, local_name) values (@id, @name, @local_name);

-- name: AddFirstAdmin :exec
insert into users (id, username, email, full_name, phone, role, language) values (@id, @username, @email, @full_name, @phone, 'clinic_admin', @language);

-- name: AddFirstInvitation :exec
insert into invitations (id, kind, user_id, email, created_by, expires_at) values (@id, 'invite', @user_id, @email, @created_by, @expires_at);

-- name: GetFirstInvitation :one
-- The invitation of the clinic's first admin, if it can still be used.
select i.id, i.user_id::uuid as user_id, i.expires_at from invitations i
where i.kind = 'invite' and i.email = @email::text and i.user_id is not null and i.used_at is null and i.revoked_at is null and i.expires_at > now()
order by i.created_at, i.id limit 1;
