package loop

import "penstock/pool"

// Stats counts what a loop did. Times are in ns.
type Stats struct {
	Batches, Events, Writes, Blocked  uint64
	BytesIn, BytesOut                 uint64
	TimersFired, MailboxRuns, Panics  uint64
	Accepted, AcceptPauses, OverLimit uint64
	Handshakes                        [HandshakeResults]uint64 // of clients, by HandshakeResult
	BusyNS, SleepNS                   int64
	Timers, Conns                     int
	Slabs                             pool.Stats
}

// CountBatch notes a batch's events, its length, and how long its last event had to wait, in ns. For backends.
func (l *Loop) CountBatch(events int, busy, lag int64) {
	l.stats.BusyNS += busy
	if l.OnBatch != nil {
		l.OnBatch(events, lag)
	}
}

// CountSleep notes time spent waiting. For backends.
func (l *Loop) CountSleep(ns int64) { l.stats.SleepNS += ns }
