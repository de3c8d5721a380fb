package gateway_test

import (
	"bytes"
	"strings"
	"time"

	"penstock/loop/looptest"
)

// ask is a request as a provider has seen it, and what it does about it. The token in the request decides the answer, byte for byte, so
// that the client knows what has to come; the mark in the answer is the ask's own.
type ask struct {
	provider   string
	token      string
	mark       string
	op         *operation
	api        string
	request    *request // what the client has sent, where a simulated one did
	stream     bool
	usage      bool // include_usage
	over       bool // complete, broken off, or cancelled by the gateway
	cost       bool // the usage has been sent
	status     int  // of the answer, once it has one
	failing    bool // the answer ends with an error event of the provider
	untilClose bool // its answer ends with the connection, so that nobody can tell whether it is whole
	fate       fate
	end        *looptest.End // of the connection that it came on
}

// respHead is the head of a provider's answer.
type respHead struct {
	status     int
	media      string
	length     int  // Content-Length; -1: none
	untilClose bool // HTTP/1.1: the end of the connection ends the body
	fields     []string
}

// reply is how a provider answers, whatever the protocol.
type reply interface {
	interim()
	head(status int, media string, length int)
	headAs(h respHead)
	data(b []byte)
	end()
	trailers() // as end, with a trailer section
	reset()    // the stream, or the connection
	refuse()   // REFUSED_STREAM, where there is such a thing
	hangUp()   // close the connection
	goAway()   // take no further requests
	garbage()  // break the protocol
	garbageOf(n int)
	surplus() // bytes after the end of the answer
}

// newAsk reads what the provider needs of a request, and checks what every request has to have.
func newAsk(r *rig, provider string, e *looptest.End, method, path string, field func(string) string, body []byte) *ask {
	a := &ask{provider: provider, end: e, token: findToken([]byte(field("x-pass")))}
	if a.token == "" { // a test's own request
		a.token = findToken(append([]byte(path), body...))
	}
	if a.token == "" {
		r.fail("request without a token to %s: %q", path, body)
		a.token = makeToken('s', 0)
	}
	r.marks++
	a.mark = makeMark(r.marks)
	r.byMark[a.mark] = a
	if a.op = operationOf(method, path, a.token); a.op == nil {
		r.fail("request to %q", path)
		a.op = operations[0]
	}
	a.api = a.op.api
	if key := field("authorization") + field("x-api-key"); !strings.HasSuffix(key, "provider-key") {
		r.fail("the provider got the key %q", key)
	}
	a.request = r.byToken[a.token]
	a.stream = bytes.Contains(body, []byte(`"stream":true`)) || bytes.Contains(body, []byte("name=\"stream\"\r\n\r\ntrue")) || strings.HasSuffix(path, "?stream=true")
	a.usage = bytes.Contains(body, []byte(`"include_usage":true`))
	if a.op.adds && a.stream && !a.usage {
		r.fail("a stream was not asked for its usage: %q", body)
	}
	if q := a.request; q != nil {
		if want := q.atProvider(provider); q.op != a.op || !bytes.Equal(body, want) {
			r.fail("the body of a request is not what the client has sent: got %q, want %q", body, want)
		}
		r.checkAsk(a)
	} else if a.op.named && a.op.form == formJSON && !bytes.Contains(body, []byte(`"model":"m-`+provider+`"`)) {
		r.fail("%s was asked for another's model: %q", provider, body)
	}
	return a
}

// checkAsk says whether the request may come to a provider at all, for the first time or once more.
func (r *rig) checkAsk(a *ask) {
	if r.heard[a.token] {
		r.fail("the request %s was sent once more after a part of an answer had reached the client", a.token)
	}
	if r.tries[a.token]++; r.tries[a.token] > r.pol.Retry.Attempts+staleAttempts {
		r.fail("the request %s was sent %d times", a.token, r.tries[a.token])
	}
}

// staleAttempts is how often a request may meet a connection that was closed just then, over and above its attempts.
const staleAttempts = 8

// early reads what a provider knows of a request whose body is not complete, now and then; else it returns nil.
func (r *rig) early(provider string, field func(string) string) *ask {
	if r.calm || !r.earlies || r.fateOf != nil || !r.w.RNG.Chance(3) {
		return nil
	}
	token := findToken([]byte(field("x-pass")))
	q := r.byToken[token]
	if q == nil || q.op == nil {
		return nil
	}
	r.marks++
	a := &ask{provider: provider, token: token, mark: makeMark(r.marks), op: q.op, api: q.op.api, request: q, fate: "early"}
	r.byMark[a.mark] = a
	r.checkAsk(a)
	return a
}

// serveEarly answers a request of which not all has come.
func (r *rig) serveEarly(a *ask, to reply) {
	r.asks = append(r.asks, a)
	r.count("provider early")
	r.trace("%s answers %s (%s) before it is complete", a.provider, a.token, a.mark)
	p := &scene{r: r, a: a, to: to}
	p.refuseAs([]int{400, 413}, "")
	p.run()
}

func (a *ask) exchanged() exchanged { return exchanged{a.token, a.mark} }

// body is the whole answer, joined.
func (a *ask) body() []byte {
	if !a.streams() {
		return a.op.whole(a.exchanged())
	}
	var b []byte
	for _, e := range a.op.events(a.exchanged()) {
		if a.usage || !e.usage {
			b = append(b, e.bytes...)
		}
	}
	return b
}

func (a *ask) streams() bool { return a.stream && a.op.events != nil }

// serve plays the answer to a request that is complete.
func (r *rig) serve(a *ask, to reply) {
	w := r.w
	r.asks = append(r.asks, a)
	a.fate = fateWell
	if !r.calm && w.RNG.Chance(35) {
		a.fate = drawFate(w.RNG)
	}
	if r.fateOf != nil {
		a.fate = r.fateOf(a)
	}
	if r.served != nil {
		r.served(a, to)
	}
	r.count("provider " + string(a.fate))
	r.count("operation " + a.op.name)
	r.trace("%s is asked for %s (%s): %s", a.provider, a.token, a.mark, a.fate)
	p := &scene{r: r, a: a, to: to}
	if r.fateOf == nil && w.RNG.Chance(5) {
		p.step(to.interim)
	}
	fates[a.fate].script(p)
	p.run()
}

// scene is a script being written, and then run.
type scene struct {
	r     *rig
	a     *ask
	to    reply
	slow  time.Duration // between two steps, at most; 0: as drawn
	steps []func()
}

func (p *scene) step(f func()) { p.steps = append(p.steps, f) }

// head answers with the media type that belongs to the body; n is the body's length.
func (p *scene) head(status, n int) {
	h := respHead{status: status, media: p.a.op.media, length: n}
	switch {
	case status != 200:
		h.media = "application/json"
	case p.a.streams():
		h.media, h.length = "text/event-stream; charset=utf-8", -1
	}
	if p.r.w.RNG.Chance(30) {
		h.length = -1
	}
	if h.length < 0 && !p.r.calm && p.r.w.RNG.Chance(10) {
		h.untilClose = true
	}
	p.headAs(h)
}

func (p *scene) headAs(h respHead) {
	p.step(func() {
		p.a.status, p.a.untilClose = h.status, h.untilClose && p.a.provider == "beta"
		p.to.headAs(h)
	})
}

// pieces sends b in parts, cut without regard to events.
func (p *scene) pieces(b []byte, most int) {
	if p.r.planted != nil {
		b = p.r.planted(p.a, b)
	}
	for n := 1 + p.r.w.RNG.Intn(most); len(b) > 0; n-- {
		k := len(b)
		if n > 1 {
			k = p.r.w.RNG.Between(1, len(b))
		}
		part := b[:k]
		p.step(func() { p.to.data(part) })
		b = b[k:]
	}
}

// paying says that usage may be among what follows.
func (p *scene) paying() {
	p.step(func() { p.a.cost = true })
}

// well answers as it should be, but for the end.
func (p *scene) well() {
	b := p.a.body()
	p.head(200, len(b))
	p.paying()
	p.pieces(b, 6)
}

// some answers with a part of what it should be.
func (p *scene) some() {
	b := p.a.body()
	p.head(200, len(b))
	p.paying()
	p.pieces(b[:p.r.w.RNG.Intn(len(b))], 6)
}

// over is the last step.
func (p *scene) over(last func()) {
	p.step(func() { p.a.over = true; last() })
}

// run takes one step after the other, each after a while, until the request is over.
func (p *scene) run() {
	if len(p.steps) == 0 {
		return
	}
	r := p.r
	d := time.Duration(0)
	switch {
	case r.calm && !r.timed:
	case p.slow > 0:
		d = r.w.RNG.Duration(p.slow/4, p.slow)
	case r.w.RNG.Chance(50):
		d = r.w.RNG.Duration(0, 2*time.Millisecond)
	case r.w.RNG.Chance(10):
		d = r.w.RNG.Duration(0, 1500*time.Millisecond)
	}
	r.w.After(d, func() {
		if p.a.over {
			return
		}
		next := p.steps[0]
		p.steps = p.steps[1:]
		next()
		p.run()
	})
}
