-- name: ClaimSubmission :execrows
-- No row: the same form was sent before, or is being sent by another request
-- that this one has waited for.
insert into submissions (id, user_id, action, result_id) values (@id, @user_id, @action, @result_id) on conflict (id) do nothing;

-- name: GetSubmission :one
select action, result_id from submissions where id = @id;
