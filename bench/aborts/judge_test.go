package main

import "testing"

func TestJudge(t *testing.T) {
	clean := func() *result {
		r := &result{count: 100, provider: &provider{}, leavers: make([]leaver, 100)}
		for i := range r.leavers {
			r.leavers[i] = newLeaver(1, i)
		}
		first := state{requests: 7, keyRequests: 7, gone: 7, cancelled: 7, claudeInput: 14, goroutines: 9, files: 20, upstream: 3, rss: 30 << 20}
		last := first
		last.requests, last.keyRequests, last.gone, last.cancelled = 107, 107, 107, 107
		last.claudeInput += float64(claudeInput * r.billed(100))
		r.states = []state{first, last}
		return r
	}
	r := clean()
	if r.judge(); len(r.faults) > 0 {
		t.Errorf("clean, and still: %v", r.faults)
	}
	if n := r.billed(100); n == 0 || n == 100 {
		t.Errorf("%d of 100 clients are billed", n)
	}
	for name, spoil := range map[string]func(r *result, last *state){
		"the provider was not told of one": func(r *result, _ *state) { r.provider.whole.Add(1) },
		"one was sent twice":               func(r *result, _ *state) { r.provider.strange.Add(1) },
		"one was counted twice":            func(_ *result, s *state) { s.requests++ },
		"one was billed twice":             func(_ *result, s *state) { s.claudeInput += claudeInput },
		"one was counted as cancelled not": func(_ *result, s *state) { s.cancelled-- },
		"a client was not missed":          func(_ *result, s *state) { s.gone-- },
		"an exchange is open":              func(_ *result, s *state) { s.exchanges = 1 },
		"a stream to the provider is open": func(_ *result, s *state) { s.streams = 1 },
		"a goroutine per stream stayed":    func(_ *result, s *state) { s.goroutines += 100 },
		"a descriptor per stream stayed":   func(_ *result, s *state) { s.files += 100 },
		"a buffer stayed":                  func(_ *result, s *state) { s.lent = 4096 },
		"memory grew beyond its swings":    func(_ *result, s *state) { s.rss += 32 << 20 },
	} {
		r := clean()
		spoil(r, &r.states[1])
		if r.judge(); len(r.faults) == 0 {
			t.Errorf("%s, and nothing said", name)
		}
	}
}
