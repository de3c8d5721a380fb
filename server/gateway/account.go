package gateway

import (
	"penstock/server/dialect"
	"penstock/server/observe"
)

// account writes down what became of the exchange: once, whatever ended it.
func (ex *exchange) account(outcome, why string) {
	g := ex.g
	c := g.Counters
	now := g.loop.Now()
	endpoint := -1
	if ex.ep != nil {
		endpoint = ex.ep.ID
	}
	c.Request(endpoint, ex.status, now-ex.startAt)
	c.Stage(observe.StageTotal, now-ex.startAt)
	c.DownBytesIn += uint64(ex.bytesIn)
	c.DownBytesOut += uint64(ex.bytesOut)
	u := ex.usage.Usage()
	if !ex.counting {
		u.Seen = false
	}
	k := c.Key(ex.policy.keyIndex(ex.key))
	k.Requests++
	input := u.Input
	if ex.api == dialect.APIAnthropic { // whose figure leaves out what the cache served and took
		input += u.CachedInput + u.CacheWrite
	}
	if u.Seen {
		c.Tokens(ex.provider.Index, input, u.CachedInput, u.Output, u.Reasoning)
		k.Input += uint64(max(input, 0))
		k.Output += uint64(max(u.Output, 0))
	}
	lane := g.deps.Lane
	if lane == nil {
		return
	}
	e := &g.entry
	*e = observe.Entry{
		UnixNano: g.loop.UnixNano(), RequestID: ex.id[:], Method: ex.method, Path: ex.path, Model: ex.model, Outcome: outcome, Error: why,
		Status: ex.status, Attempts: ex.attempts, DurationNS: now - ex.startAt, TTFTNS: ex.ttft, BytesIn: ex.bytesIn, BytesOut: ex.bytesOut,
		Stream: ex.sse || ex.event,
	}
	if ex.upstreamID != nil {
		e.RequestID = ex.upstreamID
	}
	if u.Seen {
		e.Input, e.Cached, e.Output = input, u.CachedInput, u.Output
	}
	if ex.ep != nil {
		e.Endpoint = ex.ep.Name
	}
	if ex.provider != nil {
		e.Provider = ex.provider.Name
		if n := len(ex.modelJSON); n > 2 {
			e.UpstreamModel = ex.modelJSON[1 : n-1]
		} else {
			e.UpstreamModel = ex.model
		}
		if ex.headAt != 0 {
			e.UpstreamNS = ex.headAt - ex.attemptAt
		}
	}
	if ex.key != nil {
		e.KeyName = ex.key.Name
	}
	if ip := ex.cl.remote.Addr(); ip.IsValid() {
		g.remote = ip.AppendTo(g.remote[:0])
		e.Remote = g.remote
	}
	lane.Append(e)
}
