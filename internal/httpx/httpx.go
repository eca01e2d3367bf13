// Package httpx is the frame around every handler: it builds the router from
// rows that say who may come in, finds the clinic and the session, sets
// headers and limits, and turns an error into an answer in one place. It
// knows no page, no slice and no SQL, and decides nothing that a row or a
// service did not say.
package httpx
