-- name: InsertDocument :exec
insert into documents (id, patient_id, kind, title, dated_on, note, media_type, bytes, pages)
values (@id, @patient_id, @kind, @title, sqlc.narg(dated_on), @note, @media_type, @bytes, @pages);

-- name: GetDocument :one
select d.id, d.patient_id, d.kind, d.title, d.dated_on, d.note, d.media_type, d.bytes, d.pages, d.uploaded_at,
       coalesce(u.full_name, '')::text as uploader, coalesce(w.reason, '')::text as withdrawn_reason, w.withdrawn_at,
       coalesce(wu.full_name, '')::text as withdrawer
from documents d left join users u on u.id = d.uploaded_by
left join document_withdrawals w on w.document_id = d.id left join users wu on wu.id = w.withdrawn_by
where d.id = @id;

-- name: ListDocumentsByPatients :many
-- Newest first, those that were withdrawn among them.
select d.id, d.patient_id, d.kind, d.title, d.dated_on, d.note, d.media_type, d.bytes, d.pages, d.uploaded_at,
       coalesce(u.full_name, '')::text as uploader, coalesce(w.reason, '')::text as withdrawn_reason, w.withdrawn_at
from documents d left join users u on u.id = d.uploaded_by left join document_withdrawals w on w.document_id = d.id
where d.patient_id = any (@patient_ids::uuid[]) and (d.uploaded_at, d.id) < (@before_at::timestamptz, @before_id::uuid)
order by d.uploaded_at desc, d.id desc
limit @at_most::integer;

-- name: InsertDocumentWithdrawal :execrows
insert into document_withdrawals (id, document_id, patient_id, reason) values (@id, @document_id, @patient_id, @reason)
on conflict (document_id) do nothing;

-- name: ListDocumentIDs :many
-- Which of these files have a row.
select id from documents where id = any (@ids::uuid[]);
