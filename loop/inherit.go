package loop

import (
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// InheritOptions of Inherit.
type InheritOptions struct {
	Loops   int // that will accept
	Backlog int // of sockets that have to be opened beside the inherited ones; see ListenOptions
	// Own: the sockets belong to this process alone once whoever passed them has gone: it opens more of them where there are fewer
	// than loops, and takes the file of a Unix socket away in the end. Otherwise (systemd) their holder goes on holding them, so
	// that their queues outlive this process, and loops beyond their number share them.
	Own bool
}

// Inherit takes listening sockets of one address that another process opened, each with a queue of its own. Where there are more
// of them than loops, loops accept from several: nothing that waits in a queue is lost.
func Inherit(fds []int, o InheritOptions) (*Listening, error) {
	s := &Listening{kept: !o.Own}
	var bound unix.Sockaddr
	for _, fd := range fds {
		v, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
		if err != nil || v == 0 {
			return nil, fmt.Errorf("descriptor %d is no listening socket", fd)
		}
		if bound, err = unix.Getsockname(fd); err != nil {
			return nil, os.NewSyscallError("getsockname", err)
		}
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			return nil, os.NewSyscallError("fcntl", err)
		}
		addr := addrPort(bound).String()
		if u, ok := bound.(*unix.SockaddrUnix); ok {
			addr, s.unlink = "unix:"+u.Name, o.Own
		} else {
			tuneTCP(fd)
		}
		if s.addr != "" && s.addr != addr {
			return nil, fmt.Errorf("inherited sockets of %s and of %s are given as one address", s.addr, addr)
		}
		s.addr = addr
	}
	s.fds = append(s.fds, fds...)
	s.queues = len(fds)
	if at := addrPort(bound); o.Own && at.IsValid() {
		s.grow(boundIP(bound), int(at.Port()), o)
	}
	return s, s.share(o.Loops)
}

// boundIP is a TCP socket's address in the family that it was opened in.
func boundIP(sa unix.Sockaddr) netip.Addr {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(a.Addr)
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(a.Addr)
	}
	return netip.Addr{}
}

// grow opens further sockets in the group (SO_REUSEPORT) until each loop has one. Where that is refused (another user's socket, a
// privileged port) loops share what there is.
func (s *Listening) grow(ip netip.Addr, port int, o InheritOptions) {
	for s.queues < o.Loops {
		fd, _, err := bindTCP(ip, port, backlogOf(o.Backlog))
		if err != nil {
			return
		}
		s.fds = append(s.fds, fd)
		s.queues++
	}
}

// share duplicates sockets until there is one per loop.
func (s *Listening) share(loops int) error {
	for len(s.fds) < loops {
		d, err := unix.FcntlInt(uintptr(s.fds[len(s.fds)%s.queues]), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			s.Close()
			return os.NewSyscallError("fcntl", err)
		}
		s.fds = append(s.fds, d)
	}
	return nil
}

// Queues returns the descriptors that hold everything that waits, to be passed to another process while loops still accept.
// Any thread; the descriptors stay the Listening's own.
func (s *Listening) Queues() []int { return s.fds[:s.queues] }

// Own says that no other process holds the sockets. Any thread.
func (s *Listening) Own() bool { return !s.kept }

// HandOn says that another process has inherited the sockets and accepts from them: StopAccepting leaves their queues alone then,
// and Remove the file. To be called before StopAccepting is posted to the loops.
func (s *Listening) HandOn() { s.kept = true }

// Remove takes the file of a Unix socket away that this process answers for; others are left alone. Any thread.
func (s *Listening) Remove() {
	if s.unlink && !s.kept {
		_ = os.Remove(s.addr[len("unix:"):])
	}
}
