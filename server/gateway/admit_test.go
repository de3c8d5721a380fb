package gateway_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"penstock/loop/looptest"
	"penstock/server/auth"
	"penstock/server/dialect"
	"penstock/server/gateway"
)

// twoKeys lets a second key in beside goodKey.
func twoKeys(p *gateway.Policy) {
	p.Dims.Keys = []string{"team", "other"}
	p.Auth = must(auth.NewTable([]auth.Entry{
		{Key: auth.Key{Name: "team", ID: 0}, Digest: auth.Digest([]byte(goodKey))},
		{Key: auth.Key{Name: "other", ID: 1}, Digest: auth.Digest([]byte(otherKey))},
	}))
}

const otherKey = "sk-simulated-0002"

// crowd is a set of clients that each have sent one request.
type crowd []*transcript

// statuses counts the answers by status; 0 are those that have not come.
func (c crowd) statuses() map[int]int {
	n := map[int]int{}
	for _, s := range c {
		status := 0
		_, _ = fmt.Sscanf(string(s.got), "HTTP/1.1 %d ", &status)
		n[status]++
	}
	return n
}

// come has n clients send a request each.
func (r *rig) come(n int, k kind, key string) (c crowd, ends []*looptest.End) {
	for range n {
		s := new(transcript)
		e := r.connect(looptest.Link{}, s)
		r.number++
		wire := newRequest(k, "m-alpha", makeToken('s', r.number)).wire
		e.Write([]byte(strings.Replace(string(wire), goodKey, key, 1)))
		c, ends = append(c, s), append(ends, e)
	}
	r.w.Pass(100 * time.Millisecond)
	return c, ends
}

func leaveAll(r *rig, ends ...[]*looptest.End) {
	for _, es := range ends {
		for _, e := range es {
			e.Reset()
		}
	}
	r.w.Pass(10 * time.Millisecond)
}

// busyRig has providers that do not answer.
func busyRig(tune func(*gateway.Policy)) *rig {
	r := newRig(1, func(p *gateway.Policy) {
		twoKeys(p)
		p.KeepAlive = 0
		p.FirstByteTimeout, p.TotalTimeout = time.Hour, time.Hour
		tune(p)
	})
	r.calm = true
	r.w.Pass(50 * time.Millisecond)
	r.fateOf = func(*ask) fate { return fateSilent }
	return r
}

func TestBoundOfRequestsInFlight(t *testing.T) {
	r := busyRig(func(p *gateway.Policy) { p.RequestsPerLoop = 10 })
	all, ends := r.come(15, kindChat, goodKey)
	if n := all.statuses(); n[0] != 10 || n[503] != 5 {
		t.Errorf("of 15 requests: %v", n)
	}
	more, moreEnds := r.come(1, kindMessages, goodKey)
	got := string(more[0].got)
	for _, want := range []string{"HTTP/1.1 503 ", "retry-after: 1\r\n", `"type":"error"`, "overloaded"} {
		if !strings.Contains(got, want) {
			t.Errorf("the refusal lacks %q: %q", want, got)
		}
	}
	if more[0].ended {
		t.Error("the refusal closed the connection")
	}
	ends[0].Reset()
	r.w.Pass(10 * time.Millisecond)
	next, nextEnds := r.come(1, kindChat, goodKey)
	if n := next.statuses(); n[0] != 1 {
		t.Errorf("after one has left: %v", n)
	}
	leaveAll(r, ends[1:], moreEnds, nextEnds)
	if err := r.end(); err != nil {
		t.Error(err)
	}
}

// One key that fills the bound does not lock the other out, and gets no more than its share while the other wants its own.
func TestBoundIsFairBetweenKeys(t *testing.T) {
	r := busyRig(func(p *gateway.Policy) { p.RequestsPerLoop = 40 })
	heavy, heavyEnds := r.come(60, kindChat, goodKey)
	if n := heavy.statuses(); n[0] != 40 {
		t.Fatalf("of the first key: %v", n)
	}
	light, lightEnds := r.come(8, kindChat, otherKey)
	if n := light.statuses(); n[0] != 5 || n[503] != 3 {
		t.Errorf("of the second key: %v; an eighth beyond the bound is for it", n)
	}
	// One by one requests of the first key end, and both want what becomes free.
	for i := range 30 {
		heavyEnds[i].Reset()
		h, he := r.come(1, kindChat, goodKey)
		l, le := r.come(1, kindChat, otherKey)
		heavy, light = append(heavy, h...), append(light, l...)
		heavyEnds, lightEnds = append(heavyEnds, he...), append(lightEnds, le...)
	}
	if got, want := light.statuses()[0], 20; got != want {
		t.Errorf("the second key has %d in flight, want its share of %d", got, want)
	}
	leaveAll(r, heavyEnds[30:], lightEnds)
	if err := r.end(); err != nil {
		t.Error(err)
	}
}

// A loop that is behind refuses a part of what comes, at most one in six, and nothing once it has caught up.
func TestLateLoopSheds(t *testing.T) {
	r := busyRig(func(*gateway.Policy) {})
	var ends []*looptest.End
	refused := func(n int) int {
		c, e := r.come(n, kindChat, goodKey)
		ends = append(ends, e...)
		return c.statuses()[503]
	}
	if n := refused(60); n != 0 {
		t.Errorf("%d of 60 requests were refused without need", n)
	}
	r.host.Lag = 300 * time.Millisecond
	for range 10 {
		refused(1)
		r.w.Pass(100 * time.Millisecond)
	}
	if n := refused(60); n < 9 || n > 11 {
		t.Errorf("%d of 60 requests were refused by a loop that is behind, want one in six", n)
	}
	r.host.Lag = time.Millisecond
	refused(10)
	if n := refused(60); n != 0 {
		t.Errorf("%d of 60 requests were refused after the loop had caught up", n)
	}
	leaveAll(r, ends)
	if err := r.end(); err != nil {
		t.Error(err)
	}
}

// What requests in flight hold is bounded: neither a new request nor the growth of one goes beyond.
func TestBoundOfMemory(t *testing.T) {
	r := busyRig(func(p *gateway.Policy) { p.BodyBytes, p.MemoryPerLoop = 1<<20, 2<<20 })
	var clients crowd
	var ends []*looptest.End
	for range 12 { // each sends half of a body of 800 KB
		s := new(transcript)
		e := r.connect(looptest.Link{}, s)
		e.Write(fmt.Appendf(nil, "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Length: 800000\r\n\r\n%400000s", goodKey, ""))
		r.w.Pass(100 * time.Millisecond)
		if lent := r.host.Loop.Slabs.Stats().LentBytes; lent > 3<<20 {
			t.Fatalf("%d bytes are held", lent)
		}
		clients, ends = append(clients, s), append(ends, e)
	}
	if n := clients.statuses(); n[0] < 2 || n[503] < 6 || n[0]+n[503] != 12 {
		t.Errorf("of 12 uploads: %v", n)
	}
	leaveAll(r, ends)
	if n, e := r.come(1, kindChat, goodKey); n.statuses()[0] != 1 {
		t.Errorf("after they have left: %v", n.statuses())
	} else {
		leaveAll(r, e)
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
}

// A request that is refused for the moment says so in the form of its API.
func TestOverloadInEachAPI(t *testing.T) {
	for _, ep := range dialect.Endpoints() {
		if ep.Local || ep.Method != "POST" {
			continue
		}
		r := busyRig(func(p *gateway.Policy) { p.RequestsPerLoop = 1 })
		_, ends := r.come(1, kindChat, goodKey)
		path := ep.Path
		if strings.HasSuffix(path, "/") {
			path += "x/cancel"
		}
		s := new(transcript)
		e := r.connect(looptest.Link{}, s)
		e.Write(fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Length: 2\r\n\r\n{}", path, goodKey))
		r.w.Pass(10 * time.Millisecond)
		form := `{"error":{`
		if ep.API == dialect.APIAnthropic {
			form = `{"type":"error","error":{`
		}
		got := string(s.got)
		if !strings.HasPrefix(got, "HTTP/1.1 503 ") || !strings.Contains(got, "\r\nretry-after: 1\r\n") || !strings.Contains(got, "\r\n\r\n"+form) {
			t.Errorf("%s: %q", path, got)
		}
		leaveAll(r, ends, []*looptest.End{e})
		if err := r.end(); err != nil {
			t.Error(err)
		}
	}
}

// A key that asks for less than its share keeps its places from one request to the next, although another one wants them all.
func TestBoundKeepsPlacesBetweenRequests(t *testing.T) {
	r := busyRig(func(p *gateway.Policy) { p.RequestsPerLoop = 20 })
	_, heavyEnds := r.come(30, kindChat, goodKey)
	var lightEnds []*looptest.End
	refused := 0
	for round := range 20 {
		light, ends := r.come(5, kindChat, otherKey)
		if round >= 2 { // until then requests of the first key that were there before hold the places
			refused += light.statuses()[503]
		}
		// All of the second key end at once, some of the first, and the first is quicker to ask again.
		leaveAll(r, ends, heavyEnds[:5])
		h, he := r.come(30, kindChat, goodKey)
		heavyEnds = heavyEnds[5:]
		for i, s := range h {
			if strings.HasPrefix(string(s.got), "HTTP/1.1 503") {
				lightEnds = append(lightEnds, he[i])
			} else {
				heavyEnds = append(heavyEnds, he[i])
			}
		}
	}
	if refused > 0 {
		t.Errorf("%d of 90 requests of a key that never had more than 5 of its share of 10 were refused", refused)
	}
	leaveAll(r, heavyEnds, lightEnds)
	if err := r.end(); err != nil {
		t.Error(err)
	}
}
