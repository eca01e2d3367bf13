package migrate

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Drift is one difference between what the ledger says and what is there.
type Drift struct {
	Schema string `json:"schema"`
	What   string `json:"what"`
}

// drifts compares the registry, the ledger and the catalogs: of each schema its
// existence, its version and the versions below it; and of the schemas at the
// same versions each table's columns, constraints, indexes, triggers, policies and
// grants with those that most of them have. What differs by right is left out:
// the check and the default that hold the clinic's own id.
const drifts = `with
  living as materialized (select s.clinic_id, s.schema_name, s.version, n.oid
    from platform.schemas s left join pg_namespace n on n.nspname = s.schema_name where s.state <> 'dropped'),
  ledger as materialized (select l.clinic_id, coalesce(max(m.version), 0) as last, coalesce(string_agg(m.version::text, ',' order by m.version), '') as applied
    from living l left join platform.migrations m using (clinic_id) group by l.clinic_id),
  tab as materialized (select l.clinic_id, l.schema_name, d.applied, c.oid, c.relname, c.relacl, c.relrowsecurity, c.relforcerowsecurity
    from living l join ledger d using (clinic_id) join pg_class c on c.relnamespace = l.oid and c.relkind in ('r', 'p')),
  part as (
    select t.oid, format('c %s %s %s %s', a.attname, a.atttypid, a.attnotnull, case when a.attname <> 'clinic_id' then regexp_replace(e.adbin::text, ':location -?\d+', '', 'g') end) as what
      from tab t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef e on e.adrelid = t.oid and e.adnum = a.attnum
    union all
    select t.oid, format('k %s %s %s %s', k.conname, k.contype, k.convalidated, case when k.conname <> t.relname || '_clinic' then regexp_replace(k.conbin::text, ':location -?\d+', '', 'g') end)
      from tab t join pg_constraint k on k.conrelid = t.oid
    union all
    select t.oid, format('i %s %s %s %s %s', c.relname, i.indisunique, i.indisvalid, i.indclass, i.indpred is null)
      from tab t join pg_index i on i.indrelid = t.oid join pg_class c on c.oid = i.indexrelid
    union all
    select t.oid, format('t %s %s %s', g.tgname, g.tgenabled, g.tgfoid) from tab t join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
    union all
    select t.oid, format('p %s %s %s %s', p.polname, p.polcmd, p.polroles, p.polpermissive) from tab t join pg_policy p on p.polrelid = t.oid
    union all
    select t.oid, format('g %s %s %s', t.relrowsecurity, t.relforcerowsecurity, (select string_agg(x::text, ',' order by x::text) from unnest(t.relacl) x)) from tab t),
  print as materialized (select t.clinic_id, t.schema_name, t.applied, t.relname, md5(string_agg(p.what, '|' order by p.what)) as digest
    from tab t join part p on p.oid = t.oid group by 1, 2, 3, 4),
  counted as materialized (select applied, relname, digest, count(*) as n from print group by 1, 2, 3),
  usual as materialized (select distinct on (applied, relname) applied, relname, digest, n from counted order by applied, relname, n desc, digest),
  sizes as materialized (select d.applied, count(*) as n from ledger d join living l using (clinic_id) where l.oid is not null group by 1)
select schema_name, what from (
  select l.schema_name, 'the registry has it, the database does not' as what from living l where l.oid is null
  union all
  select n.nspname, 'the database has it, the registry does not' from pg_namespace n
    where n.nspname ~ '^(clinic|spare)_' and not exists (select from living l where l.oid = n.oid)
  union all
  select l.schema_name, format('the registry says version %s, the ledger %s', l.version, d.last) from living l join ledger d using (clinic_id) where l.version <> d.last
  union all
  select l.schema_name, format('version %s was not applied, a later one was', v.v) from living l join ledger d using (clinic_id), unnest($1::bigint[]) v(v)
    where v.v < d.last and not exists (select from platform.migrations m where m.clinic_id = l.clinic_id and m.version = v.v)
  union all
  select l.schema_name, format('version %s was applied, and this program knows none', m.version) from living l join platform.migrations m using (clinic_id)
    where m.version < $1[cardinality($1)] and not m.version = any ($1)
  union all
  select p.schema_name, format('table %s is not as in the other schemas at version %s', p.relname, l.version)
    from print p join living l using (clinic_id) join usual u on u.applied = p.applied and u.relname = p.relname join sizes s on s.applied = p.applied
    where p.digest <> u.digest and 2 * u.n > s.n
  union all
  select p.schema_name, format('table %s is not in the other schemas at version %s', p.relname, l.version)
    from print p join living l using (clinic_id) join sizes s on s.applied = p.applied
    where 2 * (select count(*) from print o where o.applied = p.applied and o.relname = p.relname) < s.n
  union all
  select l.schema_name, format('table %s of the other schemas at version %s is missing', u.relname, l.version)
    from living l join ledger d using (clinic_id) join usual u on u.applied = d.applied join sizes s on s.applied = d.applied
    where l.oid is not null and 2 * u.n > s.n and not exists (select from print p where p.clinic_id = l.clinic_id and p.relname = u.relname)
) f order by 1, 2`

// Verify names every difference between the ledger and the schemas. It reads
// catalogs and the registry alone.
func (m *Migrator) Verify(ctx context.Context) ([]Drift, error) {
	conn, err := m.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, drifts, m.versions)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Drift])
}
