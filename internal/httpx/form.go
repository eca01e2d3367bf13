package httpx

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"mime"
	"net/http"
	"slices"

	"github.com/cloister-health/cloister/tenants"
)

// kept are the fields that a page keeps its own account in; nobody enters them,
// and they may differ when the same entries are sent again.
var kept = []string{"_once", "draft", "seen", "version"}

// entered reads the form of a request and gives the digest of what was entered in
// it, all zero where there is none. Uploads are read by who takes them. A form that
// is too large is refused here, since what is left of it looks like an empty one.
func entered(r *http.Request) (d tenants.Digest, err error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || kind != "application/x-www-form-urlencoded" {
		return d, nil
	}
	if err := r.ParseForm(); isTooLarge(err) {
		return d, err
	}
	h := sha256.New()
	part := func(s string) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	for _, name := range slices.Sorted(maps.Keys(r.PostForm)) {
		if slices.Contains(kept, name) {
			continue
		}
		part(name)
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(r.PostForm[name]))))
		for _, v := range r.PostForm[name] {
			part(v)
		}
	}
	h.Sum(d[:0])
	return d, nil
}
