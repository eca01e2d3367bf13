-- name: GetSettings :one
select id, opening_hours, currency, tax_rate_bp, slot_minutes, letterhead, letterhead_offset_mm, token_prefix, slip_width_mm, consultation_minutes,
       follow_up_days, session_idle_minutes, display_notice, display_chime, portal_welcome, appointment_reminders, updated_at, version
from settings;

-- name: UpdateSettings :execrows
update settings set opening_hours = @opening_hours, currency = @currency, tax_rate_bp = @tax_rate_bp, slot_minutes = @slot_minutes,
  letterhead = @letterhead, letterhead_offset_mm = @letterhead_offset_mm, token_prefix = @token_prefix, slip_width_mm = @slip_width_mm,
  consultation_minutes = @consultation_minutes, follow_up_days = @follow_up_days, session_idle_minutes = @session_idle_minutes,
  display_notice = @display_notice, display_chime = @display_chime, portal_welcome = @portal_welcome, appointment_reminders = @appointment_reminders
where version = @version;

-- name: GetFacts :one
select name, local_name, coalesce(registration_number, '')::text as registration_number, coalesce(gstin, '')::text as gstin, address, city, state, pin,
       phone, email, website, store_name, store_address, store_phone, zone, language, coalesce(brand_color, '')::text as brand_color,
       (logo is not null)::boolean as has_logo, status, status_reason, plan, version
from platform.clinics where id = (select platform.current_clinic());

-- name: UpdateFacts :execrows
update platform.clinics set name = @name, local_name = @local_name, registration_number = sqlc.narg('registration_number'), gstin = sqlc.narg('gstin'),
  address = @address, city = @city, state = @state, pin = @pin, phone = @phone, email = @email, website = @website,
  store_name = @store_name, store_address = @store_address, store_phone = @store_phone, zone = @zone, language = @language,
  version = version + 1, updated_at = now()
where id = (select platform.current_clinic()) and version = @version;

-- name: UpdateBrand :execrows
update platform.clinics set brand_color = sqlc.narg('brand_color'), version = version + 1, updated_at = now()
where id = (select platform.current_clinic()) and version = @version;

-- name: SetLogo :execrows
update platform.clinics set logo = sqlc.narg('logo'), version = version + 1, updated_at = now()
where id = (select platform.current_clinic()) and version = @version;

-- name: GetLogo :one
select coalesce(logo, '\x')::bytea as logo from platform.clinics where id = (select platform.current_clinic());

-- name: ListDepartments :many
select id, name, local_name, room, token_prefix, active, version from departments order by active desc, lower(name), id;

-- name: InsertDepartment :exec
insert into departments (id, name, local_name, room, token_prefix) values (@id, @name, @local_name, @room, @token_prefix);

-- name: UpdateDepartment :execrows
update departments set name = @name, local_name = @local_name, room = @room, token_prefix = @token_prefix, active = @active
where id = @id and version = @version;

-- name: GetLetterhead :one
select letterhead, letterhead_offset_mm from settings;

-- name: GetSigner :one
-- Who signs a paper.
select u.full_name, u.local_name, coalesce(p.qualification, '')::text as qualification, coalesce(p.licence_number, '')::text as licence_number
from users u left join profiles p on p.user_id = u.id
where u.id = @id;
