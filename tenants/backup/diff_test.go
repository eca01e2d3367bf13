package backup_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/backup"
)

func TestDiffFindsEachKindOfChange(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	file, _ := k.export(t, "alpha", backup.ExportOptions{})
	diff := func() (backup.Diff, []string) {
		var found []string
		d, err := k.Diff(t.Context(), open(file), "alpha", backup.VerifyOptions{}, func(c backup.Change) error {
			found = append(found, strings.Join(slices.Concat([]string{c.Kind, c.Table}, c.Key, c.Columns), " "))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return d, found
	}
	if d, found := diff(); !d.Equal() || len(found) > 0 || len(d.Tables) < 30 || d.Files.Same != 3 {
		t.Errorf("of an unchanged clinic: %v %+v", found, d)
	}
	ks := k.keyset(t, testkit.Alpha.ID)
	for sql, args := range map[string][]any{
		"delete from clinic_alpha.prescription_lines":                                                            nil,
		"update clinic_alpha.patients set note = E'two\\nlines\\tand a tab', history = '' where id = $1":         {testkit.Asha},
		"update clinic_alpha.patients set id_cipher = $1 where id = $2":                                          {[]byte("damage"), testkit.Bilal},
		"insert into clinic_alpha.departments (id, name) values ('018f0000-0000-7000-8000-000000000011', 'New')": nil,
	} {
		k.change(t, "", sql, args...)
	}
	if err := k.store.Put(t.Context(), ks, testkit.Alpha.ID, documents[0], []byte("another")); err != nil {
		t.Fatal(err)
	}
	if err := k.store.Remove(t.Context(), testkit.Alpha.ID, documents[2]); err != nil {
		t.Fatal(err)
	}
	d, found := diff()
	slices.Sort(found)
	want := []string{
		"changed files 018f0000-0000-7000-8000-0000000000a0",
		"changed patients 018f0000-0000-7000-8000-000000000020 note",
		"changed patients 018f0000-0000-7000-8000-000000000021 id_cipher",
		"lost files 018f0000-0000-7000-8000-0000000000a3",
		"lost prescription_lines 018f0000-0000-7000-8000-0000000000a5",
		"new departments 018f0000-0000-7000-8000-000000000011",
	}
	if !slices.Equal(found, want) || d.Equal() {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
	var none bytes.Buffer
	if _, err := k.Export(t.Context(), "nobody", &none, backup.ExportOptions{}); err == nil || none.Len() > 0 {
		t.Errorf("an export of nobody gave %d bytes, %v", none.Len(), err)
	}
}
