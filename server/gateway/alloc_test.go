//go:build !race

package gateway_test

import (
	"testing"
	"time"
)

// TestExchangeAllocatesNothing counts a whole exchange in steady state: a chat request of 1.2 KB, an answer of as much, an HTTP/2
// provider, the loop and the network included. What the scripted ends do is free of allocations as well, so all of it counts.
func TestExchangeAllocatesNothing(t *testing.T) {
	f := newFast()
	for range 200 {
		f.exchange(t)
	}
	if n := testing.AllocsPerRun(500, func() { f.exchange(t) }); n != 0 {
		t.Errorf("%v allocations per exchange", n)
	}
}

// BenchmarkExchange is the CPU time of one exchange on the virtual network.
func BenchmarkExchange(b *testing.B) {
	f := newFast()
	for range 200 {
		f.exchange(b)
	}
	b.SetBytes(int64(len(f.request) + len(f.provider.answer)))
	b.ReportAllocs()
	for b.Loop() {
		f.exchange(b)
	}
	b.StopTimer()
	if f.r.w.Now() < int64(time.Second) {
		b.Fatal("virtual time stands still")
	}
}
