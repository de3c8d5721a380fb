package gateway_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"penstock/loop/looptest"
	"penstock/server/gateway"
)

// calmRig is a rig in which providers do nothing wrong and take no time.
func calmRig(tune func(*gateway.Policy)) *rig {
	r := newRig(1, tune)
	r.calm = true
	r.w.Pass(50 * time.Millisecond)
	return r
}

// TestEverySplitOfRequest cuts the bytes of a request in two at every place; the second part comes a moment later.
func TestEverySplitOfRequest(t *testing.T) {
	for _, k := range []kind{kindChat, kindStream, kindMessages, kindChunked, kindModels} {
		for _, model := range []string{"m-alpha", "m-beta"} {
			r := calmRig(nil)
			n := uint32(1)
			var users []*user
			for at := 1; ; at++ {
				q := newRequest(k, model, makeToken('s', n<<12|3))
				if at >= len(q.wire) {
					break
				}
				n++
				u := newUser(r, looptest.Link{}, []*request{q})
				u.next = 1
				u.e.Write(q.wire[:at])
				r.w.Pass(time.Millisecond)
				u.e.Write(q.wire[at:])
				if !r.w.Run(time.Second, func() bool { return u.answers == 1 }) || u.statuses[200] != 1 {
					t.Fatalf("%s, kind %s, cut at %d of %d: %v", model, k, at, len(q.wire), u.statuses)
				}
				users = append(users, u)
			}
			if err := r.simulate(users); err != nil {
				t.Fatalf("%s, kind %s: %v", model, k, err)
			}
		}
	}
}

// TestEverySplitOfResponse cuts what a provider sends in two at every place.
func TestEverySplitOfResponse(t *testing.T) {
	for _, k := range []kind{kindChat, kindStream, kindStreamUsage} {
		for name, model := range map[string]string{"alpha": "m-alpha", "beta": "m-beta"} {
			length := 0
			for at := 0; at <= length; at++ {
				r := newRig(1, nil)
				r.calm = true
				var part *cutting
				accept := r.d.targets[name].accept
				r.d.targets[name].accept = func(e *looptest.End) {
					accept(e)
					e.Tap(func(b []byte, write func([]byte)) { part.tap(b, write) })
				}
				part = &cutting{r: r, at: at}
				u := newUser(r, looptest.Link{}, []*request{newRequest(k, model, makeToken('s', 2))})
				u.begin()
				if !r.w.Run(5*time.Second, func() bool { return u.answers == 1 }) || u.statuses[200] != 1 {
					t.Fatalf("%s, kind %s, cut at %d: %v", name, k, at, u.statuses)
				}
				if err := r.simulate([]*user{u}); err != nil {
					t.Fatalf("%s, kind %s, cut at %d: %v", name, k, at, err)
				}
				length = part.seen
			}
		}
	}
}

// cutting lets the first bytes of a direction through, and the rest a moment later.
type cutting struct {
	r       *rig
	at      int
	seen    int
	waiting []byte
	held    bool
}

func (c *cutting) tap(b []byte, write func([]byte)) {
	n := min(max(c.at-c.seen, 0), len(b))
	first := c.seen <= c.at && c.seen+len(b) > c.at
	c.seen += len(b)
	if c.held {
		c.waiting = append(c.waiting, b...)
		return
	}
	if !first {
		write(b)
		return
	}
	write(b[:n])
	c.held, c.waiting = true, bytes.Clone(b[n:])
	c.r.w.After(time.Millisecond, func() {
		c.held = false
		write(c.waiting)
	})
}

// TestEveryOrderOfEnds lets everything that can end an exchange happen at one moment, in every order: the answer, a reset by the
// provider, the client's leaving, and the gateway's timer.
func TestEveryOrderOfEnds(t *testing.T) {
	const answer, reset, gone, timer = 0, 1, 2, 3
	for _, model := range []string{"m-alpha", "m-beta"} {
		for _, k := range []kind{kindChat, kindStream} {
			for _, started := range []bool{false, true} {
				permutations([]int{answer, reset, gone, timer}, func(order []int) {
					for subset := 1; subset < 16; subset++ {
						if !canonical(order, subset) {
							continue
						}
						r := calmRig(func(p *gateway.Policy) { p.KeepAlive = 0; p.Retry.Attempts = 1 })
						r.calm = false
						r.fateOf = func(*ask) fate { return fateSilent }
						var at reply
						r.served = func(a *ask, to reply) { at = to }
						u := newUser(r, looptest.Link{}, []*request{newRequest(k, model, makeToken('s', 4))})
						u.begin()
						r.w.Pass(10 * time.Millisecond)
						a := r.asks[0]
						body := bytes.Join(eventAnswer(a.token, true), nil)
						media := "text/event-stream"
						if !a.stream {
							body, media = wholeAnswer(a.token, a.api), "application/json"
						}
						if started {
							at.head(200, media, -1)
							at.data(body[:20])
							body = body[20:]
							r.w.Pass(10 * time.Millisecond)
						}
						for _, what := range order {
							if subset>>what&1 == 0 {
								continue
							}
							switch what {
							case answer:
								if a.over {
									break
								}
								if !started {
									at.head(200, media, -1)
								}
								a.cost = true
								at.data(body)
								a.over = true
								at.end()
							case reset:
								a.over = true
								at.reset()
							case gone:
								u.leave(0)
							case timer:
								r.w.Pass(r.pol.FirstByteTimeout + time.Millisecond)
							}
						}
						if err := r.simulate([]*user{u}); err != nil {
							t.Fatal(fmt.Errorf("%s, kind %s, started %v, order %v of set %b: %w", model, k, started, order, subset, err))
						}
						if !u.left && u.answers == 0 && !u.over {
							t.Fatalf("%s, order %v of set %b: neither answer nor end", model, order, subset)
						}
					}
				})
			}
		}
	}
}

// canonical says that what is not in the set stands behind, in rising order: each order of a set is then met once.
func canonical(order []int, subset int) bool {
	last := -1
	for _, what := range order {
		switch {
		case subset>>what&1 == 0 && what < last:
			return false
		case subset>>what&1 == 0:
			last = what
		case last >= 0:
			return false
		}
	}
	return true
}

func permutations(a []int, f func([]int)) {
	var rec func(int)
	rec = func(i int) {
		if i == len(a) {
			f(a)
			return
		}
		for j := i; j < len(a); j++ {
			a[i], a[j] = a[j], a[i]
			rec(i + 1)
			a[i], a[j] = a[j], a[i]
		}
	}
	rec(0)
}

// A client that does not read keeps its exchange's timer from running hot.
func TestBlockedStreamDoesNotSpin(t *testing.T) {
	r := calmRig(func(p *gateway.Policy) { p.KeepAlive = 100 * time.Millisecond; p.BetweenTimeout = 5 * time.Second })
	u := newUser(r, looptest.Link{BufferBytes: 512}, []*request{newRequest(kindStream, "m-alpha", makeToken('B', 1))})
	u.begin()
	u.e.Pause()
	r.w.Pass(100 * time.Millisecond)
	before := r.host.Loop.Stats().TimersFired
	r.w.Pass(4 * time.Second)
	if n := r.host.Loop.Stats().TimersFired - before; n > 150 {
		t.Errorf("%d timers fired in four seconds of a blocked stream", n)
	}
}
