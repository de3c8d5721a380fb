package loop

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// connect opens connections that send a byte each.
func connect(t *testing.T, addr string, n int) (cs []net.Conn) {
	t.Helper()
	for range n {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		cs = append(cs, c)
	}
	return cs
}

// echoed wants each of them to get its byte back.
func echoed(t *testing.T, cs []net.Conn) {
	t.Helper()
	for i, c := range cs {
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatalf("connection %d of %d: %v", i, len(cs), err)
		}
	}
}

// onLoop runs f on a loop's thread and waits for it.
func onLoop(l *Loop, f func()) {
	done := make(chan struct{})
	l.PostOffLoop(func() { f(); close(done) })
	<-done
}

func acceptEcho(t *testing.T, l *Loop, s *Listening) {
	if err := l.AcceptOn(s, AcceptOptions{}, func(*Conn, netip.AddrPort) Handler { return &echo{} }); err != nil {
		t.Error(err)
	}
}

// What waits in a queue that ends is accepted before it does, however much it is.
func TestStopEmptiesQueues(t *testing.T) {
	ls, err := Bind("127.0.0.1:0", ListenOptions{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	e, err := Start(Config{Loops: 1}, func(*Loop) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.StopOffLoop)
	waiting := connect(t, ls.Addr(), 4*acceptsPerEvent+1)
	l := e.Loops()[0]
	onLoop(l, func() {
		acceptEcho(t, l, ls)
		l.StopAccepting()
	})
	echoed(t, waiting)
	if c, err := net.Dial("tcp", ls.Addr()); err == nil {
		_ = c.Close()
		t.Error("somebody still listens")
	}
}

// What waits in queues that are handed on is accepted by the process that has them then, whether it has more loops than there are
// queues or fewer. The one before leaves them alone.
func TestHandedOnQueues(t *testing.T) {
	for _, loops := range []int{1, 2, 3} {
		ls, err := Bind("127.0.0.1:0", ListenOptions{Loops: 2})
		if err != nil {
			t.Fatal(err)
		}
		before, err := Start(Config{Loops: 2}, func(l *Loop) { acceptEcho(t, l, ls) })
		if err != nil {
			t.Fatal(err)
		}
		var fds []int
		for _, fd := range ls.Queues() { // as another process has them
			d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			fds = append(fds, d)
		}
		stopped, held, goOn := make(chan struct{}), make(chan struct{}), make(chan struct{})
		ls.HandOn()
		for _, l := range before.Loops() {
			l.PostOffLoop(func() {
				held <- struct{}{}
				<-goOn
				l.StopAccepting()
				stopped <- struct{}{}
			})
			<-held
		}
		waiting := connect(t, ls.Addr(), 40)
		close(goOn)
		<-stopped
		<-stopped
		more := connect(t, ls.Addr(), 20)
		next, err := Inherit(fds, InheritOptions{Loops: loops, Own: true})
		if err != nil {
			t.Fatal(err)
		}
		if next.Addr() != ls.Addr() || len(next.Queues()) != max(loops, 2) {
			t.Errorf("%d loops: %d queues of %s", loops, len(next.Queues()), next.Addr())
		}
		after, err := Start(Config{Loops: loops}, func(l *Loop) { acceptEcho(t, l, next) })
		if err != nil {
			t.Fatal(err)
		}
		echoed(t, waiting)
		echoed(t, more)
		echoed(t, connect(t, ls.Addr(), 40))
		before.StopOffLoop()
		after.StopOffLoop()
	}
}

// Sockets that their holder keeps are shared by more loops than there are, and by fewer each is somebody's.
func TestKeptQueues(t *testing.T) {
	for _, loops := range []int{1, 3} {
		ls, err := Bind("127.0.0.1:0", ListenOptions{Loops: 2})
		if err != nil {
			t.Fatal(err)
		}
		var fds []int
		for _, fd := range ls.Queues() {
			d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			fds = append(fds, d)
		}
		next, err := Inherit(fds, InheritOptions{Loops: loops})
		if err != nil {
			t.Fatal(err)
		}
		if next.Own() || len(next.Queues()) != 2 || len(next.fds) != max(loops, 2) {
			t.Errorf("%d loops: %d queues, %d descriptors", loops, len(next.Queues()), len(next.fds))
		}
		e, err := Start(Config{Loops: loops}, func(l *Loop) { acceptEcho(t, l, next) })
		if err != nil {
			t.Fatal(err)
		}
		echoed(t, connect(t, ls.Addr(), 40))
		for _, l := range e.Loops() {
			onLoop(l, l.StopAccepting)
		}
		_ = connect(t, ls.Addr(), 4) // they wait for whoever comes next
		e.StopOffLoop()
		ls.Close()
	}
}

// A look into the socket sees what the loop has not read yet.
func TestUnread(t *testing.T) {
	accepted := make(chan *Conn, 1)
	e, addr := startEngine(t, 1, func(c *Conn, _ netip.AddrPort) Handler { accepted <- c; return &echo{} })
	cs := connect(t, addr, 1)
	c := <-accepted
	echoed(t, cs)
	onLoop(e.Loops()[0], func() {
		if c.Unread() {
			t.Error("an empty socket has something to read")
		}
		if _, err := cs[0].Write([]byte("y")); err != nil {
			t.Error(err)
		}
		if !c.Unread() {
			t.Error("a byte that has come is not seen")
		}
	})
	echoed(t, cs)
	onLoop(e.Loops()[0], func() {
		_ = cs[0].Close()
		if !c.Unread() {
			t.Error("the end of the peer's sending is not seen")
		}
	})
}
