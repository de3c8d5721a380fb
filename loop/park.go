package loop

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// parking lets a loop's goroutine wait for its poller in the runtime's own, so that its P and the scheduler's monitor come to rest.
// An ordinary blocking system call would have its P taken away by the monitor, which then looks around every 20 µs for a while: at
// 100 wake-ups a second that alone was half of the process's CPU (880 against 380 µs a request).
//
// Between the two stands an epoll set of its own that holds the loop's only during a wait: if the runtime watched the loop's
// set all the time, every event would wake one of its threads as well.
type parking struct {
	fd    int
	file  *os.File
	raw   syscall.RawConn
	ready func(fd uintptr) bool // made once: a closure per wait would allocate
	m     *metal
	n     int
}

func newParking(m *metal) (*parking, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	p := &parking{fd: fd, file: os.NewFile(uintptr(fd), "epoll"), m: m}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		return nil, err
	}
	p.ready = func(uintptr) bool {
		p.n = p.m.poll(0)
		return p.n > 0
	}
	return p, nil
}

// wait returns how many events are ready, after at most ns nanoseconds (-1: for ever).
func (p *parking) wait(ns int64) int {
	until := time.Time{}
	if ns >= 0 {
		until = time.Now().Add(time.Duration(ns))
	}
	p.n = 0
	if p.file.SetReadDeadline(until) != nil || unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, p.m.epfd, &unix.EpollEvent{Events: unix.EPOLLIN}) != nil {
		return max(p.m.poll(int64(time.Millisecond)), 0)
	}
	err := p.raw.Read(p.ready)
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, p.m.epfd, nil)
	if err != nil {
		return 0 // the deadline
	}
	return max(p.n, 0)
}

func (p *parking) close() { _ = p.file.Close() }
