//go:build unix

package print

import "syscall"

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
