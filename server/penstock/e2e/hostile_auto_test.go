package e2e

import (
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// tlsProvider serves TLS and hands each connection to serve with the protocol agreed on.
func tlsProvider(t testing.TB, protos []string, serve func(p *peer, proto string)) string {
	t.Helper()
	config := goodServer(protos[0])
	config.NextProtos = protos
	return listenRaw(t, func(c net.Conn) {
		noDelay(c)
		s := tls.Server(c, config)
		if s.Handshake() != nil {
			return
		}
		deed := &misdeed{over: tlsH2}
		if s.ConnectionState().NegotiatedProtocol != "h2" {
			deed.over = http1
		}
		serve(&peer{Conn: s, run: &hostileRun{deed: deed, asks: map[string][]int{}}, under: c}, s.ConnectionState().NegotiatedProtocol)
	}).addr
}

// secureLines are providerLines over TLS, with another mode.
func secureLines(t testing.TB, name, addr, mode string) string {
	lines := strings.ReplaceAll(providerLines(name, addr, tlsH2), "http: h2,", "http: "+mode+",")
	return strings.ReplaceAll(lines, "]}\n", "], tls: {ca: "+trusted().file(t)+"}}\n")
}

// TestCutInTLS: a body of HTTP/1.1 that ends with its connection is whole after close_notify alone. Anybody on the way could make the
// other end (RFC 9112 §9.8).
func TestCutInTLS(t *testing.T) {
	t.Parallel()
	addr := tlsProvider(t, []string{"http/1.1"}, func(p *peer, _ string) {
		p.open1()
		a, err := p.ask1()
		if err != nil {
			return
		}
		p.say(head1(a, "") + a.first() + a.rest())
		if strings.HasSuffix(a.name, "well") {
			p.end()
			return
		}
		p.cut()
	})
	g := startGateway(t, oneLoop(preamble)+clientKeys+"retry: {attempts: 1}\nproviders:\n"+secureLines(t, "p", addr, "http1"))
	ask1 := func(name string, stream bool) (answer, ask) {
		w := dial(t, g.url)
		w.send(request("POST", "/v1/chat/completions", chatBody("p/"+name, stream)))
		return w.answer("POST"), ask{name: name, stream: stream, large: strings.HasPrefix(name, "large")}
	}
	for _, name := range []string{"small-well", "large-well"} {
		for _, stream := range []bool{false, true} {
			if a, right := ask1(name, stream); a.status != 200 || a.err != nil || a.body != right.first()+right.rest() {
				t.Errorf("%s, stream %v: %s %v %q", name, stream, a.line, a.err, tail([]byte(a.body), 300))
			}
		}
	}
	a, _ := ask1("small-cut", false)
	a.wantComplaint(t, "HTTP/1.1 502 Bad Gateway", openAI("server_error", "upstream_reset", ""))
	if a, _ := ask1("large-cut", false); a.status != 200 || a.err == nil {
		t.Errorf("large: the client takes %d bytes for the whole answer: %s", len(a.body), a.line)
	}
	// A stream says itself that it is whole.
	if a, right := ask1("small-cut", true); a.status != 200 || a.err != nil || a.body != right.first()+right.rest() {
		t.Errorf("stream: %s %v %q", a.line, a.err, a.body)
	}
}

// TestHTTP1IsRequired: a provider that agrees to HTTP/2 and answers HTTP_1_1_REQUIRED is spoken to in HTTP/1.1 from then on, where the
// configuration leaves the choice; the client notices nothing.
func TestHTTP1IsRequired(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]func(id uint32) string{
		"RST_STREAM": func(id uint32) string { return rst(id, codeHTTP11Required) },
		"GOAWAY":     func(uint32) string { return goAway(0, codeHTTP11Required) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var second, first atomic.Int64
			addr := tlsProvider(t, []string{"h2", "http/1.1"}, func(p *peer, proto string) {
				if proto != "h2" {
					first.Add(1)
					p.open1()
					p.converse(p.ask1, func(a ask) { p.answer(a) })
					return
				}
				second.Add(1)
				if p.open2("") == nil {
					p.refuseAll(refusal)
				}
			})
			g := startGateway(t, oneLoop(preamble)+clientKeys+"retry: {attempts: 2, budget: 1}\nproviders:\n"+secureLines(t, "p", addr, "auto"))
			w := dial(t, g.url)
			for i := range 6 {
				a := ask{name: fmt.Sprintf("well-%d", i), stream: i%2 == 1}
				w.send(request("POST", "/v1/chat/completions", chatBody("p/"+a.name, a.stream)))
				if got := w.answer("POST"); got.status != 200 || got.err != nil || got.body != a.first()+a.rest() {
					t.Errorf("%s: %s %v %q", a.name, got.line, got.err, got.body)
				}
			}
			if second.Load() > 2 || first.Load() == 0 {
				t.Errorf("%d connections of HTTP/2, %d of HTTP/1.1", second.Load(), first.Load())
			}
		})
	}
}

func (p *peer) refuseAll(refusal func(id uint32) string) {
	p.run.deed.early = true
	for {
		a, err := p.ask2()
		if err != nil {
			return
		}
		p.say(refusal(a.id))
	}
}

// TestCalmIsKept: a provider that asks for calm gets a request again after a pause only.
func TestCalmIsKept(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]func(id uint32) string{
		"RST_STREAM": func(id uint32) string { return rst(id, codeEnhanceYourCalm) },
		"GOAWAY":     func(uint32) string { return goAway(0, codeEnhanceYourCalm) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var refused atomic.Int64 // when it refused, in ns; 0: it has not
			at := make(chan time.Duration, 1)
			provider := listenRaw(t, func(c net.Conn) {
				p := &peer{Conn: c, run: &hostileRun{deed: &misdeed{over: h2c}, asks: map[string][]int{}}, under: c}
				if p.open2("") != nil {
					return
				}
				for {
					a, err := p.ask2()
					if err != nil {
						return
					}
					if refused.CompareAndSwap(0, time.Now().UnixNano()) {
						p.say(refusal(a.id))
						continue
					}
					at <- time.Duration(time.Now().UnixNano() - refused.Load())
					p.answer(a)
				}
			})
			g := startGateway(t, oneLoop(preamble)+clientKeys+"retry: {attempts: 3, budget: 1, on: [connect, reset]}\nproviders:\n"+providerLines("p", provider.addr, h2c))
			w := dial(t, g.url)
			w.send(request("POST", "/v1/chat/completions", chatBody("p/well", false)))
			if a := w.answer("POST"); a.status != 200 || !strings.Contains(a.body, "well") {
				t.Fatalf("%s %s", a.line, a.body)
			}
			if d := <-at; d < 150*time.Millisecond { // a pause is 200 ms, and never shorter but for the clock of the loop
				t.Errorf("it was asked again after %v", d)
			}
		})
	}
}
