-- name: ClaimSubmission :execrows
-- No row: the same form was sent before, or is being sent by another request
-- that this one has waited for.
insert into submissions (id, user_id, action, result_id, entered) values (@id, @user_id, @action, @result_id, @entered) on conflict (id) do nothing;

-- name: GetSubmission :one
select action, result_id, entered from submissions where id = @id;
