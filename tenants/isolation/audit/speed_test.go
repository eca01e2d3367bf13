package audit_test

import (
	"testing"

	"github.com/cloister-health/cloister/internal/testkit"
	"github.com/cloister-health/cloister/tenants/isolation/audit"
)

func BenchmarkAudit(b *testing.B) {
	conn := testkit.Conn(b, testkit.New(b).Auditor)
	for b.Loop() {
		if _, err := audit.Run(b.Context(), conn, audit.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
