//go:build unix

package bench

import (
	"context"
	"fmt"
	"io/fs"
	"testing/fstest"
	"time"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/tenants/provision"
)

// Provision times the making of a clinic until it can be found, with a spare
// schema and without, as the number of clinics grows.
func Provision(ctx context.Context, e *Env) ([]Row, error) {
	sizes, each := []int{10, 300, 1000}, 9
	if e.Quick {
		sizes, each = []int{3, 6}, 3
	}
	var rows []Row
	first := map[bool]float64{}
	for _, n := range sizes {
		in, err := e.installed(ctx, "changed", n)
		if err != nil {
			return nil, err
		}
		defer in.close()
		all, err := in.service.List(ctx)
		if err != nil {
			return nil, err
		}
		for _, spare := range []bool{true, false} {
			took, err := in.creations(ctx, spare, each)
			if err != nil {
				return nil, err
			}
			row := Row{What: fmt.Sprintf("with a spare schema, at %d clinics", len(all)), Unit: "ms", Ours: took, Goal: "<= 20"}
			if !spare {
				row.What, row.Goal = fmt.Sprintf("without, at %d clinics", len(all)), ""
			}
			rows = append(rows, row)
			if first[spare] == 0 {
				first[spare] = took
				continue
			}
			rows = append(rows, Row{What: row.What + ", against the fewest", Unit: "ms", Ours: took, Base: first[spare], BaseIs: "few clinics", Goal: "<= 1.5"})
		}
	}
	return rows, nil
}

// creations is the median time of some, in milliseconds.
func (in *installation) creations(ctx context.Context, spare bool, n int) (float64, error) {
	target := 0
	if spare {
		target = n + 1
	}
	if _, err := in.service.EnsureSpares(ctx, target, 0, nil); err != nil {
		return 0, err
	}
	var v []float64
	for i := range n + 1 {
		begun := time.Now()
		made, err := in.service.Create(ctx, spec(unique("t")), provision.By{})
		if err != nil {
			return 0, err
		}
		if made.Spare != spare {
			return 0, fmt.Errorf("a clinic was made with a spare: %t, expected %t", made.Spare, spare)
		}
		if i > 0 { // the first prepares the connection's statements
			v = append(v, micros(time.Since(begun))/1e3)
		}
	}
	return median(v), nil
}

func newSlug() uuid.UUID { return uuid.New() }

// withFile is a folder of files and one more.
func withFile(files fs.FS, name, text string) (fs.FS, error) {
	all := fstest.MapFS{name: {Data: []byte(text)}}
	names, err := fs.Glob(files, "*")
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		b, err := fs.ReadFile(files, n)
		if err != nil {
			return nil, err
		}
		all[n] = &fstest.MapFile{Data: b}
	}
	return all, nil
}
