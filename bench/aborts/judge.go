package main

import (
	"fmt"
	"strings"
	"time"

	"penstock/bench/stand"
)

const (
	// A heap that has found its size still moves with the collector's turns.
	growthLimitBytes = 16 << 20
	goroutineSlack   = 4 // of the admin port, which answers at that moment
)

// state is what can be seen of the gateway from outside.
type state struct {
	done                           int // clients that have left
	requests, keyRequests          float64
	gone, cancelled                float64
	claudeInput, otherTokens       float64
	exchanges, streams, clientsNow float64
	upstream, lent                 float64
	goroutines, files              int
	rss, pss                       int64
}

// look waits until the gateway is at rest, for a while at most, and reads everything.
func (s *stage) look(done int) (state, error) {
	for end := time.Now().Add(rest); ; time.Sleep(50 * time.Millisecond) {
		m, err := stand.ReadMetrics("http://" + s.admin)
		if err != nil {
			return state{}, err
		}
		at := state{
			done: done, requests: m.Sum("http_requests_total"), keyRequests: m.Sum("penstock_key_requests_total"),
			gone: m.Sum("penstock_clients_gone_total"), cancelled: m.Sum("llm_requests_cancelled_total"),
			exchanges: m.Sum("penstock_exchanges_open"), streams: m.Sum("penstock_upstream_streams_open"), clientsNow: m.Sum("penstock_connections"),
			upstream: m.Sum("llm_connection_pool_active"), goroutines: int(m.Sum("go_goroutines")),
			files: s.gateway.Descriptors(), rss: s.gateway.Memory().RSS, pss: s.gateway.PSS(),
		}
		for series, n := range m {
			switch {
			case !strings.HasPrefix(series, "llm_tokens_total{") && !strings.HasPrefix(series, "penstock_memory_bytes{"):
			case strings.Contains(series, `state="lent"`):
				at.lent += n
			case strings.Contains(series, `provider="claude-`) && strings.Contains(series, `kind="input"`):
				at.claudeInput += n
			case strings.HasPrefix(series, "llm_tokens_total{") && !strings.Contains(series, `provider="claude-`):
				at.otherTokens += n
			}
		}
		if at.exchanges+at.streams+at.clientsNow == 0 || time.Now().After(end) {
			return at, nil
		}
	}
}

func (r *result) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// billed is how many of the first n clients saw the event that says what their prompt cost.
func (r *result) billed(n int) (streams int) {
	for i := range r.leavers[:n] {
		if l := &r.leavers[i]; l.claude && l.moment == midStream {
			streams++
		}
	}
	return streams
}

// judge looks for what no slow machine excuses.
func (r *result) judge() {
	if n := r.failed.Load(); n > 0 {
		r.fault("%d clients did not get to their moment; the first: %v", n, *r.first.Load())
	}
	if n := r.provider.strange.Load(); n > 0 {
		r.fault("the provider saw %d requests that were never made, or twice", n)
	}
	if n := r.provider.whole.Load() + r.provider.open.Load(); n > 0 {
		r.fault("%d requests were not cancelled at the provider", n)
	}
	first, last := &r.states[0], &r.states[len(r.states)-1]
	want := float64(r.count)
	for _, c := range []struct {
		name        string
		grown, want float64
	}{
		{"http_requests_total", last.requests - first.requests, want},
		{"penstock_key_requests_total", last.keyRequests - first.keyRequests, want},
		{"penstock_clients_gone_total", last.gone - first.gone, want},
		{"llm_requests_cancelled_total", last.cancelled - first.cancelled, want},
		{"llm_tokens_total of Anthropic's streams", last.claudeInput - first.claudeInput, float64(claudeInput * r.billed(r.count))},
		{"llm_tokens_total of the others", last.otherTokens - first.otherTokens, 0},
	} {
		if c.grown != c.want {
			r.fault("%s grew by %.0f, want %.0f", c.name, c.grown, c.want)
		}
	}
	for _, s := range r.states[1:] {
		if n := s.exchanges + s.streams + s.clientsNow; n > 0 {
			r.fault("after %d: %.0f exchanges, %.0f streams and %.0f clients are open", s.done, s.exchanges, s.streams, s.clientsNow)
		}
		if s.goroutines > first.goroutines+goroutineSlack {
			r.fault("after %d: goroutines grew from %d to %d", s.done, first.goroutines, s.goroutines)
		}
		if own, was := s.files-int(s.upstream), first.files-int(first.upstream); own > was+goroutineSlack {
			r.fault("after %d: open files beside connections to providers grew from %d to %d", s.done, was, own)
		}
		if s.lent > first.lent {
			r.fault("after %d: %.0f bytes of buffers are lent, %.0f were", s.done, s.lent, first.lent)
		}
	}
	if last.rss > first.rss+growthLimitBytes {
		r.fault("memory grew from %d to %d MiB", first.rss>>20, last.rss>>20)
	}
}
