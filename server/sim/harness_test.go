package sim

import (
	"bytes"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bytedance/sonic"

	"penstock/loop"
)

// world is a loop on a clock and a network that the test moves.
type world struct {
	t     testing.TB
	s     *Server
	l     *loop.Loop
	now   int64
	panic string
}

// startWall is the wall clock at the world's beginning: 2026-11-23T12:00:00Z.
const startWall = 1795435200 * int64(time.Second)

// link is one connection as its client sees it.
type link struct {
	w        *world
	c        *loop.Conn
	out      []byte // what the server has written
	room     int    // bytes that the socket still takes; -1: any number
	released bool
	reset    bool
	shut     bool
}

func newWorld(t testing.TB, o Options) *world {
	w := &world{t: t, s: New(o), now: int64(time.Second)}
	w.l = loop.New(0, w, w.now, startWall, loop.Options{OnPanic: func(where string, reason any, stack []byte) {
		w.panic = where
		t.Errorf("panic in %s: %v\n%s", where, reason, stack)
	}})
	return w
}

func (w *world) Write(c *loop.Conn, b []byte) (int, error) {
	k := c.Aux.(*link)
	n := len(b)
	if k.room >= 0 {
		n = min(n, k.room)
		k.room -= n
	}
	k.out = append(k.out, b[:n]...)
	return n, nil
}
func (w *world) ShutdownWrite(c *loop.Conn) { c.Aux.(*link).shut = true }
func (w *world) Reread(*loop.Conn)          {}
func (w *world) Wake()                      {}
func (w *world) Unacked(*loop.Conn) int     { return 0 }
func (w *world) Release(c *loop.Conn, reset bool) {
	k := c.Aux.(*link)
	k.released, k.reset = true, reset
}

// batch runs f as one poll batch.
func (w *world) batch(f func()) {
	w.l.Enter(w.now)
	f()
	w.l.Tick()
	w.l.Leave()
}

// pass lets time pass, in steps of one tick.
func (w *world) pass(d time.Duration) {
	const tick = 1 << 20
	for end := w.now + int64(d); w.now < end; {
		w.now = min(w.now+tick, end)
		w.batch(func() {})
	}
}

func (w *world) connect() *link {
	k := &link{w: w, room: -1}
	w.batch(func() {
		k.c = w.l.Adopt(0, k, nil)
		k.c.SetHandler(w.s.Accept(k.c))
	})
	return k
}

// feed has the server read b in one piece.
func (k *link) feed(b string) { k.w.batch(func() { k.w.l.Readable(k.c, []byte(b)) }) }

// drain lets the socket take n more bytes (-1: any number).
func (k *link) drain(n int) {
	k.room = n
	k.w.batch(func() { k.w.l.Writable(k.c) })
}

// hangUp is the client closing the connection.
func (k *link) hangUp() { k.w.batch(func() { k.w.l.Gone(k.c, nil) }) }

// vanish is the client's host going away.
func (k *link) vanish() { k.w.batch(func() { k.w.l.Gone(k.c, syscall.ECONNRESET) }) }

// take returns what the server wrote since the last take.
func (k *link) take() string {
	s := string(k.out)
	k.out = k.out[:0]
	return s
}

// idle checks that nothing is left of what a world did.
func (w *world) idle() {
	w.t.Helper()
	st := w.l.Stats()
	if n := w.s.StatsOffLoop().Open; n != 0 {
		w.t.Errorf("%d answers are still open", n)
	}
	if st.Timers != 0 {
		w.t.Errorf("%d timers are armed", st.Timers)
	}
	if st.Slabs.LentBytes != 0 {
		w.t.Errorf("%d bytes of slabs are lent", st.Slabs.LentBytes)
	}
}

func post(path, body string, fields ...string) string {
	var b strings.Builder
	b.WriteString("POST " + path + " HTTP/1.1\r\nHost: sim\r\nContent-Type: application/json\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\n")
	for i := 0; i < len(fields); i += 2 {
		b.WriteString(fields[i] + ": " + fields[i+1] + "\r\n")
	}
	return b.String() + "\r\n" + body
}

func chat(model, more string) string {
	return post("/v1/chat/completions", `{"model":"`+model+`","messages":[{"role":"user","content":"Hello"}]`+more+`}`)
}

// reply is an HTTP/1.1 answer taken apart.
type reply struct {
	status int
	fields map[string]string // names in lower case
	body   string
	ended  bool // the body is complete
}

// readReply takes the first answer off text.
func readReply(t testing.TB, text string) (r reply, rest string) {
	t.Helper()
	head, body, ok := strings.Cut(text, "\r\n\r\n")
	if !ok {
		t.Fatalf("no whole head in %q", text)
	}
	lines := strings.Split(head, "\r\n")
	if !strings.HasPrefix(lines[0], "HTTP/1.1 ") {
		t.Fatalf("status line %q", lines[0])
	}
	r.status, _ = strconv.Atoi(lines[0][9:12])
	r.fields = map[string]string{}
	for _, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ": ")
		r.fields[strings.ToLower(name)] = value
	}
	if length, ok := r.fields["content-length"]; ok {
		n, err := strconv.Atoi(length)
		if err != nil {
			t.Fatal(err)
		}
		r.ended = len(body) >= n
		n = min(n, len(body))
		r.body = body[:n]
		return r, body[n:]
	}
	if r.fields["transfer-encoding"] != "chunked" {
		r.body = body
		return r, ""
	}
	for body != "" {
		size, after, ok := strings.Cut(body, "\r\n")
		n, err := strconv.ParseUint(size, 16, 31)
		if !ok || err != nil || len(after) < int(n)+2 {
			break
		}
		r.body += after[:n]
		if after[n:n+2] != "\r\n" {
			t.Fatalf("chunk of %d bytes does not end in CRLF", n)
		}
		body = after[n+2:]
		if n == 0 {
			r.ended = true
			break
		}
	}
	return r, body
}

// ask sends one request on a new connection and returns its answer.
func (w *world) ask(request string) reply {
	w.t.Helper()
	k := w.connect()
	k.feed(request)
	r, rest := readReply(w.t, k.take())
	if rest != "" {
		w.t.Fatalf("more than one answer: %q", rest)
	}
	k.hangUp()
	return r
}

// object is JSON that is read with the dotted path of at.
type object struct {
	t testing.TB
	v any
}

func parseJSON(t testing.TB, text string) object {
	t.Helper()
	var v any
	if err := sonic.UnmarshalString(text, &v); err != nil {
		t.Fatalf("no JSON: %v in %q", err, text)
	}
	return object{t, v}
}

// at follows a path such as "choices.0.message.content"; what is not there is nil.
func (o object) at(path string) any {
	v := o.v
	for _, step := range strings.Split(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

func (o object) has(path string) bool {
	at := strings.LastIndexByte(path, '.')
	parent := o.v
	if at >= 0 {
		parent = o.at(path[:at])
	}
	m, ok := parent.(map[string]any)
	if ok {
		_, ok = m[path[at+1:]]
	}
	return ok
}

func (o object) want(path string, value any) {
	o.t.Helper()
	if got := o.at(path); got != value {
		o.t.Errorf("%s is %v, want %v", path, got, value)
	}
}

// event is one server-sent event.
type event struct{ name, data string }

func readEvents(t testing.TB, body string) (events []event) {
	t.Helper()
	if body != "" && !strings.HasSuffix(body, "\n\n") {
		t.Fatalf("stream ends within an event: %q", body[max(0, len(body)-100):])
	}
	for _, part := range strings.Split(strings.TrimSuffix(body, "\n\n"), "\n\n") {
		var e event
		for _, line := range strings.Split(part, "\n") {
			if v, ok := strings.CutPrefix(line, "event: "); ok {
				e.name = v
			} else if v, ok := strings.CutPrefix(line, "data: "); ok {
				e.data += v
			} else {
				t.Fatalf("line %q", line)
			}
		}
		events = append(events, e)
	}
	return events
}

var contentOf = func(t testing.TB, body string) (text string) {
	for _, e := range readEvents(t, body) {
		if e.data == "[DONE]" {
			continue
		}
		if s, ok := parseJSON(t, e.data).at("choices.0.delta.content").(string); ok {
			text += s
		}
	}
	return text
}

func wholeText(n int) string { return string(appendWords(nil, n, 0)) }

func countOf(body, part string) int { return bytes.Count([]byte(body), []byte(part)) }
