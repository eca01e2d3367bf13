-- What was entered in a form that was carried out, as a keyed digest, so that the
-- same form with other entries is told from the same one sent twice.

-- +goose Up
alter table submissions add column entered bytea check (length(entered) = 32);

-- +goose Down
alter table submissions drop column entered;
