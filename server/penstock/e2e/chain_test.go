package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// chain is a gateway that is replaced by another process, and that by another: a process group, since each is the child of the one
// before.
type chain struct {
	*gateway
	program string // what is started; a test may put something else there
	pidFile string
}

// startChain starts a gateway that can be upgraded. Where its configuration leaves the port to the kernel, its heirs keep the choice.
func startChain(t testing.TB, config string, env ...string) *chain {
	t.Helper()
	c := newChain(t, config)
	c.launch(t, exec.Command(c.program, "serve", "--config", c.path, "--pid-file", c.pidFile), env)
	c.url = c.prints(t, `listens on (http://127\.0\.0\.1:\d+|unix:\S+)`)[1]
	c.admin = c.prints(t, `(?m)profiles: (http://127\.0\.0\.1:\d+)\s`)[1]
	return c
}

func newChain(t testing.TB, config string) *chain {
	t.Helper()
	dir := t.TempDir()
	c := &chain{gateway: &gateway{path: filepath.Join(dir, "penstock.yaml")}, program: filepath.Join(dir, "penstock"), pidFile: filepath.Join(dir, "pid")}
	c.write(t, config)
	c.install(t, program)
	return c
}

// install puts a program in the place of the chain's, as an update does.
func (c *chain) install(t testing.TB, program string) {
	t.Helper()
	next := c.program + ".next"
	if err := os.Link(program, next); err != nil {
		b, err := os.ReadFile(program) // on another file system
		if err == nil {
			err = os.WriteFile(next, b, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(next, c.program); err != nil {
		t.Fatal(err)
	}
}

// script puts a shell script there.
func (c *chain) script(t testing.TB, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	c.install(t, path)
}

// launch starts the first process. What it and its heirs print goes into one: through a pipe of our own, because Wait would wait for
// the last of them otherwise.
func (c *chain) launch(t testing.TB, cmd *exec.Cmd, env []string) {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{name: t.Name() + ": penstock serve and heirs", cmd: cmd, done: make(chan struct{}), group: true}
	c.process = p
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = in, in
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	err = cmd.Start()
	_ = in.Close()
	if err != nil {
		t.Fatal(err)
	}
	processesMu.Lock()
	processes = append(processes, p)
	processesMu.Unlock()
	var printed sync.WaitGroup
	printed.Go(func() {
		_, _ = io.Copy(p, out) // until the last process of the group has ended
		_ = out.Close()
	})
	go func() {
		_ = cmd.Wait() // the exit code says it
		p.code = cmd.ProcessState.ExitCode()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		printed.Wait()
		if t.Failed() {
			t.Logf("%s printed:\n%s", p.name, tail(p.output(), 8<<10))
		}
	})
}

// pid is the process that serves now.
func (c *chain) pid(t testing.TB) int {
	t.Helper()
	b, err := os.ReadFile(c.pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func sendSignal(t testing.TB, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatalf("signal %v to %d: %v", s, pid, err)
	}
}

// upgrade replaces the process that serves, and returns the one that did.
func (c *chain) upgrade(t testing.TB) (old int) {
	t.Helper()
	old = c.pid(t)
	u := start(t, nil, "upgrade", "--pid-file", c.pidFile)
	if code := u.exit(t); code != 0 {
		t.Fatalf("penstock upgrade: %d %s", code, u.output())
	}
	if now := c.pid(t); now == old || !strings.Contains(string(u.output()), fmt.Sprintf("process %d serves now", now)) {
		t.Fatalf("the PID file says %d, was %d, and the command: %s", now, old, u.output())
	}
	return old
}

// refuses asks for an upgrade that must come to nothing for this reason.
func (c *chain) refuses(t testing.TB, why string) {
	t.Helper()
	old := c.pid(t)
	u := start(t, nil, "upgrade", "--pid-file", c.pidFile)
	if code := u.exit(t); code != 1 || !strings.Contains(string(u.output()), why) {
		t.Errorf("penstock upgrade: %d %s, want a reason with %q", code, u.output(), why)
	}
	if now := c.pid(t); now != old {
		t.Errorf("the PID file says %d, was %d", now, old)
	}
}

// gone waits for the end of a process that need not be a child of ours.
func gone(t testing.TB, pid int) {
	t.Helper()
	eventually(t, fmt.Sprintf("process %d ends", pid), func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || bytes.Contains(stat, []byte(") Z ")) // nobody may have waited for it yet
	})
}

// alive says that a process has not ended.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

// dialAny connects to a gateway by TCP or by a Unix socket.
func dialAny(address string) (net.Conn, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return net.Dial("unix", path)
	}
	return net.Dial("tcp", strings.TrimPrefix(address, "http://"))
}
