package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// handoverVariable holds a handover as JSON in the environment of a process that is to replace another.
const handoverVariable = "PENSTOCK_HANDOVER"

// handover is what a running process passes to the one that replaces it. Descriptors are numbers in the new process.
type handover struct {
	From   int             `json:"from"`   // process id
	Report int             `json:"report"` // a pipe for the verdict
	Listen []handedSockets `json:"listen"`
	Admin  *handedSockets  `json:"admin,omitempty"`
}

// handedSockets are the listening sockets of one address. The address is that of the configuration, so that the new process finds
// its own again however many loops it has and in whatever order its configuration lists them.
type handedSockets struct {
	Address string `json:"address"`
	FDs     []int  `json:"fds"`
	Own     bool   `json:"own"`
}

// verdict is a new process's one word: it serves, with these of the addresses, or why it does not.
type verdict struct {
	Ready  bool   `json:"ready"`
	Taken  []int  `json:"taken"` // indices into handover.Listen
	Reason string `json:"reason"`
}

// heir is a process that was started to replace this one.
type heir struct {
	pid     int
	process *os.Process
	outcome chan outcome // one
}

// outcome is what became of an heir: its verdict, or why there is none.
type outcome struct {
	verdict
	err error
}

// ownPath is the program to start for an upgrade: the path that this one was started by, not the file behind it, so that a link that
// was turned to a newer version is followed.
func ownPath() (string, error) {
	if path, err := exec.LookPath(os.Args[0]); err == nil {
		if path, err = filepath.Abs(path); err == nil && sameFile(path, "/proc/self/exe") {
			return path, nil
		}
	}
	return os.Executable()
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// startHeir starts the program anew beside this process, with the same arguments and with every listening socket. This process goes
// on as before until the heir's outcome is known.
func (p *process) startHeir() (*heir, error) {
	report, reporter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reporter.Close()
	files := []uintptr{0, 1, 2, reporter.Fd()}
	h := handover{From: os.Getpid(), Report: len(files) - 1}
	hand := func(address string, own bool, fds ...int) handedSockets {
		s := handedSockets{Address: address, Own: own}
		for _, fd := range fds {
			s.FDs = append(s.FDs, len(files))
			files = append(files, uintptr(fd))
		}
		return s
	}
	for i, ln := range p.listens {
		h.Listen = append(h.Listen, hand(listenAddress(&p.listened[i]), ln.sockets.Own(), ln.sockets.Queues()...))
	}
	if p.adminSocket != nil {
		fd, err := duplicate(p.adminSocket)
		if err != nil {
			_ = report.Close()
			return nil, err
		}
		defer unix.Close(fd)
		s := hand(p.snapshot().Admin, true, fd)
		h.Admin = &s
	}
	text, err := json.Marshal(h)
	if err != nil {
		_ = report.Close()
		return nil, err
	}
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, handoverVariable+"=") })
	pid, err := syscall.ForkExec(p.program, os.Args, &syscall.ProcAttr{Env: append(env, handoverVariable+"="+string(text)), Files: files})
	if err != nil {
		_ = report.Close()
		return nil, fmt.Errorf("cannot start %s: %w", p.program, err)
	}
	n := &heir{pid: pid, outcome: make(chan outcome, 1)}
	if n.process, err = os.FindProcess(pid); err != nil {
		_ = report.Close()
		return nil, err
	}
	go n.watch(report)
	return n, nil
}

// duplicate returns a descriptor of the listener's socket, the caller's to close.
func duplicate(l *net.TCPListener) (fd int, err error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return -1, err
	}
	var dupErr error
	err = raw.Control(func(s uintptr) { fd, dupErr = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(err, dupErr)
}

// watch waits for the verdict and sees to it that a process that does not come up is gone before anybody hears of it.
func (n *heir) watch(report *os.File) {
	defer report.Close()
	var o outcome
	err := report.SetReadDeadline(time.Now().Add(heirTime))
	var line []byte
	if err == nil {
		line, err = bufio.NewReader(report).ReadBytes('\n')
	}
	if err == nil {
		err = json.Unmarshal(line, &o.verdict)
	}
	if err == nil && o.Ready {
		n.outcome <- o
		_, _ = n.process.Wait() // it may end before this process has drained
		return
	}
	ended := make(chan *os.ProcessState, 1)
	go func() {
		s, _ := n.process.Wait() // nil on an error
		ended <- s
	}()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		o.err = fmt.Errorf("it was not ready after %v", heirTime)
		n.kill()
	}
	var state *os.ProcessState
	select {
	case state = <-ended:
	case <-time.After(heirEndTime):
		n.kill()
		state = <-ended
	}
	switch {
	case o.err != nil:
	case o.Reason != "":
		o.err = errors.New(o.Reason)
	default:
		o.err = fmt.Errorf("it ended before it was ready: %v", state)
	}
	n.outcome <- o
}

func (n *heir) kill() { _ = n.process.Kill() } // it may have ended

// dismiss ends an heir that is no longer wanted, in good order in case it has begun to serve.
func (n *heir) dismiss() { _ = n.process.Signal(syscall.SIGTERM) }
