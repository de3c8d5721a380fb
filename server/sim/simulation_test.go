package sim

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"penstock/loop"
	"penstock/loop/looptest"
	"penstock/upstream/h2"
)

// asker is a scripted client that writes its requests and gathers what comes; over HTTP/2 it gives windows back as it
// reads.
type asker struct {
	multi  bool
	got    []byte
	frames []byte // HTTP/2: not yet taken apart
	bodies map[uint32]string
	ended  int // HTTP/2: streams
	over   bool
}

func (a *asker) OnBytes(e *looptest.End, b []byte) {
	if !a.multi {
		a.got = append(a.got, b...)
		return
	}
	a.frames = append(a.frames, b...)
	for len(a.frames) >= 9 {
		f := h2.ParseFrameHeader(a.frames)
		if len(a.frames) < 9+f.Length {
			return
		}
		payload := a.frames[9 : 9+f.Length]
		switch f.Type {
		case h2.FrameData:
			a.bodies[f.StreamID] += string(payload)
			if f.Length > 0 {
				e.Write(h2.AppendWindowUpdate(h2.AppendWindowUpdate(nil, 0, f.Length), f.StreamID, f.Length))
			}
			if f.Has(h2.FlagEndStream) {
				a.ended++
			}
		case h2.FrameSettings:
			if !f.Has(h2.FlagAck) {
				e.Write(frameOf(h2.FrameSettings, h2.FlagAck, 0, nil))
			}
		default:
		}
		a.frames = a.frames[9+f.Length:]
	}
}

func (a *asker) OnEnd(e *looptest.End, err error) {
	a.over = true
	if err == nil {
		e.Close()
	}
}

// complete says that all answers have come.
func (a *asker) complete(count int) bool {
	if a.multi {
		return a.ended == count
	}
	return strings.Count(string(a.got), "data: [DONE]\n\n\r\n0\r\n\r\n") == count
}

// TestSimulation: whatever the network does, every stream comes whole, or its end is counted as cancelled; nothing is
// left.
func TestSimulation(t *testing.T) {
	looptest.Seeds(t, 60, nil, func(r *looptest.Run) error {
		seed := r.Seed
		w := looptest.NewWorld(seed)
		s := New(Options{Seed: seed})
		panicked := ""
		h := w.NewHost(loop.Options{OnPanic: func(where string, reason any, _ []byte) {
			panicked = fmt.Sprint(where, ": ", reason)
		}})
		near, far := w.Pipe(w.DrawLink())
		a := &asker{multi: w.RNG.Chance(50), bodies: map[uint32]string{}}
		near.Play(a)
		h.Do(0, func() { h.Attach(far, s.Accept) })
		count := w.RNG.Between(1, 6)
		tokens := make([]int, count)
		if a.multi {
			window := h2.AppendSetting(nil, h2.SettingInitialWindowSize, uint32(w.RNG.Between(1, 20_000)))
			near.Write(append([]byte(h2.ClientPreface), frameOf(h2.FrameSettings, 0, 0, window)...))
		}
		for i := range tokens {
			tokens[i] = w.RNG.Between(0, 80)
			model := "chat?tokens=" + strconv.Itoa(tokens[i]) + "&tps=" + strconv.Itoa(w.RNG.Between(0, 1)*w.RNG.Between(20, 5000))
			if w.RNG.Chance(30) {
				model += "&latency=" + strconv.Itoa(w.RNG.Between(1, 50)) + "ms"
			}
			if !a.multi {
				near.Write([]byte(chat(model, `,"stream":true`)))
				continue
			}
			block := headBlock("POST", "/v1/chat/completions")
			near.Write(frameOf(h2.FrameHeaders, h2.FlagEndHeaders, uint32(2*i+1), block))
			near.Write(frameOf(h2.FrameData, h2.FlagEndStream, uint32(2*i+1), []byte(streamBody(model))))
		}
		if w.RNG.Chance(30) {
			w.After(w.RNG.Duration(0, 300*time.Millisecond), func() { near.Reset(); a.over = true })
		}
		w.Run(time.Hour, func() bool { return a.over || a.complete(count) })
		whole := !a.over
		if whole {
			near.Close()
		}
		w.Run(time.Minute, func() bool { return s.StatsOffLoop().ConnectionsOpen == 0 })
		if panicked != "" {
			return fmt.Errorf("panic in %s", panicked)
		}
		st := s.StatsOffLoop()
		if st.Open != 0 || st.StreamsStarted != st.StreamsFinished+st.Cancelled || st.Broken != 0 || st.Errors != 0 {
			return fmt.Errorf("%+v", st)
		}
		if whole {
			if int(st.StreamsFinished) != count {
				return fmt.Errorf("%d requests, %+v", count, st)
			}
			rest := string(a.got)
			for i, n := range tokens {
				body := a.bodies[uint32(2*i+1)]
				if !a.multi {
					var r reply
					r, rest = readReply(t, rest)
					body = r.body
				}
				if got := contentOf(t, body); got != wholeText(n) {
					return fmt.Errorf("answer %d is %q", i, got)
				}
			}
		}
		return h.Leaks(0)
	})
}
