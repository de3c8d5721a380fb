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

// kind is what a client asks for.
type kind uint8

const (
	kindChat kind = iota
	kindStream
	kindStreamUsage // with include_usage
	kindMessages
	kindChunked
	kindExpect
	kindModels
	kindModel
	kindHead
	kindWrongKey
	kindUnknown
	kindNotFound
	kindMethod
	kindBadJSON
	kindNoModel
	kindEncoded
	kindTooLarge
	kindTooLargeChunked
	kindMalformed
	kinds
)

// request is one request of a client.
type request struct {
	kind  kind
	token string
	wire  []byte
	after []byte // of kindExpect: the body, which is sent after 100 Continue
}

// want is the status that a request gets where nothing goes wrong behind the gateway.
func (q *request) want() int {
	switch q.kind {
	case kindWrongKey:
		return 401
	case kindUnknown, kindNotFound:
		return 404
	case kindMethod:
		return 405
	case kindBadJSON, kindNoModel, kindMalformed:
		return 400
	case kindEncoded:
		return 415
	case kindTooLarge, kindTooLargeChunked:
		return 413
	default:
		return 200
	}
}

// asks says that a provider answers.
func (q *request) asks() bool { return q.kind <= kindExpect }

func newRequest(k kind, model, token string) *request {
	q := &request{kind: k, token: token}
	body := fmt.Sprintf(`{"model":%q,"user":%q,"messages":[{"role":"user","content":"say %s"}]}`, model, token, strings.Repeat("it ", tokenNumber(token)%200))
	line, key, more := "POST /v1/chat/completions", goodKey, ""
	framed := true
	switch k {
	case kindStream:
		body = body[:len(body)-1] + `,"stream":true}`
	case kindStreamUsage:
		body = body[:len(body)-1] + `,"stream":true,"stream_options":{"include_usage":true}}`
	case kindMessages:
		line = "POST /v1/messages"
		more = "anthropic-version: 2023-06-01\r\n"
	case kindModels:
		line, body = "GET /v1/models", ""
	case kindModel:
		line, body = "GET /v1/models/m-alpha", ""
	case kindHead:
		line, body = "HEAD /v1/models", ""
	case kindWrongKey:
		key = "sk-somebody-else"
	case kindUnknown:
		body = strings.Replace(body, model, "m-nobody", 1)
	case kindNotFound:
		line = "POST /v1/nothing/here"
	case kindMethod:
		line, body = "DELETE /v1/chat/completions", ""
	case kindBadJSON:
		body = body[:len(body)/2]
	case kindNoModel:
		body = `{"user":"` + token + `"}`
	case kindEncoded:
		more = "content-encoding: gzip\r\n"
	case kindTooLarge:
		body = strings.Repeat("x", bodyLimit+1)
	case kindTooLargeChunked, kindChunked:
		framed = false
	case kindMalformed:
		more = "content-length: 1\r\nbad header line\r\n"
	default:
	}
	var b []byte
	b = fmt.Appendf(b, "%s HTTP/1.1\r\nHost: gateway.test\r\nAuthorization: Bearer %s\r\n%s", line, key, more)
	switch {
	case !framed:
		b = append(b, "Transfer-Encoding: chunked\r\n\r\n"...)
		if k == kindTooLargeChunked {
			body = strings.Repeat("x", bodyLimit+1)
		}
		for len(body) > 0 {
			n := min(len(body), 1+len(body)/2)
			b = fmt.Appendf(b, "%x;x=y\r\n%s\r\n", n, body[:n])
			body = body[n:]
		}
		b = append(b, "0\r\nx-sum: 1\r\n\r\n"...)
	case k == kindExpect:
		b = fmt.Appendf(b, "Expect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body))
		q.after = []byte(body)
	case body != "":
		b = fmt.Appendf(b, "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	default:
		b = append(b, "\r\n"...)
	}
	q.wire = b
	return q
}

// answer is one response as a client reads it.
type answer struct {
	status    int
	head      http.Header
	body      []byte
	chunked   bool
	left      int // of a body with Content-Length, or of a chunk; -1: until the end of the connection
	inChunk   bool
	lastChunk bool
}

// user is one client: it sends its requests, pipelined or one by one, reads the answers, and may leave at any time.
type user struct {
	r         *rig
	e         *looptest.End
	requests  []*request
	next      int // to be sent
	pipelined bool
	thinks    time.Duration

	in        []byte
	cur       *answer
	answers   int  // complete
	closing   bool // an answer said that the connection closes
	left      bool // the client has gone
	over      bool // the connection is over
	continued bool
	cost      [2]uint64 // tokens of the answers that have come whole
	statuses  map[int]int
}

func newUser(r *rig, l looptest.Link, requests []*request) *user {
	u := &user{r: r, requests: requests, statuses: map[int]int{}}
	u.e = r.connect(l, u)
	return u
}

func (u *user) done() bool { return u.over || u.left }

// begin sends what may be sent now.
func (u *user) begin() {
	for u.next < len(u.requests) && !u.done() && (u.pipelined || u.answers == u.next) {
		q := u.requests[u.next]
		u.next++
		u.continued = false
		u.e.Write(q.wire)
		if q.after != nil {
			if !u.pipelined && u.r.w.RNG.Chance(70) {
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

func (u *user) OnEnd(e *looptest.End, err error) {
	if u.cur != nil && u.cur.left == -1 && err == nil {
		u.complete()
	}
	u.over = true
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
		a.body = append(a.body, u.in...)
		u.in = u.in[:0]
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
			u.r.fail("chunk size %q", line)
			u.over = true
			return false
		}
		a.left, a.inChunk, a.lastChunk = int(n), n > 0, n == 0
		return true
	}
	if len(u.in) == 0 {
		return false
	}
	n := min(a.left, len(u.in))
	a.body = append(a.body, u.in[:n]...)
	u.in = u.in[n:]
	if a.left -= n; a.left == 0 {
		if !a.chunked {
			u.complete()
		}
		a.inChunk = false
	}
	return true
}

func (u *user) readHead() bool {
	end := bytes.Index(u.in, []byte("\r\n\r\n"))
	if end < 0 {
		return false
	}
	lines := strings.Split(string(u.in[:end]), "\r\n")
	u.in = u.in[end+4:]
	a := &answer{head: http.Header{}}
	if _, err := fmt.Sscanf(lines[0], "HTTP/1.1 %d ", &a.status); err != nil {
		u.r.fail("status line %q", lines[0])
		u.over = true
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
	if u.answers >= u.next {
		u.r.fail("an answer (%d) that nobody has asked for", a.status)
		u.over = true
		return false
	}
	q := u.requests[u.answers]
	lengths, codings := a.head.Values("Content-Length"), a.head.Values("Transfer-Encoding")
	if len(lengths)+len(codings) > 1 {
		u.r.fail("framed twice: %q", lines)
	}
	u.cur = a
	switch {
	case q.kind == kindHead || a.status == 204:
		u.complete()
	case len(codings) == 1:
		a.chunked = true
		a.left = -2
	case len(lengths) == 1:
		if a.left, _ = strconv.Atoi(lengths[0]); a.left == 0 {
			u.complete()
		}
	default:
		a.left = -1
	}
	return true
}

// complete checks an answer that is whole.
func (u *user) complete() {
	a, q := u.cur, u.requests[u.answers]
	u.cur = nil
	u.answers++
	u.statuses[a.status]++
	if strings.EqualFold(a.head.Get("Connection"), "close") {
		u.closing = true
	}
	if err := u.check(q, a); err != nil {
		u.r.fail("%s (kind %d, %d): %w", q.token, q.kind, a.status, err)
	}
	if u.thinks > 0 {
		u.r.w.After(u.r.w.RNG.Duration(0, u.thinks), u.begin)
	} else {
		u.begin()
	}
}

func (u *user) check(q *request, a *answer) error {
	ids := append(a.head.Values("X-Request-Id"), a.head.Values("Request-Id")...)
	if len(ids) != 1 || u.r.ids[ids[0]] {
		return fmt.Errorf("request ids %q: not one, or not a new one", ids)
	}
	u.r.ids[ids[0]] = true
	if !q.asks() || a.status != 200 {
		return u.checkOther(q, a)
	}
	if q.kind != kindStream && q.kind != kindStreamUsage {
		api := "openai"
		if q.kind == kindMessages {
			api = "anthropic"
		}
		if want := wholeAnswer(q.token, api); !bytes.Equal(a.body, want) {
			return fmt.Errorf("got  %.300q\nwant %.300q", a.body, want)
		}
		u.paid(q)
		return nil
	}
	body := dropComments(a.body)
	want := bytes.Join(eventAnswer(q.token, q.kind == kindStreamUsage), nil)
	if bytes.Equal(body, want) {
		u.paid(q)
		return nil
	}
	if u.r.calm {
		return fmt.Errorf("got  %.300q\nwant %.300q", body, want)
	}
	i := 0
	for i < len(body) && i < len(want) && body[i] == want[i] {
		i++
	}
	if endsLike(body, q.token) && bytes.Contains(body, []byte(`"finish_reason":"stop"`)) {
		return nil // the answer itself is whole: what a provider leaves out behind its finish is its own affair
	}
	// What differs begins an error event, which may share the beginning of a line with what was to come.
	at := bytes.LastIndex(body, []byte("data: {\"error\""))
	if at < 0 || at > i || len(bytes.TrimRight(body[:at], "\n")) > i {
		at = errorAt(body)
		if at < 0 || len(bytes.TrimRight(body[:at], "\n")) > i {
			return fmt.Errorf("neither whole nor ended by an error event: agrees up to %d: got %.400q", i, body[max(0, i-80):])
		}
	}
	if !bytes.HasSuffix(body, []byte("\n\n")) {
		return fmt.Errorf("the error event does not end: %q", body[at:])
	}
	return nil
}

// endsLike says that body is a beginning of the answer, with or without the usage in it.
func endsLike(body []byte, token string) bool {
	for _, usage := range []bool{true, false} {
		if bytes.HasPrefix(bytes.Join(eventAnswer(token, usage), nil), body) {
			return true
		}
	}
	return false
}

func errorAt(body []byte) int { return bytes.LastIndex(body, []byte(`data: {"error"`)) }

// dropComments takes keep-alive comments out of an event stream.
func dropComments(b []byte) []byte {
	var out []byte
	for _, line := range bytes.SplitAfter(b, []byte("\n\n")) {
		if !bytes.HasPrefix(line, []byte(":")) {
			out = append(out, line...)
		}
	}
	return out
}

func (u *user) paid(q *request) {
	u.cost[0] += uint64(inputTokens(q.token))
	u.cost[1] += uint64(outputTokens(q.token))
}

func (u *user) checkOther(q *request, a *answer) error {
	want := q.want()
	ok := a.status == want
	switch {
	case q.asks() && u.r.calm:
		ok = false
	case q.asks():
		switch a.status {
		case 400, 401, 404, 429, 529: // of the provider
			ok = bytes.Contains(a.body, []byte(q.token))
		case 408, 500, 502, 503, 504:
			ok = true
		}
	case a.status == 503 && u.r.pol.RequestsPerLoop > 0, a.status == 408:
		ok = true
	}
	if !ok {
		return fmt.Errorf("wanted status %d, got %.300q", want, a.body)
	}
	if q.kind == kindHead {
		return nil
	}
	if i := bytes.Index(a.body, []byte("tok")); i >= 0 && !bytes.Contains(a.body, []byte(q.token)) {
		return fmt.Errorf("bytes of another exchange: %q", a.body)
	}
	if want == 200 && !q.asks() && a.status == 200 && !bytes.Contains(a.body, []byte(`"m-alpha"`)) {
		return fmt.Errorf("models: %q", a.body)
	}
	if a.status >= 400 && !bytes.HasPrefix(a.body, []byte("{")) {
		return fmt.Errorf("error body %q", a.body)
	}
	return nil
}
