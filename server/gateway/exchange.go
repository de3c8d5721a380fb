package gateway

import (
	"time"

	"penstock/loop"
	"penstock/pool"
	"penstock/server/auth"
	"penstock/server/dialect"
	"penstock/server/observe"
	"penstock/server/route"
	"penstock/upstream"
	"penstock/upstream/stream"
)

// exchange is one request and its response. It is reused: the parts that know how to reset themselves stay, the turn is wiped.
type exchange struct {
	g      *Gateway
	arena  pool.Arena // memory of the turn
	ticket upstream.Ticket
	timer  loop.Timer

	scan  dialect.Scan
	form  dialect.Form
	usage dialect.UsageScanner
	ends  dialect.EndScanner
	strip dialect.Stripper

	extra  []stream.Field // fields that go on to the provider
	plan   []route.Target
	pieces [][]byte // of the body, as the provider gets it

	turn
}

// turn is what belongs to one request.
type turn struct {
	cl     *client
	policy *Policy
	slot   int // 1 + where admission counts the request; 0: it was not admitted
	id     [requestIDBytes]byte

	// The request. Slices point into the arena.
	ep          *dialect.Endpoint
	api         dialect.API
	key         *auth.Key
	method      []byte
	path, query []byte
	rest        []byte // what a prefix endpoint has after its prefix
	contentType []byte
	wanted      []byte // penstock-provider: who serves a request that names no model
	keepAlive   bool
	noBody      bool // HEAD
	oldClient   bool // HTTP/1.0: no chunks
	expects     bool // waits for 100 Continue

	// Its body and what was found in it.
	body  []byte // slab
	isDoc bool   // the body is JSON and scan is filled
	isFrm bool   // the body is a form and form is filled
	model []byte
	event bool // the client asked for an event stream

	// Where it goes.
	resolved  route.Resolved
	at        int // index into plan
	attempts  int
	stale     int // attempts that met a connection which had just been closed
	provider  *Provider
	modelJSON []byte // of the current target, nil: as the client wrote it
	running   bool   // the ticket is open
	sent      bool   // the whole request is on its way

	// The response.
	status     int
	stripping  bool
	sse        bool
	counting   bool   // usage is read
	headSent   bool   // to the client
	early      bool   // the head was sent before the provider's, to keep the client waiting
	held       []byte // slab: the provider's error body, which has to become an event
	holding    bool
	tooLong    bool  // held would be more than its bound
	answered   bool  // the provider's head has come
	pending    bool  // the response stays in the write batch: it may be taken back
	wholly     bool  // all of it does
	committed  bool  // the response is the client's
	keptAlive  bool  // keepAlive as it was before the response
	tail       bool  // the beginning of an event stays in the write batch
	spilled    bool  // the beginning of an event was too long to stay there
	bodyLeft   int64 // of the provider's Content-Length; negative: there is none
	opens      byte  // the first byte of a body that is kept until its end, white space left out
	closes     byte  // and the last one that has come
	chunked    bool
	untilEnd   bool // the response ends with the connection
	seenBody   bool
	upstreamID []byte // arena: the id that the provider gave, which the client sees
	allow      string // Allow of a 405
	uncredited int

	startAt, attemptAt, headAt, byteAt, downAt int64
	resumeAt                                   int64 // when the next attempt begins; 0: it has
	blockedAt                                  int64
	bytesIn, bytesOut                          int64
	letOut                                     int64 // of bytesOut, what came before what is held
	taken                                      int64 // of bytesOut, acknowledged by the client, when that was last looked at
	ttft                                       int64
	timed                                      bool
	mark                                       int64
}

func (g *Gateway) newExchange(cl *client) *exchange {
	ex := g.exchanges.Get()
	if ex.g == nil {
		ex.g = g
		ex.arena.Init(&g.loop.Slabs, arenaFirstBytes)
		ex.timer.Init(ex)
		ex.plan = make([]route.Target, 0, 4)
		ex.pieces = make([][]byte, 0, dialect.MaxPieces)
		ex.extra = make([]stream.Field, 0, 16)
	}
	g.open++
	g.seq++
	ex.cl, ex.policy = cl, g.policy
	ex.startAt = g.loop.Now()
	ex.timed = g.seq%stageSample == 0
	g.ids.write(&ex.id)
	cl.ex = ex
	g.loop.Disarm(&cl.timer)
	cl.phase = phaseAnswer
	cl.began = false
	return ex
}

// free gives the exchange and all its memory back. Nothing may touch it afterwards.
func (ex *exchange) free() {
	g := ex.g
	g.loop.Disarm(&ex.timer)
	ex.releaseBody()
	if ex.held != nil {
		g.loop.Slabs.Put(ex.held)
	}
	ex.arena.Reset()
	g.open--
	if ex.slot > 0 {
		g.admission.leave(ex.slot - 1)
	}
	clear(ex.extra)
	ex.extra, ex.plan = ex.extra[:0], ex.plan[:0]
	ex.ticket.Request, ex.ticket.Fresh = stream.Request{}, false
	ex.turn = turn{}
	g.exchanges.Put(ex)
}

func (ex *exchange) releaseBody() {
	if ex.body != nil {
		ex.g.loop.Slabs.Put(ex.body)
		ex.body = nil
		clear(ex.pieces)
		ex.pieces = ex.pieces[:0]
	}
}

// stage records how long a stage took, for the exchanges that are sampled.
func (ex *exchange) stage(s observe.Stage) {
	if ex.timed && ex.g.deps.Clock != nil {
		now := ex.g.deps.Clock()
		if ex.mark != 0 {
			ex.g.Counters.Stage(s, now-ex.mark)
		}
		ex.mark = now
	}
}

func (ex *exchange) startStages() {
	if ex.timed && ex.g.deps.Clock != nil {
		ex.mark = ex.g.deps.Clock()
	}
}

// arm sets the timer for whatever comes first: the end of the exchange's time, the provider's silence, the client's.
func (ex *exchange) arm() {
	p := ex.policy
	now := ex.g.loop.Now()
	d := ex.startAt + int64(p.TotalTimeout) - now
	if ex.resumeAt != 0 {
		d = min(d, ex.resumeAt-now)
	} else if ex.answered {
		d = min(d, ex.byteAt+int64(p.BetweenTimeout)-now)
		if ex.pending && ex.wholly && now-ex.headAt < int64(holdTime) {
			d = min(d, ex.headAt+int64(holdTime)-now)
		}
	} else {
		d = min(d, ex.attemptAt+int64(p.FirstByteTimeout)-now)
	}
	if p.KeepAlive > 0 && ex.event {
		d = min(d, ex.downAt+int64(p.KeepAlive)-now)
	}
	ex.g.loop.Arm(&ex.timer, time.Duration(max(d, 0)))
}

// OnTimer implements loop.Firer.
func (ex *exchange) OnTimer(*loop.Timer) {
	p, now := ex.policy, ex.g.loop.Now()
	if ex.blockedAt != 0 {
		if taken := ex.bytesOut - int64(ex.cl.c.Unsent()); taken > ex.taken {
			ex.taken, ex.blockedAt = taken, now // slow, but reading
		}
	}
	switch {
	case ex.expired():
		ex.timeout("the exchange took longer than its total timeout")
		return
	case ex.blockedAt != 0 && now-ex.blockedAt >= int64(p.BetweenTimeout):
		// The client has stopped reading: nobody will miss the rest.
		ex.cl.c.Abort()
		return
	case ex.resumeAt != 0:
		if now >= ex.resumeAt {
			ex.resumeAt = 0
			ex.attempt()
			return
		}
	case !ex.answered && now-ex.attemptAt >= int64(p.FirstByteTimeout):
		ex.timeout("the provider did not answer in time")
		return
	case ex.answered && ex.blockedAt == 0 && now-ex.byteAt >= int64(p.BetweenTimeout):
		ex.timeout("the provider fell silent in the middle of its answer")
		return
	}
	if ex.blockedAt != 0 {
		ex.byteAt = now // the client's slowness is not the provider's
	}
	if ex.pending && ex.wholly && ex.seenBody && now-ex.headAt >= int64(holdTime) {
		ex.commit()
	}
	if p.KeepAlive > 0 && ex.event && now-ex.downAt >= int64(p.KeepAlive) {
		ex.keepWaiting()
	}
	ex.arm()
}

// cancel ends the attempt upstream, in this very turn of the loop.
func (ex *exchange) cancel() {
	if ex.running {
		ex.running = false
		ex.ticket.Cancel()
	}
}

// clientGone ends an exchange whose client has left: nobody pays for tokens that nobody reads.
func (ex *exchange) clientGone() {
	if ex.running {
		if !ex.answered && ex.provider != nil {
			ex.g.Counters.Provider(ex.provider.Index, 0, observe.OutcomeCancelled)
		}
		ex.cancel()
	}
	provider := -1
	if ex.provider != nil {
		provider = ex.provider.Index
	}
	ex.g.Counters.Cancelled(provider)
	ex.g.Counters.ClientsGone++
	if ex.pending || ex.tail {
		ex.bytesOut = ex.letOut // what is held never left
	}
	if ex.pending || ex.status == 0 {
		ex.status = 499
	}
	ex.account("client_gone", "")
	ex.cl.ex = nil
	ex.free()
}

// finish accounts the exchange, gives it back and lets the connection go on.
func (ex *exchange) finish(outcome, why string) {
	cl := ex.cl
	ex.account(outcome, why)
	if !ex.keepAlive || ex.untilEnd {
		cl.closing = true
	}
	ex.free()
	cl.answered()
}
