package main

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"penstock/loop"
	"penstock/server/config"
	"penstock/server/gateway"
	"penstock/server/sim"
)

// firstInherited is the first descriptor of socket activation.
const firstInherited = 3

// listening is one address that clients connect to.
type listening struct {
	sockets *loop.Listening
	tls     atomic.Pointer[tls.Config] // nil: clear text
	files   *config.ServerTLS
}

// bind opens the listening sockets of every loop; nothing is accepted yet.
func (p *process) bind(loops int) error {
	for i := range p.snap.Listen {
		c := &p.snap.Listen[i]
		ln := &listening{files: c.TLS}
		if err := ln.loadCertificate(); err != nil {
			return err
		}
		var s *loop.Listening
		var err error
		if i < inherited() {
			s, err = loop.Inherit(firstInherited+i, loops)
		} else {
			s, err = loop.Bind(listenAddress(c), loop.ListenOptions{Loops: loops, Backlog: p.profile.Flags.Backlog})
		}
		if err != nil {
			return err
		}
		ln.sockets = s
		p.listens = append(p.listens, ln)
	}
	return nil
}

// loadCertificate reads the certificate again, at start and with each reload.
func (ln *listening) loadCertificate() error {
	if ln.files == nil {
		return nil
	}
	cert, err := tls.LoadX509KeyPair(ln.files.Cert, ln.files.Key)
	if err != nil {
		return fmt.Errorf("cannot use certificate %s: %w", ln.files.Cert, err)
	}
	ln.tls.Store(&tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	return nil
}

func (ln *listening) acceptOn(l *loop.Loop, g *gateway.Gateway, handshake time.Duration) error {
	o := loop.AcceptOptions{HandshakeTimeout: handshake}
	if ln.files != nil {
		o.TLS = ln.tls.Load
	}
	return l.AcceptOn(ln.sockets, o, g.Accept)
}

func (ln *listening) url() string {
	addr := ln.sockets.Addr()
	if strings.HasPrefix(addr, "unix:") {
		return addr
	}
	addr = strings.Replace(strings.Replace(addr, "0.0.0.0:", "127.0.0.1:", 1), "[::]:", "127.0.0.1:", 1)
	if ln.files != nil {
		return "https://" + addr
	}
	return "http://" + addr
}

// inherited is how many listening sockets systemd handed to this process, from descriptor 3 on (sd_listen_fds(3)).
func inherited() int {
	pid, err := strconv.Atoi(os.Getenv("LISTEN_PID"))
	if err != nil || pid != os.Getpid() {
		return 0
	}
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil {
		return 0
	}
	return n
}

// simulation is the simulated provider inside the process, on a loop of its own behind a loopback port.
type simulation struct {
	engine *loop.Engine
	url    string
}

// startSim starts the simulated provider where the configuration names one.
func (p *process) startSim() error {
	wanted := false
	for _, pr := range p.snap.Providers {
		wanted = wanted || pr.Sim
	}
	if !wanted {
		return nil
	}
	sockets, err := loop.Bind("127.0.0.1:0", loop.ListenOptions{Loops: 1})
	if err != nil {
		return err
	}
	server := sim.New(sim.Demo())
	var acceptErr error
	// Its loop sleeps in the ordinary way: it must not hold a P while it has nothing to do.
	e, err := loop.Start(loop.Config{Loops: 1, RawWait: 1, Options: loop.Options{OnPanic: p.panicked}}, func(l *loop.Loop) {
		acceptErr = l.AcceptOn(sockets, loop.AcceptOptions{}, func(c *loop.Conn, _ netip.AddrPort) loop.Handler { return server.Accept(c) })
	})
	if err != nil {
		return err
	}
	p.simulate = &simulation{engine: e, url: "http://" + sockets.Addr()}
	p.builder.simURL = p.simulate.url
	return acceptErr
}
