// Package patient owns what a clinic knows of a person in its care: how the
// facts told at the desk are read, checked and kept.
//
// What belongs here is the registration of patients and the rules about their
// names, phones, dates and numbers. No HTTP, no page and no other slice's rules
// may go in; the importer of older files reads through the same parsers, so
// that a number means the same wherever it comes from.
package patient
