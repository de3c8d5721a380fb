package stand

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Upgrade replaces the gateway by a new process. The old one ends when it has drained.
func (s *Stand) Upgrade() error {
	out, err := exec.Command(s.binary, "upgrade", "--pid-file", s.pidFile).CombinedOutput()
	if err != nil {
		return fmt.Errorf("upgrade: %w: %s", err, bytes.TrimSpace(out))
	}
	text, err := os.ReadFile(s.pidFile)
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	s.Gateway.heirs = append(s.Gateway.heirs, pid)
	return nil
}

// runs says whether a process, not necessarily a child, has not ended.
func runs(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

// Draining is how many processes that were replaced have not ended yet.
func (p *Process) Draining() (n int) {
	if len(p.heirs) == 0 {
		return 0
	}
	for _, pid := range append([]int{p.command.Process.Pid}, p.heirs[:len(p.heirs)-1]...) {
		if runs(pid) {
			n++
		}
	}
	return n
}

// stopHeirs ends the process that serves in good order, and whatever else is left of its group by force.
func (p *Process) stopHeirs() (err error) {
	if len(p.heirs) == 0 {
		return nil
	}
	_ = syscall.Kill(p.PID(), syscall.SIGTERM)
	for end := time.Now().Add(stopTimeout); runs(p.PID()); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			err = errors.New("the last " + p.name + " did not end in time")
			break
		}
	}
	_ = syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL) // none, where all have ended
	return err
}
