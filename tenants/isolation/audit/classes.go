package audit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/jackc/pgx/v5"
)

// A thousand clinics at one version are a thousand times the same two thousand
// objects. So every schema is first boiled down to one number, which takes the
// server a pass over its catalogs and sends a thousand rows; schemas of one
// version with the same number are a class, and the rules and the fingerprint
// look at one of each. What is found there holds for all of them.
//
// The number sums keyed hashes of everything that a rule or the fingerprint reads
// of a schema, without the clinic's own name and id. The key is drawn anew in each
// run, so that nobody can prepare two schemas that differ and count as one.

// class is what stands for a schema's number in the grouping.
type class struct {
	version int64
	number  string
}

// These are rows of the catalogs that hang on a schema: $1 are the schemas, $2 and
// $3 their clinics' ids as expressions store them, $4 the key and $5 the policies
// with a sub-select over tables, whose numbers are left out as in policy_groups.
const (
	relationsOf = "pg_catalog.pg_class c where c.relnamespace = any ($1)"
	tableKinds  = "c.relkind in ('r', 'p', 'f')"
	withIDs     = "unnest($1::oid[], $2::text[], $3::text[]) h (oid, id_signed, id_unsigned) join pg_catalog.pg_class c on c.relnamespace = h.oid and " + tableKinds
	stripped    = "replace(replace(%s, h.id_signed, '?'), h.id_unsigned, '?')"
)

// parts give schema and fields; each row's fields are hashed under the part's place.
// Grants go in as they are spelled: from Postgres 16 on their own hash leaves out
// whether they may be passed on.
var parts = []struct{ home, fields, from string }{
	{"c.relnamespace", "c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relowner, c.relacl::text, c.relpersistence, c.reloptions, c.relreplident, c.relispartition, c.reltablespace, c.relam",
		relationsOf + " and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')"},
	{"c.relnamespace", "c.relname, a.attname, a.attnum, a.atttypid, a.atttypmod, a.attnotnull, a.attcollation, a.attidentity, a.attgenerated, a.attacl::text",
		"pg_catalog.pg_class c join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped where c.relnamespace = any ($1) and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')"},
	{"c.relnamespace", "c.relname, d.adnum, hashtextextended(" + strings.Replace(stripped, "%s", "d.adbin::text", 1) + ", $4)", withIDs + " join pg_catalog.pg_attrdef d on d.adrelid = c.oid"},
	{"c.relnamespace", "c.relname, k.conname, k.contype, k.convalidated, k.condeferrable, k.condeferred, k.conkey, f.relname, nullif(f.relnamespace, c.relnamespace), k.confkey, k.confupdtype, k.confdeltype, " +
		"k.confmatchtype, k.conexclop, k.connoinherit, hashtextextended(case when k.contype = 'c' and k.conname = c.relname || '_clinic' then " + strings.Replace(stripped, "%s", "k.conbin::text", 1) + " else k.conbin::text end, $4)",
		withIDs + " join pg_catalog.pg_constraint k on k.conrelid = c.oid left join pg_catalog.pg_class f on f.oid = nullif(k.confrelid, 0)"},
	{"c.relnamespace", "c.relname, t.relname, x.indkey::int2[], x.indclass, x.indcollation, x.indoption::int2[], x.indisunique, x.indisprimary, x.indisexclusion, x.indimmediate, x.indisvalid, x.indisready, x.indislive, " +
		"x.indnkeyatts, x.indnullsnotdistinct, c.relam, c.reloptions, c.reltablespace, x.indpred::text, x.indexprs::text",
		"pg_catalog.pg_index x join pg_catalog.pg_class c on c.oid = x.indexrelid join pg_catalog.pg_class t on t.oid = x.indrelid where c.relnamespace = any ($1)"},
	// Those of foreign keys have numbers in their names.
	{"c.relnamespace", "c.relname, case when g.tgisinternal then '' else g.tgname end, g.tgenabled, g.tgfoid, g.tgtype, g.tgargs, g.tgattr::int2[], g.tgdeferrable, g.tginitdeferred, g.tgoldtable, g.tgnewtable, g.tgqual::text",
		"pg_catalog.pg_class c join pg_catalog.pg_trigger g on g.tgrelid = c.oid where c.relnamespace = any ($1) and " + tableKinds},
	{"p.home", "p.relname, p.polname, p.polcmd, p.polpermissive, p.polroles, hashtextextended(case when p.reads then regexp_replace(p.polqual::text, ':relid \\d+', ':relid', 'g') else p.polqual::text end, $4), " +
		"hashtextextended(case when p.reads then regexp_replace(p.polwithcheck::text, ':relid \\d+', ':relid', 'g') else p.polwithcheck::text end, $4), " +
		"case when p.reads then (select string_agg(concat_ws(' ', r.relname, nullif(r.relnamespace, p.home)), ',' order by r.relname, r.relnamespace) from pg_catalog.pg_depend d join pg_catalog.pg_class r on r.oid = d.refobjid " +
		"where d.classid = 'pg_policy'::regclass and d.objid = p.oid and d.refclassid = 'pg_class'::regclass) end",
		"(select c.relnamespace as home, c.relname, c.relname || '.' || o.polname = any ($5::text[]) as reads, o.* from pg_catalog.pg_class c join pg_catalog.pg_policy o on o.polrelid = c.oid where c.relnamespace = any ($1) and " + tableKinds + ") p"},
	{"c.relnamespace", "c.relname, k.relname, nullif(k.relnamespace, c.relnamespace), k.relrowsecurity, k.relforcerowsecurity", "pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhparent join pg_catalog.pg_class k on k.oid = i.inhrelid where c.relnamespace = any ($1)"},
	{"c.relnamespace", "c.relname, k.relname, k.relnamespace", "pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid join pg_catalog.pg_class k on k.oid = i.inhparent where c.relnamespace = any ($1)"},
	{"c.relnamespace", "c.relname, s.stxname, s.stxkind, s.stxkeys::int2[]", "pg_catalog.pg_statistic_ext s join pg_catalog.pg_class c on c.oid = s.stxrelid where c.relnamespace = any ($1)"},
	// Rules and the views that read a clinic's tables are always worth a look of their own.
	{"c.relnamespace", "c.relname, w.oid", "pg_catalog.pg_rewrite w join pg_catalog.pg_class c on c.oid = w.ev_class where w.oid >= 16384 and c.relnamespace = any ($1)"},
	{"c.relnamespace", "c.relname, w.oid", "pg_catalog.pg_rewrite w join pg_catalog.pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass " +
		"join pg_catalog.pg_class c on c.oid = d.refobjid where w.oid >= 16384 and c.relnamespace = any ($1)"},
	// No clinic has functions or types, so that one in a schema makes it a class of its own.
	{"p.pronamespace", "p.oid", "pg_catalog.pg_proc p where p.pronamespace = any ($1)"},
	{"y.typnamespace", "y.oid", "pg_catalog.pg_type y where y.typtype in ('e', 'd', 'r') and y.typnamespace = any ($1)"},
	{"n.oid", "n.nspowner, n.nspacl::text", "pg_catalog.pg_namespace n where n.oid = any ($1)"},
}

func numbers() string {
	var b strings.Builder
	b.WriteString("select home, sum(number)::text from (\n")
	for i, p := range parts {
		if i > 0 {
			b.WriteString("\nunion all\n")
		}
		fmt.Fprintf(&b, "select %s, sum(hash_record_extended(row(%d, %s), $4)) from %s group by 1", p.home, i, p.fields, p.from)
	}
	b.WriteString(") x (home, number) group by 1")
	return b.String()
}

// classes puts the clinics' schemas into classes, each under the one that is
// looked at. Schemas that were asked for by name are few and each looked at.
func (a *run) classes(ctx context.Context) error {
	a.members = map[uint32][]uint32{}
	var oids []uint32
	var signed, unsigned []string
	samples := map[int64]uint32{} // a schema of each version
	for oid, h := range a.homesBy {
		switch {
		case h.kind != "clinic":
			a.members[oid] = []uint32{oid}
		case !a.covers(h.name):
		case a.wanted != nil:
			a.members[oid] = []uint32{oid}
		default:
			oids, signed, unsigned = append(oids, oid), append(signed, h.signed), append(unsigned, h.unsigned)
			samples[h.version] = oid
		}
	}
	if len(oids) == 0 {
		return nil
	}
	reading, err := a.readingPolicies(ctx, samples)
	if err != nil {
		return err
	}
	rows, err := a.q.Query(ctx, numbers(), oids, signed, unsigned, rand.Int64(), reading)
	if err != nil {
		return err
	}
	lookedAt := map[class]uint32{}
	var oid uint32
	var number string
	_, err = pgx.ForEachRow(rows, []any{&oid, &number}, func() error {
		c := class{a.homesBy[oid].version, number}
		one, ok := lookedAt[c]
		if !ok {
			one = oid
			lookedAt[c] = one
		}
		a.members[one] = append(a.members[one], oid)
		return nil
	})
	return err
}

// readingPolicies are those with a sub-select over tables, in one schema of each
// version. A policy that isn't among them and reads tables makes its schema a
// class of its own, which costs time and hides nothing.
func (a *run) readingPolicies(ctx context.Context, samples map[int64]uint32) ([]string, error) {
	oids := []uint32{}
	for _, oid := range samples {
		oids = append(oids, oid)
	}
	rows, err := a.q.Query(ctx, `select distinct c.relname || '.' || p.polname from pg_catalog.pg_class c join pg_catalog.pg_policy p on p.polrelid = c.oid
		where c.relnamespace = any ($1) and concat(p.polqual::text, p.polwithcheck::text) like '%:relid %'`, oids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
