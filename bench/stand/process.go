package stand

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a program that was started, and what it used so far.
type Process struct {
	name    string
	command *exec.Cmd
	log     string // file of its standard output and error
	ended   chan error
	heirs   []int // processes that have replaced it, one after the other
}

// start runs a program on the given CPUs ("0", "0-1"; empty: anywhere). What it prints goes to a file in folder.
func start(folder, name, cpus string, program string, args ...string) (*Process, error) {
	if cpus != "" {
		args = append([]string{"-c", cpus, program}, args...)
		program = "taskset"
	}
	p := &Process{name: name, command: exec.Command(program, args...), log: filepath.Join(folder, name+".log"), ended: make(chan error, 1)}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.command.Stdout, p.command.Stderr = out, out
	// An interrupt at the terminal is for the program that measures, which then stops this one; where it is killed, this one
	// goes with it.
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}
	go func() { p.ended <- p.command.Wait() }()
	return p, nil
}

// StartProcess runs a program anywhere on the machine. What it prints goes to name.log in folder. Whoever starts a process stops it.
func StartProcess(folder, name, program string, args ...string) (*Process, error) {
	return start(folder, name, "", program, args...)
}

// RaiseFileLimit lets this program and those that it starts open as many sockets as they may, and beyond the hard limit where this user
// may set it; it returns how many that are, 0 where that is not known. The Go runtime does so for itself alone; only a limit that was set
// here is left to children.
func RaiseFileLimit() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	more := syscall.Rlimit{Cur: max(limit.Max, filesWanted), Max: max(limit.Max, filesWanted)}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &more) == nil {
		return int(more.Cur)
	}
	limit.Cur = limit.Max
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) // what is missing shows as a connection that cannot be opened
	return int(limit.Cur)
}

// Signal sends a signal; the error says that the process has ended.
func (p *Process) Signal(s syscall.Signal) error { return p.command.Process.Signal(s) }

// Kill ends the process without giving it a chance to do anything about it, and waits for its end.
func (p *Process) Kill() {
	_ = p.command.Process.Kill() // it may have ended
	p.ended <- <-p.ended
}

// Log is the file that takes the process's standard output and error.
func (p *Process) Log() string { return p.log }

// PID is the process's id, or that of the one that has replaced it.
func (p *Process) PID() int {
	if n := len(p.heirs); n > 0 {
		return p.heirs[n-1]
	}
	return p.command.Process.Pid
}

// Alive says whether the process still runs; where it does not, the error says how it ended.
func (p *Process) Alive() error {
	if len(p.heirs) > 0 {
		if !runs(p.PID()) {
			return fmt.Errorf("%s ended; it printed: %s", p.name, p.printed())
		}
		return nil
	}
	select {
	case err := <-p.ended:
		p.ended <- err
		if err == nil {
			err = errors.New("exit status 0")
		}
		return fmt.Errorf("%s ended: %w; it printed: %s", p.name, err, p.printed())
	default:
		return nil
	}
}

// printed is the end of what the process wrote.
func (p *Process) printed() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	const tail = 1200
	if len(text) > tail {
		text = text[len(text)-tail:]
	}
	return string(bytes.TrimSpace(text))
}

// Stop ends the process in good order, or by force after a while. The error says that force was needed.
func (p *Process) Stop() error {
	if len(p.heirs) > 0 {
		return p.stopHeirs()
	}
	if p.Alive() != nil {
		return nil
	}
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopTimeout):
	}
	_ = p.command.Process.Kill()
	<-p.ended
	return fmt.Errorf("%s did not end within %v of SIGTERM", p.name, stopTimeout)
}

// ticksPerSecond is USER_HZ, in which /proc counts time: 100 on every architecture that Go runs on (proc_pid_stat(5)).
const ticksPerSecond = 100

// CPU is the user and system time that the process has used.
func (p *Process) CPU() time.Duration {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID()) + "/stat")
	if err != nil {
		return 0
	}
	return cpuOf(stat)
}

// cpuOf reads utime and stime, fields 14 and 15 of /proc/PID/stat; the name in field 2 may hold blanks and parentheses.
func cpuOf(stat []byte) time.Duration {
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * (time.Second / ticksPerSecond)
}

// Memory is what a process holds, in bytes.
type Memory struct {
	RSS  int64 // resident now
	Peak int64 // the most that was resident
}

// Memory reads /proc/PID/status.
func (p *Process) Memory() Memory {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID()) + "/status")
	if err != nil {
		return Memory{}
	}
	return Memory{RSS: kibibytes(status, "VmRSS:"), Peak: kibibytes(status, "VmHWM:")}
}

// PSS is what is resident with shared pages counted in part, in bytes; 0 where the kernel does not say. The kernel walks all pages
// of the process for it.
func (p *Process) PSS() int64 {
	rollup, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID()) + "/smaps_rollup")
	if err != nil {
		return 0
	}
	return kibibytes(rollup, "Pss:")
}

// kibibytes reads a line such as "VmRSS:	   1234 kB" and returns bytes.
func kibibytes(status []byte, name string) int64 {
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, name); found {
			if fields := strings.Fields(rest); len(fields) > 0 {
				n, _ := strconv.ParseInt(fields[0], 10, 64)
				return n << 10
			}
		}
	}
	return 0
}

// Descriptors is how many files and sockets the process has open.
func (p *Process) Descriptors() int {
	entries, err := os.ReadDir("/proc/" + strconv.Itoa(p.PID()) + "/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}
