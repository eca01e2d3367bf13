-- The clinic's own lists of medicines and tests, as those who keep them see them.

-- name: ListFormulary :many
-- By name; what is typed finds as it does while prescribing. Bare are entries of
-- which no generic is known: no allergy speaks against them by that.
select f.id, f.name, f.generic, f.form, f.strengths, f.strength, f.morning, f.afternoon, f.evening, f.night, f.sos, f.days, f.food, f.route, f.class, f.active, f.source, f.version
from formulary f
where f.active = @active and (not @bare::boolean or f.generic = '')
  and (@typed::text = '' or position(@typed::text in lower(f.name || ' ' || f.generic)) > 0 or ext.word_similarity(@typed::text, lower(f.name || ' ' || f.generic)) > 0.45)
  and (@after_id::uuid = '00000000-0000-0000-0000-000000000000' or (lower(f.name), f.id) > (select lower(a.name), a.id from formulary a where a.id = @after_id))
order by lower(f.name), f.id
limit @at_most::integer;

-- name: GetListedMedicine :one
select f.id, f.name, f.generic, f.form, f.strengths, f.strength, f.morning, f.afternoon, f.evening, f.night, f.sos, f.days, f.food, f.route, f.class, f.active, f.source, f.version
from formulary f
where f.id = @id;

-- name: AddMedicine :exec
insert into formulary (id, name, generic, form, strengths, strength, morning, afternoon, evening, night, sos, days, food, route, class)
values (@id, @name, @generic, @form, @strengths, @strength, @morning, @afternoon, @evening, @night, @sos, sqlc.narg(days), @food, @route, @class);

-- name: UpdateMedicine :execrows
update formulary
set name = @name, generic = @generic, form = @form, strengths = @strengths, strength = @strength, morning = @morning, afternoon = @afternoon, evening = @evening,
    night = @night, sos = @sos, days = sqlc.narg(days), food = @food, route = @route, class = @class
where id = @id and version = @version;

-- name: SwitchMedicine :execrows
update formulary set active = @active where id = @id and version = @version;

-- name: ListCatalogue :many
select t.id, t.name, t.kind, t.category, t.code, t.active, t.source, t.version
from test_catalogue t
where t.active = @active
  and (@typed::text = '' or position(@typed::text in lower(t.name || ' ' || t.code)) > 0 or ext.word_similarity(@typed::text, lower(t.name)) > 0.5)
  and (@after_id::uuid = '00000000-0000-0000-0000-000000000000' or (lower(t.name), t.id) > (select lower(a.name), a.id from test_catalogue a where a.id = @after_id))
order by lower(t.name), t.id
limit @at_most::integer;

-- name: GetListedTest :one
select t.id, t.name, t.kind, t.category, t.code, t.active, t.source, t.version from test_catalogue t where t.id = @id;

-- name: AddTest :exec
insert into test_catalogue (id, name, kind, category, code) values (@id, @name, @kind, @category, @code);

-- name: UpdateTest :execrows
update test_catalogue set name = @name, kind = @kind, category = @category, code = @code where id = @id and version = @version;

-- name: SwitchTest :execrows
update test_catalogue set active = @active where id = @id and version = @version;
