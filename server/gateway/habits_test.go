package gateway_test

import "time"

// habitRow is something that a client does besides asking and reading.
type habitRow struct {
	name   string
	chance int  // percent of clients
	calm   bool // it does no harm: nothing of what the client asks may fail for it
	begin  func(r *rig, u *user)
}

// habits are all of them: a new one is an entry here. A client may have several.
var habits = []habitRow{
	{"pipelines", 40, true, func(_ *rig, u *user) { u.pipelined = true }},
	{"thinks", 30, true, func(_ *rig, u *user) { u.thinks = 500 * time.Millisecond }},
	{"thinks long", 3, false, func(_ *rig, u *user) { u.thinks = 12 * time.Second }}, // and finds its connection closed
	{"splits", 15, true, func(r *rig, u *user) {
		(&trickle{r: r, pause: time.Millisecond, most: 300, budget: 20000}).on(u.e)
	}},
	{"drips a head", 4, false, func(r *rig, u *user) {
		u.sluggish = true
		(&trickle{r: r, pause: 200 * time.Millisecond, most: 30, budget: 400}).on(u.e)
	}},
	{"drips a body", 4, false, func(r *rig, u *user) {
		u.sluggish = true
		(&trickle{r: r, pause: 2 * time.Second, most: 300, budget: 2000}).on(u.e)
	}},
	{"stops sending", 3, false, func(r *rig, u *user) {
		u.sluggish = true
		left := 1 + r.w.RNG.Intn(1500)
		u.e.Tap(func(b []byte, write func([]byte)) {
			n := min(left, len(b))
			left -= n
			write(b[:n])
		})
	}},
	{"reads slowly", 15, true, func(r *rig, u *user) {
		for range 3 {
			at := r.w.RNG.Duration(0, time.Second)
			r.w.After(at, u.e.Pause)
			r.w.After(at+r.w.RNG.Duration(0, time.Second), u.e.Resume)
		}
	}},
	{"stops reading for long", 4, false, func(r *rig, u *user) {
		u.sluggish = true
		at := r.soon()
		r.w.After(at, u.e.Pause)
		r.w.After(at+r.w.RNG.Duration(2*time.Second, 15*time.Second), u.e.Resume)
	}},
	{"never reads", 3, false, func(r *rig, u *user) {
		u.sluggish = true
		r.w.After(0, u.e.Pause)
		r.w.After(60*time.Second, func() { u.leave(0) })
	}},
	{"resets", 9, false, leaves(0)},
	{"closes", 9, false, leaves(1)},
	{"ends its sending", 9, false, leaves(2)},
}

// leaves goes at any moment.
func leaves(how int) func(*rig, *user) {
	return func(r *rig, u *user) {
		r.w.After(r.w.RNG.Duration(0, 2*time.Second), func() { u.leave(how) })
	}
}
