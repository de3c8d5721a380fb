package observe

// Status codes are counted one by one from 100 to 599; what lies outside shares slot 0.
const (
	statusLow   = 100
	statusHigh  = 599
	statusSlots = statusHigh - statusLow + 2
)

func statusSlot(status int) int {
	if status < statusLow || status > statusHigh {
		return 0
	}
	return status - statusLow + 1
}

// EndpointStats is what is counted per endpoint.
type EndpointStats struct {
	Duration Histogram // of whole exchanges
	status   [statusSlots]uint64
}

// Status is how many exchanges ended with a status code; 0 asks for those outside of 100 to 599.
func (e *EndpointStats) Status(code int) uint64 { return e.status[statusSlot(code)] }

// EachStatus calls f for every status code that occurred, 0 for those outside of 100 to 599.
func (e *EndpointStats) EachStatus(f func(code int, count uint64)) {
	for i, n := range e.status {
		switch {
		case n == 0:
		case i == 0:
			f(0, n)
		default:
			f(i+statusLow-1, n)
		}
	}
}

func (e *EndpointStats) add(o *EndpointStats) {
	e.Duration.Merge(&o.Duration)
	for i := range e.status {
		e.status[i] += o.status[i]
	}
}

// ProviderStats is what is counted per provider. The caller sets the gauges and bumps the exported counters; the others
// have methods on Loop.
type ProviderStats struct {
	Latency       Histogram            // request sent → response head
	TTFT          Histogram            // request sent → first token
	BetweenChunks Histogram            // token to token
	Outcomes      [OutcomeCount]uint64 // attempts
	Failures      [maxKinds]uint64     // by Dims.Kinds
	Retries       uint64               // attempts that failed here and were sent again
	Cancelled     uint64               // exchanges given up because the client had gone

	Input, Cached, Output, Reasoning uint64 // tokens; Cached is a part of Input, Reasoning of Output
	MicroUSD                         uint64 // money spent, in millionths of a dollar

	ConnectionsActive  int64  // gauge: connections open now
	ConnectionsMax     int64  // gauge: how many this loop may open; the loops' shares add up to the provider's limit
	ConnectionsCreated uint64 // connections that came up
	ConnectionsClosed  uint64 // connections that ended
	StreamsOpen        int64  // gauge: requests in flight
	Queued             int64  // gauge: requests waiting for a stream
	HandshakesFull     uint64 // TLS handshakes from scratch
	HandshakesResumed  uint64 // TLS handshakes that resumed a session
	PingsSent          uint64 // HTTP/2 PINGs of ours
	PingsLost          uint64 // of them unanswered in time
	BreakerOpen        int64  // gauge: 1 while this loop sends the provider nothing
	BreakerTrips       uint64 // times the breaker opened
	KeysCooling        int64  // gauge: keys of the provider set aside after 401, 403 or 429
}

func (p *ProviderStats) add(o *ProviderStats) {
	p.Latency.Merge(&o.Latency)
	p.TTFT.Merge(&o.TTFT)
	p.BetweenChunks.Merge(&o.BetweenChunks)
	for i := range p.Outcomes {
		p.Outcomes[i] += o.Outcomes[i]
	}
	for i := range p.Failures {
		p.Failures[i] += o.Failures[i]
	}
	p.Retries += o.Retries
	p.Cancelled += o.Cancelled
	p.Input += o.Input
	p.Cached += o.Cached
	p.Output += o.Output
	p.Reasoning += o.Reasoning
	p.MicroUSD += o.MicroUSD
	p.ConnectionsActive += o.ConnectionsActive
	p.ConnectionsMax += o.ConnectionsMax
	p.ConnectionsCreated += o.ConnectionsCreated
	p.ConnectionsClosed += o.ConnectionsClosed
	p.StreamsOpen += o.StreamsOpen
	p.Queued += o.Queued
	p.HandshakesFull += o.HandshakesFull
	p.HandshakesResumed += o.HandshakesResumed
	p.PingsSent += o.PingsSent
	p.PingsLost += o.PingsLost
	p.BreakerOpen += o.BreakerOpen
	p.BreakerTrips += o.BreakerTrips
	p.KeysCooling += o.KeysCooling
}

// KeyStats is what is counted per client key.
type KeyStats struct {
	Requests      uint64
	Refused       uint64 // by a limit or a budget
	Input, Output uint64 // tokens
	MicroUSD      uint64 // money spent, in millionths of a dollar
}

func (k *KeyStats) add(o *KeyStats) {
	k.Requests += o.Requests
	k.Refused += o.Refused
	k.Input += o.Input
	k.Output += o.Output
	k.MicroUSD += o.MicroUSD
}

// PoolStats is the state of one pool. Hits over Gets is the hit rate of requirements row 2.2.
type PoolStats struct {
	Gets, Hits           uint64
	IdleBytes, LentBytes int64
}

func (p *PoolStats) add(o *PoolStats) {
	p.Gets += o.Gets
	p.Hits += o.Hits
	p.IdleBytes += o.IdleBytes
	p.LentBytes += o.LentBytes
}

// Figures is what a loop counts that has no name of the configuration in it. Plain values: copied by assignment.
type Figures struct {
	// The loop itself.
	LoopLag     Histogram // how long what was due (a timer, a posted function) waited for its turn
	BatchSize   Sizes     // events of a poll batch
	Batches     uint64
	Events      uint64
	BusyNS      uint64 // time in callbacks
	IdleNS      uint64 // time waiting in poll
	TimersFired uint64
	TimersSet   int64 // gauge
	MailboxRuns uint64
	MailboxLen  int64 // gauge
	Panics      uint64

	// Downstream.
	Accepted        uint64
	ConnectionsOpen int64 // gauge; idle ones included
	ConnectionsIdle int64 // gauge
	ExchangesOpen   int64 // gauge
	ClientsGone     uint64
	DownBytesIn     uint64
	DownBytesOut    uint64
	UpBytesIn       uint64
	UpBytesOut      uint64
	Handshakes      [HandshakeCount]uint64 // of clients

	Stages   [StageCount]Histogram
	Refusals [ReasonCount]uint64
	Pools    [PoolCount]PoolStats

	CacheHits, CacheMisses, CacheStores, CacheEvictions uint64
	Hedges                                              uint64 // second attempts sent before the first had answered

	DNSQueries, DNSFailures uint64 // questions sent for this loop, and those without an answer
}

func (f *Figures) add(o *Figures) {
	f.LoopLag.Merge(&o.LoopLag)
	f.BatchSize.Merge(&o.BatchSize)
	f.Batches += o.Batches
	f.Events += o.Events
	f.BusyNS += o.BusyNS
	f.IdleNS += o.IdleNS
	f.TimersFired += o.TimersFired
	f.TimersSet += o.TimersSet
	f.MailboxRuns += o.MailboxRuns
	f.MailboxLen += o.MailboxLen
	f.Panics += o.Panics
	f.Accepted += o.Accepted
	f.ConnectionsOpen += o.ConnectionsOpen
	f.ConnectionsIdle += o.ConnectionsIdle
	f.ExchangesOpen += o.ExchangesOpen
	f.ClientsGone += o.ClientsGone
	f.DownBytesIn += o.DownBytesIn
	f.DownBytesOut += o.DownBytesOut
	f.UpBytesIn += o.UpBytesIn
	f.UpBytesOut += o.UpBytesOut
	for i := range f.Handshakes {
		f.Handshakes[i] += o.Handshakes[i]
	}
	for i := range f.Stages {
		f.Stages[i].Merge(&o.Stages[i])
	}
	for i := range f.Refusals {
		f.Refusals[i] += o.Refusals[i]
	}
	for i := range f.Pools {
		f.Pools[i].add(&o.Pools[i])
	}
	f.CacheHits += o.CacheHits
	f.CacheMisses += o.CacheMisses
	f.CacheStores += o.CacheStores
	f.CacheEvictions += o.CacheEvictions
	f.Hedges += o.Hedges
	f.DNSQueries += o.DNSQueries
	f.DNSFailures += o.DNSFailures
}
