package observe

// Loop is what one loop counts. Every method and field belongs to the loop's thread; none allocates but NewLoop and Resize.
// An index that is -1 or beyond the names counts under NoneName.
type Loop struct {
	Figures

	endpoints table[EndpointStats, *EndpointStats]
	providers table[ProviderStats, *ProviderStats]
	keys      table[KeyStats, *KeyStats]
	kinds     []string
}

// NewLoop returns counters at zero for these names.
func NewLoop(d Dims) *Loop {
	l := new(Loop)
	l.Resize(d)
	return l
}

// Resize changes the names after a reload. Counters move with their names; those of names that are gone are kept behind the
// new ones. Where exchanges in flight still hold old indices, give it Dims.Extend of the old ones, which moves none.
// It allocates and copies all counters: once per reload.
func (l *Loop) Resize(d Dims) {
	l.endpoints.resize(d.Endpoints, maxEndpoints)
	l.providers.resize(d.Providers, maxProviders)
	l.keys.resize(d.Keys, maxKeys)
	l.kinds = d.Kinds[:min(len(d.Kinds), maxKinds)]
}

// Dims returns the names, those that are gone included. The slices are shared and not to be changed.
func (l *Loop) Dims() Dims {
	return Dims{Providers: l.providers.names, Endpoints: l.endpoints.names, Keys: l.keys.names, Kinds: l.kinds}
}

// Request counts an exchange that was answered with this status after durationNS.
func (l *Loop) Request(endpoint, status int, durationNS int64) {
	e := l.endpoints.at(endpoint)
	e.status[statusSlot(status)]++
	e.Duration.Record(durationNS)
}

// Provider counts an attempt at a provider; latencyNS, from sending it to the response head, is recorded where the outcome
// has a response head.
func (l *Loop) Provider(provider int, latencyNS int64, outcome Outcome) {
	p := l.providers.at(provider)
	if outcome >= OutcomeCount {
		outcome = OutcomeFailed
	}
	p.Outcomes[outcome]++
	if outcome < OutcomeFailed {
		p.Latency.Record(latencyNS)
	}
}

// TTFT records the time in nanoseconds from sending a streamed request to its first token.
func (l *Loop) TTFT(provider int, ns int64) { l.providers.at(provider).TTFT.Record(ns) }

// BetweenChunks records the time in nanoseconds from one token of a stream to the next.
func (l *Loop) BetweenChunks(provider int, ns int64) {
	l.providers.at(provider).BetweenChunks.Record(ns)
}

// Tokens counts the tokens of one exchange. cached is a part of input, reasoning of output; negative figures count as zero.
func (l *Loop) Tokens(provider int, input, cached, output, reasoning int64) {
	p := l.providers.at(provider)
	p.Input += uint64(max(input, 0))
	p.Cached += uint64(max(cached, 0))
	p.Output += uint64(max(output, 0))
	p.Reasoning += uint64(max(reasoning, 0))
}

// Cost counts money spent at a provider, in millionths of a dollar.
func (l *Loop) Cost(provider int, microUSD int64) {
	l.providers.at(provider).MicroUSD += uint64(max(microUSD, 0))
}

// Cancelled counts an exchange given up because its client had gone; provider is -1 where none had been chosen.
func (l *Loop) Cancelled(provider int) { l.providers.at(provider).Cancelled++ }

// Retry counts an attempt that failed at the provider and was sent again, there or elsewhere.
func (l *Loop) Retry(provider int) { l.providers.at(provider).Retries++ }

// Failure counts a failure at the provider; kind is an index into Dims.Kinds. A kind beyond it counts as kind 0.
func (l *Loop) Failure(provider, kind int) {
	if uint(kind) >= maxKinds {
		kind = 0
	}
	l.providers.at(provider).Failures[kind]++
}

// Refused counts a request that was refused before a provider saw it.
func (l *Loop) Refused(reason Reason) {
	if reason < ReasonCount {
		l.Refusals[reason]++
	}
}

// Stage records how many nanoseconds a stage of an exchange took.
func (l *Loop) Stage(stage Stage, ns int64) {
	if stage < StageCount {
		l.Stages[stage].Record(ns)
	}
}

// Upstream returns the counters of one provider, for those that have no method. Lent until the next Resize.
func (l *Loop) Upstream(provider int) *ProviderStats { return l.providers.at(provider) }

// Key returns the counters of one client key. Lent until the next Resize.
func (l *Loop) Key(key int) *KeyStats { return l.keys.at(key) }

// CopyInto makes dst equal to l. It is called on l's loop; dst is taken for the call, and allocates only where it was made for other names.
func (l *Loop) CopyInto(dst *Loop) {
	dst.Figures = l.Figures
	l.endpoints.copyInto(&dst.endpoints)
	l.providers.copyInto(&dst.providers)
	l.keys.copyInto(&dst.keys)
	dst.kinds = l.kinds
}

// Merge adds everything that o counted, by name. Both belong to the caller.
func (l *Loop) Merge(o *Loop) {
	l.Figures.add(&o.Figures)
	l.endpoints.merge(&o.endpoints, maxEndpoints)
	l.providers.merge(&o.providers, maxProviders)
	l.keys.merge(&o.keys, maxKeys)
	if len(o.kinds) > len(l.kinds) {
		l.kinds = o.kinds
	}
}

// EachEndpoint calls f for every endpoint, and for NoneName where something counted under it. The pointer is lent for the call.
func (l *Loop) EachEndpoint(f func(name string, e *EndpointStats)) { l.endpoints.each(f) }

// EachProvider calls f for every provider, and for NoneName where something counted under it. The pointer is lent for the call.
func (l *Loop) EachProvider(f func(name string, p *ProviderStats)) { l.providers.each(f) }

// EachKey calls f for every client key, and for NoneName where something counted under it. The pointer is lent for the call.
func (l *Loop) EachKey(f func(name string, k *KeyStats)) { l.keys.each(f) }

// EachFailure calls f for every kind of failure, those that never happened included.
func (l *Loop) EachFailure(p *ProviderStats, f func(kind string, count uint64)) {
	for i, kind := range l.kinds {
		f(kind, p.Failures[i])
	}
}
