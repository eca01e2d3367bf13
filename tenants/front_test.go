package tenants_test

import (
	"testing"
	"time"

	"github.com/cloister-health/cloister/internal/access"
	"github.com/cloister-health/cloister/internal/testkit"
)

func TestRightsAreNotThoseOfASchemaInTheMaking(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.exec(t, "create schema spare_half; create table spare_half.settings (); create table spare_half.visits ()")
	m, err := w.DB.Rights(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !m.Can(access.Receptionist, access.AppointmentBook) || !m.Can(access.Doctor, access.PrescriptionOwn) {
		t.Error("a schema with two tables took everybody's rights")
	}
	if !m.Complete() {
		t.Error("a capability is nobody's")
	}
}

func TestRightsFollowAMigration(t *testing.T) {
	t.Parallel()
	w := open(t)
	rename := func(from, to string) {
		t.Helper()
		for _, c := range []testkit.Clinic{testkit.Alpha, testkit.Beta} {
			w.exec(t, "alter table "+c.Schema+"."+from+" rename to "+to)
		}
	}
	booking := func() bool {
		t.Helper()
		m, err := w.DB.Rights(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !m.Can(access.Receptionist, access.CheckIn) {
			t.Fatal("reception can't check in")
		}
		return m.Can(access.Receptionist, access.AppointmentBook)
	}
	rename("appointments", "not_yet")
	if booking() {
		t.Error("books without the table")
	}
	rename("not_yet", "appointments")
	for deadline := time.Now().Add(10 * time.Second); !booking(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the table is there and its rights are not")
		}
	}
}
