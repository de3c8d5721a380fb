package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// servicePIDFile is where the systemd unit of tuning/ has its PID file.
const servicePIDFile = "/run/penstock/penstock.pid"

// news is what `penstock upgrade` hears from the process that it asked: a datagram to an abstract socket (unix(7)), which needs
// neither a file nor the admin port.
type news struct {
	PID   int    `json:"pid"`   // of the new process
	Error string `json:"error"` // why there is none
}

func newsAddress(pid int) *net.UnixAddr {
	return &net.UnixAddr{Net: "unixgram", Name: "@penstock-upgrade-" + strconv.Itoa(pid)}
}

// tellUpgrade tells whoever waits for the outcome; often it was a bare signal and nobody does.
func tellUpgrade(n news) {
	c, err := net.DialUnix("unixgram", nil, newsAddress(os.Getpid()))
	if err != nil {
		return
	}
	defer c.Close()
	if text, err := json.Marshal(n); err == nil {
		_, _ = c.Write(text)
	}
}

// upgrade asks a running process to start its program anew and hand over to it, and waits for the outcome.
func upgrade(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("penstock upgrade", flag.ContinueOnError)
	fs.SetOutput(stderr)
	pid := fs.Int("pid", 0, "process to upgrade")
	file := fs.String("pid-file", "", "file with its process id (penstock serve --pid-file); "+servicePIDFile+" where neither is given")
	wait := fs.Duration("timeout", upgradeTime, "how long to wait for the outcome")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	if fs.NArg() > 0 || *pid < 0 || *pid > 0 && *file != "" {
		fmt.Fprintln(stderr, "penstock upgrade: wants either --pid or --pid-file, and no arguments")
		return 2
	}
	fail := func(err error) int {
		fmt.Fprintf(stderr, "penstock upgrade: %v\n", err)
		return 1
	}
	if *pid == 0 {
		if *file == "" {
			*file = servicePIDFile
		}
		var err error
		if *pid, err = readPID(*file); err != nil {
			return fail(fmt.Errorf("cannot find the process to upgrade: %w", err))
		}
	}
	n, err := askUpgrade(*pid, *wait)
	if err != nil {
		return fail(err)
	}
	if n.Error != "" {
		return fail(fmt.Errorf("process %d goes on as it was: %s", *pid, n.Error))
	}
	fmt.Fprintf(stdout, "process %d serves now; process %d ends when its last exchange has\n", n.PID, *pid)
	return 0
}

func askUpgrade(pid int, wait time.Duration) (n news, err error) {
	if err := takesUpgrades(pid); err != nil {
		return n, err
	}
	c, err := net.ListenUnixgram("unixgram", newsAddress(pid))
	if errors.Is(err, syscall.EADDRINUSE) {
		return n, fmt.Errorf("somebody waits for an upgrade of process %d already", pid)
	}
	if err != nil {
		return n, err
	}
	defer c.Close()
	if err := passCredentials(c); err != nil {
		return n, err
	}
	if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
		return n, fmt.Errorf("cannot signal process %d: %w", pid, err)
	}
	const look = 200 * time.Millisecond // at whether the process is still there
	text, credentials := make([]byte, 64<<10), make([]byte, 128)
	for end := time.Now().Add(wait); time.Now().Before(end); {
		if err := c.SetReadDeadline(time.Now().Add(look)); err != nil {
			return n, err
		}
		k, oob, _, _, err := c.ReadMsgUnix(text, credentials)
		switch {
		case err == nil && sender(credentials[:oob]) == pid:
			return n, json.Unmarshal(text[:k], &n)
		case err == nil: // anybody may send here
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return n, err
		case syscall.Kill(pid, 0) != nil:
			return n, fmt.Errorf("process %d has ended", pid)
		}
	}
	return n, fmt.Errorf("no word from process %d within %v", pid, wait)
}

// takesUpgrades checks that the process is one that serves: SIGUSR2 would end any other. A PID file may be older than a restart of
// the host.
func takesUpgrades(pid int) error {
	folder := "/proc/" + strconv.Itoa(pid)
	status, err := os.ReadFile(folder + "/status")
	if err != nil {
		return fmt.Errorf("there is no process %d", pid)
	}
	catches := false
	for line := range strings.Lines(string(status)) {
		if mask, ok := strings.CutPrefix(line, "SigCgt:"); ok {
			caught, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
			catches = err == nil && caught>>(syscall.SIGUSR2-1)&1 == 1
		}
	}
	line, err := os.ReadFile(folder + "/cmdline")
	args := strings.Split(string(line), "\x00")
	serves := err == nil && (len(args) < 2 || args[1] == "" || args[1] == "serve" || args[1][0] == '-')
	if !catches || !serves {
		return fmt.Errorf("process %d does not take upgrades: it is no penstock serve, or has not come up yet", pid)
	}
	return nil
}

// passCredentials has the kernel say who sent a datagram.
func passCredentials(c *net.UnixConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var optErr error
	err = raw.Control(func(fd uintptr) { optErr = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1) })
	return errors.Join(err, optErr)
}

// sender is the process id in a datagram's credentials, 0 where there is none.
func sender(oob []byte) int {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return 0
	}
	for i := range messages {
		if u, err := syscall.ParseUnixCredentials(&messages[i]); err == nil {
			return int(u.Pid)
		}
	}
	return 0
}
