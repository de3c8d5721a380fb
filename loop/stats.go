package loop

import (
	"math/bits"

	"penstock/pool"
)

// Stats counts what a loop did. Times are in ns.
type Stats struct {
	Batches, Events, Writes, Blocked  uint64
	BytesIn, BytesOut                 uint64
	TimersFired, MailboxRuns, Panics  uint64
	Accepted, AcceptPauses, OverLimit uint64
	BusyNS, SleepNS                   int64
	Timers, Conns                     int
	Slabs                             pool.Stats

	// BatchEvents counts batches by the binary logarithm of their events; BatchNS by the binary logarithm of their length in ns:
	// how long the last event of a batch had to wait at most, which is the lag of the loop.
	BatchEvents [16]uint64
	BatchNS     [40]uint64
}

// CountBatch notes a batch's length and events. For backends.
func (l *Loop) CountBatch(events int, ns int64) {
	s := &l.stats
	s.BusyNS += ns
	s.BatchEvents[min(bits.Len(uint(events)), len(s.BatchEvents)-1)]++
	s.BatchNS[min(bits.Len64(uint64(max(ns, 0))), len(s.BatchNS)-1)]++
}

// CountSleep notes time spent waiting. For backends.
func (l *Loop) CountSleep(ns int64) { l.stats.SleepNS += ns }
