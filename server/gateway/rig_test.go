package gateway_test

import (
	"fmt"
	"net/netip"
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
	w    *looptest.World
	host *looptest.Host
	g    *gateway.Gateway
	pol  *gateway.Policy
	d    *dialer
	asks []*ask // requests that providers have seen
	bad  []error

	ids map[string]bool // request ids that clients have seen

	number uint32 // of the last request that come has sent

	calm    bool                          // providers do nothing wrong
	timed   bool                          // they take their time all the same
	fateOf  func(*ask) fate               // decides what becomes of a request, where set
	served  func(*ask, reply)             // hears of every request
	planted func(a *ask, b []byte) []byte // a fault of the gateway that a test plays: it changes what a provider sends
}

func (r *rig) fail(format string, args ...any) {
	if len(r.bad) < 5 {
		r.bad = append(r.bad, fmt.Errorf(format, args...))
	}
}

func (r *rig) err() error {
	if len(r.bad) > 0 {
		return r.bad[0]
	}
	return nil
}

// target is a provider as the dialer finds it.
type target struct {
	protocol upstream.Protocol
	link     func() looptest.Link
	accept   func(*looptest.End)
	failure  func() stream.Kind // of a dial; KindNone: it succeeds
	delay    func() time.Duration
}

// dialer connects pools to scripted providers.
type dialer struct {
	w       *looptest.World
	host    *looptest.Host
	targets map[string]*target
}

func (d *dialer) Dial(l *loop.Loop, p *upstream.Provider, h loop.Handler, done func(upstream.Dialed)) {
	t := d.targets[p.Name]
	d.host.Do(t.delay(), func() {
		if k := t.failure(); k != stream.KindNone {
			done(upstream.Dialed{Failure: stream.Failure{Kind: k}})
			return
		}
		near, far := d.w.Pipe(t.link())
		c := d.host.Attach(near, func(*loop.Conn) loop.Handler { return h })
		t.accept(far)
		done(upstream.Dialed{Conn: c, Protocol: t.protocol})
	})
}

// names of providers and models of every rig: alpha speaks HTTP/2, beta HTTP/1.1, and `both` goes to alpha first.
const (
	alpha = 0
	beta  = 1
)

func newRig(seed uint64, tune func(*gateway.Policy)) *rig {
	w := looptest.NewWorld(seed)
	r := &rig{w: w, host: w.NewHost(loop.Options{}), ids: map[string]bool{}}
	r.d = &dialer{w: w, host: r.host, targets: map[string]*target{}}
	calm := func() looptest.Link { return looptest.Link{} }
	never := func() stream.Kind { return stream.KindNone }
	soon := func() time.Duration { return time.Millisecond }
	r.d.targets["alpha"] = &target{protocol: upstream.HTTP2, link: calm, failure: never, delay: soon, accept: func(e *looptest.End) { newH2(r, e) }}
	r.d.targets["beta"] = &target{protocol: upstream.HTTP1, link: calm, failure: never, delay: soon, accept: func(e *looptest.End) { newH1(r, e) }}
	r.pol = newPolicy()
	if tune != nil {
		tune(r.pol)
	}
	r.host.Do(0, func() {
		r.g = gateway.New(r.host.Loop, r.pol, gateway.Deps{Dialer: r.d, Clock: w.Now, Seed: [2]uint64{seed, 1}})
	})
	w.Pass(0)
	return r
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newPolicy() *gateway.Policy {
	dims := observe.Dims{Providers: []string{"alpha", "beta"}, Keys: []string{"team"}}
	for _, ep := range dialect.Endpoints() {
		dims.Endpoints = append(dims.Endpoints, ep.Name)
	}
	for k := stream.KindNone; k <= stream.KindShutdown; k++ {
		dims.Kinds = append(dims.Kinds, k.String())
	}
	p := &gateway.Policy{
		Dims: dims, Created: 1_700_000_000, Head: http1.DefaultLimits(), BodyBytes: bodyLimit, ResponseBufferBytes: 64 << 10,
		HeadTimeout: 2 * time.Second, BodyTimeout: 3 * time.Second, IdleTimeout: 8 * time.Second,
		FirstByteTimeout: 4 * time.Second, BetweenTimeout: 3 * time.Second, TotalTimeout: 20 * time.Second,
		KeepAlive: time.Second,
		Retry:     gateway.Retry{Attempts: 3, Connect: true, Reset: true, Statuses: []int{429, 500, 503}},
	}
	p.Auth = must(auth.NewTable([]auth.Entry{{Key: auth.Key{Name: "team", ID: 0}, Digest: auth.Digest([]byte(goodKey))}}))
	p.Routes = must(route.NewTable(route.Spec{
		Providers: []route.ProviderSpec{{Name: "alpha", Serves: []string{"m-alpha"}}, {Name: "beta", Serves: []string{"m-beta"}}},
		Models:    []route.ModelSpec{{Name: "both", Targets: []route.Target{{Provider: alpha, Model: "m-alpha"}, {Provider: beta, Model: "m-beta"}}}},
	}))
	p.Names = p.Routes.Names()
	for i, name := range dims.Providers {
		mode := upstream.ModeH2C
		if i == beta {
			mode = upstream.ModeHTTP1
		}
		up := must(upstream.NewProvider(upstream.Settings{
			Index: i, Name: name, BaseURL: "http://" + name + ".test/v1", Mode: mode, Warm: 1, Max: 8,
			StreamWindowBytes: 64 << 10, ResponseBufferBytes: 64 << 10,
		}))
		speaks := [3]bool{dialect.APIOpenAI: true, dialect.APIAnthropic: true}
		p.Providers = append(p.Providers, gateway.NewProvider(up, speaks, []gateway.Credential{{Secret: "provider-key", Weight: 1}}, nil, ""))
	}
	return p
}

var clientAddress = netip.MustParseAddrPort("192.0.2.7:4711")

// connect gives the gateway a client's connection, whose other end s plays.
func (r *rig) connect(l looptest.Link, s looptest.Script) *looptest.End {
	near, far := r.w.Pipe(l)
	near.Play(s)
	r.host.Do(0, func() {
		r.host.Attach(far, func(c *loop.Conn) loop.Handler { return r.g.Accept(c, clientAddress) })
	})
	return near
}

// end lets everything come to rest, closes the gateway, and checks that nothing is left.
func (r *rig) end() error {
	// Bytes of clients that have left may still be on the way, and a provider may take its time to end what is complete by its
	// length: timers bound both.
	r.w.Run(time.Minute, func() bool { return r.g.Open() == 0 && r.g.Clients() == 0 })
	r.w.Pass(500 * time.Millisecond)
	if n, m := r.g.Open(), r.g.Clients(); n != 0 || m != 0 {
		r.fail("%d exchanges and %d client connections are open after every client has left", n, m)
	}
	for _, a := range r.asks {
		if !a.over {
			r.fail("provider %s was never told of the end of %s", a.provider, a.token)
		}
	}
	r.host.Do(0, func() { r.g.Drain(); r.g.Cut() })
	r.w.Run(30*time.Second, func() bool { return r.host.Loop.Conns() == 0 })
	r.w.Pass(500 * time.Millisecond) // dials that are still on their way
	r.g.Pools(func(up *upstream.Provider, pl *upstream.Pool) {
		if s := pl.Stats(); !pl.Idle() || s.Waiting != 0 || up.Connections() != 0 {
			r.fail("the pool of %s is not idle: %+v, %d connections counted", up.Name, s, up.Connections())
		}
	})
	if err := r.host.Leaks(1); err != nil { // the sweep
		r.fail("%w", err)
	}
	return r.err()
}
