-- What package provision asks of the registry. It runs as the owner, under a
-- signed system or operator scope.

-- name: FindClinic :one
-- By its slug or an old one.
select c.id, c.slug, c.name, c.status, c.status_reason, c.plan, c.trial_ends_at, c.delete_after, c.deleted_at,
       s.schema_name, s.state as schema_state,
       coalesce((select p.reason from platform.provisionings p where p.clinic_id = c.id and p.action = 'create' order by p.started_at, p.id limit 1), '')::text as request
from platform.clinics c join platform.schemas s on s.clinic_id = c.id
where c.slug = @slug::text or c.id = (select o.clinic_id from platform.old_slugs o where o.slug = @slug::text)
order by c.slug = @slug::text desc
limit 1;

-- name: LockClinic :one
select c.id, c.slug, c.name, c.status, c.status_reason, c.plan, c.trial_ends_at, c.delete_after, c.deleted_at,
       s.schema_name, s.state as schema_state
from platform.clinics c join platform.schemas s on s.clinic_id = c.id
where c.id = @id
for update;

-- name: TakeSpare :one
select clinic_id, schema_name from platform.schemas
where state = 'spare' and version = @version
order by created_at, clinic_id
limit 1
for update skip locked;

-- name: AddClinic :exec
insert into platform.clinics (id, slug, name, local_name, registration_number, gstin, address, city, state, pin, phone, email, website,
  zone, language, plan, status)
values (@id, @slug, @name, @local_name, sqlc.narg(registration_number), sqlc.narg(gstin), @address, @city, @state, @pin, @phone, @email, @website,
  @zone, @language, @plan, 'pending');

-- name: OpenClinic :one
-- The last step of a creation: from here on the clinic can be found.
update platform.clinics c
set status = case when p.trial_days is null then 'active' else 'trial' end,
    trial_ends_at = now() + make_interval(days => p.trial_days),
    updated_at = now(), version = c.version + 1
from platform.plans p
where c.id = @id and p.code = c.plan and c.status = 'pending'
returning c.status, c.trial_ends_at;

-- name: AssignSchema :exec
update platform.schemas set state = 'assigned', schema_name = @schema_name, assigned_at = now() where clinic_id = @clinic_id;

-- name: AddKeyset :exec
insert into platform.keysets (clinic_id, wrapped) values (@clinic_id, @wrapped);

-- name: CountOldSlugsOfOthers :one
select count(*) from platform.old_slugs where slug = @slug and clinic_id <> @clinic_id;

-- name: RetireSlug :exec
insert into platform.old_slugs (slug, clinic_id) values (@slug, @clinic_id);

-- name: ReviveSlug :exec
delete from platform.old_slugs where slug = @slug and clinic_id = @clinic_id;

-- name: SetSlug :exec
update platform.clinics set slug = @slug, updated_at = now(), version = version + 1 where id = @id;

-- name: SetClinicStatus :exec
update platform.clinics
set status = @status, status_reason = @status_reason,
    suspended_at = case when @status::text = 'suspended' then now() end,
    archived_at = case when @status::text in ('archived', 'deleted') then coalesce(archived_at, now()) end,
    delete_after = sqlc.narg(delete_after), updated_at = now(), version = version + 1
where id = @id;

-- name: ListClinicsToPurge :many
select id, slug from platform.clinics where status = 'deleted' and deleted_at is null and delete_after <= now() order by delete_after, id;

-- name: MarkPurged :exec
update platform.clinics
set deleted_at = now(), registration_number = null, updated_at = now(), version = version + 1
where id = @id;

-- name: DropSchemaRow :exec
update platform.schemas set state = 'dropped' where clinic_id = @clinic_id;

-- name: DestroyKeyset :exec
update platform.keysets set wrapped = null, destroyed_at = now() where clinic_id = @clinic_id and destroyed_at is null;

-- name: ForgetUsage :exec
delete from platform.usage where clinic_id = @clinic_id;

-- name: BeginProvisioning :exec
insert into platform.provisionings (id, clinic_id, slug, action, actor, reason) values (@id, @clinic_id, @slug, @action, @actor, @reason);

-- name: NoteProvisioning :exec
insert into platform.provisionings (id, clinic_id, slug, action, actor, reason, started_at, finished_at)
values (@id, @clinic_id, @slug, @action, @actor, @reason, @started_at, clock_timestamp());

-- name: FinishProvisioning :exec
update platform.provisionings set finished_at = clock_timestamp(), error = null where clinic_id = @clinic_id and action = @action and finished_at is null;

-- name: FailProvisioning :exec
update platform.provisionings set error = @error where clinic_id = @clinic_id and action = @action and finished_at is null;

-- name: MakeSchema :exec
select platform.make_schema(@clinic::uuid, @home::text);

-- name: MarkSpare :exec
update platform.schemas set state = 'spare' where clinic_id = @clinic_id and state = 'building';

-- name: ListHalfMadeSpares :many
select s.clinic_id, s.schema_name from platform.schemas s
where s.state = 'building' and s.schema_name ^@ 'spare_' and not exists (select from platform.clinics c where c.id = s.clinic_id)
order by s.created_at, s.clinic_id;

-- name: CountSpares :one
select count(*) from platform.schemas where state = 'spare';

-- name: ListPlanCodes :many
select code from platform.plans order by position, code;

-- name: SummariseClinics :many
select c.id, c.slug, c.name, c.city, c.status, c.status_reason, c.plan, c.trial_ends_at, c.delete_after, c.deleted_at, c.created_at,
       s.schema_name, s.version as schema_version,
       coalesce((select max(m.version) from platform.migrations m where m.clinic_id = c.id and m.version < s.version), 0)::bigint as version_before,
       coalesce((select sum(u.used) from platform.usage u where u.clinic_id = c.id and u.kind not in ('patients', 'storage')), 0)::bigint as staff,
       coalesce((select u.used from platform.usage u where u.clinic_id = c.id and u.kind = 'patients'), 0)::bigint as patients
from platform.clinics c join platform.schemas s on s.clinic_id = c.id
order by c.slug;

-- name: DescribeClinic :one
select c.id, c.slug, c.name, c.local_name, c.registration_number, c.gstin, c.address, c.city, c.state, c.pin, c.phone, c.email, c.website,
       c.zone, c.language, c.status, c.status_reason, c.plan, c.trial_ends_at, c.created_at, c.suspended_at, c.archived_at, c.delete_after, c.deleted_at,
       s.schema_name, s.state as schema_state, s.version as schema_version
from platform.clinics c join platform.schemas s on s.clinic_id = c.id
where c.id = @id;

-- name: ListUsage :many
select kind, used from platform.usage where clinic_id = @clinic_id order by kind;

-- name: ListOldSlugs :many
select slug from platform.old_slugs where clinic_id = @clinic_id order by retired_at, slug;

-- name: ListProvisionings :many
select action, actor, started_at, finished_at, coalesce(error, '')::text as error from platform.provisionings
where clinic_id = @clinic_id order by started_at, id;

-- name: SaveOperator :one
-- A second call with the same email sets the name, and the password if one is given.
insert into platform.operators as o (id, email, full_name, password_hash) values (@id, @email, @full_name, sqlc.narg(password_hash))
on conflict (email) do update set full_name = excluded.full_name, active = true, failed_attempts = 0, locked_until = null,
  password_hash = coalesce(excluded.password_hash, o.password_hash)
returning id, (xmax = 0)::boolean as created;

-- name: CountOperatorsByEmail :one
select count(*) from platform.operators where email = @email;
