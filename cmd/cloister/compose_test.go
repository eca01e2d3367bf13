package main

import (
	"context"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
)

// TestTheComposeFile reads docker-compose.yml as `docker compose config` does,
// with the two secrets that it asks for: it is valid, has the service, its
// worker and Postgres, and sets no variable that the program doesn't know.
func TestTheComposeFile(t *testing.T) {
	t.Parallel()
	opts, err := cli.NewProjectOptions([]string{"../../docker-compose.yml"}, cli.WithEnv([]string{"CLOISTER_MASTER_KEY=k", "POSTGRES_PASSWORD=p"}), cli.WithName("cloister"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := opts.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.ServiceNames(), []string{"migrate", "postgres", "service", "worker"}; !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("services %v, want %v", got, want)
	}
	known := map[string]bool{}
	for f := range reflect.TypeFor[config]().Fields() {
		known[f.Tag.Get("env")] = true
	}
	dockerfile, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range p.Services {
		if s.Build == nil {
			continue
		}
		for v := range s.Environment {
			if !known[v] {
				t.Errorf("%s sets %s, which the program doesn't read", name, v)
			}
		}
		for _, port := range s.Ports {
			if !strings.Contains(string(dockerfile), "PORT=8080") || port.Target != 8080 {
				t.Errorf("%s maps port %d, which the image doesn't listen on", name, port.Target)
			}
		}
	}
}
