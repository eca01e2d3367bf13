package patient_test

import (
	"testing"

	"github.com/cloister-health/cloister/internal/patient"
)

func TestSearchKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		names []string
		want  string
	}{
		{nil, ""},
		{[]string{"", " - "}, ""},
		{[]string{"Asha Kulkarni"}, " asha kulkarni "},
		{[]string{"ASHA  Kulkarni", "आशा कुलकर्णी"}, " asha kulkarni आशा कुलकर्णी "},
		{[]string{`Joseph "Joe" D'Mello`}, " joseph joe d mello "},
		{[]string{"José Ñandú"}, " jose nandu "},
		{[]string{"ज़ाकिर"}, " ज़ाकिर "},
		{[]string{"क्\u200dष"}, " क्ष "},
		{[]string{"Asha asha", "Asha"}, " asha "},
		{[]string{"Ｗｉｄｅ ①"}, " wide 1 "},
	} {
		if got := patient.SearchKey(c.names...); got != c.want {
			t.Errorf("SearchKey(%q) = %q, want %q", c.names, got, c.want)
		}
	}
}
