package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"penstock/http1"
	"penstock/server/auth"
	"penstock/server/config"
	"penstock/server/dialect"
	"penstock/server/gateway"
	"penstock/server/observe"
	"penstock/server/route"
	"penstock/upstream"
	"penstock/upstream/stream"
)

// streamWindowBytes is how much of a response a provider may send ahead of a client that does not read.
const streamWindowBytes = 256 << 10

// simModels are listed for the simulated provider; it answers to any other name as well.
var simModels = []string{"sim/chat", "sim/embed"}

// builder turns configurations into policies. It remembers providers, so that a reload keeps the connections of those that did not
// change, and the names that figures are counted by.
type builder struct {
	providers map[upstream.Settings]*upstream.Provider
	dims      observe.Dims
	simURL    string // where the simulated provider listens
	created   int64
}

func newBuilder() *builder {
	b := &builder{providers: map[upstream.Settings]*upstream.Provider{}, simURL: "http://127.0.0.1:9", created: time.Now().Unix()}
	for _, ep := range dialect.Endpoints() {
		b.dims.Endpoints = append(b.dims.Endpoints, ep.Name)
	}
	for k := stream.KindNone; k <= stream.KindShutdown; k++ {
		b.dims.Kinds = append(b.dims.Kinds, k.String())
	}
	return b
}

// build makes the policy of a configuration. What it refuses is what this version cannot do.
func (b *builder) build(s *config.Snapshot) (*gateway.Policy, error) {
	next := observe.Dims{Endpoints: b.dims.Endpoints, Kinds: b.dims.Kinds}
	for _, p := range s.Providers {
		next.Providers = append(next.Providers, p.Name)
	}
	for _, k := range s.Keys {
		next.Keys = append(next.Keys, k.Name)
	}
	dims := b.dims.Extend(next)
	p := &gateway.Policy{
		Dims: dims, Created: b.created, OwnFields: map[string]bool{},
		Head:      http1.DefaultLimits(),
		BodyBytes: s.Bounds.Body, ResponseBufferBytes: s.Bounds.ResponseBuffer,
		HeadTimeout: s.Timeouts.Head, BodyTimeout: s.Timeouts.Body, IdleTimeout: s.Timeouts.Idle,
		FirstByteTimeout: s.Timeouts.FirstByte, BetweenTimeout: s.Timeouts.BetweenBytes, TotalTimeout: s.Timeouts.Total,
		KeepAlive: s.Stream.KeepAlive,
		Retry:     gateway.Retry{Attempts: s.Retry.Attempts, Connect: s.Retry.On.Connect, Reset: s.Retry.On.Reset, Timeout: s.Retry.On.Timeout, Statuses: s.Retry.On.Statuses},
	}
	p.MemoryPerLoop, p.RequestsPerLoop = perLoop(s)
	p.Head.HeadBytes, p.Head.Fields = s.Bounds.Head, s.Bounds.Headers
	var errs []error
	used := map[upstream.Settings]*upstream.Provider{}
	for i := range s.Providers {
		gp, err := b.provider(s, &s.Providers[i], dims, used)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.Providers = append(p.Providers, gp)
		for _, h := range s.Providers[i].Headers {
			p.OwnFields[h.Name] = true
		}
	}
	var err error
	if p.Routes, err = routes(s); err != nil {
		errs = append(errs, err)
	}
	if s.Auth == config.AuthKeys {
		entries := make([]auth.Entry, len(s.Keys))
		for i, k := range s.Keys {
			entries[i] = auth.Entry{Key: auth.Key{Name: k.Name, Models: k.Models, ID: dims.Key(k.Name)}, Digest: k.Digest}
		}
		if p.Auth, err = auth.NewTable(entries); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	p.Names = p.Routes.Names()
	for _, pr := range s.Providers {
		if pr.Sim {
			for _, m := range simModels {
				p.Names = append(p.Names[:len(p.Names):len(p.Names)], pr.Name+strings.TrimPrefix(m, "sim"))
			}
		}
	}
	b.dims, b.providers = dims, used
	return p, nil
}

func (b *builder) provider(s *config.Snapshot, c *config.Provider, dims observe.Dims, used map[upstream.Settings]*upstream.Provider) (*gateway.Provider, error) {
	urls, mode := c.BaseURLs, upstream.Mode(c.HTTP)
	if c.Sim {
		urls, mode = []string{b.simURL}, upstream.ModeH2C
	}
	var speaks [3]bool
	switch c.Kind {
	case config.KindOpenAI, config.KindAnthropic, config.KindSim:
		speaks[dialect.APIOpenAI] = c.Dialects.Has(config.DialectOpenAI)
		speaks[dialect.APIAnthropic] = c.Dialects.Has(config.DialectAnthropic)
	}
	var keys []gateway.Credential
	for _, k := range c.Keys {
		keys = append(keys, gateway.Credential{Secret: k.Value.Reveal(), Weight: k.Weight})
	}
	var headers []stream.BlockField
	for _, h := range c.Headers {
		if v := h.Value.Reveal(); v != "" {
			headers = append(headers, stream.BlockField{Name: h.Name, Value: v})
		}
	}
	prefix := ""
	if c.Sim {
		prefix = "/v1"
	}
	var authorities []byte
	if c.TLS.CA != "" {
		var err error
		if authorities, err = os.ReadFile(c.TLS.CA); err != nil {
			return nil, fmt.Errorf("cannot read the CA file of provider %s: %w", c.Name, err)
		}
	}
	var replicas []*gateway.Provider
	for _, u := range urls {
		set := upstream.Settings{
			Index: dims.Provider(c.Name), Name: c.Name, BaseURL: u, Mode: mode, Warm: c.Connections.Warm, Max: c.Connections.Max,
			CA: string(authorities), Insecure: c.TLS.Insecure, Connect: s.Timeouts.Connect, Handshake: s.Timeouts.Handshake,
			StreamWindowBytes: streamWindowBytes, ResponseBufferBytes: s.Bounds.ResponseBuffer,
		}
		up := b.providers[set]
		if up == nil {
			var err error
			if up, err = upstream.NewProvider(set); err != nil {
				return nil, err
			}
		}
		used[set] = up
		gp := gateway.NewProvider(up, speaks, keys, headers, prefix)
		gp.UsageInStream = c.UsageInStream
		replicas = append(replicas, gp)
	}
	if len(replicas) == 1 {
		return replicas[0], nil
	}
	if len(replicas) == 0 {
		return nil, fmt.Errorf("provider %s has no base URL", c.Name)
	}
	whole := *replicas[0]
	whole.Replicas = replicas
	return &whole, nil
}

func routes(s *config.Snapshot) (*route.Table, error) {
	var spec route.Spec
	index := map[string]int{}
	for i, p := range s.Providers {
		index[p.Name] = i
		spec.Providers = append(spec.Providers, route.ProviderSpec{Name: p.Name, Serves: p.Serves})
	}
	targets := func(ts []config.Target) []route.Target {
		var out []route.Target
		for _, t := range ts {
			out = append(out, route.Target{Provider: index[t.Provider], Model: t.Model, Weight: t.Weight})
		}
		return out
	}
	for _, m := range s.Models {
		spec.Models = append(spec.Models, route.ModelSpec{
			Name: m.Name, Strategy: strategy(m.Strategy), Targets: targets(m.Targets), Fallback: targets(m.Fallback),
		})
	}
	return route.NewTable(spec)
}

// strategy is the one that serves in the place of the configuration's. One that is not built yet leaves the order to the weights, as
// without it; inactive says so.
func strategy(s config.Strategy) route.Strategy {
	if s == config.Ordered {
		return route.Ordered
	}
	return route.Weighted
}
