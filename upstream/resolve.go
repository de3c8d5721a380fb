package upstream

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Resolver caches DNS answers: five minutes fresh, refreshed in the background near their end, and kept when asking fails.
// Safe on every thread; its methods wait and belong off the loops.
type Resolver struct {
	// LookupHost asks; nil means the system's resolver.
	LookupHost func(ctx context.Context, host string) ([]string, error)
	// Clock tells the time; nil means time.Now.
	Clock func() time.Time

	mu    sync.Mutex
	cache map[string]*answer

	lookups, failures, stale atomic.Uint64
}

type answer struct {
	addrs   []string
	at      time.Time // from when its freshness counts
	good    time.Time // when DNS last gave it
	asking  bool
	waiting chan struct{}
}

// ResolverStats counts questions to DNS, those that failed, and stale answers given for want of a fresh one.
type ResolverStats struct{ Lookups, Failures, Stale uint64 }

// Stats returns the counters.
func (r *Resolver) Stats() ResolverStats {
	return ResolverStats{r.lookups.Load(), r.failures.Load(), r.stale.Load()}
}

func (r *Resolver) clock() time.Time {
	if r.Clock != nil {
		return r.Clock()
	}
	return time.Now()
}

// Resolve returns the addresses of host. Concurrent questions for one host are asked once.
func (r *Resolver) Resolve(ctx context.Context, host string) ([]string, error) {
	if net.ParseIP(host) != nil {
		return []string{host}, nil
	}
	r.mu.Lock()
	if r.cache == nil {
		r.cache = map[string]*answer{}
	}
	a := r.cache[host]
	if a == nil {
		a = &answer{}
		r.cache[host] = a
	}
	age := r.clock().Sub(a.at)
	if len(a.addrs) > 0 && age < freshFor {
		addrs := a.addrs
		refresh := age > freshFor*4/5 && !a.asking
		if refresh {
			a.asking, a.waiting = true, make(chan struct{})
		}
		r.mu.Unlock()
		if refresh {
			go func() { _, _ = r.ask(context.WithoutCancel(ctx), host, a) }()
		}
		return addrs, nil
	}
	if a.asking {
		wait := a.waiting
		r.mu.Unlock()
		select {
		case <-wait:
			return r.Resolve(ctx, host)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	a.asking, a.waiting = true, make(chan struct{})
	r.mu.Unlock()
	return r.ask(ctx, host, a)
}

func (r *Resolver) ask(ctx context.Context, host string, a *answer) ([]string, error) {
	lookup := r.LookupHost
	if lookup == nil {
		lookup = net.DefaultResolver.LookupHost
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r.lookups.Add(1)
	addrs, err := lookup(ctx, host)
	r.mu.Lock()
	defer r.mu.Unlock()
	a.asking = false
	close(a.waiting)
	if err == nil && len(addrs) > 0 {
		a.addrs, a.at, a.good = addrs, r.clock(), r.clock()
		return addrs, nil
	}
	r.failures.Add(1)
	if len(a.addrs) > 0 && r.clock().Sub(a.good) < staleFor {
		r.stale.Add(1)
		a.at = r.clock().Add(-freshFor * 4 / 5) // ask again soon, not with every dial
		return a.addrs, nil
	}
	return nil, err
}
