package main

import (
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// openLimit bounds the requests under way: what is due beyond it is not sent, and counted.
	openLimit = 8000
	// paceStep is how often due requests are sent.
	paceStep = 2 * time.Millisecond
)

// crew runs requests, each on a goroutine of its own.
type crew struct {
	run    *run
	number uint64
	slots  chan struct{}
	all    sync.WaitGroup
}

func (r *run) newCrew(first uint64) *crew {
	return &crew{run: r, number: first, slots: make(chan struct{}, openLimit)}
}

// send starts one request of a kind; false where too many are under way. note is told of what became of it.
func (c *crew) send(k *kind, note func(string, verdict, time.Duration)) bool {
	select {
	case c.slots <- struct{}{}:
	default:
		return false
	}
	c.number++
	n := c.number
	c.all.Go(func() {
		q := c.run.newAsk(n)
		v := k.make(q)
		if v.excusable && c.run.chaos.stalled(q.from) {
			v = fine(lost)
		}
		note(k.name, v, time.Since(q.from))
		<-c.slots
	})
	return true
}

// warm sends some of every kind, so that what the first request of a kind brings to life is there before anything is measured.
func (r *run) warm() error {
	c := r.newCrew(1 << 40)
	for range 20 {
		for i := range kinds {
			c.send(&kinds[i], func(string, verdict, time.Duration) {})
		}
		time.Sleep(50 * time.Millisecond)
	}
	c.all.Wait()
	r.clients.prune(0)
	return nil
}

// pace sends requests at the rate until the end, whatever the answers do, and then waits for the answers.
func (r *run) pace(end time.Time) {
	c, next := r.newCrew(0), chooser(r.seed)
	tick := time.NewTicker(paceStep)
	defer tick.Stop()
	jitter := rand.New(rand.NewPCG(r.seed, 0xbea7))
	sent := 0.0
	for now := range tick.C {
		if !now.Before(end) || r.stopped() {
			break
		}
		// A little ahead or behind by chance, so that requests come in clumps of every size.
		for due := now.Sub(r.started).Seconds() * r.rate; sent < due; sent += 2 * jitter.Float64() {
			if !c.send(next(), r.tally.note) {
				r.tally.dropped()
			}
		}
	}
	c.all.Wait()
	r.clients.prune(0)
}

func (r *run) stopped() bool {
	select {
	case <-r.stop:
		return true
	default:
		return false
	}
}
