package sim

import (
	"time"

	"penstock/loop"
)

// carrier is what an exchange answers through: an HTTP/1.1 connection or an HTTP/2 stream.
type carrier interface {
	// begin writes the head.
	begin(h *head)
	// room is how many bytes of body may be made now; where it is none, the exchange's resume is called when there is.
	room() int
	// send writes as much of b as flow control lets through and returns how much that is; last says that the body ends with b,
	// and counts once all of b is taken. Where something is left, the exchange's resume is called when more may go. It borrows b.
	send(b []byte, last bool) int
	// abort resets stream or connection. sent says that some of the answer has been written, which is to arrive first.
	abort()
	// hangUp closes the connection after what has been written.
	hangUp()
	// done says that the answer is complete, or was broken off in a way that lets the connection go on.
	done()
}

// span is a range of exchange.buf.
type span struct{ from, to int32 }

// state is how far an answer is.
type state uint8

const (
	idle      state = iota
	waiting         // for the time of the head
	sending         // a whole answer, more than flow control lets through at once
	streaming       //
	breaking        // what comes before the break has been sent
	stalled         // for ever
)

// form is how a stream's events look.
type form uint8

const (
	formWhole form = iota
	formChat
	formCompletion
	formResponse
	formMessage
	formTranscript
)

// exchange is one request and its answer. Its carrier owns it and uses it for the next one.
type exchange struct {
	lane  *lane
	to    carrier
	timer loop.Timer
	req   request
	plan  plan
	head  head

	seed    uint64
	startAt int64 // of the request; ns as Loop.Now counts
	headAt  int64
	firstAt int64 // of the first chunk

	// What the answer is made of. Spans point into buf.
	buf    []byte
	model  span
	pre    span // of a chunk, before its number
	mid    span // between number and text
	post   span // after the text
	custom span // text that stands in for the words, escaped
	echo   span // of a response object, what repeats the request
	calls  []call
	script []span // whole events, in place of chunks of text

	created int64
	prompt  int // tokens
	choices int
	tokens  int // of each choice, that is chunks of it
	made    int // chunks, of all choices
	total   int // chunks of the whole stream
	stop    int // chunks that will be sent
	at      int // in custom

	// Output that flow control did not take yet.
	rest     []byte // a slab
	sent     int    // of rest
	restLast bool

	state  state
	form   form
	opened bool // the head and what comes before the first chunk are written
	closed bool // what comes after the last chunk is written
	broken bool // the answer does not end as it should
	cut    bool // by max_tokens
	usage  bool // in an extra chunk
}

// init ties an exchange to its carrier and its lane; once for each carrier.
func (x *exchange) init(to carrier, l *lane) {
	x.to, x.lane = to, l
	x.timer.Init(x)
}

// OnTimer goes on with the answer. For the loop.
func (x *exchange) OnTimer(*loop.Timer) { x.step() }

// resume goes on with the answer after flow control had stopped it.
func (x *exchange) resume() { x.step() }

func (x *exchange) arm(at int64) {
	x.lane.loop.Arm(&x.timer, time.Duration(max(at-x.lane.loop.Now(), 0)))
}

func (x *exchange) step() {
	switch x.state {
	case waiting:
		if x.lane.loop.Now() < x.headAt {
			return
		}
		if x.form == formWhole {
			x.release()
		} else {
			x.produce()
		}
	case sending:
		if x.flush() {
			x.over()
		}
	case streaming:
		x.produce()
	case breaking:
		x.breakOff()
	case idle, stalled:
	}
}

// whole answers with one body, which it borrows, at the given time at the earliest.
func (x *exchange) whole(body []byte, at int64) {
	x.form = formWhole
	x.head.length = len(body)
	switch x.plan.end {
	case endWhole, endFail:
		if x.plan.badJSON {
			body = body[:len(body)/2]
			x.head.length = len(body)
		}
		x.restLast = true
	case endCut:
		body = body[:len(body)/2]
		x.head.length = len(body)
		x.broken, x.restLast = true, true
	case endReset, endClose, endStall:
		body = body[:len(body)/2]
		x.broken, x.restLast = true, false
	}
	if at > x.startAt {
		x.keep(body)
		x.state, x.headAt = waiting, at
		x.arm(at)
		return
	}
	if x.breaksFirst() {
		x.breakOff()
		return
	}
	x.to.begin(&x.head)
	x.state = sending
	if x.send(body, x.restLast) {
		x.over()
	}
}

// release sends a whole answer that had to wait.
func (x *exchange) release() {
	if x.breaksFirst() {
		x.drop()
		x.breakOff()
		return
	}
	x.to.begin(&x.head)
	x.state = sending
	if x.flush() {
		x.over()
	}
}

// breaksFirst says that the answer breaks before its head.
func (x *exchange) breaksFirst() bool {
	if x.plan.after > 0 {
		return false
	}
	switch x.plan.end {
	case endReset, endClose, endStall:
		return true
	case endWhole, endCut, endFail:
	}
	return false
}

// send writes b, or keeps what does not go; it returns whether all of it went. It borrows b.
func (x *exchange) send(b []byte, last bool) bool {
	n := x.to.send(b, last)
	if n == len(b) {
		return true
	}
	x.keep(b[n:])
	x.restLast = last
	return x.flush() // until the carrier has no room: only then does it call again
}

// keep copies output that cannot go yet.
func (x *exchange) keep(b []byte) {
	x.rest, x.sent = append(x.lane.loop.Slabs.Get(len(b)), b...), 0
}

// flush sends what had been kept and returns whether all of it went.
func (x *exchange) flush() bool {
	if x.rest == nil {
		return true
	}
	for {
		x.sent += x.to.send(x.rest[x.sent:], x.restLast)
		if x.sent == len(x.rest) {
			x.drop()
			return true
		}
		if x.to.room() <= 0 {
			return false
		}
	}
}

func (x *exchange) drop() {
	if x.rest != nil {
		x.lane.loop.Slabs.Put(x.rest)
		x.rest, x.sent = nil, 0
	}
}

// over is called when everything that will be sent has been.
func (x *exchange) over() {
	if !x.broken {
		x.finish()
		return
	}
	if x.plan.end == endReset {
		// What was written leaves at the end of this batch, and a reset would overtake it.
		x.state = breaking
		x.arm(x.lane.loop.Now())
		return
	}
	x.breakOff()
}

// breakOff ends an answer as its model's name asked for.
func (x *exchange) breakOff() {
	switch x.plan.end {
	case endStall:
		x.state = stalled
		return
	case endReset:
		x.end(&x.lane.s.stats.broken)
		x.to.abort()
	case endClose:
		x.end(&x.lane.s.stats.broken)
		x.to.hangUp()
	case endCut, endFail, endWhole:
		x.end(&x.lane.s.stats.broken)
		x.to.done()
	}
}

func (x *exchange) finish() {
	s := &x.lane.s.stats
	if x.form == formWhole {
		x.end(nil)
	} else {
		x.end(&s.streamsFinished)
	}
	x.to.done()
}

// cancel says that the client is gone.
func (x *exchange) cancel() {
	if x.state != idle {
		x.end(&x.lane.s.stats.cancelled)
	}
}

// end gives back what the exchange holds, and counts its outcome.
func (x *exchange) end(outcome *counter) {
	x.lane.loop.Disarm(&x.timer)
	x.drop()
	x.state = idle
	x.lane.s.stats.open.Add(-1)
	if outcome != nil {
		outcome.Add(1)
	}
	if cap(x.buf) > keepBytes {
		x.buf = nil
	}
}
