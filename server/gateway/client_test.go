package gateway_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"penstock/loop/looptest"
)

// user is one client: it sends its requests, pipelined or one by one, reads the answers, and may leave at any time.
type user struct {
	r         *rig
	e         *looptest.End
	rng       *looptest.RNG
	link      looptest.Link
	requests  []*request
	next      int // to be sent
	pipelined bool
	thinks    time.Duration
	sluggish  bool // it reads or sends so slowly that timers may end what it asked for

	in        []byte
	cur       *answer
	answers   int  // complete
	closing   bool // an answer said that the connection closes
	left      bool // the client has gone
	over      bool // the connection is over
	continued bool
	paid      tally // tokens of the answers that have come whole
	statuses  map[int]int
}

// answer is one response as a client reads it.
type answer struct {
	status    int
	head      http.Header
	body      []byte
	scanned   int    // of body, for tokens and marks
	mark      string // the first one in body
	chunked   bool
	left      int // of a body with Content-Length, or of a chunk; -1: until the end of the connection
	inChunk   bool
	lastChunk bool
}

func newUser(r *rig, l looptest.Link, requests []*request) *user {
	u := &user{r: r, requests: requests, statuses: map[int]int{}, rng: r.w.RNG, link: l}
	for _, q := range requests {
		r.byToken[q.token], r.heard[q.token], r.tries[q.token] = q, false, 0
	}
	r.users = append(r.users, u)
	u.e = r.connect(l, u)
	u.e.Label = r.label("client")
	return u
}

func (u *user) done() bool { return u.over || u.left }

// begin sends what may be sent now.
func (u *user) begin() {
	for u.next < len(u.requests) && !u.done() && (u.pipelined || u.answers == u.next) {
		q := u.requests[u.next]
		u.next++
		u.continued = false
		u.r.count("request " + q.kind.name)
		u.r.trace("%s asks: %s, %s", u.e.Label, q.kind.name, q.token)
		u.e.Write(q.wire)
		if q.after != nil {
			if !u.pipelined && u.rng.Chance(70) {
				u.awaitContinue(q)
				return
			}
			u.continued = true
			u.e.Write(q.after)
		}
	}
}

// awaitContinue sends the body in a second at the latest, as clients do whose server knows no 100 (Continue).
func (u *user) awaitContinue(q *request) {
	n := u.next
	u.r.w.After(time.Second, func() {
		if !u.continued && u.next == n && u.answers < n && !u.done() {
			u.continued = true
			u.e.Write(q.after)
		}
	})
}

// leave goes away in the middle of whatever goes on.
func (u *user) leave(how int) {
	if u.done() {
		return
	}
	u.left = true
	switch how {
	case 0:
		u.e.Reset()
	case 1:
		u.e.Close()
	default:
		u.e.Shutdown()
	}
}

func (u *user) OnEnd(_ *looptest.End, err error) {
	if u.cur != nil && u.cur.left == -1 && err == nil {
		u.complete()
	}
	u.over = true
	if u.cur != nil {
		u.wasCut(err)
	}
	if len(u.in) > 0 && err == nil && !u.left {
		u.r.fail("the connection ended within the head of an answer: %q", u.in)
	}
}

func (u *user) OnBytes(_ *looptest.End, b []byte) {
	u.in = append(u.in, b...)
	for !u.over && u.read() {
	}
}

// read takes the next part of an answer from in; false means that more has to come.
func (u *user) read() bool {
	if u.cur == nil {
		return u.readHead()
	}
	a := u.cur
	switch {
	case a.left == -1:
		u.take(len(u.in))
		return false
	case a.chunked && !a.inChunk:
		i := bytes.Index(u.in, []byte("\r\n"))
		if i < 0 {
			return false
		}
		line := string(u.in[:i])
		u.in = u.in[i+2:]
		switch {
		case a.lastChunk:
			if line != "" {
				u.r.fail("trailer %q", line)
			}
			u.complete()
			return true
		case line == "" && a.left == 0 && len(a.body) > 0:
			a.left = -2 // the end of a chunk's data has been read
			return true
		}
		n, err := strconv.ParseUint(line, 16, 32)
		if err != nil {
			u.broken("chunk size %q", line)
			return false
		}
		a.left, a.inChunk, a.lastChunk = int(n), n > 0, n == 0
		return true
	}
	if len(u.in) == 0 {
		return false
	}
	n := min(a.left, len(u.in))
	u.take(n)
	if a.left -= n; a.left == 0 {
		if !a.chunked {
			u.complete()
		}
		a.inChunk = false
	}
	return true
}

// take moves n bytes into the body, and looks for those of another exchange, or of a second answer to this one.
func (u *user) take(n int) {
	a, q := u.cur, u.requests[u.answers]
	a.body = append(a.body, u.in[:n]...)
	u.in = u.in[n:]
	if len(u.in) == 0 {
		u.in = nil
	}
	for rest := a.body[a.scanned:]; ; {
		i := bytes.IndexByte(rest, 'z') // tokens and marks end in it
		if i < 0 {
			break
		}
		at := len(a.body) - len(rest) + i + 1
		rest, a.scanned = rest[i+1:], at
		if token := findToken(a.body[max(0, at-tokenBytes):at]); token != "" && token != q.token {
			u.r.fail("bytes of another exchange: %s in the answer to %s", token, q.token)
		}
		if mark := findMark(a.body[max(0, at-markBytes):at]); mark != "" {
			u.marked(q, a, mark)
		}
	}
}

// marked notes from which request to a provider an answer is.
func (u *user) marked(q *request, a *answer, mark string) {
	if a.mark == mark {
		return
	}
	if a.mark != "" {
		u.r.fail("the answer to %s is made of two: %s and %s", q.token, a.mark, mark)
		return
	}
	a.mark = mark
	u.r.heard[q.token] = true
	if of := u.r.byMark[mark]; of == nil || of.token != q.token {
		u.r.fail("the answer to %s has the mark of another: %s", q.token, mark)
	}
}

func (u *user) broken(format string, args ...any) {
	u.r.fail(format, args...)
	u.over = true
}

func (u *user) readHead() bool {
	end := bytes.Index(u.in, []byte("\r\n\r\n"))
	if end < 0 {
		return false
	}
	lines := strings.Split(string(u.in[:end]), "\r\n")
	u.in = u.in[end+4:]
	a := &answer{head: http.Header{}}
	status, ok := strings.CutPrefix(lines[0], "HTTP/1.1 ")
	if ok && len(status) > 3 {
		a.status, _ = strconv.Atoi(status[:3])
	}
	if a.status < 100 {
		u.broken("status line %q", lines[0])
		return false
	}
	for _, l := range lines[1:] {
		name, value, ok := strings.Cut(l, ": ")
		if !ok {
			u.r.fail("field line %q", l)
		}
		a.head.Add(name, value)
	}
	if a.status == 100 {
		if u.next > 0 && u.requests[u.next-1].after != nil && !u.pipelined && !u.continued {
			u.continued = true
			u.e.Write(u.requests[u.next-1].after)
		}
		return true
	}
	if u.answers >= u.next && !(a.status == 408 && u.answers < len(u.requests)) {
		u.broken("an answer (%d) that nobody has asked for", a.status)
		return false
	}
	if u.closing {
		u.broken("an answer (%d) after the one that said that the connection closes", a.status)
		return false
	}
	if u.answers >= len(u.requests) {
		u.broken("one answer too many (%d)", a.status)
		return false
	}
	u.cur = a
	u.frame(a, u.requests[u.answers])
	return true
}

// frame finds out how the body of an answer ends.
func (u *user) frame(a *answer, q *request) {
	lengths, codings := a.head.Values("Content-Length"), a.head.Values("Transfer-Encoding")
	if len(lengths)+len(codings) > 1 {
		u.r.fail("framed twice: %q %q", lengths, codings)
	}
	if token := a.head.Get("X-Token"); token != "" && token != q.token {
		u.r.fail("the head of another answer: %s for %s", token, q.token)
	}
	switch {
	case q.noEnd || a.status == 204 || a.status == 304:
		u.complete()
	case len(codings) == 1:
		if q.old {
			u.r.fail("a chunked answer to HTTP/1.0")
		}
		a.chunked = true
		a.left = -2
	case len(lengths) == 1:
		if a.left, _ = strconv.Atoi(lengths[0]); a.left == 0 {
			u.complete()
		}
	default:
		a.left = -1
	}
}

// complete checks an answer that is whole.
func (u *user) complete() {
	a, q := u.cur, u.requests[u.answers]
	u.cur = nil
	u.answers++
	u.statuses[a.status]++
	u.r.count("status " + strconv.Itoa(a.status))
	u.r.trace("%s has its answer to %s: %d, %d bytes", u.e.Label, q.token, a.status, len(a.body))
	if strings.EqualFold(a.head.Get("Connection"), "close") {
		u.closing = true
	} else if a.left == -1 && !q.noEnd && a.status != 204 && a.status != 304 {
		u.r.fail("an answer that the end of the connection ends does not say so")
	}
	if err := u.check(q, a); err != nil {
		u.r.failAs(fmt.Sprintf("%.40s", err), "%s (%s, %d): %w", q.token, q.kind.name, a.status, err)
	}
	if u.thinks > 0 {
		u.r.w.After(u.rng.Duration(0, u.thinks), u.begin)
	} else {
		u.begin()
	}
}

// wasCut looks at an answer that the end of the connection has cut.
func (u *user) wasCut(err error) {
	a, q := u.cur, u.requests[u.answers]
	u.r.count("answer cut")
	u.r.trace("%s has %d bytes of its answer to %s: %v", u.e.Label, len(a.body), q.token, err)
	if u.left {
		return
	}
	sse := strings.HasPrefix(a.head.Get("Content-Type"), "text/event-stream") && a.status == 200
	switch {
	case u.r.calm:
		u.r.fail("the answer to %s was cut where nothing went wrong", q.token)
	case sse && !q.noEnd && !u.sluggish && !u.r.cut && u.link.BufferBytes >= 2048:
		u.r.fail("the stream %s ended neither with its end nor with an error event: %q", q.token, a.body[max(0, len(a.body)-200):])
	case !sse && a.mark != "" && a.status == 200:
		if of := u.r.byMark[a.mark]; of != nil && of.status == 200 && !bytes.HasPrefix(of.op.whole(of.exchanged()), a.body) {
			u.r.fail("what there is of the answer to %s is not its beginning", q.token)
		}
	}
}
