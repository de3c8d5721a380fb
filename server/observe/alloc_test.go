//go:build !race

package observe

import "testing"

func wantNoAllocs(t *testing.T, what string, f func()) {
	t.Helper()
	if n := testing.AllocsPerRun(2000, f); n != 0 {
		t.Errorf("%s: %v allocations", what, n)
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	l, dst := NewLoop(testDims), NewLoop(testDims)
	wantNoAllocs(t, "counting", func() {
		l.Request(0, 200, 45e6)
		l.Provider(0, 40e6, OutcomeOK)
		l.TTFT(0, 1e6)
		l.BetweenChunks(0, 1e6)
		l.Tokens(0, 100, 10, 50, 5)
		l.Cost(0, 100)
		l.Cancelled(-1)
		l.Retry(0)
		l.Failure(0, 1)
		l.Refused(RefusedAuth)
		l.Stage(StageParse, 3000)
		l.BatchSize.Record(17)
		l.Upstream(1).StreamsOpen++
		l.Key(0).Requests++
	})
	wantNoAllocs(t, "CopyInto", func() { l.CopyInto(dst) })
}

func TestAppendAllocatesNothing(t *testing.T) {
	e := fullEntry()
	e.Path = []byte("/v1/ä\x01\xff?x")
	for name, f := range map[string]Format{"json": FormatJSON, "text": FormatText} {
		lane := busyLane(t, f)
		wantNoAllocs(t, name, func() {
			e.UnixNano += 1e8
			lane.Append(e)
		})
	}
}

func TestLoggerBelowLevelAllocatesNothing(t *testing.T) {
	l := NewLogger(&lockedBuffer{}, 0, FormatJSON)
	defer l.Close()
	wantNoAllocs(t, "below level", func() { l.LogOffLoop(-4, "quiet") })
}
