//go:build unix

package print

import (
	"context"
	"syscall"
	"time"

	"github.com/go-rod/rod/lib/proto"
)

// Kill ends the browser's process as a crash would.
func (r *Renderer) Kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = syscall.Kill(-r.now.cmd.Process.Pid, syscall.SIGKILL)
}

// Started is how many browsers were started.
func (r *Renderer) Started() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.started
}

// Held is the text of the pages that idle tabs hold.
func (r *Renderer) Held(ctx context.Context) (out []string) {
	ctx, cancel := context.WithTimeout(ctx, time.Second) // a page that is being left may not answer
	defer cancel()
	r.mu.Lock()
	tabs := append([]*tab(nil), r.idle...)
	r.mu.Unlock()
	for _, t := range tabs {
		if res, err := (proto.RuntimeEvaluate{Expression: "document.body.textContent", ReturnByValue: true}).Call(t.to(ctx)); err == nil {
			out = append(out, res.Result.Value.Str())
		}
	}
	return out
}

// Queue waits for a place as PDF does.
func (r *Renderer) Queue(ctx context.Context, owner string) (leave func(), err error) {
	return r.queue(ctx, owner)
}

// Standing is how many documents of an owner wait or are drawn.
func (r *Renderer) Standing(owner string) int {
	r.queues.Lock()
	defer r.queues.Unlock()
	if own := r.lines[owner]; own != nil {
		return own.users
	}
	return 0
}
