package stand

import (
	"errors"
	"net/netip"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Fleet is a set of HTTP/1.1 connections to the gateway, all driven by the caller's thread: epoll, raw sockets and a wait in
// nanoseconds, so that it neither misses its times nor costs much of the machine that it measures on.
type Fleet struct {
	target  unix.SockaddrInet4
	request []byte // what every exchange sends; borrowed
	poll    int
	conns   []*conn // by descriptor
	idle    []*conn // open, without an exchange
	opened  int     // connections that exist
	events  []unix.EpollEvent
	scratch []byte
	now     int64 // UnixNano of this turn

	// What drives the fleet sets these.
	finish func(c *conn, fault string) // the exchange of c ended; c is idle, or closed where a fault broke it
	piece  func(c *conn)               // bytes of the answer came, and more will
}

// conn is one connection and the exchange on it.
type conn struct {
	fd      int
	busy    bool
	waiting bool   // for the socket to take more
	due     int64  // UnixNano from which the exchange's time runs
	out     []byte // of the request, not taken by the socket yet
	answer  answer
	pieces  int // reads that brought bytes of this answer
}

// The kinds of fault that do not come from a status.
const (
	faultConnect   = "cannot connect"
	faultReset     = "connection reset"
	faultClosed    = "closed without an answer"
	faultCut       = "closed in mid-answer"
	faultMalformed = "malformed answer"
	faultUnasked   = "bytes without a request"
	faultSilent    = "no answer"
)

// HoldThread keeps the caller on its thread and makes that thread's waits exact, until the returned function is called.
func HoldThread() func() {
	runtime.LockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, timerSlackNS, 0, 0, 0)
	return runtime.UnlockOSThread
}

// NewFleet makes a fleet without connections. address is an IPv4 address with its port.
func NewFleet(address string, request []byte) (*Fleet, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().Is4() {
		return nil, errors.New("not an IPv4 address with a port: " + address)
	}
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	f := &Fleet{
		target: unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}, request: request, poll: poll,
		events: make([]unix.EpollEvent, eventsPerWait), scratch: make([]byte, readBytes),
		finish: func(*conn, string) {}, piece: func(*conn) {},
	}
	f.now = time.Now().UnixNano()
	return f, nil
}

// Close closes every connection.
func (f *Fleet) Close() {
	for _, c := range f.conns {
		if c != nil {
			f.drop(c)
		}
	}
	_ = unix.Close(f.poll)
}

// dial opens a connection; it comes up while requests already wait on it.
func (f *Fleet) dial() (*conn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	c := &conn{fd: fd, waiting: true}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	err = unix.Connect(fd, &f.target)
	if err == nil || errors.Is(err, unix.EINPROGRESS) {
		err = unix.EpollCtl(f.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT, Fd: int32(fd)})
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	for len(f.conns) <= fd {
		f.conns = append(f.conns, nil)
	}
	f.conns[fd] = c
	f.opened++
	return c, nil
}

// send starts an exchange on c, whose time runs from due.
func (f *Fleet) send(c *conn, due int64) {
	c.busy, c.due, c.out, c.pieces = true, due, f.request, 0
	c.answer.reset()
	if !c.waiting {
		f.write(c)
	}
}

func (f *Fleet) write(c *conn) {
	for len(c.out) > 0 {
		n, err := unix.Write(c.fd, c.out)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			f.fail(c, faultReset)
			return
		}
		c.out = c.out[n:]
	}
	f.wantWrite(c, len(c.out) > 0)
}

func (f *Fleet) wantWrite(c *conn, want bool) {
	if c.waiting == want {
		return
	}
	c.waiting = want
	events := uint32(unix.EPOLLIN)
	if want {
		events |= unix.EPOLLOUT
	}
	_ = unix.EpollCtl(f.poll, unix.EPOLL_CTL_MOD, c.fd, &unix.EpollEvent{Events: events, Fd: int32(c.fd)})
}

// turn waits for at most ns and serves what is ready.
func (f *Fleet) turn(ns int64) {
	timeout := unix.NsecToTimespec(max(ns, 0))
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(f.poll), uintptr(unsafe.Pointer(&f.events[0])),
		uintptr(len(f.events)), uintptr(unsafe.Pointer(&timeout)), 0, 0)
	f.now = time.Now().UnixNano()
	if errno != 0 {
		return
	}
	for i := range f.events[:n] {
		event := &f.events[i]
		c := f.conns[event.Fd]
		if c == nil {
			continue
		}
		if event.Events&unix.EPOLLOUT != 0 && c.waiting {
			if fault, _ := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR); fault != 0 {
				f.fail(c, connectFault(syscall.Errno(fault)))
				continue
			}
			f.write(c)
		}
		if event.Events&^unix.EPOLLOUT != 0 && f.conns[event.Fd] == c {
			f.read(c)
		}
	}
}

func connectFault(errno syscall.Errno) string {
	if errno == unix.ECONNRESET || errno == unix.EPIPE {
		return faultReset
	}
	return faultConnect
}

func (f *Fleet) read(c *conn) {
	n, err := unix.Read(c.fd, f.scratch)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return
	case err != nil:
		f.fail(c, faultReset)
		return
	case n == 0:
		f.end(c)
		return
	case !c.busy:
		f.fail(c, faultUnasked)
		return
	}
	used, err := c.answer.feed(f.scratch[:n])
	if err != nil {
		f.fail(c, faultMalformed)
		return
	}
	c.pieces++
	if c.answer.state != answerDone {
		f.piece(c)
		return
	}
	if used < n {
		f.fail(c, faultUnasked)
		return
	}
	f.complete(c)
}

// end serves the end of a connection.
func (f *Fleet) end(c *conn) {
	switch {
	case !c.busy:
		f.fail(c, "")
	case c.answer.state == answerToEnd:
		f.complete(c)
	case c.answer.state == answerStatus && len(c.answer.held) == 0:
		f.fail(c, faultClosed)
	default:
		f.fail(c, faultCut)
	}
}

// complete ends an exchange that has its answer.
func (f *Fleet) complete(c *conn) {
	c.busy = false
	fault := ""
	if c.answer.status != 200 {
		fault = "status " + strconv.Itoa(c.answer.status)
	}
	if c.answer.closes {
		f.drop(c)
	} else {
		f.idle = append(f.idle, c)
	}
	f.finish(c, fault)
}

// fail closes a connection; the exchange on it, if there was one, ends with the fault.
func (f *Fleet) fail(c *conn, fault string) {
	busy := c.busy
	c.busy = false
	f.drop(c)
	if busy {
		f.finish(c, fault)
	}
}

// drop closes a connection and forgets it.
func (f *Fleet) drop(c *conn) {
	if f.conns[c.fd] != c {
		return
	}
	f.conns[c.fd] = nil
	f.opened--
	for i, other := range f.idle {
		if other == c {
			f.idle = append(f.idle[:i], f.idle[i+1:]...)
			break
		}
	}
	_ = unix.Close(c.fd)
}
