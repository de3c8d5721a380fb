package gateway_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"penstock/loop"
	"penstock/loop/looptest"
	"penstock/upstream"
)

// plantedRow is a fault of the gateway that a test plays, and the words with which the oracle has to report it.
type plantedRow struct {
	name  string
	finds string
	plant func(r *rig)
}

// plantedFaults are one and more for every invariant: each has to be found in a few schedules, or the oracle sleeps.
var plantedFaults = []plantedRow{
	{"the answer to another", "bytes of another exchange", func(r *rig) {
		kept := ""
		r.planted = func(a *ask, b []byte) []byte {
			if kept == "" {
				kept = a.token
			}
			return bytes.ReplaceAll(b, []byte(a.token), []byte(kept))
		}
	}},
	{"the answer of another attempt", "mark of another", onStream(func(r *rig, b []byte) []byte {
		return bytes.ReplaceAll(b, []byte("mrk0"), []byte("mrk1"))
	})},
	{"an answer made of two", "is made of two", onStream(func(r *rig, b []byte) []byte {
		i := len(b) / 2
		return append(b[:i:i], bytes.ReplaceAll(b[i:], []byte("mrk0"), []byte("mrk1"))...)
	})},
	{"an event twice", "a stream with other events", onStream(func(_ *rig, b []byte) []byte {
		i := bytes.Index(b, []byte("\n\n")) + 2
		return append(append([]byte(nil), b[:i]...), b...)
	})},
	{"an event lost", "a stream with other events", onStream(func(_ *rig, b []byte) []byte {
		if bytes.Contains(b, []byte("#1")) {
			return b[bytes.Index(b, []byte("\n\n"))+2:]
		}
		return b
	})},
	{"the finish lost, and nobody says so", "neither is whole nor ends with an error event", onAnswer(func(b []byte) []byte {
		return cutChunk(b, []byte(`finish_reason":"stop"`))
	})},
	{"a finish made up", "a stream with other events", onAnswer(func(b []byte) []byte {
		return replaceSame(b, []byte(`"delta":{"content"`), []byte(`"finish_reason":"s`))
	})},
	{"an error event behind the finish", "with its finish and an error event", onAnswer(func(b []byte) []byte {
		const late = "data: {\"error\":{\"message\":\"late\",\"type\":\"late\"}}\n\n"
		if rest, ok := bytes.CutSuffix(b, []byte("[DONE]\n\n\r\n0\r\n\r\n")); ok {
			return fmt.Appendf(rest, "[DONE]\n\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(late), late)
		}
		return b
	})},
	{"an error event of another API", "an error event of another API", onAnswer(func(b []byte) []byte {
		return replaceSame(b, []byte("event: error\n"), []byte("event: other\n"))
	})},
	{"a byte of a body changed", "another body than was sent", onAnswer(func(b []byte) []byte {
		return bytes.Replace(b, []byte(`"role":"assistant"`), []byte(`"role":"assistent"`), 1)
	})},
	{"an answer too many", "nobody has asked for", onAnswer(func(b []byte) []byte {
		if bytes.HasPrefix(b, []byte("HTTP/1.1 404")) {
			return append(b, b...)
		}
		return b
	})},
	{"an answer swallowed", "answers to", onAnswer(func(b []byte) []byte {
		if bytes.HasPrefix(b, []byte("HTTP/1.1 401")) {
			return nil
		}
		return b
	})},
	{"an id twice", "request ids", onAnswer(func(b []byte) []byte {
		i := bytes.Index(b, []byte("request-id: req_"))
		if i >= 0 {
			copy(b[i:], "request-id: req_0000")
			copy(b[i+20:], "00000000000000000000")
		}
		return b
	})},
	{"a status for another", "wanted status", onAnswer(func(b []byte) []byte {
		return bytes.Replace(b, []byte("HTTP/1.1 415 "), []byte("HTTP/1.1 400 "), 1)
	})},
	{"an error of another API", "an error of another API", onAnswer(func(b []byte) []byte {
		return replaceSame(b, []byte(`"request_id":`), []byte(`"request id":`))
	})},
	{"no word that the connection closes", "has to close behind this one", onAnswer(func(b []byte) []byte {
		return replaceSame(b, []byte("connection: close\r\n"), []byte("konnection: close\r\n"))
	})},
	{"the body changed on its way up", "not what the client has sent", func(r *rig) {
		for _, name := range providers {
			r.d.targets[name].near = func(b []byte) []byte { return replaceSame(b, []byte(`"temperature":1e0`), []byte(`"temperature":1.0`)) }
		}
	}},
	{"usage twice", "tokens counted", func(r *rig) {
		r.planted = func(_ *ask, b []byte) []byte {
			return []byte(strings.Replace(string(b), `"completion_tokens":`, `"completion_tokens":1`, 1))
		}
	}},
	{"usage lost", "tokens counted", func(r *rig) {
		r.at(func() { r.g.Counters.Tokens(0, -1, 0, 0, 0); r.g.Counters.Upstream(0).Input = 0 })
	}},
	{"an exchange accounted twice", "are accounted", func(r *rig) {
		r.at(func() { r.g.Counters.Key(0).Requests++ })
	}},
	{"an exchange counted under another status", "are counted", func(r *rig) {
		r.at(func() { r.g.Counters.Request(0, 200, 1) })
	}},
	{"an exchange that is not there", "are counted", func(r *rig) { r.at(func() { r.g.PlantExchange() }) }},
	{"an admission forgotten", "the admission knows of", func(r *rig) { r.at(func() { r.g.PlantAdmission() }) }},
	{"waiting without a timer", "waits without a timer", func(r *rig) { r.at(func() { r.g.PlantSilence() }) }},
	{"an exchange that never ends", "beyond its total timeout", func(r *rig) {
		p := *r.pol
		p.TotalTimeout, p.FirstByteTimeout, p.BetweenTimeout = time.Hour, time.Hour, time.Hour
		r.swap(&p)
	}},
	{"output without bound", "wait for a client", func(r *rig) { r.at(func() { r.g.PlantFlood(2 << 20) }) }},
	{"a request forgotten at its provider", "pools know of", func(r *rig) { r.at(func() { r.g.PlantLoss() }) }},
	{"a connection lost sight of", "connections are open", func(r *rig) {
		r.at(func() {
			near, _ := r.w.Pipe(looptest.Link{})
			r.host.Attach(near, func(*loop.Conn) loop.Handler { return nil })
		})
	}},
	{"memory lent and not given back", "bytes of slabs", func(r *rig) { r.at(func() { r.host.Loop.Slabs.Get(100) }) }},
	{"a timer left", "timers", func(r *rig) {
		t := new(loop.Timer)
		t.Init(idleFirer{})
		r.at(func() { r.host.Loop.Arm(t, time.Hour) })
	}},
	{"a request sent without end", "was sent", func(r *rig) {
		for token := range r.tries {
			r.tries[token] = 20
		}
	}},
	{"a request sent again behind the first byte", "once more after", func(r *rig) {
		for token := range r.heard {
			r.heard[token] = true
		}
	}},
	{"a provider that is not told", "was never told of the end", func(r *rig) {
		r.served = func(a *ask, _ reply) {
			if a.fate == fateSilent {
				r.asks = append(r.asks, &ask{provider: a.provider, token: a.token, op: a.op})
			}
		}
	}},
	{"a pool that does not end", "is not idle", func(r *rig) {
		r.at(func() {
			up := newProvider("alpha").Up
			r.pools = append(r.pools, upstream.NewPool(r.host.Loop, up, r.d))
		})
	}},
}

type idleFirer struct{}

func (idleFirer) OnTimer(*loop.Timer) {}

// at has f called on the loop in the middle of the schedule.
func (r *rig) at(f func()) {
	r.w.After(100*time.Millisecond, func() { r.host.Do(0, f) })
}

// onStream changes the streams that providers send.
func onStream(f func(r *rig, b []byte) []byte) func(*rig) {
	return func(r *rig) {
		r.planted = func(a *ask, b []byte) []byte {
			if !a.streams() || bytes.Count(b, []byte("\n\n")) < 3 || !bytes.Contains(b, []byte("mrk")) {
				return b
			}
			return f(r, bytes.Clone(b))
		}
	}
}

// onAnswer changes what the gateway writes to clients.
func onAnswer(f func(b []byte) []byte) func(*rig) {
	return func(r *rig) { r.spoiled = func(b []byte) []byte { return f(bytes.Clone(b)) } }
}

// replaceSame replaces all of old by something of the same length, so that framing stays.
func replaceSame(b, old, with []byte) []byte {
	if len(old) != len(with) {
		panic("not of the same length")
	}
	return bytes.ReplaceAll(b, old, with)
}

// cutChunk takes the chunk away that holds what, and all chunks behind it but the last.
func cutChunk(b, what []byte) []byte {
	i := bytes.Index(b, what)
	last := []byte("0\r\n\r\n")
	if i < 0 || !bytes.HasSuffix(b, last) {
		return b
	}
	at := bytes.LastIndex(b[:i], []byte("\r\ndata: "))
	if at = bytes.LastIndex(b[:max(at, 0)], []byte("\r\n")); at < 0 {
		return b
	}
	return append(b[:at+2], last...)
}

// TestSimulationFindsPlantedFaults shows that the oracle is awake: each of these has to be found, and called by its name, in a few
// schedules.
func TestSimulationFindsPlantedFaults(t *testing.T) {
	const most = 200
	for i := range plantedFaults {
		p := &plantedFaults[i]
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			var other error
			for seed := uint64(1); seed <= most; seed++ {
				r, users := schedule(&looptest.Run{Seed: seed})
				p.plant(r)
				switch err := r.simulate(users); {
				case err == nil:
				case strings.Contains(err.Error(), p.finds):
					t.Logf("found with seed %d", seed)
					return
				default:
					other = err
				}
			}
			t.Errorf("not found in %d schedules; something else was: %v", most, other)
		})
	}
}
