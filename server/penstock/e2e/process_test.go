package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for something that has to happen. It is no measurement: a busy machine may take most of it.
const patience = 60 * time.Second

// process is a child that the tests started. Its two outputs go into one.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed once it has ended
	code int           // valid after done
	// group: it leads a process group of its own, whose processes outlive it and print for it.
	group bool

	mu      sync.Mutex
	printed bytes.Buffer
}

var (
	processes   []*process
	processesMu sync.Mutex
)

func everyProcess() []*process {
	processesMu.Lock()
	defer processesMu.Unlock()
	return append([]*process(nil), processes...)
}

// endAll ends what a test that failed early may have left.
func endAll() {
	for _, p := range everyProcess() {
		p.kill()
	}
}

// Write takes a piece of output.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.printed.Write(b)
}

func (p *process) output() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Clone(p.printed.Bytes())
}

// start runs the program. The process ends with the test, or with the test program.
func start(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	p := &process{name: t.Name() + ": penstock " + args[0], cmd: exec.Command(program, args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	processesMu.Lock()
	processes = append(processes, p)
	processesMu.Unlock()
	go func() {
		_ = p.cmd.Wait() // the exit code says it
		p.code = p.cmd.ProcessState.ExitCode()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s printed:\n%s", p.name, tail(p.output(), 8<<10))
		}
	})
	return p
}

func tail(b []byte, n int) []byte {
	if len(b) > n {
		return b[len(b)-n:]
	}
	return b
}

func (p *process) kill() {
	if p.group {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // the number stays the group's for as long as one of it lives
	}
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

func (p *process) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("signal %v: %v", s, err)
	}
}

// exit waits for the end of the process and returns its exit code.
func (p *process) exit(t testing.TB) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Fatalf("%s does not end", p.name)
	}
	return p.code
}

// prints waits until the output matches, and returns the match with its groups.
func (p *process) prints(t testing.TB, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	eventually(t, p.name+" prints "+pattern, func() bool {
		if found = re.FindStringSubmatch(string(p.output())); found != nil {
			return true
		}
		select {
		case <-p.done:
			if !p.group {
				t.Fatalf("%s ended with code %d", p.name, p.code)
			}
		default:
		}
		return false
	})
	return found
}

// eventually asks until the answer is yes.
func eventually(t testing.TB, what string, yes func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !yes(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("this did not come: %s", what)
		}
	}
}
