package observe

import (
	"strconv"
	"sync"
	"time"
)

// Snapshot is what all loops counted, gathered for one reader and owned by it.
type Snapshot struct {
	Sum   *Loop          // over all loops
	Loops []LoopSnapshot // in the order of the loops
	Log   LogStats       // of the access log; set by whoever owns the LogWriter
	// LoggerDropped counts records that the process's log dropped; set by whoever owns the Logger.
	LoggerDropped uint64
}

// LoopSnapshot is what one loop counted without the names of the configuration.
type LoopSnapshot struct {
	Figures
	// Stale: the loop did not answer in time, and these are its last known figures.
	Stale bool
}

// MergeLoops makes a Snapshot of copies of loops. It keeps no pointer into them.
func MergeLoops(loops ...*Loop) *Snapshot {
	s := &Snapshot{Sum: NewLoop(Dims{}), Loops: make([]LoopSnapshot, 0, len(loops))}
	for _, l := range loops {
		s.add(l, false)
	}
	return s
}

func (s *Snapshot) add(l *Loop, stale bool) {
	s.Sum.Merge(l)
	s.Loops = append(s.Loops, LoopSnapshot{Figures: l.Figures, Stale: stale})
}

// LoopRow is one loop as the admin API shows it (requirements 7.2).
type LoopRow struct {
	Loop            string  `json:"loop"`
	Stale           bool    `json:"stale"`
	BusyRatio       float64 `json:"busy_ratio"` // since the start
	LagP50NS        int64   `json:"lag_p50_ns"`
	LagP99NS        int64   `json:"lag_p99_ns"`
	BatchP50        int64   `json:"batch_p50_events"`
	BatchP99        int64   `json:"batch_p99_events"`
	Batches         uint64  `json:"batches"`
	Events          uint64  `json:"events"`
	TimersFired     uint64  `json:"timers_fired"`
	TimersSet       int64   `json:"timers_set"`
	MailboxRuns     uint64  `json:"mailbox_runs"`
	MailboxLen      int64   `json:"mailbox_len"`
	Panics          uint64  `json:"panics"`
	Accepted        uint64  `json:"connections_accepted"`
	ConnectionsOpen int64   `json:"connections_open"`
	ConnectionsIdle int64   `json:"connections_idle"`
	ExchangesOpen   int64   `json:"exchanges_open"`
}

// LoopRows returns a row per loop.
func (s *Snapshot) LoopRows() []LoopRow {
	rows := make([]LoopRow, len(s.Loops))
	for i := range s.Loops {
		l := &s.Loops[i]
		rows[i] = LoopRow{
			Loop: strconv.Itoa(i), Stale: l.Stale,
			LagP50NS: l.LoopLag.Quantile(0.5), LagP99NS: l.LoopLag.Quantile(0.99),
			BatchP50: l.BatchSize.Quantile(0.5), BatchP99: l.BatchSize.Quantile(0.99),
			Batches: l.Batches, Events: l.Events, TimersFired: l.TimersFired, TimersSet: l.TimersSet,
			MailboxRuns: l.MailboxRuns, MailboxLen: l.MailboxLen, Panics: l.Panics, Accepted: l.Accepted,
			ConnectionsOpen: l.ConnectionsOpen, ConnectionsIdle: l.ConnectionsIdle, ExchangesOpen: l.ExchangesOpen,
		}
		if whole := l.BusyNS + l.IdleNS; whole > 0 {
			rows[i].BusyRatio = float64(l.BusyNS) / float64(whole)
		}
	}
	return rows
}

// Gatherer asks each loop for a copy of its counters through the loop's mailbox. Off the loops; safe for concurrent use.
type Gatherer struct {
	post func(loop int, run func(*Loop)) bool

	mu    sync.Mutex
	loops []asked
}

// asked is one loop as the Gatherer sees it. While a question is open, spare belongs to the loop.
type asked struct {
	last, spare *Loop
	run         func(*Loop)
	answered    chan struct{}
	open        bool
}

// NewGatherer returns a Gatherer for this many loops. post puts run into a loop's mailbox, to be called on that loop with its
// counters, and reports false where the loop takes nothing any more; it must not wait.
func NewGatherer(loops int, d Dims, post func(loop int, run func(*Loop)) bool) *Gatherer {
	g := &Gatherer{post: post, loops: make([]asked, loops)}
	for i := range g.loops {
		a := &g.loops[i]
		a.last, a.spare = NewLoop(d), NewLoop(d)
		a.answered = make(chan struct{}, 1)
		a.run = func(l *Loop) {
			l.CopyInto(a.spare)
			// One question is open at a time, so there is room, and the loop never waits here.
			a.answered <- struct{}{}
		}
	}
	return g
}

// Gather asks all loops and waits for them together, at most this long. A loop that has not answered by then is shown with its
// last answer, because a counter that falls for one scrape reads as a restart; its question stays open for the next Gather.
func (g *Gatherer) Gather(wait time.Duration) *Snapshot {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.loops {
		a := &g.loops[i]
		if a.open && a.peek() {
			a.swap() // too old to be this answer, but newer than the last one
		}
		if !a.open {
			a.open = g.post(i, a.run)
		}
	}
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	s := &Snapshot{Sum: NewLoop(Dims{}), Loops: make([]LoopSnapshot, 0, len(g.loops))}
	late := false
	for i := range g.loops {
		a := &g.loops[i]
		fresh := a.open && a.collect(timeout.C, &late)
		if fresh {
			a.swap()
		}
		s.add(a.last, !fresh)
	}
	return s
}

// collect waits for the loop's answer until the time is up, and only looks for it from then on.
func (a *asked) collect(timeout <-chan time.Time, late *bool) bool {
	if !*late {
		select {
		case <-a.answered:
			return true
		case <-timeout:
			*late = true
		}
	}
	return a.peek()
}

func (a *asked) peek() bool {
	select {
	case <-a.answered:
		return true
	default:
		return false
	}
}

func (a *asked) swap() { a.last, a.spare, a.open = a.spare, a.last, false }
