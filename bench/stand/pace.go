package stand

import (
	"math"
	"time"
)

// Step is a stretch of load whose rate goes evenly from one value to another, in requests per second.
type Step struct {
	For      time.Duration
	From, To float64
}

// Steady is a step of one rate.
func Steady(d time.Duration, rate float64) Step { return Step{For: d, From: rate, To: rate} }

// requests is how many requests are due within a step.
func (s Step) requests() int { return int((s.From + s.To) / 2 * s.For.Seconds()) }

// due is when the i-th request of a step is due, from the step's start. The rate is the derivative of the count, so that is
// the root of slope/2·t² + From·t = i.
func (s Step) due(i int) time.Duration {
	slope := (s.To - s.From) / s.For.Seconds()
	n := float64(i)
	seconds := 0.0
	if slope == 0 {
		seconds = n / s.From
	} else {
		seconds = (math.Sqrt(max(s.From*s.From+2*slope*n, 0)) - s.From) / slope
	}
	return time.Duration(seconds * float64(time.Second))
}

// Window is what happened in one second of load.
type Window struct {
	At       time.Duration // end of the window, from the start
	OK, Shed int64
	Errors   int64
	P99      time.Duration // of the answers that ended within it; 0 where there were none
	Waiting  int           // requests under way or overdue at its end
}

// Tally is what a load run saw. Times run from when a request was due, so that a gateway that falls behind cannot hide it.
type Tally struct {
	OK      int64            // answered with 200, complete
	Shed    int64            // answered with 429 or 503
	Kinds   map[string]int64 // everything else, by kind
	Unsent  int64            // due, but the connection limit was used up until the end
	Late    int64            // sent more than 1 ms after due because this program was busy
	Latency Histogram        // of OK
	Refusal Histogram        // of Shed
	Elapsed time.Duration    // to the last answer
	Conns   int              // the most connections at once
	Windows []Window
}

// Errors is how many requests had neither an answer of 200 nor one that asks to come back later.
func (t *Tally) Errors() int64 {
	var n int64
	for _, count := range t.Kinds {
		n += count
	}
	return n
}

// Requests is how many were sent.
func (t *Tally) Requests() int64 { return t.OK + t.Shed + t.Errors() }

// pacer drives a fleet open-loop: requests leave when they are due, whatever the answers do.
type pacer struct {
	*Fleet
	Tally
	limit   int // of connections
	backlog []int64
	busy    int
	window  Histogram
	last    Window // totals at the last window's end
	lateNS  int64
	fired   int
}

// Pace sends requests by the steps over at most limit connections. It returns when all are answered, or some time after the
// last was due. HoldThread is to be in force.
func (f *Fleet) Pace(limit int, steps ...Step) *Tally {
	p := &pacer{Fleet: f, limit: limit, lateNS: int64(time.Millisecond)}
	p.Kinds = map[string]int64{}
	f.finish, f.piece = p.finished, func(*conn) {}
	f.now = time.Now().UnixNano()
	start := f.now
	nextWindow, stepStart := start+int64(time.Second), start
	for _, step := range steps {
		for i, n := 0, step.requests(); i < n; {
			due := stepStart + int64(step.due(i))
			for ; due <= f.now; due = stepStart + int64(step.due(i)) {
				p.fire(due)
				if i++; i == n {
					break
				}
			}
			if i < n {
				f.turn(due - time.Now().UnixNano())
			}
			nextWindow = p.roll(start, nextWindow)
		}
		for stepStart += int64(step.For); f.now < stepStart; nextWindow = p.roll(start, nextWindow) {
			f.turn(min(stepStart, nextWindow) - f.now)
		}
	}
	for end := f.now + int64(tailTimeout); p.busy+len(p.backlog) > 0 && f.now < end; nextWindow = p.roll(start, nextWindow) {
		f.turn(min(end, nextWindow) - f.now)
	}
	p.Unsent = int64(len(p.backlog))
	p.backlog = nil
	p.giveUp()
	p.Elapsed = time.Duration(f.now - start)
	return &p.Tally
}

// fire sends one request, or puts it off until a connection is free.
func (p *pacer) fire(due int64) {
	if n := len(p.idle); n > 0 {
		// Not the one that was used last: a connection that is refused is free again at once, and the requests would all follow it to the
		// loop that is full.
		i := p.fired % n
		p.fired++
		c := p.idle[i]
		p.idle[i] = p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.launch(c, due)
		return
	}
	if p.opened >= p.limit {
		p.backlog = append(p.backlog, due)
		return
	}
	c, err := p.dial()
	if err != nil {
		p.Kinds[faultConnect+": "+err.Error()]++
		return
	}
	p.Conns = max(p.Conns, p.opened)
	p.launch(c, due)
}

func (p *pacer) launch(c *conn, due int64) {
	if p.now-due > p.lateNS && len(p.backlog) == 0 {
		p.Late++
	}
	p.busy++
	p.send(c, due)
}

func (p *pacer) finished(c *conn, fault string) {
	p.busy--
	switch fault {
	case "":
		p.OK++
		took := time.Duration(time.Now().UnixNano() - c.due)
		p.Latency.Record(took)
		p.window.Record(took)
	case "status 429", "status 503":
		p.Shed++
		p.Refusal.Record(time.Duration(time.Now().UnixNano() - c.due))
	default:
		p.Kinds[fault]++
	}
	if len(p.backlog) > 0 {
		due := p.backlog[0]
		p.backlog = p.backlog[1:]
		p.fire(due)
	}
}

// roll closes windows that are over.
func (p *pacer) roll(start, next int64) int64 {
	for ; p.now >= next; next += int64(time.Second) {
		total := Window{OK: p.OK, Shed: p.Shed, Errors: p.Errors()}
		p.Windows = append(p.Windows, Window{
			At: time.Duration(next - start), OK: total.OK - p.last.OK, Shed: total.Shed - p.last.Shed, Errors: total.Errors - p.last.Errors,
			P99: p.window.Quantile(.99), Waiting: p.busy + len(p.backlog),
		})
		p.last = total
		p.window.Reset()
	}
	return next
}

// giveUp ends exchanges that have no answer.
func (p *pacer) giveUp() {
	for _, c := range p.conns {
		if c != nil && c.busy {
			p.fail(c, faultSilent)
		}
	}
}
