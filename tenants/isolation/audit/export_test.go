package audit

import (
	"context"
)

// Apart tells whether two schemas are of different classes, so that each is
// looked at for itself.
func Apart(ctx context.Context, q Querier, one, other string) (bool, error) {
	a := &run{q: q}
	for _, step := range []func(context.Context) error{a.homes, a.classes} {
		if err := step(ctx); err != nil {
			return false, err
		}
	}
	for _, all := range a.members {
		n := 0
		for _, oid := range all {
			if name := a.homesBy[oid].name; name == one || name == other {
				n++
			}
		}
		if n == 2 {
			return false, nil
		}
	}
	return true, nil
}
