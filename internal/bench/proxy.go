//go:build unix

package bench

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// proxy passes TCP on to one address and holds every byte back for a while, as
// a network does: throughput is not limited, only late.
type proxy struct {
	l     net.Listener
	to    string
	delay time.Duration // each way
	wg    sync.WaitGroup
}

func newProxy(to string, roundTrip time.Duration) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{l: l, to: to, delay: roundTrip / 2}
	p.wg.Go(p.serve)
	return p, nil
}

func (p *proxy) close() {
	_ = p.l.Close()
	p.wg.Wait()
}

// dial goes through the proxy whatever it is asked for.
func (p *proxy) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", p.l.Addr().String())
}

func (p *proxy) serve() {
	for {
		in, err := p.l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		out, err := net.Dial("tcp", p.to)
		if err != nil {
			_ = in.Close()
			continue
		}
		p.wg.Go(func() { p.pass(in, out) })
		p.wg.Go(func() { p.pass(out, in) })
	}
}

type chunk struct {
	due  time.Time
	data []byte
}

// nap sleeps in the kernel: the runtime's timers round up to a millisecond where
// nothing else runs, which is all that is to be measured.
func nap(d time.Duration) {
	if d <= 0 {
		return
	}
	ts := unix.NsecToTimespec(d.Nanoseconds())
	for unix.Nanosleep(&ts, &ts) == unix.EINTR {
	}
}

// pass copies one way.
func (p *proxy) pass(from, to net.Conn) {
	line := make(chan chunk, 1024)
	p.wg.Go(func() {
		defer to.Close()
		for c := range line {
			nap(time.Until(c.due))
			if _, err := to.Write(c.data); err != nil {
				break
			}
		}
		for range line {
		}
	})
	defer close(line)
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			line <- chunk{time.Now().Add(p.delay), append([]byte(nil), buf[:n]...)}
		}
		if err != nil {
			return
		}
	}
}
