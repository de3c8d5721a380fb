package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	recovery = 3 * time.Second // after a provider is back, until requests to it have no more excuse
	downTime = time.Second     // of a provider that was killed
	stopTime = 2 * time.Second // of a provider that was stopped
	noOne    = -1              // the provider of an event that excuses nothing
	everyone = -2              // the machine stood still

	// A machine that wakes nobody for stallLimit is no measure of the gateway: what it touched until stallRecovery later is excused like
	// requests to a provider that is down. The report says how long it stood still.
	stallEvery    = 50 * time.Millisecond
	stallLimit    = 500 * time.Millisecond
	stallRecovery = 15 * time.Second
)

// chaos is what happens around the requests: one event at a time, on a schedule drawn from the seed.
type chaos struct {
	run     *run
	rng     *rand.Rand
	mu      sync.Mutex
	windows []window
	counts  map[string]int
	stalls  int
	still   time.Duration
}

// window is the time of an event, and the provider whose requests it excuses.
type window struct {
	provider int
	from, to time.Time // to is zero while it is on
}

// event is one thing that happens; what it returns is wrong with the gateway.
type event struct {
	name string
	run  func(*chaos) error
}

var events = []event{
	{"provider killed and started again", (*chaos).kill},
	{"provider stopped for 2 s", (*chaos).freeze},
	{"configuration changed, SIGHUP", (*chaos).reload},
	{"2,000 idle connections", (*chaos).crowd},
	{"3,000 connections come and go", (*chaos).flood},
	{"access log moved, SIGUSR1", (*chaos).rotate},
}

func newChaos(r *run) *chaos {
	return &chaos{run: r, rng: rand.New(rand.NewPCG(r.seed, 0xc4a05)), counts: map[string]int{}}
}

// touched says whether an event may have touched a request to the provider that began then.
func (c *chaos) touched(provider int, since time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.windows {
		if (w.provider == provider || w.provider == everyone) && (w.to.IsZero() || w.to.After(since)) {
			return true
		}
	}
	return false
}

// stalled says whether the machine stood still since then.
func (c *chaos) stalled(since time.Time) bool { return c.touched(everyone, since) }

// feel notes when the machine stands still, until done is closed.
func (c *chaos) feel(done <-chan struct{}) {
	tick := time.NewTicker(stallEvery)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		now := time.Now()
		if late := now.Sub(last); late > stallLimit {
			c.mu.Lock()
			c.stalls++
			c.still += late
			c.windows = append(c.windows, window{provider: everyone, from: last, to: now.Add(stallRecovery)})
			c.mu.Unlock()
		}
		last = now
	}
}

// any says whether any event was on since then.
func (c *chaos) any(since time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.windows {
		if w.to.IsZero() || w.to.After(since) {
			return true
		}
	}
	return false
}

// open begins a window and returns what ends it.
func (c *chaos) open(provider int) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	// A request that began before the last of them ended has ended by now.
	for len(c.windows) > 0 && !c.windows[0].to.IsZero() && time.Since(c.windows[0].to) > 2*hangTime {
		c.windows = c.windows[1:]
	}
	c.windows = append(c.windows, window{provider: provider, from: time.Now()})
	from := c.windows[len(c.windows)-1].from
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i := range c.windows {
			if c.windows[i].from.Equal(from) {
				c.windows[i].to = time.Now()
			}
		}
	}
}

// start lets events happen until shortly before the end. What it returns waits for the last of them.
func (c *chaos) start(end time.Time) func() {
	length := time.Until(end)
	gap := min(max(length/12, 4*time.Second), 20*time.Second)
	end = end.Add(-gap)
	done, felt := make(chan struct{}), make(chan struct{})
	go c.feel(felt)
	go func() {
		defer close(done)
		for {
			for _, i := range c.rng.Perm(len(events)) {
				if !c.rest(gap/2+time.Duration(c.rng.Int64N(int64(gap))), end) {
					return
				}
				c.happen(&events[i])
			}
		}
	}()
	return func() {
		<-done
		close(felt)
	}
}

// rest waits; false says that there is no time for another event.
func (c *chaos) rest(d time.Duration, end time.Time) bool {
	select {
	case <-c.run.stop:
		return false
	case <-time.After(min(d, max(time.Until(end), 0))):
	}
	return time.Now().Before(end)
}

func (c *chaos) happen(e *event) {
	from := time.Now()
	if err := e.run(c); err != nil && c.stalled(from) {
		c.run.tally.note(e.name, fine(lost), 0)
	} else if err != nil {
		c.run.tally.note(e.name, fault("%v", err), 0)
	}
	c.mu.Lock()
	c.counts[e.name]++
	c.mu.Unlock()
}

func (c *chaos) pick() (int, *provider) {
	i := c.rng.IntN(len(speeches))
	return i, c.run.stage.providers[i]
}

func (c *chaos) kill() error {
	i, p := c.pick()
	over := c.open(i)
	p.process.Kill()
	time.Sleep(downTime)
	err := p.start(c.run.seed)
	time.Sleep(recovery)
	over()
	return err
}

func (c *chaos) freeze() error {
	i, p := c.pick()
	over := c.open(i)
	if err := p.process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(stopTime)
	err := p.process.Signal(syscall.SIGCONT)
	time.Sleep(recovery)
	over()
	return err
}

// reload excuses nothing: requests under way end under the configuration that they began with.
func (c *chaos) reload() error {
	over := c.open(noOne)
	defer over()
	if err := c.run.stage.configure(); err != nil {
		return err
	}
	err := c.run.stage.gateway.Signal(syscall.SIGHUP)
	time.Sleep(time.Second)
	return err
}

const crowdSize = 2000

// crowd opens connections, has every fourth ask something, holds them, and leaves.
func (c *chaos) crowd() error {
	over := c.open(noOne)
	defer over()
	lines := make([]*line, 0, crowdSize)
	defer func() {
		for _, l := range lines {
			_ = l.Close()
		}
	}()
	for i := range crowdSize {
		l, err := c.run.clients.dial(false, 0)
		if err != nil {
			return fmt.Errorf("connection %d of %d: %w", i+1, crowdSize, err)
		}
		lines = append(lines, l)
	}
	for i := 0; i < len(lines); i += 4 {
		q := c.run.newAsk(1<<50 + uint64(i))
		text := q.text(60)
		a := lines[i].exchange(post(chatPath, chatBody(q.model("", "chat?echo"), text, false)))
		if v := q.judge(a, want{text: text}); v.fault != "" {
			return fmt.Errorf("on connection %d of %d: %s", i+1, crowdSize, v.fault)
		}
	}
	time.Sleep(4 * time.Second)
	return nil
}

const (
	floodSize    = 3000
	floodWorkers = 16
)

// flood opens and closes connections as fast as a few workers can: with nothing said, with half a head, with no HTTP at all.
func (c *chaos) flood() error {
	over := c.open(noOne)
	defer over()
	says := []string{"", "", "POST /v1/chat/completions HTTP/1.1\r\nHost: so", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "GET / HTTP/1.1\r\n\r\n"}
	failed := make(chan error, floodWorkers)
	var all sync.WaitGroup
	for w := range floodWorkers {
		all.Go(func() {
			for i := range floodSize / floodWorkers {
				l, err := c.run.clients.dial(false, 0)
				if err != nil {
					failed <- err
					return
				}
				_, _ = l.Write([]byte(says[(w+i)%len(says)])) // whether anybody listens is not the question
				if i%2 == 0 {
					l.reset()
				} else {
					_ = l.Close()
				}
			}
		})
	}
	all.Wait()
	close(failed)
	return <-failed
}

// rotate moves the access log away, as logrotate does, and wants another one in its place.
func (c *chaos) rotate() error {
	over := c.open(noOne)
	defer over()
	s := c.run.stage
	if err := os.Rename(s.file("access.log"), s.file("access.old")); err != nil {
		return err
	}
	if err := s.gateway.Signal(syscall.SIGUSR1); err != nil {
		return err
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if fi, err := os.Stat(s.file("access.log")); err == nil && fi.Size() > 0 {
			return os.Remove(s.file("access.old"))
		}
		if time.Now().After(end) {
			return fmt.Errorf("10 s after SIGUSR1 nothing is written to the new access log")
		}
	}
}
