// Package localtest has a PostgreSQL database for the tests of packages that
// keep intelligence in one.
package localtest

import (
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Variable is the environment variable with the address of a server for tests;
// `.ci/postgres start` prints one.
const Variable = "TCLOOKUP_TEST_POSTGRES"

// Postgres returns the address of an empty schema, which is dropped at the end
// of the test. Without a server the test is skipped, but never in CI.
func Postgres(t testing.TB) string {
	t.Helper()
	server := os.Getenv(Variable)
	if server == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no PostgreSQL: " + Variable + " is not set")
		}
		t.Skip("no PostgreSQL: set " + Variable + " to what `.ci/postgres start` prints")
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	schema := "t" + rand.Text()
	if _, err := db.ExecContext(t.Context(), `create schema "`+schema+`"`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec(`drop schema "` + schema + `" cascade`); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	q := u.Query()
	q.Set("search_path", `"`+schema+`"`)
	u.RawQuery = q.Encode()
	return u.String()
}
