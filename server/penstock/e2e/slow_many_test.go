package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// files is how many descriptors the process has open.
func (p *process) files(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// limitFiles sets how many descriptors the process may have from now on, and returns what it was.
func (p *process) limitFiles(t testing.TB, most uint64) uint64 {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_NOFILE, nil, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: most, Max: old.Max}, nil); err != nil {
		t.Fatal(err)
	}
	return old.Cur
}

// held is one of many connections: a bare socket, since thousands of them live here at once.
type held struct{ fd int }

func hold(url string) (held, error) {
	a, err := net.ResolveTCPAddr("tcp4", strings.TrimPrefix(url, "http://"))
	if err != nil {
		return held{}, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return held{}, err
	}
	limit := unix.NsecToTimeval(int64(patience))
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit)
	to := &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte(a.IP.To4())}
	if err := again(func() error { return unix.Connect(fd, to) }); err != nil && !errors.Is(err, unix.EISCONN) {
		_ = unix.Close(fd)
		return held{}, err
	}
	return held{fd}, nil
}

// again makes a system call until no signal of the runtime comes in between.
func again(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EALREADY) {
			return err
		}
	}
}

// heldEnd is how the mock's plain answers end.
const heldEnd = `"system_fingerprint":"fp_sim"}`

// ask sends a request whose answer is short, and reads until that has come.
func (h held) ask(send []byte) error {
	if err := again(func() error { _, err := unix.Write(h.fd, send); return err }); err != nil {
		return err
	}
	var got []byte
	for b := make([]byte, 4096); !strings.HasSuffix(string(got), heldEnd); {
		n := 0
		err := again(func() (err error) { n, err = unix.Read(h.fd, b); return err })
		if err != nil || n == 0 {
			return fmt.Errorf("%d bytes, %v after %q", n, err, got)
		}
		got = append(got, b[:n]...)
	}
	if !strings.HasPrefix(string(got), "HTTP/1.1 200 ") {
		return fmt.Errorf("got %q", got)
	}
	return nil
}

// each calls f for every number below n, from several goroutines.
func each(t testing.TB, n int, f func(i int) error) {
	t.Helper()
	var next atomic.Int64
	failed := make(chan error, 8)
	var all sync.WaitGroup
	for range cap(failed) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil {
					failed <- fmt.Errorf("%d of %d: %w", i+1, n, err)
					return
				}
			}
		})
	}
	all.Wait()
	close(failed)
	for err := range failed {
		t.Fatal(err)
	}
}

// TestManyIdle: thousands of clients that have been served and say nothing more cost little, are served again, and leave nothing.
// `make load SCENARIO=memory` measures it with more of them and without the race detector.
func TestManyIdle(t *testing.T) {
	t.Parallel()
	const many, eachLimitBytes = 4000, 16 << 10
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur < many+500 {
		t.Fatalf("this process may open %d files; the test needs %d (ulimit -n)", limit.Cur, many+500)
	}
	m := startMock(t)
	g := startGateway(t, m.config(h2c, "timeouts: {idle: 1h}\n"))
	send := []byte(request("POST", "/v1/chat/completions", chatBody("oai/chat?tokens=3", false)))
	all := make([]held, many)
	defer func() {
		for _, h := range all {
			if h.fd > 0 {
				_ = unix.Close(h.fd)
			}
		}
	}()
	open := func(i int) (err error) {
		if all[i], err = hold(g.url); err != nil {
			return err
		}
		return all[i].ask(send)
	}
	each(t, 200, open) // what the first ones bring to life is not counted
	before, files := g.footprint(t), g.files(t)
	each(t, many-200, func(i int) error { return open(200 + i) })
	eventually(t, "all are connected", func() bool { return g.metric(t, "penstock_connections", `state="idle"`) == many })
	full := g.footprint(t)
	per := (full.rss - before.rss) / (many - 200)
	t.Logf("%.1f KiB for each of %d idle connections", per/1024, many)
	if per > eachLimitBytes {
		t.Errorf("an idle connection costs %.0f bytes", per)
	}
	if full.lent > before.lent {
		t.Errorf("idle connections hold %.0f bytes of buffers", full.lent-before.lent)
	}
	each(t, many, func(i int) error { return all[i].ask(send) })
	for i, h := range all {
		_ = unix.Close(h.fd)
		all[i].fd = 0
	}
	eventually(t, "all have gone", func() bool { return g.metric(t, "penstock_connections") == 0 })
	if now := g.files(t); now > files-200+8 {
		t.Errorf("%d files are open, %d were with 200 clients", now, files)
	}
	settled(t, g, m)
	dial(t, g.url).wantOpen()
}

// TestOutOfDescriptors: where the process may open no more files, accepting rests, those who are connected are served on, and the others
// are served as soon as there is room.
func TestOutOfDescriptors(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	g := startGateway(t, m.config(h2c, "timeouts: {idle: 1h}\n"))
	send := []byte(request("POST", "/v1/chat/completions", chatBody("oai/chat?tokens=3", false)))
	early := dial(t, g.url)
	early.wantOpen()
	old := g.limitFiles(t, uint64(g.files(t)+20))
	const many = 60
	all := make([]held, many)
	for i := range all {
		var err error
		if all[i], err = hold(g.url); err != nil { // the kernel's queue takes them
			t.Fatal(err)
		}
		defer unix.Close(all[i].fd)
	}
	var served atomic.Int64
	done := make(chan error, many)
	for _, h := range all {
		go func() {
			err := h.ask(send)
			served.Add(1)
			done <- err
		}()
	}
	eventually(t, "those are served for whom there is room", func() bool { return served.Load() > 5 })
	for range 20 {
		early.wantOpen()
	}
	if n := served.Load(); n == many {
		t.Fatalf("all %d were served: the process did not run out of descriptors", n)
	}
	g.limitFiles(t, old)
	for range all {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if pauses := g.metric(t, "penstock_connections"); pauses != many+1 {
		t.Errorf("%v connections, want %d", pauses, many+1)
	}
}

// TestConnectionBound: beyond bounds.connections new clients wait in the kernel's queue, as they do with HAProxy's maxconn, and nobody
// who is connected is sent away for them. Connections to providers do not count.
func TestConnectionBound(t *testing.T) {
	t.Parallel()
	for _, p := range []protocol{h2c, http1} {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			m := startMock(t)
			g := startGateway(t, oneLoop(m.config(p, "bounds: {connections: 3}\ntimeouts: {idle: 1h}\n")))
			var in []*wire
			for range 3 {
				w := dial(t, g.url)
				w.wantOpen()
				in = append(in, w)
			}
			for _, w := range in { // each takes a connection to the provider where that speaks HTTP/1.1
				w.send(request("POST", "/v1/chat/completions", chatBody("oai/chat?latency=20ms", false)))
			}
			for _, w := range in {
				if a := w.answer("POST"); a.status != 200 {
					t.Errorf("%s %s", a.line, a.body)
				}
			}
			late := dial(t, g.url)
			late.send(request("GET", "/v1/models", ""))
			for _, w := range in {
				w.wantOpen()
			}
			_ = late.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if b, err := late.in.Peek(1); err == nil {
				t.Fatalf("one more than the bound was served: %q", b)
			}
			_ = late.conn.SetReadDeadline(time.Now().Add(patience))
			_ = in[1].conn.Close()
			if a := late.answer("GET"); a.status != 200 {
				t.Error(a.line)
			}
			in[0].wantOpen()
			in[2].wantOpen()
		})
	}
}
