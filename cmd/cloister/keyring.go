package main

import (
	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/tenants"
)

// followRegistry has the ring forget a clinic's keyset as soon as the registry
// says that the clinic changed: a keyset that was destroyed must open nothing
// from then on. The function it gives ends that.
func followRegistry(db *tenants.DB, ring *keys.Ring) (stop func()) {
	events, cancel := db.Subscribe(uuid.Nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e := range events {
			switch {
			case e.Lost:
				ring.Forget(uuid.Nil)
			case e.Topic == "clinic":
				ring.Forget(e.Clinic)
			}
		}
	}()
	return func() { cancel(); <-done }
}
