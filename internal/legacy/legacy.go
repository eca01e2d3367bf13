// Package legacy imports the SQLite file of the older single-clinic system into
// one clinic.
//
// It works in two halves. Read opens a file as hostile input and never writes
// to it or beside it; PlanOf applies the written rules to its rows and gives
// typed records and a reconciliation in which every row of the file is
// accounted for; neither needs a database. Import writes a plan in one tenant
// transaction and remembers each row by its source key, so that a second run
// writes nothing.
//
// No password of any kind is taken over, and no text of a row goes into a
// report, a log or an error: they name tables, columns and row numbers. Rules
// of the clinic itself (what a phone is, which state may follow which) belong
// to the slices and the database, not here.
package legacy
