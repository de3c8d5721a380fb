package loop

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"golang.org/x/sys/unix"
)

// Listening is one bound address with a socket per loop (SO_REUSEPORT); a Unix socket is one for all.
type Listening struct {
	fds    []int // loop i accepts from those whose index is i modulo the loops
	queues int   // of fds, those at the front that have a queue of their own; the others are duplicates
	addr   string
	unlink bool // the file of the Unix socket goes with the process
	kept   bool // another process has the sockets open, and their queues outlive this one
}

// Addr is the bound address, with the port that the kernel chose where 0 was asked for.
func (s *Listening) Addr() string { return s.addr }

// Close gives up sockets that no loop accepts on.
func (s *Listening) Close() {
	for _, fd := range s.fds {
		_ = unix.Close(fd)
	}
}

// ListenOptions of Bind.
type ListenOptions struct {
	Loops   int // sockets to open
	Backlog int // 0 means 4096; the kernel cuts it to net.core.somaxconn
}

// Bind opens the listening sockets of an address, "host:port" or "unix:/path". Nothing is accepted before AcceptOn.
func Bind(address string, o ListenOptions) (*Listening, error) {
	o.Backlog = backlogOf(o.Backlog)
	if len(address) > 5 && address[:5] == "unix:" {
		return bindUnix(address[5:], o)
	}
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %q: %w", address, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %q: bad port", address)
	}
	ip := netip.IPv6Unspecified()
	switch {
	case host == "localhost":
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case host != "":
		if ip, err = netip.ParseAddr(host); err != nil {
			return nil, fmt.Errorf("cannot listen on %q: the host must be an IP address: %w", address, err)
		}
	}
	s := &Listening{}
	for range max(o.Loops, 1) {
		fd, sa, err := bindTCP(ip, int(port), o.Backlog)
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
		}
		s.fds = append(s.fds, fd)
		switch a := sa.(type) {
		case *unix.SockaddrInet4:
			port = uint64(a.Port)
		case *unix.SockaddrInet6:
			port = uint64(a.Port)
		}
	}
	s.queues = len(s.fds)
	if host == "" {
		s.addr = net.JoinHostPort("::", strconv.FormatUint(port, 10))
	} else {
		s.addr = net.JoinHostPort(ip.String(), strconv.FormatUint(port, 10))
	}
	return s, nil
}

// backlogOf is the backlog to ask for.
func backlogOf(n int) int {
	if n == 0 {
		return 4096
	}
	return n
}

func bindTCP(ip netip.Addr, port, backlog int) (fd int, bound unix.Sockaddr, err error) {
	family := unix.AF_INET6
	var sa unix.Sockaddr
	if ip.Is4() {
		family = unix.AF_INET
		sa = &unix.SockaddrInet4{Port: port, Addr: ip.As4()}
	} else {
		sa = &unix.SockaddrInet6{Port: port, Addr: ip.As16()}
	}
	if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, nil, os.NewSyscallError("socket", err)
	}
	for _, opt := range []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
		if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt, 1); err != nil {
			_ = unix.Close(fd)
			return -1, nil, os.NewSyscallError("setsockopt", err)
		}
	}
	tuneTCP(fd)
	if err = unix.Bind(fd, sa); err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err == nil {
		bound, err = unix.Getsockname(fd)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, nil, err
	}
	return fd, bound, nil
}

// tuneTCP sets on a listening socket what the accepted ones inherit, which saves a call per connection: no delay, and an end to what
// the kernel takes for a client that does not read, which would be up to tcp_wmem's 4 MiB each.
func tuneTCP(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentBytes)
}

// bindUnix opens one socket that all loops accept from: Unix sockets have no SO_REUSEPORT.
func bindUnix(path string, o ListenOptions) (*Listening, error) {
	fail := func(err error) (*Listening, error) { return nil, fmt.Errorf("cannot listen on unix:%s: %w", path, err) }
	if fi, err := os.Lstat(path); err == nil && fi.Mode()&os.ModeSocket != 0 {
		// A socket file that nobody answers on was left behind by a process that was killed.
		c, err := net.DialTimeout("unix", path, time.Second)
		if err == nil {
			_ = c.Close()
			return fail(syscall.EADDRINUSE)
		}
		_ = os.Remove(path)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	if err = unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err == nil {
		err = unix.Listen(fd, o.Backlog)
	}
	if err != nil {
		_ = unix.Close(fd)
		return fail(err)
	}
	s := &Listening{addr: "unix:" + path, fds: []int{fd}, queues: 1, unlink: true}
	if err := s.share(o.Loops); err != nil {
		return fail(err)
	}
	return s, nil
}

// listener is one listening socket on one loop.
type listener struct {
	fd     int
	of     *Listening
	accept func(*Conn, netip.AddrPort) Handler
	tls    func() *tls.Config
	notTLS func([]byte) []byte
	paused bool
	wait   time.Duration
}

// AcceptOptions of AcceptOn.
type AcceptOptions struct {
	// TLS gives the settings for each handshake; nil for plain connections. Any thread.
	TLS func() *tls.Config
	// HandshakeTimeout bounds the TLS handshake; 0 means 5 s.
	HandshakeTimeout time.Duration
	// NotTLS makes the answer to a client whose first bytes (five of them, lent until it returns) are no TLS; nil, or an empty
	// answer, just closes. Any thread.
	NotTLS func(first []byte) []byte
}

// AcceptOn starts accepting on this loop's sockets of s. accept is called on the loop for each connection and returns its
// handler. Loop thread.
func (l *Loop) AcceptOn(s *Listening, o AcceptOptions, accept func(*Conn, netip.AddrPort) Handler) error {
	m, ok := l.backend.(*metal)
	if !ok {
		return ErrNotMetal
	}
	for i := l.id; i < len(s.fds); i += len(m.engine.loops) {
		ln := &listener{fd: s.fds[i], of: s, accept: accept, tls: o.TLS, notTLS: o.NotTLS, wait: o.HandshakeTimeout}
		m.listens[ln.fd] = ln
		if err := m.poller.AddRead(&netpoll.PollAttachment{FD: ln.fd}, false); err != nil {
			return err
		}
	}
	return nil
}

// StopAccepting gives up the listening sockets of this loop; connections go on. What waits in a queue that ends with its socket is
// accepted first; what waits in one that another process goes on with is left to that process. Loop thread.
func (l *Loop) StopAccepting() {
	m, ok := l.backend.(*metal)
	if !ok {
		return
	}
	for fd, ln := range m.listens {
		// What is in the queue already has been promised an answer.
		for n := 0; !ln.of.kept && n < lastAccepts && m.accept(ln); n += acceptsPerEvent {
		}
		// Another process or loop may hold the same socket open, so closing alone would leave it in the poller.
		if !ln.paused {
			_ = m.poller.Delete(fd)
		}
		_ = unix.Close(fd)
		delete(m.listens, fd)
	}
}

// Handshakes is how many accepted connections are still in their TLS handshake. Loop thread.
func (l *Loop) Handshakes() int { return l.handshakes }

func (m *metal) pauseListener(ln *listener) {
	if !ln.paused {
		ln.paused = true
		m.loop.stats.AcceptPauses++
		_ = m.poller.Delete(ln.fd)
		if !m.hold.Armed() {
			m.loop.Arm(&m.hold, acceptPause)
		}
	}
}

func (m *metal) resumeListener(ln *listener) {
	if ln.paused {
		ln.paused = m.poller.AddRead(&netpoll.PollAttachment{FD: ln.fd}, false) != nil
	}
	if ln.paused && !m.hold.Armed() {
		m.loop.Arm(&m.hold, acceptPause)
	}
}

// accept takes what is in the queue; it returns true where it stopped because others are to have their turn.
func (m *metal) accept(ln *listener) bool {
	l := m.loop
	for range acceptsPerEvent {
		if m.clients >= m.most || l.conns >= m.files {
			// The queue of the kernel holds them until one of ours ends.
			l.stats.OverLimit++
			m.pauseListener(ln)
			return false
		}
		fd, sa, err := unix.Accept4(ln.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case err == nil:
		case errors.Is(err, unix.EAGAIN):
			return false
		case errors.Is(err, unix.ECONNABORTED), errors.Is(err, unix.EINTR), errors.Is(err, unix.EPROTO):
			continue
		default: // EMFILE, ENFILE, ENOBUFS, ENOMEM: wait for better times
			m.pauseListener(ln)
			return false
		}
		l.stats.Accepted++
		if ln.tls != nil {
			m.acceptSecure(ln, fd, sa)
			continue
		}
		if c, err := m.join(fd, nil); err == nil {
			m.clients++
			c.accepted = true
			m.open1(c, ln, sa)
		}
	}
	return true
}

func (m *metal) open1(c *Conn, ln *listener, sa unix.Sockaddr) {
	defer m.loop.confine("accept", c)
	c.h = closedHandler{}
	c.h = ln.accept(c, addrPort(sa))
}

// closedHandler stands in until a connection has its own handler.
type closedHandler struct{}

func (closedHandler) OnData(*Conn, []byte) {}
func (closedHandler) OnDrain(*Conn)        {}
func (closedHandler) OnClose(*Conn, error) {}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}

// descriptorBound raises the soft limit of descriptors to the hard one and returns how many connections a loop may hold.
func descriptorBound(loops int) int {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return 1 << 16
	}
	if lim.Cur < lim.Max {
		raised := lim
		raised.Cur = lim.Max
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
			lim = raised
		}
	}
	n := int(min(lim.Cur, 1<<22)) - descriptorMargin
	return max(n/max(loops, 1), 16)
}
