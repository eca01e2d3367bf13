package httpx

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"github.com/cloister-health/cloister/tenants"
)

// kept are the fields that a page keeps its own account in; nobody enters them,
// and they may differ when the same entries are sent again.
var kept = []string{"draft", "seen", "version"}

// Passwords are the fields that are never kept in any form, digests included.
var Passwords = []string{"password", "again", "current"}

// entered reads the form of a request and gives the digest of what was entered in
// it, all zero where there is none. Uploads are read by who takes them. A form that
// is too large is refused here, since what is left of it looks like an empty one.
func (rt *Router) entered(r *http.Request) (d tenants.Digest, err error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || kind != "application/x-www-form-urlencoded" {
		return d, nil
	}
	if err := r.ParseForm(); isTooLarge(err) {
		return d, err
	}
	return digest(rt.opt.FormKey, r.PostForm), nil
}

// digest is HMAC-SHA256 over names and values, each with its length before it.
// The form's own key is among them, so that equal entries of two forms differ.
func digest(key []byte, form url.Values) (d tenants.Digest) {
	h := hmac.New(sha256.New, key)
	number := func(n int) { h.Write(binary.BigEndian.AppendUint64(nil, uint64(n))) }
	text := func(s string) { number(len(s)); h.Write([]byte(s)) }
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if slices.Contains(Passwords, name) {
			return tenants.Digest{}
		}
		if slices.Contains(kept, name) {
			continue
		}
		text(name)
		number(len(form[name]))
		for _, v := range form[name] {
			text(v)
		}
	}
	h.Sum(d[:0])
	return d
}
