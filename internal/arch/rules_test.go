package arch

// module is the path that our own imports begin with.
const module = "github.com/cloister-health/cloister/"

// room is a part of the house: some packages, what they may import of our own
// and what they may never import of others. Patterns are path prefixes; a
// pattern ending in "/..." means everything below, too.
type room struct {
	name     string
	packages []string
	may      []string // of our own packages, besides those of the same room when inner is set
	inner    bool     // packages of the room may import one another
	stdOnly  bool     // nothing but the standard library and may
	never    []string // others' packages
	why      string
}

var kernel = []string{"internal/apperr", "internal/access", "internal/phi"}

// slicePackages, one reason to exist each. A slice that isn't made yet costs nothing
// here, and is under its rule from its first file.
var slicePackages = []string{
	"internal/clinic", "internal/patient", "internal/visit", "internal/appointment", "internal/consultation", "internal/prescription",
	"internal/lab", "internal/admission", "internal/billing", "internal/message", "internal/report", "internal/platform", "internal/document", "internal/history",
	"internal/share",
}

// between is the written list of slices that may use another slice.
var between = []struct{ from, to, why string }{
	{"internal/visit", "internal/patient", "a check-in may register the patient in the same transaction, and lists of visits are searched by patient"},
	{"internal/consultation", "internal/patient", "a consultation stands beside the patient's record and reads it in the same transaction"},
	{"internal/consultation", "internal/visit", "beginning moves the visit in the same transaction, and finishing tells the queue"},
	{"internal/document", "internal/patient", "a document is a patient's, whose card stands beside it, and days are read in one way"},
	{"internal/appointment", "internal/visit", "checking in makes the visit and its token in the same transaction"},
	{"internal/appointment", "internal/patient", "an appointment names its patient, whose record is read in the same transaction"},
	{"internal/appointment", "internal/clinic", "opening hours and office hours are read and written in one way"},
	{"internal/consultation", "internal/prescription", "finishing issues what was prescribed in the same transaction, and the draft keeps it until then"},
	{"internal/prescription", "internal/patient", "the clinic's day is read in one way"},
	{"internal/history", "internal/patient", "a history is a patient's, with whoever was merged into the record"},
	{"internal/history", "internal/prescription", "a dose is read in one way"},
	{"internal/share", "internal/patient", "a link is sent to a patient's phone, which is read in one way"},
	{"internal/clinic", "internal/patient", "names, phones and the clinic's day are read in one way"},
}

var house = []room{
	{
		name: "kernel", packages: kernel, stdOnly: true,
		why: "everything imports it, so whatever it imported would be everywhere",
	},
	{
		name: "database definition", packages: []string{"db"}, stdOnly: true,
		why: "it is SQL files, embedded",
	},
	{
		name: "generated queries", packages: []string{"db/platformdb", "db/tenantdb"}, may: kernel,
		why: "sqlc writes it",
	},
	{
		name: "tenants", packages: []string{"tenants"}, may: append([]string{"db/...", "internal/pg"}, kernel...),
		never: []string{"net/http", "github.com/gorilla/", "github.com/a-h/templ"},
		why:   "the core keeps one clinic from another and knows neither pages nor rules of a clinic",
	},
	{
		name: "tenants' tools", packages: []string{"tenants/..."}, inner: true,
		may:   append([]string{"tenants", "db/...", "internal/pg", "internal/keys", "internal/audit", "internal/files"}, kernel...),
		never: []string{"net/http", "github.com/gorilla/", "github.com/a-h/templ"},
		why:   "they make, change and prove clinics from the command line and the worker; no face and no slice",
	},
	{
		name: "services", packages: []string{"internal/pg", "internal/identity", "internal/audit", "internal/keys", "internal/files", "internal/mail"}, inner: true,
		may: append([]string{"tenants", "db/..."}, kernel...),
		why: "slices stand on them, so they can't know slices or faces",
	},
	{
		name: "printing", packages: []string{"internal/print"}, inner: true,
		may: kernel,
		why: "it draws a page that it is given, and knows nobody",
	},
	{
		name: "slices", packages: slicePackages,
		may:   append([]string{"tenants", "db/tenantdb", "db/platformdb", "internal/audit", "internal/files", "internal/keys", "internal/mail", "internal/identity"}, kernel...),
		never: []string{"net/http", "github.com/gorilla/", "github.com/a-h/templ"},
		why:   "types, rules and a Service; a slice uses another only from the list `between`",
	},
	{
		name: "frame of the faces", packages: []string{"internal/httpx/..."}, inner: true,
		may:   append([]string{"tenants", "internal/identity"}, kernel...),
		never: []string{"github.com/jackc/"},
		why:   "it finds the clinic (the resolver, the only part of tenants it uses) and the session, and knows no page",
	},
	{
		name: "pages", packages: []string{"internal/web/..."}, inner: true,
		may:   append(append([]string{"internal/identity", "internal/audit", "internal/print", "internal/httpx/..."}, kernel...), slicePackages...),
		never: []string{"github.com/jackc/", "database/sql"},
		why:   "a face translates and decides nothing: it asks a service",
	},
	{
		name: "API", packages: []string{"internal/api/...", "internal/fhir/..."}, inner: true,
		may:   append(append([]string{"internal/identity", "internal/audit", "internal/print", "internal/httpx/..."}, kernel...), slicePackages...),
		never: []string{"github.com/jackc/", "database/sql"},
		why:   "a face translates and decides nothing: it asks a service",
	},
	{
		name: "jobs", packages: []string{"internal/jobs/..."}, inner: true,
		may: append(append([]string{"tenants/...", "internal/identity", "internal/audit", "internal/mail"}, kernel...), slicePackages...),
		why: "a face too, with a clock instead of a reader",
	},
	{
		name: "documents", packages: []string{"internal/print/..."}, inner: true, may: kernel,
		why: "it gets what it prints",
	},
	{
		name: "importer", packages: []string{"internal/legacy/..."}, inner: true,
		may:   append(append([]string{"tenants", "db/tenantdb", "internal/identity", "internal/keys", "internal/audit", "internal/files"}, kernel...), slicePackages...),
		never: []string{"net/http", "github.com/gorilla/", "github.com/a-h/templ"},
		why:   "it reads a foreign file and writes through the core; it is no face",
	},
	{
		name: "demo", packages: []string{"internal/demo"},
		may:   append([]string{"tenants", "tenants/provision", "db/tenantdb", "internal/identity", "internal/keys", "internal/patient"}, kernel...),
		never: []string{"net/http", "github.com/jackc/"},
		why:   "it makes clinics as the command line does and fills them through the core; no real clinic needs it",
	},
	{
		name: "measurements", packages: []string{"internal/bench/..."}, inner: true,
		may: []string{"db/...", "tenants/...", "internal/..."},
		why: "they drive the core from outside, and nothing of the product may lean on them",
	},
	{
		name: "tests only", packages: []string{"internal/testkit/...", "internal/arch"}, inner: true,
		may: []string{"db/...", "tenants/...", "internal/..."},
		why: "no product code imports them, see TestOnlyTestsImportTheTestkit",
	},
	{
		name: "main", packages: []string{"cmd/..."}, inner: true,
		may: []string{"db/...", "tenants/...", "internal/..."},
		why: "it builds and wires everything, and nothing imports it",
	},
	{
		name: "programs for development", packages: []string{"tests/...", "internal/web/assetsbuild"}, inner: true,
		may: []string{"db/...", "tenants/...", "internal/..."},
		why: "they are built and run by make only",
	},
}
