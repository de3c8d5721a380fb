package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"penstock/loop"
	"penstock/server/admin"
	"penstock/server/gateway"
	"penstock/server/sim"
)

// listening is one address that clients connect to.
type listening struct {
	sockets *loop.Listening
	certs   *certificates // nil: clear text
	passed  bool          // to this process by another one
}

// bind opens the listening sockets of every loop, or takes those that were passed to this process; nothing is accepted yet.
func (p *process) bind(loops int) error {
	p.listened = p.snap.Listen
	passed := p.in.assign(p.listened)
	for i := range p.listened {
		c := &p.listened[i]
		ln := &listening{}
		if c.TLS != nil {
			ln.certs = &certificates{}
			s, err := ln.certs.stage(c.TLS)
			if err != nil {
				return err
			}
			s.install()
		}
		var err error
		if g := passed[i]; g != nil {
			o := loop.InheritOptions{Loops: loops, Backlog: p.profile.Flags.Backlog, Own: g.own}
			ln.sockets, err = loop.Inherit(g.fds, o)
		} else {
			ln.sockets, err = loop.Bind(listenAddress(c), loop.ListenOptions{Loops: loops, Backlog: p.profile.Flags.Backlog})
		}
		if err != nil {
			return err
		}
		ln.passed = passed[i] != nil
		p.listens = append(p.listens, ln)
	}
	return nil
}

// bindAdmin opens the admin port; nothing is answered yet.
func (p *process) bindAdmin() (err error) {
	if p.snap.AdminOff {
		return nil
	}
	o := admin.Options{Version: version, Token: p.snap.AdminToken.Reveal(), Log: p.log.Slog()}
	if strings.HasPrefix(p.snap.Admin, "unix:") {
		p.admin, err = admin.New(p.snap.Admin, p, o) // it is not handed on: its file can have one owner
		return err
	}
	if g := p.in.forAdmin(p.snap.Admin); g != nil {
		f := os.NewFile(uintptr(g.fds[0]), "admin")
		l, err := net.FileListener(f)
		_ = f.Close()
		if err != nil {
			return fmt.Errorf("cannot take over the admin port: %w", err)
		}
		tcp, ok := l.(*net.TCPListener)
		if !ok {
			_ = l.Close()
			return fmt.Errorf("cannot take over the admin port: %s is no TCP socket", g.bound)
		}
		p.adminSocket = tcp
	} else {
		at, err := net.ResolveTCPAddr("tcp", p.snap.Admin)
		if err == nil {
			p.adminSocket, err = net.ListenTCP("tcp", at)
		}
		if err != nil {
			return fmt.Errorf("cannot listen for admin: %w", err)
		}
	}
	o.Listener = p.adminSocket
	p.admin, err = admin.New(p.snap.Admin, p, o)
	return err
}

// accept begins to serve: from here on connections are this process's. Whatever could fail has been done before.
func (p *process) accept() error {
	loops := p.engine.Loops()
	results := make(chan error, len(loops))
	handshake := p.snap.Timeouts.Handshake
	for i, l := range loops {
		l.PostOffLoop(func() {
			var err error
			for _, ln := range p.listens {
				err = errors.Join(err, ln.acceptOn(l, p.gateways[i], handshake))
			}
			results <- err
		})
	}
	var err error
	for range loops {
		err = errors.Join(err, <-results)
	}
	if a := p.admin; a != nil {
		go func() {
			if err := a.Serve(); err != nil {
				p.log.Slog().Error("the admin port ended", "error", err)
			}
		}()
	}
	return err
}

// disown leaves what was passed to this process to the one before, which goes on with it.
func (p *process) disown() {
	for _, ln := range p.listens {
		if ln.passed {
			ln.sockets.HandOn()
		}
	}
}

func (ln *listening) acceptOn(l *loop.Loop, g *gateway.Gateway, handshake time.Duration) error {
	o := loop.AcceptOptions{HandshakeTimeout: handshake}
	if ln.certs != nil {
		o.TLS, o.NotTLS = ln.certs.door.Load, plainAnswer
	}
	return l.AcceptOn(ln.sockets, o, g.Accept)
}

func (ln *listening) url() string {
	addr := ln.sockets.Addr()
	if strings.HasPrefix(addr, "unix:") {
		return addr
	}
	addr = strings.Replace(strings.Replace(addr, "0.0.0.0:", "127.0.0.1:", 1), "[::]:", "127.0.0.1:", 1)
	if ln.certs != nil {
		return "https://" + addr
	}
	return "http://" + addr
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
