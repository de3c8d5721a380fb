package e2e

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/http1/rawcases"
)

// rawOrigin is a provider that reads strictly, notes what it gets and says "{}".
type rawOrigin struct {
	*rawProvider
	mu       sync.Mutex
	requests []rawcases.Request
	fault    string
}

func listenStrict(t testing.TB) *rawOrigin {
	t.Helper()
	o := new(rawOrigin)
	o.rawProvider = listenRaw(t, func(c net.Conn) {
		var in rawcases.Origin
		buffer := make([]byte, 64<<10)
		for {
			n, err := c.Read(buffer)
			if err != nil {
				return
			}
			in.Feed(buffer[:n])
			o.mu.Lock()
			o.requests = append(o.requests, in.Requests...)
			if in.Fault != "" {
				o.fault = in.Fault
			}
			o.mu.Unlock()
			reply := strings.Repeat(okHead+"Content-Length: 2\r\n\r\n{}", len(in.Requests))
			if _, err := c.Write([]byte(reply)); err != nil {
				return
			}
			in.Requests = nil
		}
	})
	return o
}

// take returns what has come since the last time.
func (o *rawOrigin) take() (requests []rawcases.Request, fault string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	requests, fault = o.requests, o.fault
	o.requests, o.fault = nil, ""
	return requests, fault
}

func (o *rawOrigin) config(more string) string {
	return preamble + "keys:\n  - {name: raw, value: " + rawcases.Key + "}\nproviders:\n" + providerLines("origin", o.addr, http1) +
		"models:\n  - {name: " + rawcases.Model + ", targets: [{provider: origin, model: " + rawcases.Model + "}]}\n" + more
}

// play runs a case and checks everything that was seen; form is that of the errors, "" for any.
func (o *rawOrigin) play(t *testing.T, g *gateway, c *rawcases.Case, form string) {
	t.Helper()
	conn := dial(t, g.url).conn
	// Between two pieces a moment passes, so that they mostly come in two reads. Nothing depends on it.
	s := rawcases.Talk(c, conn.(*net.TCPConn), func() { time.Sleep(2 * time.Millisecond) })
	_ = conn.Close() // the other side waits for it for a while
	s.Requests, s.Fault = o.take()
	if err := c.Ours(&s); err != nil {
		t.Errorf("%s, %s (%s): %v", c.Family, c.Name, c.Section, err)
		return
	}
	for i := range s.Answers {
		a := &s.Answers[i]
		if a.Get("date") == "" || a.Get("x-request-id")+a.Get("request-id") == "" {
			t.Errorf("%s: no date or no request id in %v", c.Name, a.Fields)
		}
		if allow := a.Get("allow"); (a.Status == 405) != (allow != "") || strings.Contains(allow, "GET") != strings.Contains(allow, "HEAD") {
			t.Errorf("%s: %d with Allow %q", c.Name, a.Status, allow)
		}
		if a.Status < 400 || c.Want[i].Head || form == "" {
			continue
		}
		if got := complaintIn(t, a.Content); got.form != form || got.kind == "" || a.Get("content-type") != "application/json" {
			t.Errorf("%s: an error as %s %s, want %s's form: %s", c.Name, a.Get("content-type"), got.form, form, a.Content)
		}
	}
}

// TestRawCases sends every case of the table to the program: the answers, the end of the connection and what the provider gets are as
// they have to be, and where the connection goes on it is in step.
func TestRawCases(t *testing.T) {
	t.Parallel()
	o := listenStrict(t)
	g := startGateway(t, o.config(""))
	for _, c := range rawcases.Cases() {
		if c.Input == rawcases.Stall {
			continue
		}
		form := "openai"
		if strings.Contains(c.Bytes(), "/v1beta/") {
			form = "" // Gemini's
		}
		o.play(t, g, &c, form)
	}
}

// TestRawCasesAnthropic: the same faults on Anthropic's path are refused in Anthropic's form.
func TestRawCasesAnthropic(t *testing.T) {
	t.Parallel()
	const from, to = "POST /v1/chat/completions ", "POST /v1/messages "
	o := listenStrict(t)
	g := startGateway(t, o.config(""))
	n := 0
	for _, c := range rawcases.Cases() {
		if c.Input != rawcases.Open || len(c.Want) > 1 || c.Want[0].Forward || !strings.HasPrefix(c.Send[0], from) {
			continue
		}
		c.Send = append([]string{to + strings.TrimPrefix(c.Send[0], from)}, c.Send[1:]...)
		form := "anthropic"
		if !strings.HasPrefix(c.Send[0], to+"HTTP/1.1\r\n") {
			form = "" // the path was not known when the request was refused
		}
		o.play(t, g, &c, form)
		n++
	}
	if n < 150 {
		t.Errorf("%d cases", n)
	}
}

// TestRawCasesStall: what does not go on is refused once its time is over.
func TestRawCasesStall(t *testing.T) {
	t.Parallel()
	o := listenStrict(t)
	g := startGateway(t, o.config("timeouts: {head: "+shortTimeout.String()+", body: "+shortTimeout.String()+"}\n"))
	for _, c := range rawcases.Cases() {
		if c.Input == rawcases.Stall {
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				o.play(t, g, &c, "openai")
			})
		}
	}
}
