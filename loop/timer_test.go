package loop

import (
	"math/rand/v2"
	"testing"
	"time"
)

// idleBackend is a loop without a network.
type idleBackend struct{}

func (idleBackend) Write(*Conn, []byte) (int, error) { return 0, nil }
func (idleBackend) Unacked(*Conn) int                { return 0 }
func (idleBackend) ShutdownWrite(*Conn)              {}
func (idleBackend) Reread(*Conn)                     {}
func (idleBackend) Release(*Conn, bool)              {}
func (idleBackend) Wake()                            {}

func idleLoop(now int64) *Loop { return New(0, idleBackend{}, now, 0, Options{}) }

// alarm notes when it fired.
type alarm struct {
	timer Timer
	l     *Loop
	due   int64 // 0: not armed
	at    int64
	fired int
	again time.Duration
}

func (a *alarm) OnTimer(*Timer) {
	a.at = a.l.Now()
	a.fired++
	a.due = 0
	if a.again > 0 {
		a.due = a.l.Now() + int64(a.again)
		a.l.Arm(&a.timer, a.again)
	}
}

const tickNS = int64(1) << tickShift

// Against a plain list: no timer fires early, none later than the first look at the clock after its time, and a loop that sleeps until
// NextDeadline misses none.
func TestTimersAgainstList(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		l := idleLoop(int64(r.Uint64() >> 16))
		alarms := make([]*alarm, 200)
		for i := range alarms {
			alarms[i] = &alarm{l: l}
			alarms[i].timer.Init(alarms[i])
		}
		for range 3000 {
			a := alarms[r.IntN(len(alarms))]
			switch r.IntN(4) {
			case 0, 1:
				d := time.Duration(r.Int64N(1 << (10 + r.IntN(40)))) // up to days
				a.due = l.Now() + int64(d)
				l.Arm(&a.timer, d)
			case 2:
				l.Disarm(&a.timer)
				a.due = 0
			default:
				now := l.Now()
				if d := l.NextDeadline(); d >= 0 && r.IntN(4) > 0 {
					now = max(now, d) // asleep until then
				} else {
					now += r.Int64N(1 << (10 + r.IntN(35)))
				}
				before := make([]int64, len(alarms))
				fired := make([]int, len(alarms))
				for i, a := range alarms {
					before[i], fired[i] = a.due, a.fired
				}
				l.Enter(now)
				l.Tick()
				armed := 0
				for i, a := range alarms {
					switch {
					case a.fired > fired[i] && (before[i] == 0 || before[i] > now || a.fired > fired[i]+1):
						t.Fatalf("seed %d: a timer due at %d fired %d times at %d", seed, before[i], a.fired-fired[i], now)
					case a.fired == fired[i] && before[i] != 0 && now-before[i] >= tickNS:
						t.Fatalf("seed %d: a timer due at %d had not fired at %d", seed, before[i], now)
					}
					if a.timer.Armed() {
						armed++
					}
				}
				if armed != l.Timers() {
					t.Fatalf("seed %d: %d timers armed, %d counted", seed, armed, l.Timers())
				}
			}
		}
	}
}

// Every distance around the borders of the wheel's levels fires at its tick.
func TestTimersAtLevelBorders(t *testing.T) {
	for _, start := range []int64{0, 1, 255, 256, 257, 65535, 65536, 1<<24 - 1, 1 << 24} {
		for _, border := range []int64{1, 1 << wheelBits, 1 << (2 * wheelBits), 1 << (3 * wheelBits)} {
			for ticks := max(border-2, 1); ticks <= border+2; ticks++ {
				l := idleLoop(start * tickNS)
				a := &alarm{l: l}
				a.timer.Init(a)
				l.Arm(&a.timer, time.Duration(ticks*tickNS))
				looks := 0
				for a.fired == 0 {
					d := l.NextDeadline()
					if d < 0 || looks > 8 {
						t.Fatalf("from tick %d over %d ticks: not fired after %d looks", start, ticks, looks)
					}
					looks++
					l.Enter(d)
					l.Tick()
				}
				if want := (start + ticks) * tickNS; a.at != want {
					t.Fatalf("from tick %d over %d ticks: fired at %d, not at %d", start, ticks, a.at, want)
				}
			}
		}
	}
}

// A timer that arms itself with no time at all fires once per look at the clock.
func TestTimerRearmedInItsCallback(t *testing.T) {
	l := idleLoop(0)
	a := &alarm{l: l, again: 1}
	a.timer.Init(a)
	l.Arm(&a.timer, 0)
	for i := range 100 {
		l.Enter(l.Now() + tickNS)
		l.Tick()
		if a.fired > i+1 {
			t.Fatalf("fired %d times in %d ticks", a.fired, i+1)
		}
	}
	if a.fired < 99 {
		t.Fatalf("fired %d times in 100 ticks", a.fired)
	}
}

// A timer beyond the wheel's range waits for its end and no longer than that.
func TestTimerBeyondRange(t *testing.T) {
	l := idleLoop(0)
	a := &alarm{l: l}
	a.timer.Init(a)
	l.Arm(&a.timer, 100*24*time.Hour)
	for range 5 {
		if a.fired > 0 {
			break
		}
		l.Enter(l.NextDeadline())
		l.Tick()
	}
	if a.fired != 1 || l.Timers() != 0 {
		t.Fatalf("fired %d times, %d armed", a.fired, l.Timers())
	}
}

func BenchmarkArmDisarm(b *testing.B) {
	l := idleLoop(0)
	a := &alarm{l: l}
	a.timer.Init(a)
	b.ReportAllocs()
	for b.Loop() {
		l.Arm(&a.timer, 15*time.Second)
		l.Disarm(&a.timer)
	}
}
