// Package db embeds the database's definition: the roles and the database's own
// settings (server), the goose migrations of the shared schema (platform) and
// of each clinic's schema (tenant), and the public lists that all clinics share
// (reference). What sqlc makes of the queries stands in
// platformdb and tenantdb. No code that talks to a database belongs here.
package db

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

//go:embed server/*.sql
var server embed.FS

//go:embed platform/*.sql
var platform embed.FS

//go:embed tenant/*.sql
var tenant embed.FS

//go:embed reference/icd10.csv.gz
var icd10 []byte

//go:embed reference/icd10_common.txt
var icd10Common string

//go:embed reference/formulary.csv
var formulary string

//go:embed reference/tests.csv
var tests string

// Starters are the lists of common medicines and tests that each clinic begins
// with, as CSV. Their origin: reference/README.md.
func Starters() (medicines, investigations string) { return formulary, tests }

// ICD10 is the list of codes and titles, a CSV file compressed by gzip, and
// the codes that are frequent, one a line. Their origin: reference/README.md.
func ICD10() (codes []byte, common string) { return icd10, icd10Common }

// Roles creates and tightens the server's roles; run as an administrator.
func Roles() string { return text("server/00_roles.sql") }

// Database settles who may do what in the database; run as an administrator.
func Database() string { return text("server/01_database.sql") }

// Search gives the patient search to the owner that may bypass the policies;
// run as an administrator after the platform's migrations.
func Search() string { return text("server/02_search.sql") }

// Platform holds the migrations of the shared schema.
func Platform() fs.FS { return sub(platform, "platform") }

// Tenant holds the migrations of a clinic's schema.
func Tenant() fs.FS { return sub(tenant, "tenant") }

// TenantVersions are the versions that the migrations of a clinic's schema lead
// to, ascending.
func TenantVersions() []int64 {
	v, err := Versions(tenant)
	if err != nil {
		panic(err) // the files are compiled in
	}
	return v
}

// Versions reads a folder's versions from its files' names, which begin with
// them, ascending.
func Versions(files fs.FS) ([]int64, error) {
	var all []int64
	err := fs.WalkDir(files, ".", func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(e.Name(), ".sql") {
			return err
		}
		number, _, _ := strings.Cut(e.Name(), "_")
		v, err := strconv.ParseInt(number, 10, 64)
		if err != nil || v < 1 {
			return fmt.Errorf("migration %s: its name does not begin with a version", e.Name())
		}
		all = append(all, v)
		return nil
	})
	slices.Sort(all)
	return all, err
}

func text(name string) string {
	b, err := server.ReadFile(name)
	if err != nil {
		panic(err) // the file is compiled in
	}
	return string(b)
}

func sub(f embed.FS, dir string) fs.FS {
	s, err := fs.Sub(f, dir)
	if err != nil {
		panic(err) // the folder is compiled in
	}
	return s
}
