-- A trigram index answers equality too, by reading all that was lately added to
-- it, and Postgres believes it cheap; a scan of the table it believes cheap as
-- well. So looking whether a patient's name words are known read every word of
-- the last thousands of patients: an import spent seven tenths of its time
-- there, and registering got slower with each patient until the next vacuum.
-- Where neither is allowed, the primary key is asked, one look a word.

-- +goose Up
-- +goose StatementBegin
create or replace function platform.learn_words() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  words text[];
  known text[];
  w     text;
begin
  if btrim(new.search_key) <> '' and (tg_op = 'INSERT' or old.search_key is distinct from new.search_key) then
    words := string_to_array(btrim(new.search_key), ' ');
    -- Most words are known; asking for all at once is cheaper than trying each.
    execute format('select array(select v.word from %I.name_words v where v.word = any ($1))', tg_table_schema) into known using words;
    foreach w in array words loop
      if w <> '' and w <> all (known) then
        execute format('insert into %I.name_words (word) values ($1) on conflict (word) do nothing', tg_table_schema) using w;
      end if;
    end loop;
  end if;
  return null;
end
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
create or replace function platform.learn_words() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  fresh text[];
  w     text;
begin
  if btrim(new.search_key) <> '' and (tg_op = 'INSERT' or old.search_key is distinct from new.search_key) then
    execute format('select array(select distinct u.w from unnest($1) u(w) where u.w <> '''' '
                   'and not exists (select from %I.name_words v where v.word = u.w))', tg_table_schema)
      into fresh using string_to_array(btrim(new.search_key), ' ');
    foreach w in array fresh loop
      execute format('insert into %I.name_words (word) values ($1) on conflict (word) do nothing', tg_table_schema) using w;
    end loop;
  end if;
  return null;
end
$$;
-- +goose StatementEnd
