package main

import "testing"

func TestJudge(t *testing.T) {
	clean := func() *result {
		return &result{
			Streams: 100, Aborted: 100,
			Before: state{Provider: map[string]float64{"cancelled": 10}, Cancelled: 10, ClientsGone: 10, Goroutines: 9, Files: 20, RSS: 30 << 20},
			After:  state{Provider: map[string]float64{"cancelled": 110}, Cancelled: 110, ClientsGone: 110, Goroutines: 10, Files: 20, RSS: 34 << 20},
		}
	}
	r := clean()
	if r.judge(); len(r.Faults) > 0 {
		t.Errorf("clean, and still: %v", r.Faults)
	}
	for name, spoil := range map[string]func(*result){
		"one was not aborted":              func(r *result) { r.Streams++ },
		"the provider was not told of one": func(r *result) { r.After.Provider["cancelled"]-- },
		"one was counted twice":            func(r *result) { r.After.Cancelled++ },
		"a client was not missed":          func(r *result) { r.After.ClientsGone-- },
		"an exchange is open":              func(r *result) { r.After.Exchanges = 1 },
		"a stream to the provider is open": func(r *result) { r.After.Upstream = 1 },
		"a goroutine per stream stayed":    func(r *result) { r.After.Goroutines += 100 },
		"a descriptor per stream stayed":   func(r *result) { r.After.Files += 100 },
		"memory grew beyond its swings":    func(r *result) { r.After.RSS += 32 << 20 },
	} {
		r := clean()
		if spoil(r); len(r.Faults) > 0 {
			t.Fatal("spoiled before it was judged")
		}
		if r.judge(); len(r.Faults) == 0 {
			t.Errorf("%s, and nothing said", name)
		}
	}
}
