// Package arch holds the house's plan as tests: who may import whom and why,
// how long a file may be, and which names say nothing. It has no code that the
// product uses.
package arch
