package main

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"penstock/server/config"
	"penstock/server/observe"
)

// watchEvery is how often the files of the configuration are looked at.
const watchEvery = 2 * time.Second

// swapTime is how long a reload waits for the loops: they take their mail with every poll batch.
const swapTime = time.Second

// state is what several goroutines of the process share.
type state struct {
	mu       sync.Mutex
	draining bool
	reload   sync.Mutex // one reload at a time
}

func (s *state) drain() {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
}

func (p *process) snapshot() *config.Snapshot {
	p.state.mu.Lock()
	defer p.state.mu.Unlock()
	return p.snap
}

// Reload reads the configuration anew and puts it in force, or leaves everything as it was. Implements admin.Source.
func (p *process) Reload() error {
	p.state.reload.Lock()
	defer p.state.reload.Unlock()
	old := p.snapshot()
	next, err := load(p.path)
	if err != nil {
		return err
	}
	c := *next
	c.Listen = withCertificates(old.Listen, next.Listen)
	c.Admin, c.AdminOff, c.AdminToken, c.Loops, c.Pin, c.Profile = old.Admin, old.AdminOff, old.AdminToken, old.Loops, old.Pin, old.Profile
	if p.simulate == nil {
		for _, pr := range c.Providers {
			if pr.Sim {
				return errors.New("a simulated provider can only be added by a restart or an upgrade")
			}
		}
	}
	certs, err := stageAll(p.listens, c.Listen)
	if err != nil {
		return err
	}
	policy, err := p.builder.build(&c)
	if err != nil {
		return err
	}
	for _, s := range certs {
		s.install()
	}
	p.log.SetLevel(logLevel(c.Log.Level))
	loops := p.engine.Loops()
	swapped := make(chan struct{}, len(loops))
	for i, l := range loops {
		l.PostOffLoop(func() {
			p.gateways[i].Swap(policy)
			p.gateways[i].ApplyLog(logOptions(&c))
			swapped <- struct{}{}
		})
	}
	awaitAll(swapped)
	p.state.mu.Lock()
	p.snap, p.policy = &c, policy
	p.state.mu.Unlock()
	p.warnOfRestart(old, next)
	return nil
}

// awaitAll waits until each loop has taken the new policy, so that whoever asked for it can count on it. A loop that is busy for
// longer takes it when it comes to it.
func awaitAll(swapped <-chan struct{}) {
	limit := time.NewTimer(swapTime)
	defer limit.Stop()
	for range cap(swapped) {
		select {
		case <-swapped:
		case <-limit.C:
			return
		}
	}
}

// warnOfRestart names changes that only a restart puts in force.
func (p *process) warnOfRestart(old, next *config.Snapshot) {
	if p.path == "" {
		return
	}
	if old.Loops != next.Loops || old.Pin != next.Pin || old.Profile != next.Profile || old.Admin != next.Admin || old.AdminOff != next.AdminOff ||
		old.AdminToken.Reveal() != next.AdminToken.Reveal() ||
		len(old.Listen) != len(next.Listen) || old.Log.Access != next.Log.Access {
		p.log.Slog().Warn("changes of listen, admin, loops, pin, profile and log.access take effect with a restart or an upgrade")
	}
}

func (p *process) reloadAndReport(why string) {
	if err := p.Reload(); err != nil {
		p.log.Slog().Error("the new configuration was refused; the old one stays in force", "why", why, "error", err)
		return
	}
	p.log.Slog().Info("configuration reloaded", "why", why)
}

// watch sees whether files changed, by their times and sizes.
type watch map[string]fileMark

type fileMark struct {
	at    time.Time
	size  int64
	inode uint64 // another file in its place may have the same size and time
}

func mark(path string) fileMark {
	fi, err := os.Stat(path)
	if err != nil {
		return fileMark{}
	}
	m := fileMark{at: fi.ModTime(), size: fi.Size()}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		m.inode = st.Ino
	}
	return m
}

func newWatch(files []string) watch { return watch{}.follow(files) }

// follow is a watch of these files. What it saw of them before stays what it compares with: a file that changes again while a reload
// reads it must not count as seen.
func (w watch) follow(files []string) watch {
	next := watch{}
	for _, f := range files {
		m, known := w[f]
		if !known {
			m = mark(f)
		}
		next[f] = m
	}
	return next
}

// changed says whether a file changed since the last call.
func (w watch) changed() bool {
	yes := false
	for f, m := range w {
		if now := mark(f); now != m && now != (fileMark{}) {
			w[f], yes = now, true
		}
	}
	return yes
}

// Gather implements admin.Source.
func (p *process) Gather() *observe.Snapshot {
	s := p.gatherer.Gather(time.Second)
	if p.lines != nil {
		s.Log = p.lines.Stats()
	}
	s.LoggerDropped = p.log.DroppedOffLoop()
	return s
}

// Ready implements admin.Source.
func (p *process) Ready() (bool, string) {
	p.state.mu.Lock()
	defer p.state.mu.Unlock()
	if p.state.draining {
		return false, "draining"
	}
	return true, ""
}

// Config implements admin.Source.
func (p *process) Config() []byte { return p.snapshot().Print() }

// Loops implements admin.Source.
func (p *process) Loops() any { return p.Gather().LoopRows() }

// Upstreams implements admin.Source.
func (p *process) Upstreams() any {
	type row struct {
		Provider    string `json:"provider"`
		Connections int64  `json:"connections"`
		Max         int64  `json:"connections_max"`
		Streams     int64  `json:"streams"`
		Waiting     int64  `json:"waiting"`
		Created     uint64 `json:"connections_created"`
	}
	rows := []row{}
	s := p.Gather()
	s.Sum.EachProvider(func(name string, u *observe.ProviderStats) {
		if name != observe.NoneName {
			rows = append(rows, row{name, u.ConnectionsActive, u.ConnectionsMax, u.StreamsOpen, u.Queued, u.ConnectionsCreated})
		}
	})
	return rows
}
