package admin

import (
	"runtime"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"penstock/server/observe"
)

// collector turns a Snapshot into Prometheus metrics, anew for each scrape.
type collector struct {
	source  Source
	version string
	fam     *families
}

func newCollector(source Source, version string) *collector {
	return &collector{source: source, version: version, fam: newFamilies()}
}

// Describe is part of prometheus.Collector.
func (c *collector) Describe(out chan<- family) {
	for _, f := range c.fam.all {
		out <- f
	}
}

// Collect is part of prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	p := page{c.fam, out}
	p.gauge(c.fam.build, 1, c.version, runtime.Version())
	s := c.source.Gather()
	if s == nil || s.Sum == nil {
		return
	}
	s.Sum.EachEndpoint(p.endpoint)
	s.Sum.EachProvider(func(name string, v *observe.ProviderStats) {
		p.provider(name, v)
		s.Sum.EachFailure(v, func(kind string, count uint64) { p.counter(p.fam.failures, count, name, kind) })
	})
	s.Sum.EachKey(p.key)
	p.figures(&s.Sum.Figures)
	for i := range s.Loops {
		p.loop(strconv.Itoa(i), &s.Loops[i])
	}
	p.counter(c.fam.logLines, s.Log.Lines)
	p.counter(c.fam.logBytes, s.Log.Bytes)
	p.counter(c.fam.logDropped, s.Log.Dropped)
	p.counter(c.fam.logErrors, s.Log.WriteErrors)
	p.counter(c.fam.loggerDropped, s.LoggerDropped)
}

// page writes the metrics of one scrape.
type page struct {
	fam *families
	out chan<- prometheus.Metric
}

func (p page) endpoint(name string, e *observe.EndpointStats) {
	p.histogram(p.fam.requestDuration, &e.Duration, requestBounds, name)
	e.EachStatus(func(code int, count uint64) { p.counter(p.fam.requests, count, name, statusLabel(code)) })
}

func (p page) provider(name string, v *observe.ProviderStats) {
	p.histogram(p.fam.providerLatency, &v.Latency, requestBounds, name)
	p.histogram(p.fam.ttft, &v.TTFT, requestBounds, name)
	p.histogram(p.fam.between, &v.BetweenChunks, chunkBounds, name)
	for i, n := range v.Outcomes {
		p.counter(p.fam.providerRequests, n, name, observe.Outcome(i).String())
	}
	p.counter(p.fam.tokens, v.Input, name, "input")
	p.counter(p.fam.tokens, v.Cached, name, "cached")
	p.counter(p.fam.tokens, v.Output, name, "output")
	p.counter(p.fam.tokens, v.Reasoning, name, "reasoning")
	p.dollars(p.fam.cost, v.MicroUSD, name)
	p.counter(p.fam.cancelled, v.Cancelled, name)
	p.counter(p.fam.retries, v.Retries, name)
	p.gauge(p.fam.poolActive, v.ConnectionsActive, name)
	p.gauge(p.fam.poolMax, v.ConnectionsMax, name)
	p.counter(p.fam.poolCreated, v.ConnectionsCreated, name)
	p.counter(p.fam.poolClosed, v.ConnectionsClosed, name)
	p.gauge(p.fam.streams, v.StreamsOpen, name)
	p.gauge(p.fam.queued, v.Queued, name)
	p.counter(p.fam.handshakes, v.HandshakesFull, name, "full")
	p.counter(p.fam.handshakes, v.HandshakesResumed, name, "resumed")
	p.counter(p.fam.pings, v.PingsSent, name)
	p.counter(p.fam.pingsLost, v.PingsLost, name)
	p.gauge(p.fam.breakerOpen, v.BreakerOpen, name)
	p.counter(p.fam.breakerTrips, v.BreakerTrips, name)
	p.gauge(p.fam.keysCooling, v.KeysCooling, name)
}

func (p page) key(name string, k *observe.KeyStats) {
	p.counter(p.fam.keyRequests, k.Requests, name)
	p.counter(p.fam.keyRefused, k.Refused, name)
	p.counter(p.fam.keyTokens, k.Input, name, "input")
	p.counter(p.fam.keyTokens, k.Output, name, "output")
	p.dollars(p.fam.keyCost, k.MicroUSD, name)
}

func (p page) figures(f *observe.Figures) {
	for i := range f.Stages {
		p.histogram(p.fam.stage, &f.Stages[i], stageBounds, observe.Stage(i).String())
	}
	for i, n := range f.Refusals {
		p.counter(p.fam.refused, n, observe.Reason(i).String())
	}
	p.counter(p.fam.cacheLookups, f.CacheHits, "hit")
	p.counter(p.fam.cacheLookups, f.CacheMisses, "miss")
	p.counter(p.fam.cacheStores, f.CacheStores)
	p.counter(p.fam.cacheEvictions, f.CacheEvictions)
	p.counter(p.fam.hedges, f.Hedges)
	p.counter(p.fam.dns, f.DNSQueries-min(f.DNSQueries, f.DNSFailures), "ok")
	p.counter(p.fam.dns, f.DNSFailures, "failed")
	for i := range f.Pools {
		pool, v := observe.Pool(i).String(), &f.Pools[i]
		p.counter(p.fam.poolGets, v.Gets, pool)
		p.counter(p.fam.poolHits, v.Hits, pool)
		p.gauge(p.fam.memory, v.IdleBytes, pool, "idle")
		p.gauge(p.fam.memory, v.LentBytes, pool, "lent")
	}
	for i, n := range f.Handshakes {
		p.counter(p.fam.clientHandshakes, n, observe.Handshake(i).String())
	}
	p.counter(p.fam.clientsGone, f.ClientsGone)
	p.counter(p.fam.panics, f.Panics)
	p.counter(p.fam.networkBytes, f.DownBytesIn, "downstream", "in")
	p.counter(p.fam.networkBytes, f.DownBytesOut, "downstream", "out")
	p.counter(p.fam.networkBytes, f.UpBytesIn, "upstream", "in")
	p.counter(p.fam.networkBytes, f.UpBytesOut, "upstream", "out")
}

func (p page) loop(name string, l *observe.LoopSnapshot) {
	p.histogram(p.fam.lag, &l.LoopLag, lagBounds, name)
	bounds, counts := l.BatchSize.Buckets()
	p.buckets(p.fam.batch, l.BatchSize.Count(), float64(l.BatchSize.Sum()), bounds, counts, name)
	p.counter(p.fam.events, l.Events, name)
	p.seconds(p.fam.busy, l.BusyNS, name)
	p.seconds(p.fam.idle, l.IdleNS, name)
	p.counter(p.fam.timersFired, l.TimersFired, name)
	p.gauge(p.fam.timers, l.TimersSet, name)
	p.counter(p.fam.mailboxRuns, l.MailboxRuns, name)
	p.gauge(p.fam.mailbox, l.MailboxLen, name)
	p.gauge(p.fam.connections, l.ConnectionsOpen-l.ConnectionsIdle, name, "active")
	p.gauge(p.fam.connections, l.ConnectionsIdle, name, "idle")
	p.counter(p.fam.accepted, l.Accepted, name)
	p.gauge(p.fam.exchanges, l.ExchangesOpen, name)
	var stale int64
	if l.Stale {
		stale = 1
	}
	p.gauge(p.fam.stale, stale, name)
}

func (p page) counter(f family, n uint64, labels ...string) {
	p.number(f, prometheus.CounterValue, float64(n), labels)
}

func (p page) seconds(f family, ns uint64, labels ...string) {
	p.number(f, prometheus.CounterValue, float64(ns)/1e9, labels)
}

func (p page) dollars(f family, micro uint64, labels ...string) {
	p.number(f, prometheus.CounterValue, float64(micro)/1e6, labels)
}

func (p page) gauge(f family, n int64, labels ...string) {
	p.number(f, prometheus.GaugeValue, float64(n), labels)
}

func (p page) number(f family, kind prometheus.ValueType, v float64, labels []string) {
	m, err := prometheus.NewConstMetric(f, kind, v, valid(labels)...)
	p.send(f, m, err)
}

func (p page) histogram(f family, h *observe.Histogram, bounds []float64, labels ...string) {
	p.buckets(f, h.Count(), float64(h.SumNS())/1e9, bounds, h.Buckets(bounds), labels...)
}

func (p page) buckets(f family, count uint64, sum float64, bounds []float64, counts []uint64, labels ...string) {
	at := make(map[float64]uint64, len(bounds))
	for i, b := range bounds {
		at[b] = counts[i]
	}
	m, err := prometheus.NewConstHistogram(f, count, sum, at, valid(labels)...)
	p.send(f, m, err)
}

func (p page) send(f family, m prometheus.Metric, err error) {
	if err != nil {
		m = prometheus.NewInvalidMetric(f, err)
	}
	p.out <- m
}

// valid makes labels UTF-8, which Prometheus demands; names in a configuration can be anything.
func valid(labels []string) []string {
	for i, l := range labels {
		labels[i] = strings.ToValidUTF8(l, "\uFFFD")
	}
	return labels
}

func statusLabel(code int) string {
	if code == 0 {
		return "other"
	}
	return strconv.Itoa(code)
}
