package loop

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"golang.org/x/sys/unix"
)

// rawWrite, rawSend, rawRecv and the raw epollWait go past the scheduler's bookkeeping: the descriptors do not block, so the calls are as short as
// they can be, and a loop that gives its P away on each of them pays more for that than for the call.
func rawWrite(fd int, b []byte) syscall.Errno {
	_, _, e := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return e
}

func rawSend(fd int, b []byte) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

func rawRecv(fd int, b []byte) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_DONTWAIT, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// oldKernel is set where the kernel has no epoll_pwait2 (before 5.11): waiting is in whole milliseconds then.
var oldKernel atomic.Bool

// epollWait waits up to ns nanoseconds for events. It returns 0 on a timeout, -1 on a signal.
func epollWait(fd int, evs []unix.EpollEvent, ns int64) int {
	if oldKernel.Load() {
		return epollWaitMillis(fd, evs, ns)
	}
	ts := syscall.NsecToTimespec(ns)
	n, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(evs))), uintptr(len(evs)),
		uintptr(unsafe.Pointer(&ts)), 0, 0)
	switch e {
	case 0:
		return int(n)
	case syscall.ENOSYS:
		oldKernel.Store(true)
		return epollWaitMillis(fd, evs, ns)
	}
	return -1
}

func epollWaitMillis(fd int, evs []unix.EpollEvent, ns int64) int {
	n, _, e := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(evs))), uintptr(len(evs)),
		uintptr((ns+999_999)/1_000_000), 0, 0)
	if e != 0 {
		return -1
	}
	return int(n)
}

// serve handles one connection's event: edge-triggered, so it reads until the socket has no more.
func (m *metal) serve(c *Conn, ev uint32) {
	if ev&unix.EPOLLOUT != 0 && c.blocked {
		m.loop.Writable(c)
	}
	if ev&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		if c.paused {
			if !c.patient {
				m.loop.Gone(c, syscall.ECONNRESET)
			}
			return
		}
		m.read(c, true)
		return
	}
	if ev&(unix.EPOLLIN|unix.EPOLLRDHUP) != 0 {
		m.read(c, ev&unix.EPOLLRDHUP != 0)
	}
}

// read takes what the socket has. A read that does not fill the buffer has emptied it; the end of the stream, which comes with
// its own flag, needs one more read to be seen.
func (m *metal) read(c *Conn, toEnd bool) {
	l := m.loop
	for range readsPerEvent {
		if c.paused || c.state >= stateEnded {
			return
		}
		n, e := rawRecv(c.FD, m.buf)
		switch {
		case e == syscall.EAGAIN:
			return
		case e == syscall.EINTR:
			continue
		case e != 0:
			l.Gone(c, os.NewSyscallError("read", e))
			return
		case n == 0:
			l.Gone(c, nil)
			return
		}
		l.Readable(c, m.buf[:n])
		if n < len(m.buf) && !toEnd {
			return
		}
	}
	m.again = append(m.again, c)
}

// Unread looks whether the socket has something to read. An error counts: reading will tell what it is.
func (m *metal) Unread(c *Conn) bool {
	var b [1]byte
	_, _, err := unix.Recvfrom(c.FD, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return !errors.Is(err, unix.EAGAIN)
}

// readAgain goes on with connections that had more than one turn allows, and returns how many there were.
func (m *metal) readAgain() int {
	n := len(m.again)
	for i := range n {
		if c := m.again[i]; c.state < stateEnded {
			m.read(c, true)
		}
	}
	m.again = m.again[:copy(m.again, m.again[n:])]
	return n
}

// Write implements Backend.
func (m *metal) Write(c *Conn, b []byte) (int, error) {
	done := 0
	for {
		n, e := rawSend(c.FD, b[done:])
		switch e {
		case 0:
			if done += n; done == len(b) {
				return done, nil
			}
		case syscall.EINTR:
		case syscall.EAGAIN:
			return done, nil
		default:
			return done, os.NewSyscallError("write", e)
		}
	}
}

// Unacked implements Backend: for TCP what is sent and not acknowledged and what is not sent yet (tcp(7), SIOCOUTQ).
func (m *metal) Unacked(c *Conn) int {
	n, err := unix.IoctlGetInt(c.FD, unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return n
}

// ShutdownWrite implements Backend.
func (m *metal) ShutdownWrite(c *Conn) { _ = unix.Shutdown(c.FD, unix.SHUT_WR) }

// Reread implements Backend.
func (m *metal) Reread(c *Conn) { m.again = append(m.again, c) }

// Release implements Backend.
func (m *metal) Release(c *Conn, reset bool) {
	if c.FD < len(m.conns) && m.conns[c.FD] == c {
		m.conns[c.FD] = nil
	}
	if c.accepted {
		m.clients--
	}
	if reset {
		_ = unix.SetsockoptLinger(c.FD, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	_ = unix.Close(c.FD) // closing takes it out of the poller
}

// join puts a non-blocking descriptor under the poller.
func (m *metal) join(fd int, h Handler) (*Conn, error) {
	for len(m.conns) <= fd {
		m.conns = append(m.conns, make([]*Conn, max(64, len(m.conns)))...)
	}
	if err := m.poller.AddReadWrite(&netpoll.PollAttachment{FD: fd}, true); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	c := m.loop.Adopt(fd, nil, h)
	m.conns[fd] = c
	return c, nil
}

// ErrNotMetal is returned where a descriptor is given to a loop that has no sockets.
var ErrNotMetal = errors.New("loop: not a loop with sockets")

// Join takes a connected socket into the loop: its descriptor is duplicated and nc is closed, whatever comes of it. Loop thread.
func (l *Loop) Join(nc net.Conn, h Handler) (*Conn, error) {
	defer nc.Close()
	m, ok := l.backend.(*metal)
	if !ok {
		return nil, ErrNotMetal
	}
	fd, err := dupFD(nc)
	if err != nil {
		return nil, err
	}
	return m.join(fd, h)
}

// JoinSecure is Join for a connection after its TLS handshake. Bytes that the handshake read ahead are delivered before the
// call returns to the loop.
func (l *Loop) JoinSecure(s *Secure, h Handler) (*Conn, error) {
	m, ok := l.backend.(*metal)
	if !ok {
		s.Close()
		return nil, ErrNotMetal
	}
	fd, err := dupFD(s.feed.Conn)
	if err != nil {
		s.Close()
		return nil, err
	}
	_ = s.feed.Conn.Close()
	c, err := m.join(fd, h)
	if err != nil {
		return nil, err
	}
	c.secure(s)
	l.Defer(readAhead{c})
	return c, nil
}

// readAhead delivers what the handshake read beyond itself.
type readAhead struct{ c *Conn }

func (r readAhead) OnBatchEnd() {
	if r.c.state == stateOpen {
		defer r.c.loop.confine("read", r.c)
		r.c.tls.read(r.c, nil)
	}
}

func dupFD(nc net.Conn) (int, error) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return -1, errors.New("loop: connection has no descriptor")
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	var dupErr error
	err = rc.Control(func(s uintptr) {
		fd, dupErr = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err = errors.Join(err, dupErr); err != nil {
		return -1, err
	}
	return fd, unix.SetNonblock(fd, true)
}
