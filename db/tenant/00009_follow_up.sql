-- Follow-ups take their patient and doctor from the consultation: see
-- platform.guard_follow_up.

-- +goose Up
create trigger a_guard before insert on follow_ups for each row execute function platform.guard_follow_up();

-- +goose Down
drop trigger a_guard on follow_ups;
