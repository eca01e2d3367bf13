-- ICD-10, one list for every clinic: public reference data, so a clinic's rows
-- keep the code and title as they were and never point here. A doctor finds a
-- code while typing, so what is typed is taken as the beginning of a code, as
-- beginnings of words, and at last as misspelt words. The rows come from
-- db/reference by `cloister migrate`.

-- +goose Up
create table platform.reference_lists (
  name      text primary key,
  digest    text not null,
  rows      integer not null,
  loaded_at timestamptz not null default now()
);
alter table platform.reference_lists enable row level security;
alter table platform.reference_lists force row level security;
create policy owner_all on platform.reference_lists to cloister_owner using (true) with check (true);
grant select on platform.reference_lists to cloister_backup;

create table platform.icd10 (
  code   text primary key check (code ~ '^[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?$'),
  title  text not null check (title <> ''),
  -- Its place among those that a general practice sees often, which come first;
  -- null for the rest.
  common smallint check (common > 0)
);
create index icd10_common on platform.icd10 (common) where common is not null;
create index icd10_letters on platform.icd10 (replace(code, '.', '') text_pattern_ops);
create index icd10_words_of on platform.icd10 using gin (to_tsvector('pg_catalog.simple'::regconfig, title));
create table platform.icd10_words (
  word text primary key check (word ~ '^[a-z0-9]+$')
);
create index icd10_words_near on platform.icd10_words using gin (word ext.gin_trgm_ops);
-- +goose StatementBegin
do $walls$
declare
  t text;
begin
  foreach t in array array['icd10', 'icd10_words'] loop
    execute format('alter table platform.%I enable row level security', t);
    execute format('alter table platform.%I force row level security', t);
    execute format('create policy owner_all on platform.%I to cloister_owner using (true) with check (true)', t);
    -- Nothing here is anybody's, and nobody without a signed clinic has use for it.
    execute format('grant select on platform.%I to cloister_backup', t);
  end loop;
end
$walls$;

-- search_icd10 finds at most at_most codes, best first. letters is the beginning
-- of a code without its dot, words are what was typed in plain small letters, and
-- others are the same words as America spells them (consultation.ParseCode).
-- The list is public, so the function takes its owner's rights and no clinic; it
-- can show nothing else.
create function platform.search_icd10(letters text, words text, others text, at_most integer)
returns table (code text, title text)
language plpgsql stable security definer rows 10 set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
declare
  typed  text[] := string_to_array(coalesce(words, ''), ' ');
  folded text[] := string_to_array(coalesce(others, ''), ' ');
  query  text := '';
  near   text;
  one    text;
  i      integer;
  n      integer := 0;
  -- A common illness is more use than a rare one, and a short title is nearer to
  -- what was typed. Two letters begin half the list: only the common ones then.
  best   text := 'select c.code, c.title from platform.icd10 c where to_tsvector(''pg_catalog.simple''::regconfig, c.title) @@ $1::tsquery'
    || case when length(words) < 3 then ' and c.common is not null' else '' end
    || ' order by c.common, starts_with(lower(c.title), $2) desc, length(c.title), c.code limit $3';
begin
  at_most := least(greatest(at_most, 1), 50);
  if coalesce(letters, '') <> '' then
    return query execute 'select c.code, c.title from platform.icd10 c where replace(c.code, ''.'', '''') ^@ $1 '
      'order by replace(c.code, ''.'', '''') = $1 desc, c.common, c.code limit $2' using letters, at_most;
    get diagnostics n = row_count;
    if n > 0 then
      return;
    end if;
  end if;
  if coalesce(words, '') = '' then
    return;
  end if;
  for i in 1 .. array_length(typed, 1) loop
    one := quote_literal(typed[i]) || ':*';
    if folded[i] is distinct from typed[i] and coalesce(folded[i], '') <> '' then
      one := '(' || one || ' | ' || quote_literal(folded[i]) || ':*)';
    end if;
    query := query || case when query = '' then '' else ' & ' end || one;
  end loop;
  return query execute best using query, words, at_most;
  get diagnostics n = row_count;
  if n > 0 then
    return;
  end if;

  -- Nothing: a word that begins no word of the list stands for the nearest ones.
  query := '';
  for i in 1 .. array_length(typed, 1) loop
    one := coalesce(nullif(folded[i], ''), typed[i]);
    if exists (select from platform.icd10_words v where v.word ^@ one) then
      near := quote_literal(one) || ':*';
    else
      select string_agg(quote_literal(w.word) || ':*', ' | ') into near from (
        select v.word from platform.icd10_words v where v.word operator(ext.%) one
        order by ext.similarity(v.word, one) desc, v.word limit 4) w;
    end if;
    if near is null then
      return;
    end if;
    query := query || case when query = '' then '(' else ' & (' end || near || ')';
  end loop;
  return query execute best using query, words, at_most;
end
$$;
-- +goose StatementEnd
revoke all on function platform.search_icd10(text, text, text, integer) from public;
grant execute on function platform.search_icd10(text, text, text, integer) to cloister_doctor;

-- +goose Down
drop function platform.search_icd10;
drop table platform.icd10_words, platform.icd10, platform.reference_lists;
