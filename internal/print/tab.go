//go:build unix

package print

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"github.com/go-rod/rod/lib/cdp"
	"github.com/go-rod/rod/lib/proto"
)

// site is where a document lies for the browser; nobody can own such a host.
const site = "http://document.invalid/"

// largest is how big a PDF may get, in bytes.
const largest = 32 << 20

// tab is a place in the browser where one document after another is drawn.
type tab struct {
	browser *chromium
	target  proto.TargetTargetID
	session proto.TargetSessionID
	loaded  chan struct{}

	turn int // counts its documents; the renderer's to guard

	mu      sync.Mutex
	doc     *Document
	refused string // what the page asked for and may not have
}

// open makes a tab in which no script runs and every request is ours to answer.
func (b *chromium) open(ctx context.Context) (*tab, error) {
	root := call{ctx, b.client, ""}
	target, err := proto.TargetCreateTarget{URL: "about:blank"}.Call(root)
	if err != nil {
		return nil, err
	}
	attached, err := proto.TargetAttachToTarget{TargetID: target.TargetID, Flatten: true}.Call(root)
	if err != nil {
		return nil, err
	}
	t := &tab{browser: b, target: target.TargetID, session: attached.SessionID, loaded: make(chan struct{}, 1)}
	b.mu.Lock()
	b.tabs[t.session] = t
	b.mu.Unlock()
	to := t.to(ctx)
	return t, errors.Join(
		proto.PageEnable{}.Call(to),
		proto.EmulationSetScriptExecutionDisabled{Value: true}.Call(to),
		proto.EmulationSetEmulatedMedia{Media: "print"}.Call(to),
		proto.FetchEnable{Patterns: []*proto.FetchRequestPattern{{URLPattern: "*"}}}.Call(to),
	)
}

func (t *tab) to(ctx context.Context) call { return call{ctx, t.browser.client, t.session} }

// pdf draws a document and prints it.
func (t *tab) pdf(ctx context.Context, d *Document) ([]byte, error) {
	t.mu.Lock()
	t.doc, t.refused = d, ""
	t.mu.Unlock()
	select { // of a document before that was given up
	case <-t.loaded:
	default:
	}
	to := t.to(ctx)
	nav, err := proto.PageNavigate{URL: site}.Call(to)
	if err != nil {
		return nil, err
	}
	if nav.ErrorText != "" {
		return nil, fmt.Errorf("print: the page can't be opened: %s", nav.ErrorText)
	}
	select {
	case <-t.loaded:
	case <-t.browser.down:
		return nil, errEnded
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	// A font that the page's text needs is asked for when the text is laid out,
	// and the load event doesn't wait for it.
	if _, err := (proto.RuntimeEvaluate{Expression: "document.fonts.ready.then(() => 1)", AwaitPromise: true}).Call(to); err != nil {
		return nil, err
	}
	t.mu.Lock()
	refused := t.refused
	t.mu.Unlock()
	if refused != "" {
		return nil, fmt.Errorf("%w: %s", errRefused, refused)
	}
	return t.print(to)
}

func (t *tab) print(to call) ([]byte, error) {
	res, err := proto.PagePrintToPDF{PreferCSSPageSize: true, PrintBackground: true, GenerateTaggedPDF: true,
		TransferMode: proto.PagePrintToPDFTransferModeReturnAsStream}.Call(to)
	if err != nil {
		return nil, err
	}
	defer func() { _ = proto.IOClose{Handle: res.Stream}.Call(to) }()
	var out bytes.Buffer
	for {
		part, err := proto.IORead{Handle: res.Stream}.Call(to)
		if err != nil {
			return nil, err
		}
		b := []byte(part.Data)
		if part.Base64Encoded {
			if b, err = base64.StdEncoding.DecodeString(part.Data); err != nil {
				return nil, err
			}
		}
		if out.Len()+len(b) > largest {
			return nil, fmt.Errorf("print: the document has more than %d bytes", largest)
		}
		out.Write(b)
		if part.EOF {
			return out.Bytes(), nil
		}
	}
}

// event deals with what the browser tells of the tab.
func (t *tab) event(e *cdp.Event) {
	switch e.Method {
	case proto.PageLoadEventFired{}.ProtoEvent():
		select {
		case t.loaded <- struct{}{}:
		default:
		}
	case proto.FetchRequestPaused{}.ProtoEvent():
		var p proto.FetchRequestPaused
		if json.Unmarshal(e.Params, &p) == nil {
			go t.answer(&p)
		}
	}
}

// answer gives the page what it asks for: itself, or a file of the document.
func (t *tab) answer(p *proto.FetchRequestPaused) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	to := t.to(ctx)
	body, kind, ok := t.content(p.Request.URL)
	if !ok {
		_ = proto.FetchFailRequest{RequestID: p.RequestID, ErrorReason: proto.NetworkErrorReasonBlockedByClient}.Call(to)
		return
	}
	_ = proto.FetchFulfillRequest{RequestID: p.RequestID, ResponseCode: 200, Body: body,
		ResponseHeaders: []*proto.FetchHeaderEntry{{Name: "Content-Type", Value: kind}, {Name: "Cache-Control", Value: "no-store"}}}.Call(to)
}

// content may call the document's owner, who may take long: it holds no lock then.
func (t *tab) content(address string) (body []byte, kind string, ok bool) {
	t.mu.Lock()
	d := t.doc
	t.mu.Unlock()
	if d == nil {
		return nil, "", false
	}
	if address == site {
		return d.HTML, "text/html; charset=utf-8", true
	}
	u, err := url.Parse(address)
	if err == nil && u.Scheme+"://"+u.Host+"/" == site && d.File != nil {
		body, kind, ok = d.File(u.Path)
	}
	if !ok && address != site+"favicon.ico" { // which the browser asks for by itself
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.doc == d && t.refused == "" {
			t.refused = address
		}
	}
	return body, kind, ok
}

// forget ends what the page may ask for.
func (t *tab) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.doc = nil
}

// clear lets go of what was drawn.
func (t *tab) clear() {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	_, _ = proto.PageNavigate{URL: "about:blank"}.Call(t.to(ctx))
}
