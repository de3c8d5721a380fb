package gateway_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"penstock/http1/rawcases"
	"penstock/loop/looptest"
	"penstock/server/auth"
	"penstock/server/gateway"
	"penstock/server/route"
)

// rawRig is a gateway that takes what the table of raw requests holds, and whose one provider reads strictly and says "{}".
func rawRig() (*rig, *rawLog) {
	r := newRig(1, func(p *gateway.Policy) {
		p.Auth = must(auth.NewTable([]auth.Entry{{Key: auth.Key{Name: "team", ID: 0}, Digest: auth.Digest([]byte(rawcases.Key))}}))
		p.Routes = must(route.NewTable(route.Spec{
			Providers: []route.ProviderSpec{{Name: "alpha"}, {Name: "beta", Serves: []string{rawcases.Model}}},
			Models:    []route.ModelSpec{{Name: rawcases.Model, Targets: []route.Target{{Provider: beta, Model: rawcases.Model}}}},
		}))
		p.Names = p.Routes.Names()
	})
	log := &rawLog{}
	r.d.targets["beta"].accept = func(e *looptest.End) { e.Play(&rawProvider{log: log}) }
	r.calm = true
	r.w.Pass(50 * time.Millisecond) // the first connections to providers
	return r, log
}

// rawLog is what the providers of a rig have got.
type rawLog struct {
	requests []rawcases.Request
	fault    string
}

type rawProvider struct {
	log    *rawLog
	origin rawcases.Origin
}

func (p *rawProvider) OnBytes(e *looptest.End, b []byte) {
	p.origin.Feed(b)
	for range p.origin.Requests {
		e.Write([]byte("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"))
	}
	p.log.requests = append(p.log.requests, p.origin.Requests...)
	p.origin.Requests = nil
	if p.origin.Fault != "" {
		p.log.fault = p.origin.Fault
	}
}

func (p *rawProvider) OnEnd(e *looptest.End, err error) {
	if err == nil {
		e.Close()
	}
}

// rawClient plays a case in pieces of its own.
type rawClient struct {
	c      *rawcases.Case
	e      *looptest.End
	reader rawcases.Reader
	closed bool
}

func (u *rawClient) OnBytes(_ *looptest.End, b []byte) { u.reader.Feed(b, false) }

func (u *rawClient) OnEnd(e *looptest.End, err error) {
	u.reader.Feed(nil, true)
	u.closed = true
	if err == nil {
		e.Close()
	}
}

// answered says that nothing more is to come before the client goes on.
func (u *rawClient) answered() bool {
	n := len(u.reader.Answers)
	return u.closed || u.reader.Junk != "" || u.c.Keeps() && n >= len(u.c.Want)
}

// play runs a case whose input comes in the given pieces, and returns what was seen.
func play(r *rig, log *rawLog, c *rawcases.Case, pieces [][]byte) rawcases.Seen {
	u := &rawClient{c: c, reader: rawcases.Reader{Heads: c.Heads()}}
	u.e = r.connect(looptest.Link{}, u)
	for i, p := range pieces {
		if i > 0 {
			r.w.Pass(100 * time.Microsecond)
		}
		u.e.Write(p)
	}
	if c.Input == rawcases.Shut {
		r.w.Pass(time.Millisecond) // an end in the same batch as the bytes is another matter
		u.e.Shutdown()
	}
	r.w.Run(time.Minute, u.answered)
	var s rawcases.Seen
	if !u.closed && u.reader.Junk == "" && c.Keeps() {
		before := len(u.reader.Answers)
		u.e.Write([]byte(rawcases.FollowUp))
		r.w.Run(time.Minute, func() bool { return u.closed })
		if n := len(u.reader.Answers); n == before+1 && u.reader.Answers[before].Status == 200 {
			s.Followed = true
			u.reader.Answers = u.reader.Answers[:before]
		}
	}
	s.Answers, s.Junk, s.Closed = u.reader.Answers, u.reader.Junk, u.closed
	s.Requests, s.Fault = log.requests, log.fault
	*log = rawLog{}
	return s
}

// TestRawCases plays every case of the table whole, byte by byte, and cut in two at every place: how bytes come changes nothing.
func TestRawCases(t *testing.T) {
	for _, family := range families() {
		t.Run(family, func(t *testing.T) {
			t.Parallel()
			r, log := rawRig()
			runs := 0
			for i, c := range rawcases.Cases() {
				if c.Family != family {
					continue
				}
				in := []byte(c.Bytes())
				check := func(how string, pieces ...[]byte) {
					runs++
					s := play(r, log, &c, pieces)
					if err := c.Ours(&s); err != nil {
						t.Errorf("%s, %s (%s): %v", c.Name, how, c.Section, err)
					}
				}
				check("whole", in)
				if !t.Failed() {
					check("byte by byte", single(in)...)
				}
				for at := 1 + i%everyCut; at < len(in) && !t.Failed(); at += everyCut * stride(len(in)) {
					check(fmt.Sprintf("cut at %d", at), in[:at], in[at:])
				}
			}
			if err := r.end(); err != nil {
				t.Error(err)
			}
			t.Logf("%d runs", runs)
		})
	}
}

func families() []string {
	var list []string
	for _, c := range rawcases.Cases() {
		if len(list) == 0 || list[len(list)-1] != c.Family {
			list = append(list, c.Family)
		}
	}
	return list
}

// single cuts b into bytes; of a long one the middle stays together.
func single(b []byte) [][]byte {
	const most = 1000
	var pieces [][]byte
	for i := 0; i < len(b); i++ {
		if i == most/2 && len(b) > most {
			pieces = append(pieces, bytes.Clone(b[i:len(b)-most/2]))
			i = len(b) - most/2
		}
		pieces = append(pieces, b[i:i+1])
	}
	return pieces
}

// stride is every place of a short input, and some hundred of a long one. The race detector makes a run ten times as dear, so that
// under it each case takes another eighth of its places (everyCut); without it 68,000 runs take three seconds.
func stride(n int) int { return max(1, n/400) }
