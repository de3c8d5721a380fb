package stand

import (
	"errors"
	"fmt"
	"time"
)

// Hold opens n connections, has one whole answer on each, and leaves them open. It returns how many answered.
func (f *Fleet) Hold(n int, patience time.Duration) (int, error) {
	answered, faults := 0, map[string]int64{}
	f.piece = func(*conn) {}
	left := n
	f.finish = func(_ *conn, fault string) {
		left--
		if fault != "" {
			faults[fault]++
			return
		}
		answered++
	}
	deadline := time.Now().Add(patience).UnixNano()
	if err := f.open(n, deadline, func() int { return n - left }); err != nil {
		return answered, err
	}
	for left > 0 && f.now < deadline {
		f.turn(deadline - f.now)
	}
	if answered < n {
		return answered, fmt.Errorf("%d of %d connections were answered; faults: %v", answered, n, faults)
	}
	return answered, nil
}

// Stream opens n connections with a stream on each and returns once each has brought a part of its answer. The streams go on
// for as long as Read is called.
func (f *Fleet) Stream(n int, patience time.Duration) (int, error) {
	begun, faults := 0, map[string]int64{}
	f.finish = func(_ *conn, fault string) {
		if fault == "" {
			fault = "ended by itself"
		}
		faults[fault]++
	}
	f.piece = func(c *conn) {
		if c.pieces == 1 {
			begun++
		}
	}
	deadline := time.Now().Add(patience).UnixNano()
	if err := f.open(n, deadline, func() int { return begun + len(faults) }); err != nil {
		return begun, err
	}
	for begun < n && f.now < deadline && len(faults) == 0 {
		f.turn(deadline - f.now)
	}
	if begun < n || len(faults) > 0 {
		return begun, fmt.Errorf("%d of %d streams began; faults: %v", begun, n, faults)
	}
	return begun, nil
}

// Read takes what comes on all connections for a while.
func (f *Fleet) Read(d time.Duration) {
	for end := time.Now().UnixNano() + int64(d); f.now < end; {
		f.turn(end - f.now)
	}
}

// Renewed is what streams came to that followed one another.
type Renewed struct {
	Whole             int   // with their proper end
	Shortest, Longest int64 // of them, bytes
	Kinds             map[string]int64
}

// Renew keeps n streams going until stop says so, each followed by another when it has ended, and returns when the last ones have.
// HoldThread is to be in force.
func (f *Fleet) Renew(n int, stop func() bool, patience time.Duration) (*Renewed, error) {
	r := &Renewed{Kinds: map[string]int64{}}
	running, begun, stopping := 0, 0, false
	f.piece = func(c *conn) {
		if c.pieces == 1 {
			begun++
		}
	}
	f.finish = func(c *conn, fault string) {
		running--
		if fault != "" {
			r.Kinds[fault]++
			return
		}
		r.Whole++
		r.Longest = max(r.Longest, c.answer.bytes)
		if r.Shortest == 0 || c.answer.bytes < r.Shortest {
			r.Shortest = c.answer.bytes
		}
		if stopping {
			return
		}
		var next *conn
		if k := len(f.idle); k > 0 {
			next, f.idle = f.idle[k-1], f.idle[:k-1]
		} else {
			var err error
			if next, err = f.dial(); err != nil {
				r.Kinds[faultConnect+": "+err.Error()]++
				return
			}
		}
		running++
		f.send(next, f.now)
	}
	deadline := time.Now().Add(patience).UnixNano()
	running = n
	if err := f.open(n, deadline, func() int { return begun }); err != nil {
		return r, err
	}
	const look = int64(10 * time.Millisecond)
	for !stop() {
		f.turn(look)
	}
	stopping = true
	for deadline = time.Now().Add(patience).UnixNano(); running > 0 && f.now < deadline; {
		f.turn(look)
	}
	if running > 0 {
		return r, fmt.Errorf("%d streams did not end within %v", running, patience)
	}
	return r, nil
}

// openAhead is how many connections may wait for their first answer: fewer than the backlog of a listening socket, so that
// no connect is lost and sent again a second later.
const openAhead = 256

// open dials n connections and sends the request on each; done says how many are past their first answer.
func (f *Fleet) open(n int, deadline int64, done func() int) error {
	f.now = time.Now().UnixNano()
	for i := range n {
		c, err := f.dial()
		if err != nil {
			return errors.Join(fmt.Errorf("connection %d of %d", i+1, n), err)
		}
		f.send(c, f.now)
		for i+1-done() >= openAhead {
			if f.turn(deadline - f.now); f.now >= deadline {
				return fmt.Errorf("of %d connections %d were opened, and %d of them answered in time", n, i+1, done())
			}
		}
	}
	return nil
}
