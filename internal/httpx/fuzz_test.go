package httpx

import (
	"net/http"
	"net/netip"
	"testing"
)

// FuzzForwarded: whatever proxies say, a visitor's address is a valid one or
// none, and only a believed proxy's word counts.
func FuzzForwarded(f *testing.F) {
	for _, s := range []string{"", "198.51.100.7", "198.51.100.7, 192.0.2.9", "x, 198.51.100.7", "198.51.100.7,", "::ffff:198.51.100.7", "fe80::1%eth0", "\x00", "1.2.3.4:80", ", , ,", "0"} {
		f.Add(s, "192.0.2.1:5000", s)
		f.Add(s, "203.0.113.5:5000", s)
		f.Add(s, s, "0193-5f7a-request")
	}
	rt := &Router{opt: Options{Proxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}}
	f.Fuzz(func(t *testing.T, forwarded, remoteAddr, id string) {
		r := &http.Request{RemoteAddr: remoteAddr, Header: http.Header{"X-Forwarded-For": {forwarded}, "X-Request-Id": {id}}}
		got := rt.address(r)
		a, err := netip.ParseAddr(got)
		if got != "" && (err != nil || a.String() != got || a.Is4In6()) {
			t.Errorf("%q by %q gives %q", forwarded, remoteAddr, got)
		}
		if from := remote(r); !rt.trusted(from) && from.IsValid() && got != from.String() {
			t.Errorf("%q is believed of %q: %q", forwarded, remoteAddr, got)
		}
		if rid := rt.requestID(r); !idForm.MatchString(rid) || (rid == id && !rt.fromProxy(r)) {
			t.Errorf("request id %q of %q by %q", rid, id, remoteAddr)
		}
	})
}
