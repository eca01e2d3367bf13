-- Room for what an older system's records say and the new ones had no place
-- for: the number that stood on the old prescription, readings that are no
-- number, a sugar of which nobody wrote when it was measured, a result that is
-- text, and templates that are out of use. An unfinished prescription of the
-- older system has a number already, though it was never issued.

-- +goose Up
alter table prescriptions
  add column old_number text not null default '' check (length(old_number) <= 40),
  drop constraint prescriptions_issue,
  add constraint prescriptions_issue check ((state = 'draft') = (issued_at is null) and (state = 'draft' or number <> '') and (state <> 'draft' or number = '' or old_number <> ''));
create trigger a_imported before insert on prescriptions for each row execute function platform.guard_imported();

alter table vitals
  add column note text not null default '' check (length(note) <= 1000),
  drop constraint vitals_sugar_kind_check,
  add constraint vitals_sugar_kind_check check (sugar_kind in ('', 'fasting', 'random', 'after_meal')),
  drop constraint vitals_sugar,
  add constraint vitals_sugar check (sugar is not null or sugar_kind = ''),
  drop constraint vitals_some,
  add constraint vitals_some check (num_nonnulls(systolic, pulse, temperature_tenths, respiration, spo2, sugar, weight_grams, height_mm) > 0 or note <> '');

alter table test_requests add column result text not null default '' check (length(result) <= 4000 and (result = '' or state = 'reported'));

alter table prescription_templates
  add column description text not null default '' check (length(description) <= 500),
  add column active boolean not null default true;

-- A diagnosis was free text of any length; an index holds no such text.
alter table diagnoses drop constraint diagnoses_title_check, add constraint diagnoses_title_check check (btrim(title) <> '' and length(title) <= 4000);
drop index diagnoses_once;
create unique index diagnoses_once on diagnoses (consultation_id, code, md5(lower(title))) where not withdrawn;

alter table identifiers
  drop constraint identifiers_entity_check,
  add constraint identifiers_entity_check check (entity in ('clinic', 'users', 'profiles', 'patients', 'visits', 'departments', 'formulary', 'test_catalogue',
    'prescription_templates', 'prescriptions', 'prescription_lines', 'consultations', 'vitals', 'test_requests', 'documents'));

-- An import puts the starter's entry of a medicine out of use where the clinic
-- brings its own.
select platform.protect('formulary',
  '{"clinic_admin": "S I U", "doctor": "S I U", "nurse": "S", "receptionist": "S", "lab_technician": "S", "jobs": "S I U(active)"}');

-- +goose Down
select platform.protect('formulary',
  '{"clinic_admin": "S I U", "doctor": "S I U", "nurse": "S", "receptionist": "S", "lab_technician": "S", "jobs": "S I"}');
alter table identifiers drop constraint identifiers_entity_check,
  add constraint identifiers_entity_check check (entity in ('clinic', 'users', 'profiles', 'patients', 'visits', 'departments'));
drop index diagnoses_once;
create unique index diagnoses_once on diagnoses (consultation_id, code, lower(title)) where not withdrawn;
alter table diagnoses drop constraint diagnoses_title_check, add constraint diagnoses_title_check check (btrim(title) <> '' and length(title) <= 300);
alter table prescription_templates drop column active, drop column description;
alter table test_requests drop column result;
alter table vitals drop constraint vitals_some, drop constraint vitals_sugar, drop constraint vitals_sugar_kind_check, drop column note,
  add constraint vitals_sugar_kind_check check (sugar_kind in ('', 'fasting', 'random')),
  add constraint vitals_sugar check ((sugar is null) = (sugar_kind = '')),
  add constraint vitals_some check (num_nonnulls(systolic, pulse, temperature_tenths, respiration, spo2, sugar, weight_grams, height_mm) > 0);
drop trigger a_imported on prescriptions;
alter table prescriptions drop constraint prescriptions_issue, drop column old_number,
  add constraint prescriptions_issue check ((state = 'draft') = (issued_at is null) and (state = 'draft') = (number = ''));
