package main

import (
	"bufio"
	"crypto/tls"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	dialTime = 15 * time.Second
	// freshFor is how long a kept-alive connection is used again: well within the gateway's idle timeout, or a request could meet the
	// close.
	freshFor  = 20 * time.Second
	idleLimit = 512 // connections kept for the next request, of each sort
)

// line is one connection to the gateway.
type line struct {
	net.Conn
	in     *bufio.Reader
	raw    *net.TCPConn // beneath TLS, or the same
	secure bool
	since  time.Time // idle
}

// clients are the connections of the well-behaved, plain and secure; they are used again as the official clients do.
type clients struct {
	stage *stage
	tls   *tls.Config
	mu    sync.Mutex
	idle  [2][]*line
}

func newClients(s *stage) *clients { return &clients{stage: s, tls: s.tlsConfig()} }

func index(secure bool) int {
	if secure {
		return 1
	}
	return 0
}

// take returns an idle connection or a new one.
func (c *clients) take(secure bool) (*line, error) {
	c.mu.Lock()
	list := &c.idle[index(secure)]
	for n := len(*list); n > 0; n = len(*list) {
		l := (*list)[n-1]
		*list = (*list)[:n-1]
		if time.Since(l.since) < freshFor {
			c.mu.Unlock()
			return l, nil
		}
		_ = l.Close()
	}
	c.mu.Unlock()
	return c.dial(secure, 0)
}

// give keeps a connection for the next request.
func (c *clients) give(l *line) {
	l.since = time.Now()
	c.mu.Lock()
	list := &c.idle[index(l.secure)]
	keep := len(*list) < idleLimit
	if keep {
		*list = append(*list, l)
	}
	c.mu.Unlock()
	if !keep {
		_ = l.Close()
	}
}

// prune closes what has been idle for too long to be used again; the oldest come first in the lists.
func (c *clients) prune(longer time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, list := range c.idle {
		n := 0
		for n < len(list) && time.Since(list[n].since) >= longer {
			_ = list[n].Close()
			n++
		}
		c.idle[i] = append(list[:0], list[n:]...)
	}
}

// dial opens a connection; receive is its receive buffer in bytes, 0 for the system's.
func (c *clients) dial(secure bool, receive int) (*line, error) {
	d := net.Dialer{Timeout: dialTime}
	port := plainPort
	if secure {
		port = securePort
	}
	if receive > 0 {
		d.Control = func(_, _ string, rc syscall.RawConn) error {
			return rc.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, receive) })
		}
	}
	nc, err := d.Dial("tcp", c.stage.at(port))
	if err != nil {
		return nil, err
	}
	raw := nc.(*net.TCPConn)
	_ = raw.SetDeadline(time.Now().Add(hangTime))
	if secure {
		t := tls.Client(nc, c.tls)
		if err := t.Handshake(); err != nil {
			_ = raw.Close()
			return nil, err
		}
		nc = t
	}
	return &line{Conn: nc, in: bufio.NewReaderSize(nc, 4<<10), raw: raw, secure: secure}, nil
}

// reset closes with a TCP reset.
func (l *line) reset() {
	_ = l.raw.SetLinger(0)
	_ = l.raw.Close()
}
