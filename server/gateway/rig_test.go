package gateway_test

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"penstock/http1"
	"penstock/loop"
	"penstock/loop/looptest"
	"penstock/server/auth"
	"penstock/server/dialect"
	"penstock/server/gateway"
	"penstock/server/observe"
	"penstock/server/route"
	"penstock/upstream"
	"penstock/upstream/stream"
)

const (
	goodKey   = "sk-simulated-0001"
	bodyLimit = 64 << 10
)

// rig is one gateway on one loop of a world, with scripted providers behind it.
type rig struct {
	w       *looptest.World
	host    *looptest.Host
	g       *gateway.Gateway
	pol     *gateway.Policy
	d       *dialer
	pools   []*upstream.Pool // all that there were
	asks    []*ask           // requests that providers have seen
	byMark  map[string]*ask
	byToken map[string]*request
	users   []*user
	heard   map[string]bool // tokens of requests of whose answer a part has reached its client
	tries   map[string]int  // how often they were sent to providers
	marks   int
	labels  int
	bad     []error
	seen    *coverage
	most    tally // tokens that providers had told of when it was last asked

	ids map[string]bool // request ids that clients have seen

	number uint32 // of the last request that come has sent

	calm     bool                          // providers do nothing wrong
	timed    bool                          // they take their time all the same
	reloaded bool                          // models may have come and gone
	cut      bool                          // the operator has cut what ran
	drained  bool                          // the operator drains the gateway
	ending   bool                          // nothing new begins
	crumbs   bool                          // bytes of a provider may come one by one
	lines    func() bool                   // whether a new connection to a provider has a fault
	earlies  bool                          // providers answer, now and then, before they have all of a request
	fateOf   func(*ask) fate               // decides what becomes of a request, where set
	served   func(*ask, reply)             // hears of every request
	planted  func(a *ask, b []byte) []byte // a fault of the gateway that a test plays: it changes what a provider sends
	spoiled  func(b []byte) []byte         // another: it changes what the gateway writes to a client
	longest  time.Duration                 // total timeout
}

// violation is a rule that was broken.
type violation struct {
	rule string
	err  error
}

func (v *violation) Error() string { return v.err.Error() }
func (v *violation) Unwrap() error { return v.err }
func (v *violation) Rule() string  { return v.rule }

func (r *rig) fail(format string, args ...any) { r.failAs(format, format, args...) }

func (r *rig) failAs(rule, format string, args ...any) {
	if len(r.bad) < 5 {
		err := fmt.Errorf(format, args...)
		r.trace("FAILED: %v", err)
		r.bad = append(r.bad, &violation{rule, fmt.Errorf("after %d steps, at %v: %w", r.w.Steps, r.w.Elapsed(), err)})
	}
}

func (r *rig) err() error {
	if len(r.bad) > 0 {
		return r.bad[0]
	}
	return nil
}

func (r *rig) trace(format string, args ...any) {
	if r.w.Trace != nil {
		r.w.Trace(format, args...)
	}
}

func (r *rig) count(what string) {
	if r.seen != nil {
		r.seen.add(what)
	}
}

// target is a provider as the dialer finds it.
type target struct {
	protocol upstream.Protocol
	link     func() looptest.Link
	accept   func(*looptest.End)
	dial     func() (time.Duration, stream.Kind) // how long it takes, and what becomes of it
	near     func(b []byte) []byte               // a planted fault: it changes what the gateway writes to it
}

// dialer connects pools to scripted providers.
type dialer struct {
	w       *looptest.World
	host    *looptest.Host
	targets map[string]*target
}

func (d *dialer) Dial(l *loop.Loop, p *upstream.Provider, h loop.Handler, done func(upstream.Dialed)) {
	t := d.targets[p.Name]
	after, kind := t.dial()
	d.host.Do(after, func() {
		if kind != stream.KindNone {
			done(upstream.Dialed{Failure: stream.Failure{Kind: kind}})
			return
		}
		near, far := d.w.Pipe(t.link())
		if t.near != nil {
			near.Spoil(t.near)
		}
		c := d.host.Attach(near, func(*loop.Conn) loop.Handler { return h })
		t.accept(far)
		done(upstream.Dialed{Conn: c, Protocol: t.protocol})
	})
}

// providers of every rig: alpha and gamma speak HTTP/2, beta HTTP/1.1. The model m-<name> is at one of them, `both` at alpha first and
// then at beta. Gamma is there after some reloads only.
var providers = []string{"alpha", "beta", "gamma"}

// beta is where the provider of that name stands in newPolicy.
const beta = 1

func newRig(seed uint64, tune func(*gateway.Policy)) *rig {
	w := looptest.NewWorld(seed)
	r := &rig{
		w: w, host: w.NewHost(loop.Options{}), ids: map[string]bool{}, byMark: map[string]*ask{}, byToken: map[string]*request{},
		heard: map[string]bool{}, tries: map[string]int{},
	}
	r.d = &dialer{w: w, host: r.host, targets: map[string]*target{}}
	calm := func() looptest.Link { return looptest.Link{} }
	soon := func() (time.Duration, stream.Kind) { return time.Millisecond, stream.KindNone }
	for _, name := range providers {
		t := &target{protocol: upstream.HTTP2, link: calm, dial: soon, accept: func(e *looptest.End) { newH2(r, name, e) }}
		if name == "beta" {
			t.protocol, t.accept = upstream.HTTP1, func(e *looptest.End) { newH1(r, name, e) }
		}
		r.d.targets[name] = t
	}
	r.pol = newPolicy()
	if tune != nil {
		tune(r.pol)
	}
	r.longest = r.pol.TotalTimeout
	r.host.Do(0, func() {
		r.g = gateway.New(r.host.Loop, r.pol, gateway.Deps{Dialer: r.d, Clock: w.Now, Seed: [2]uint64{seed, 1}})
	})
	w.Pass(0)
	w.OnStep = r.check
	return r
}

// swap gives the gateway another policy.
func (r *rig) swap(p *gateway.Policy) {
	r.host.Do(0, func() {
		if r.ending {
			return
		}
		r.pol = p
		r.g.Swap(p)
	})
}

// notePools keeps the pools of the policy in force, and those before them until they have ended.
func (r *rig) notePools() {
	for i := 0; i < len(r.pools); i++ {
		if pl := r.pools[i]; pl.Idle() {
			r.checkIdle(pl)
			r.pools = slices.Delete(r.pools, i, i+1)
			i--
		}
	}
	r.g.Pools(func(_ *upstream.Provider, pl *upstream.Pool) {
		if !slices.Contains(r.pools, pl) {
			r.pools = append(r.pools, pl)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// simulatedDims are the names that everything is counted by, before and after reloads.
func simulatedDims() observe.Dims {
	dims := observe.Dims{Providers: providers, Keys: []string{"team", "other"}}
	for _, ep := range dialect.Endpoints() {
		dims.Endpoints = append(dims.Endpoints, ep.Name)
	}
	for k := stream.KindNone; k <= stream.KindShutdown; k++ {
		dims.Kinds = append(dims.Kinds, k.String())
	}
	return dims
}

func newPolicy() *gateway.Policy { return policyOf("alpha", "beta") }

// policyOf is a policy with these providers.
func policyOf(names ...string) *gateway.Policy {
	p := &gateway.Policy{
		Dims: simulatedDims(), Created: 1_700_000_000, Head: http1.DefaultLimits(), BodyBytes: bodyLimit, ResponseBufferBytes: 64 << 10,
		HeadTimeout: 2 * time.Second, BodyTimeout: 3 * time.Second, IdleTimeout: 8 * time.Second,
		FirstByteTimeout: 4 * time.Second, BetweenTimeout: 3 * time.Second, TotalTimeout: 20 * time.Second,
		KeepAlive: time.Second,
		Retry:     gateway.Retry{Attempts: 3, Connect: true, Reset: true, Statuses: []int{429, 500, 503}},
	}
	p.Auth = must(auth.NewTable([]auth.Entry{
		{Key: auth.Key{Name: "team", ID: 0}, Digest: auth.Digest([]byte(goodKey))},
		{Key: auth.Key{Name: "other", ID: 1}, Digest: auth.Digest([]byte(otherKey))},
	}))
	var spec route.Spec
	both := route.ModelSpec{Name: "both"}
	for i, name := range names {
		spec.Providers = append(spec.Providers, route.ProviderSpec{Name: name, Serves: []string{"m-" + name}})
		if name != "gamma" {
			both.Targets = append(both.Targets, route.Target{Provider: i, Model: "m-" + name})
		}
		p.Providers = append(p.Providers, newProvider(name))
	}
	spec.Models = []route.ModelSpec{both}
	p.Routes = must(route.NewTable(spec))
	p.Names = p.Routes.Names()
	return p
}

func newProvider(name string) *gateway.Provider {
	mode := upstream.ModeH2C
	if name == "beta" {
		mode = upstream.ModeHTTP1
	}
	up := must(upstream.NewProvider(upstream.Settings{
		Index: slices.Index(providers, name), Name: name, BaseURL: "http://" + name + ".test/v1", Mode: mode, Warm: 1, Max: 8,
		StreamWindowBytes: streamWindow, ResponseBufferBytes: responseBuffer,
	}))
	speaks := [3]bool{dialect.APIOpenAI: true, dialect.APIAnthropic: true}
	return gateway.NewProvider(up, speaks, []gateway.Credential{{Secret: "provider-key", Weight: 1}}, nil, "")
}

var clientAddress = netip.MustParseAddrPort("192.0.2.7:4711")

// connect gives the gateway a client's connection, whose other end s plays.
func (r *rig) connect(l looptest.Link, s looptest.Script) *looptest.End {
	near, far := r.w.Pipe(l)
	near.Play(s)
	r.host.Do(0, func() {
		if r.spoiled != nil {
			far.Spoil(r.spoiled)
		}
		r.host.Attach(far, func(c *loop.Conn) loop.Handler { return r.g.Accept(c, clientAddress) })
	})
	return near
}

// end lets everything come to rest, closes the gateway, and checks that nothing is left.
func (r *rig) end() error {
	// Bytes of clients that have left may still be on the way, and a provider may take its time to end what is complete by its
	// length: timers bound both.
	r.w.Run(time.Minute, func() bool { return r.g.Open() == 0 && r.g.Clients() == 0 })
	if n, m := r.g.Open(), r.g.Clients(); n != 0 || m != 0 {
		r.fail("%d exchanges and %d client connections are open after every client has left", n, m)
	}
	told := func() bool {
		for _, a := range r.asks {
			if !a.over && !(a.end != nil && a.end.Paused()) {
				return false
			}
		}
		return true
	}
	if !r.w.Run(30*time.Second, told) {
		for _, a := range r.asks {
			if !a.over && !(a.end != nil && a.end.Paused()) {
				r.fail("provider %s was never told of the end of %s", a.provider, a.token)
			}
		}
	}
	r.checkCounts()
	r.ending = true
	r.host.Do(0, func() { r.g.Drain(); r.g.Cut() })
	r.w.Run(30*time.Second, func() bool { return r.host.Loop.Conns() == 0 })
	r.w.Pass(10 * time.Second) // dials that are still on their way
	for _, pl := range r.pools {
		r.checkIdle(pl)
	}
	if err := r.host.Leaks(1); err != nil { // the sweep
		r.fail("%w", err)
	}
	return r.err()
}

// checkIdle looks at a pool that should have ended.
func (r *rig) checkIdle(pl *upstream.Pool) {
	if s := pl.Stats(); !pl.Idle() || s.Waiting != 0 || s.Active != 0 || pl.Provider.Connections() != 0 {
		r.fail("the pool of %s is not idle: %+v, %d connections counted", pl.Provider.Name, s, pl.Provider.Connections())
	}
}
