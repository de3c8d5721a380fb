package main

import (
	"context"
	"os"
	"strconv"
	"syscall"
	"time"
)

// wait returns when the process is asked to end, or when another one has taken over.
func (p *process) wait(signals <-chan os.Signal) {
	watch := newWatch(p.snap.Files())
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var next *heir // on its way up
	var coming <-chan outcome
	for {
		select {
		case s := <-signals:
			switch s {
			case syscall.SIGHUP:
				notifyReloading()
				watch.changed() // what is there now is what the reload reads
				p.reloadAndReport("signal")
				watch = watch.follow(p.snapshot().Files())
				notify("READY=1")
			case syscall.SIGUSR1:
				p.reopenLog()
			case syscall.SIGUSR2:
				if next != nil {
					p.refuseUpgrade("an upgrade is under way")
					continue
				}
				if next = p.beginUpgrade(); next != nil {
					coming = next.outcome
				}
			default:
				if next != nil {
					next.dismiss()
				}
				return
			}
		case o := <-coming:
			if p.endUpgrade(next, o) {
				return
			}
			next, coming = nil, nil
		case <-tick.C:
			if watch.changed() {
				p.reloadAndReport("file change")
				watch = watch.follow(p.snapshot().Files())
			}
		}
	}
}

func (p *process) reopenLog() {
	if p.lines == nil {
		return
	}
	if err := p.lines.Reopen(""); err != nil {
		p.log.Slog().Error("cannot reopen the access log", "error", err)
	}
}

// beginUpgrade starts the heir; nil where it cannot even be started.
func (p *process) beginUpgrade() *heir {
	notifyReloading()
	h, err := p.startHeir()
	if err != nil {
		p.endUpgrade(nil, outcome{err: err})
		return nil
	}
	p.log.Slog().Info("upgrade: a new process starts", "pid", h.pid, "program", p.program)
	return h
}

// endUpgrade acts on the outcome. Where it returns true, the heir accepts connections and this process is to drain; otherwise this
// one goes on as if nothing had happened.
func (p *process) endUpgrade(h *heir, o outcome) bool {
	if o.err != nil {
		p.log.Slog().Error("upgrade: the new process did not come up; this one goes on", "error", o.err)
		if err := writePID(p.pidFile); err != nil {
			p.log.Slog().Error("upgrade", "error", err)
		}
		notify("READY=1")
		tellUpgrade(news{Error: o.err.Error()})
		return false
	}
	p.heir = h
	for _, i := range o.Taken {
		if i >= 0 && i < len(p.listens) {
			p.listens[i].sockets.HandOn()
		}
	}
	return true
}

func (p *process) refuseUpgrade(why string) {
	p.log.Slog().Warn("upgrade refused", "reason", why)
	tellUpgrade(news{Error: why})
}

// drain stops accepting and lets what runs come to its end, at most for the drain time; a second signal to end cuts it short.
func (p *process) drain(signals <-chan os.Signal) {
	p.state.drain()
	if p.heir == nil {
		notify("STOPPING=1")
	}
	loops := p.engine.Loops()
	stopped := make(chan struct{}, len(loops))
	for i, l := range loops {
		g := p.gateways[i]
		l.PostOffLoop(func() {
			l.StopAccepting()
			g.Drain()
			stopped <- struct{}{}
		})
	}
	asked := 1
	if p.heir != nil {
		awaitAll(stopped)
		p.endAdmin()
		p.log.Slog().Info("upgrade: the new process serves; this one drains", "pid", p.heir.pid)
		notify("MAINPID=" + strconv.Itoa(p.heir.pid) + "\nREADY=1")
		tellUpgrade(news{PID: p.heir.pid})
		asked = 0
	}
	end := time.NewTimer(p.snapshot().Timeouts.Drain)
	defer end.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for p.clients() > 0 {
		select {
		case <-end.C:
			p.cut()
			return
		case s := <-signals:
			switch s {
			case os.Interrupt, syscall.SIGTERM:
				// A service manager that stops a service signals all its processes: one that drains for its heir does already what
				// it is asked to.
				if asked++; asked > 1 {
					p.cut()
					return
				}
			case syscall.SIGUSR1:
				p.reopenLog()
			case syscall.SIGUSR2:
				p.refuseUpgrade("this process is about to end")
			}
		case <-tick.C:
		}
	}
}

// clients asks the loops how many client connections are open, or in their handshake.
func (p *process) clients() int {
	n := make(chan int, len(p.gateways))
	for i, l := range p.engine.Loops() {
		l.PostOffLoop(func() { n <- p.gateways[i].Clients() + l.Handshakes() })
	}
	total := 0
	for range p.gateways {
		total += <-n
	}
	return total
}

// cut ends what still runs and waits until clients have heard of it.
func (p *process) cut() {
	p.log.Slog().Warn("drain: what still runs is cut", "connections", p.clients())
	for i, l := range p.engine.Loops() {
		l.PostOffLoop(p.gateways[i].Cut)
	}
	for end := time.Now().Add(cutTime); p.clients() > 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
}

// endAdmin closes the admin port. Another process that holds its socket is not touched.
func (p *process) endAdmin() {
	if p.admin == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), adminEndTime)
	defer cancel()
	_ = p.admin.Shutdown(ctx) // what is still asked there is not worth waiting for
	p.admin = nil
}

// stop ends what start began, in the opposite order.
func (p *process) stop() {
	p.endAdmin()
	if p.engine != nil {
		p.engine.StopOffLoop()
	}
	if p.simulate != nil {
		p.simulate.engine.StopOffLoop()
	}
	if p.lines != nil {
		if err := p.lines.Close(); err != nil {
			p.log.Slog().Error("the access log is not complete", "error", err)
		}
	}
	for _, ln := range p.listens {
		ln.sockets.Remove()
	}
	removePID(p.pidFile)
	if p.log != nil {
		p.log.Close()
	}
}
