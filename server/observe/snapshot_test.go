package observe

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakeLoop is a loop as the Gatherer sees one: a thread that alone touches the counters, and a mailbox.
type fakeLoop struct {
	mailbox chan func(*Loop)
	counted atomic.Uint64
}

func (f *fakeLoop) run(l *Loop, n int) {
	for range n {
		l.Tokens(0, 1, 0, 0, 0)
		l.Events++
		f.counted.Add(1)
		select {
		case run := <-f.mailbox:
			run(l)
		default:
		}
	}
	for run := range f.mailbox {
		run(l)
	}
}

func TestGatherWhileLoopsCount(t *testing.T) {
	loops := make([]*fakeLoop, 3)
	var wg sync.WaitGroup
	for i := range loops {
		f := &fakeLoop{mailbox: make(chan func(*Loop), 1)}
		loops[i] = f
		wg.Go(func() { f.run(NewLoop(testDims), 50_000) })
	}
	g := NewGatherer(len(loops), testDims, func(i int, run func(*Loop)) bool {
		loops[i].mailbox <- run
		return true
	})
	total := func() (n uint64) {
		for _, f := range loops {
			n += f.counted.Load()
		}
		return n
	}
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			var last uint64
			for range 50 {
				before := total()
				s := g.Gather(time.Minute)
				after := total()
				n := s.Sum.Upstream(0).Input
				// Each loop counts first and says so afterwards, so it may be one ahead of what it said.
				if n < before || n > after+uint64(len(loops)) || n < last || n != s.Sum.Events {
					t.Errorf("gathered %d and %d events, want %d to %d and no less than %d", n, s.Sum.Events, before, after, last)
				}
				last = n
			}
		})
	}
	readers.Wait()
	for _, f := range loops {
		close(f.mailbox)
	}
	wg.Wait()
}

// A loop that does not answer must not make its counters vanish, nor hold up the others, nor be asked twice.
func TestGatherStuckLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live, stuck := NewLoop(testDims), NewLoop(testDims)
		var held []func(*Loop)
		hold := false
		g := NewGatherer(2, testDims, func(i int, run func(*Loop)) bool {
			switch {
			case i == 0:
				run(live)
			case hold:
				held = append(held, run)
			default:
				run(stuck)
			}
			return true
		})
		want := func(wait time.Duration, events uint64, stale bool) {
			t.Helper()
			begin := time.Now()
			s := g.Gather(time.Second)
			if took := time.Since(begin); took != wait {
				t.Errorf("waited %v, want %v", took, wait)
			}
			if s.Sum.Events != events || s.Loops[0].Stale || s.Loops[1].Stale != stale {
				t.Errorf("%d events, stale %v %v; want %d, false %v", s.Sum.Events, s.Loops[0].Stale, s.Loops[1].Stale, events, stale)
			}
		}
		live.Events, stuck.Events = 1, 10
		want(0, 11, false)
		hold = true
		live.Events, stuck.Events = 2, 20
		want(time.Second, 12, true)
		want(time.Second, 12, true)
		if len(held) != 1 {
			t.Fatalf("%d questions in the mailbox, want 1", len(held))
		}
		held[0](stuck) // answers the old question, too late for those who asked
		stuck.Events = 30
		hold = false
		want(0, 32, false)
		hold, held = true, nil
		want(time.Second, 32, true)
		stuck.Events = 40
		held[0](stuck)
		want(time.Second, 42, true) // the late answer is newer than nothing, but not of now
	})
}

func TestGatherLoopGone(t *testing.T) {
	l := NewLoop(testDims)
	l.Events = 5
	gone := false
	g := NewGatherer(1, testDims, func(_ int, run func(*Loop)) bool {
		if !gone {
			run(l)
		}
		return !gone
	})
	g.Gather(time.Minute)
	gone = true
	if s := g.Gather(time.Minute); s.Sum.Events != 5 || !s.Loops[0].Stale {
		t.Errorf("%d events, stale %v; want 5, true", s.Sum.Events, s.Loops[0].Stale)
	}
}

func TestLoopRows(t *testing.T) {
	l := NewLoop(testDims)
	l.BusyNS, l.IdleNS = 25, 75
	l.LoopLag.Record(1e6)
	l.BatchSize.Record(4)
	l.TimersSet = 3
	rows := MergeLoops(NewLoop(testDims), l).LoopRows()
	if len(rows) != 2 || rows[0].BusyRatio != 0 {
		t.Fatalf("rows %+v", rows)
	}
	r := rows[1]
	if r.Loop != "1" || r.BusyRatio != 0.25 || r.BatchP50 != 4 || r.TimersSet != 3 || r.LagP99NS < 9e5 || r.LagP99NS > 1.1e6 {
		t.Errorf("row %+v", r)
	}
}
