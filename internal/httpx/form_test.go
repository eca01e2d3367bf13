package httpx

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/tenants"
)

func posted(body string) *http.Request {
	r := httptest.NewRequest("POST", "/form", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return r
}

func TestWhatWasEnteredTellsFormsApart(t *testing.T) {
	t.Parallel()
	rt := &Router{opt: Options{FormKey: []byte("one")}}
	digest := func(r *http.Request) tenants.Digest {
		d, err := rt.entered(r)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := digest(posted("name=Asha&symptoms=cough&symptoms=fever&_once=1&version=1&draft=3&seen=a"))
	for body, same := range map[string]bool{
		"symptoms=cough&symptoms=fever&name=Asha&_once=1&version=2&draft=4": true,
		"name=Asha&symptoms=cough&symptoms=fever&_once=2":                   false,
		"name=Asha&symptoms=fever&symptoms=cough&_once=1":                   false,
		"name=Asha&symptoms=cough&_once=1":                                  false,
		"name=Ashacough&symptoms=&symptoms=fever&_once=1":                   false,
		"name=Asha&symptoms=cough&symptoms=fever&_once=1&note=":             false,
		"_once=1": false,
	} {
		if got := digest(posted(body)) == first; got != same {
			t.Errorf("%q is the same: %v", body, got)
		}
	}
	rt.opt.FormKey = []byte("another")
	if digest(posted("name=Asha&symptoms=cough&symptoms=fever&_once=1")) == first {
		t.Error("the digest has no key")
	}
	upload := posted("name=Asha")
	upload.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	for _, r := range []*http.Request{upload, posted("_once=1&current=a&password=b"), httptest.NewRequest("GET", "/form?name=Asha", nil)} {
		if digest(r) != (tenants.Digest{}) {
			t.Errorf("%s of %q has a digest", r.Method, r.Header.Get("Content-Type"))
		}
	}
}

func TestAFormThatIsTooLargeIsNotTakenForAnEmptyOne(t *testing.T) {
	t.Parallel()
	r := posted("name=" + strings.Repeat("x", 100))
	r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, 50)
	if _, err := (&Router{}).entered(r); safe(err) != errTooLarge {
		t.Errorf("%v", err)
	}
}
