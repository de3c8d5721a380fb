package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestUpgradeFails: a new process that does not come up changes nothing, and its reason is told; the next one that does takes over.
func TestUpgradeFails(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	c := startChain(t, m.config(h2c, ""))
	w := dial(t, c.url)
	w.wantOpen()

	good := m.config(h2c, "")
	c.write(t, strings.Replace(good, "kind: openai", "kind: openia", 1))
	c.refuses(t, "openia")
	c.write(t, strings.Replace(good, "admin: 127.0.0.1:0", "admin: "+strings.TrimPrefix(m.plain, "http://"), 1))
	c.refuses(t, "address already in use")
	c.write(t, good+"timeouts: {idle: 70s}\n")
	c.script(t, "exit 3")
	c.refuses(t, "exit status 3")
	c.script(t, "kill -9 $$")
	c.refuses(t, "killed")
	if err := os.Remove(c.program); err != nil {
		t.Fatal(err)
	}
	c.refuses(t, "no such file")
	w.wantOpen()
	dial(t, c.url).wantOpen()
	if !strings.Contains(get(t, c.admin+"/readyz"), "ok") {
		t.Error("not ready")
	}

	c.install(t, program)
	old := c.upgrade(t)
	dial(t, c.url).wantOpen()
	if !strings.Contains(get(t, c.admin+"/api/config"), "idle: 1m10s") {
		t.Errorf("the new process has another configuration: %s", get(t, c.admin+"/api/config"))
	}
	w.send(request("GET", "/v1/models", ""))
	if a := w.answer("GET"); a.status != 200 || !a.closes {
		t.Errorf("the old process answers %s, it says that the connection ends: %v", a.line, a.closes)
	}
	w.wantEnd()
	gone(t, old)
}

// TestUpgradeCommand: what is no process that can be upgraded is told from one, and left alone.
func TestUpgradeCommand(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	path := filepath.Join(t.TempDir(), "pid")
	for _, c := range []struct {
		args, want string
		code       int
	}{
		{"--pid-file " + path, "no such file", 1},
		{fmt.Sprintf("--pid %d", m.cmd.Process.Pid), "does not take upgrades", 1},
		{"--pid 1 --pid-file x", "either", 2},
		{"--pid x", "invalid value", 2},
	} {
		p := start(t, nil, append([]string{"upgrade"}, strings.Fields(c.args)...)...)
		if code := p.exit(t); code != c.code || !strings.Contains(string(p.output()), c.want) {
			t.Errorf("penstock upgrade %s: %d %s", c.args, code, p.output())
		}
	}
	_ = m.stats(t) // it is still there
}

// TestUpgradeOnce: while a new process comes up, another upgrade is refused; a process that has handed over takes none either.
func TestUpgradeOnce(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	c := startChain(t, m.config(h2c, ""))
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	c.script(t, "read go < "+fifo+"\nexec "+program+` "$@"`)
	old := c.pid(t)
	live := dial(t, c.url)
	live.send(request("POST", "/v1/chat/completions", chatBody("oai/chat?tokens=1000000&tps=30", true)))
	r := live.head("POST")
	sendSignal(t, old, syscall.SIGUSR2)
	c.prints(t, "upgrade: a new process starts")
	c.refuses(t, "an upgrade is under way")
	dial(t, c.url).wantOpen()
	if err := os.WriteFile(fifo, []byte("\n"), 0); err != nil {
		t.Fatal(err)
	}
	c.prints(t, "the new process serves; this one drains")
	if c.pid(t) == old {
		t.Error("the PID file is the old process's")
	}
	u := start(t, nil, "upgrade", "--pid", fmt.Sprint(old))
	if code := u.exit(t); code != 1 || !strings.Contains(string(u.output()), "about to end") {
		t.Errorf("%d %s", code, u.output())
	}
	// A service manager that stops the service signals both; the old one does already what it is told. A second word cuts.
	sendSignal(t, old, syscall.SIGTERM)
	if _, err := io.ReadFull(r.Body, make([]byte, 8<<10)); err != nil {
		t.Errorf("the stream of the old process broke off: %v", err)
	}
	sendSignal(t, old, syscall.SIGTERM)
	b, err := io.ReadAll(r.Body)
	if err != nil || !strings.Contains(string(b), "shutting_down") {
		t.Errorf("the stream ended with %v after %q", err, tail(b, 300))
	}
	gone(t, old)
	dial(t, c.url).wantOpen()
}

// TestUpgradeAddresses: loops and addresses may change with an upgrade; every queue of an address that stays is served by somebody.
func TestUpgradeAddresses(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	dir := t.TempDir()
	socket, other := "unix:"+filepath.Join(dir, "one"), "unix:"+filepath.Join(dir, "two")
	config := func(loops int, listen string) string {
		s := strings.Replace(m.config(h2c, ""), "listen: 127.0.0.1:0", "listen: ["+listen+"]", 1)
		return strings.Replace(s, "loops: 2", fmt.Sprintf("loops: %d", loops), 1)
	}
	c := startChain(t, config(2, "127.0.0.1:0, '"+socket+"'"))
	served := func(address string) {
		t.Helper()
		for range 24 { // the kernel spreads connections over the queues
			conn, err := dialAny(address)
			if err != nil {
				t.Fatalf("%s: %v", address, err)
			}
			w := &wire{t, conn, bufio.NewReader(conn)}
			if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			w.wantOpen()
			_ = conn.Close()
		}
	}
	served(c.url)
	served(socket)
	// One that does not come up takes nothing with it.
	c.write(t, strings.Replace(config(2, "127.0.0.1:0, '"+socket+"'"), "admin: 127.0.0.1:0", "admin: "+strings.TrimPrefix(m.plain, "http://"), 1))
	c.refuses(t, "address already in use")
	served(socket)
	for _, step := range []struct {
		loops  int
		listen []string
	}{{3, []string{socket, "127.0.0.1:0"}}, {1, []string{"127.0.0.1:0", other, socket}}, {2, []string{other, "127.0.0.1:0"}}} {
		c.write(t, config(step.loops, "'"+strings.Join(step.listen, "', '")+"'"))
		old := c.upgrade(t)
		for _, address := range step.listen {
			if address == "127.0.0.1:0" {
				address = c.url
			}
			served(address)
		}
		gone(t, old)
		for _, address := range step.listen {
			if path, ok := strings.CutPrefix(address, "unix:"); ok {
				if _, err := os.Stat(path); err != nil {
					t.Errorf("%d loops: %v", step.loops, err)
				}
			}
		}
	}
	if conn, err := dialAny(socket); err == nil {
		_ = conn.Close()
		t.Error("an address that was given up still answers")
	}
	last := c.pid(t)
	sendSignal(t, last, syscall.SIGTERM)
	gone(t, last)
	for _, path := range []string{strings.TrimPrefix(socket, "unix:"), strings.TrimPrefix(other, "unix:"), c.pidFile} {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is left behind (%v)", path, err)
		}
	}
}

// TestServiceManager: sockets of systemd are found by their addresses and names, several of one address among them; what happens is
// told to it (sd_listen_fds(3), sd_notify(3)); their queues outlive the process.
func TestServiceManager(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	notices, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: filepath.Join(t.TempDir(), "notify")})
	if err != nil {
		t.Fatal(err)
	}
	defer notices.Close()
	hears := func(want string) {
		t.Helper()
		if err := notices.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 4096)
		n, err := notices.Read(b)
		if err != nil || !strings.HasPrefix(string(b[:n]), want) {
			t.Fatalf("%v, %q, want %q", err, b[:n], want)
		}
	}
	listen := func(address string) (*os.File, string) {
		t.Helper()
		config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
			var opt error
			const reusePort = 15 // SO_REUSEPORT, asm-generic/socket.h
			err := c.Control(func(fd uintptr) { opt = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, reusePort, 1) })
			if err == nil {
				err = opt
			}
			return err
		}}
		l, err := config.Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f, l.Addr().String()
	}
	admin, adminAt := listen("127.0.0.1:0")
	first, firstAt := listen("127.0.0.1:0")
	second, secondAt := listen("127.0.0.1:0")
	again, _ := listen(secondAt)
	stray, strayAt := listen("127.0.0.1:0")

	// In another order than systemd has them.
	config := strings.Replace(m.config(h2c, ""), "listen: 127.0.0.1:0", "listen: ["+secondAt+", "+firstAt+"]", 1)
	c := newChain(t, config)
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, c.program, "serve", "--config", c.path, "--pid-file", c.pidFile)
	cmd.ExtraFiles = []*os.File{stray, first, admin, second, again}
	c.launch(t, cmd, []string{"NOTIFY_SOCKET=" + notices.LocalAddr().String(), "LISTEN_FDS=5", "LISTEN_FDNAMES=stray:http:admin:api:api"})
	hears("READY=1")
	c.prints(t, `nothing listens on its address","address":"`+strayAt)
	works := func() {
		t.Helper()
		for range 16 {
			for _, at := range []string{firstAt, secondAt} {
				w := dial(t, at)
				w.wantOpen()
				_ = w.conn.Close()
			}
		}
		if !strings.Contains(get(t, "http://"+adminAt+"/readyz"), "ok") {
			t.Error("the admin port is not on its socket")
		}
	}
	works()
	sendSignal(t, c.pid(t), syscall.SIGHUP)
	hears("RELOADING=1\nMONOTONIC_USEC=")
	hears("READY=1")
	c.upgrade(t)
	hears("RELOADING=1\nMONOTONIC_USEC=")
	hears(fmt.Sprintf("MAINPID=%d\nREADY=1", c.pid(t)))
	works()
	c.script(t, "exit 3")
	c.refuses(t, "exit status 3")
	hears("RELOADING=1\nMONOTONIC_USEC=")
	hears("READY=1")
	pid := c.pid(t)
	sendSignal(t, pid, syscall.SIGTERM)
	hears("STOPPING=1")
	gone(t, pid)
	dial(t, firstAt) // the queue is systemd's, so that connections wait in it
}
