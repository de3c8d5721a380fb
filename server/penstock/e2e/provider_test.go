package e2e

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// rawProvider is a provider that the test plays itself, byte by byte.
type rawProvider struct {
	addr     string
	requests atomic.Int64
}

// listenRaw takes connections and hands each to serve, which owns it.
func listenRaw(t testing.TB, serve func(c net.Conn)) *rawProvider {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &rawProvider{addr: ln.Addr().String()}
	t.Cleanup(func() { _ = ln.Close() }) // some tests have closed it
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(2 * patience)) // so that nothing waits for ever
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return p
}

// says answers each request of a connection with the same bytes, then closes where they end in "EOF".
func says(t testing.TB, reply string) *rawProvider {
	t.Helper()
	reply, last := strings.CutSuffix(reply, "EOF")
	var p *rawProvider
	p = listenRaw(t, func(c net.Conn) {
		for in := bufio.NewReader(c); readRequest(in) == nil; {
			p.requests.Add(1)
			if _, err := io.WriteString(c, reply); err != nil || last {
				return
			}
		}
	})
	return p
}

// readRequest skips one HTTP/1.1 request.
func readRequest(in *bufio.Reader) error {
	r, err := http.ReadRequest(in)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r.Body)
	return err
}

// closedPort is an address where nobody listens. The port is held, bound and not listening, so that nobody else gets it.
func closedPort(t testing.TB) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) }) // nothing was ever written
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", at.(*syscall.SockaddrInet4).Port)
}

// providerLines configures one provider for each dialect at an address: NAME and NAME-a.
func providerLines(name, addr string, p protocol) string {
	scheme := "http"
	if p == tlsH2 {
		scheme = "https"
	}
	return fmt.Sprintf(`  - {name: %[1]s, kind: openai, base_url: "%[2]s://%[3]s/v1", http: %[4]s, keys: [%[5]s]}
  - {name: %[1]s-a, kind: anthropic, base_url: "%[2]s://%[3]s", http: %[4]s, keys: [%[6]s]}
`, name, scheme, addr, p, openAIProviderKey, claudeProviderKey)
}

const (
	okHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	// anyJSON stands for an answer; the gateway does not look into it.
	anyJSON = `{"id":"x"}`
)

func messagesBody(model string, stream bool) string {
	return fmt.Sprintf(`{"model":%q,"max_tokens":10,"stream":%v,"messages":[{"role":"user","content":"Hello"}]}`, model, stream)
}

// TestProviderNonsense: a provider that is down, or answers what is no HTTP, becomes a 502 in the form of the client's API, whichever it
// is, and the client's connection goes on. The hostile rows have everything else that a provider can say.
func TestProviderNonsense(t *testing.T) {
	t.Parallel()
	var config strings.Builder
	config.WriteString(preamble + clientKeys + "retry: {attempts: 1}\nproviders:\n")
	config.WriteString(providerLines("down", closedPort(t), http1) + providerLines("down2", closedPort(t), h2c))
	config.WriteString(providerLines("garbage", says(t, "\x00\x01\x02 what is this?\r\n\r\n").addr, http1))
	two := listenRaw(t, func(conn net.Conn) { playH2(conn, says2(frame(3, 0, 1, "123"))) })
	config.WriteString(providerLines("garbage2", two.addr, h2c))
	config.WriteString(providerLines("untrusted", strings.TrimPrefix(startMock(t).secure, "https://"), tlsH2))
	targets := []struct{ name, model, code string }{ // code as in OpenAI's form
		{"down, HTTP/1.1", "down", "upstream_unreachable"},
		{"down, h2c", "down2", "upstream_unreachable"},
		{"HTTP/1.1, garbage", "garbage", "upstream_protocol_error"},
		{"h2c, garbage", "garbage2", "upstream_protocol_error"},
		{"TLS, untrusted", "untrusted", "upstream_unreachable"},
	}
	g := startGateway(t, config.String())
	for _, c := range targets {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := dial(t, g.url)
			for _, stream := range []bool{false, true} {
				w.send(request("POST", "/v1/chat/completions", chatBody(c.model+"/m", stream)))
				w.answer("POST").wantComplaint(t, "HTTP/1.1 502 Bad Gateway", openAI("server_error", c.code, ""))
			}
			w.send(request("POST", "/v1/messages", messagesBody(c.model+"-a/m", false), "anthropic-version: 2026-10-21"))
			w.answer("POST").wantComplaint(t, "HTTP/1.1 502 Bad Gateway", anthropic("api_error"))
			w.wantOpen()
		})
	}
}

// frame is one frame of HTTP/2 (RFC 9113 §4.1).
func frame(kind, flags byte, stream uint32, payload string) string {
	n := len(payload)
	head := []byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags}
	return string(binary.BigEndian.AppendUint32(head, stream)) + payload
}

func says2(reply string) func(uint32) string { return func(uint32) string { return reply } }

// playH2 sends SETTINGS, then what reply makes for each request; without reply it ends the connection with the first one.
func playH2(c net.Conn, reply func(stream uint32) string) {
	if _, err := io.ReadFull(c, make([]byte, 24)); err != nil { // the client's preface
		return
	}
	_, _ = io.WriteString(c, frame(4, 0, 0, "")) // what fails here fails below
	for head := make([]byte, 9); ; {
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, c, int64(head[0])<<16|int64(head[1])<<8|int64(head[2])); err != nil {
			return
		}
		switch {
		case head[3] != 1: // HEADERS
		case reply == nil:
			_ = c.(*net.TCPConn).CloseWrite()
		default:
			_, _ = io.WriteString(c, reply(binary.BigEndian.Uint32(head[5:])))
		}
	}
}

// TestProviderBreaksOff: an answer that ends too early ends for the client as well, in a way that it can tell.
func TestProviderBreaksOff(t *testing.T) {
	t.Parallel()
	const event = `data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}` + "\n\n"
	const sse = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
	chunk := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }
	whole := map[string]string{
		"length":  okHead + "Content-Length: 100\r\n\r\n" + anyJSON + "EOF",
		"chunked": okHead + "Transfer-Encoding: chunked\r\n\r\n" + chunk(anyJSON) + "EOF",
		"chunk":   okHead + "Transfer-Encoding: chunked\r\n\r\n" + chunk(anyJSON) + "zz\r\n",
	}
	streams := map[string]string{
		"cut":     sse + chunk(event) + "EOF",
		"half":    sse + chunk(event+event[:30]) + "EOF",
		"noend":   sse + chunk(event) + "0\r\n\r\n",
		"badsize": sse + chunk(event) + "zz\r\n",
	}
	config := preamble + clientKeys + "providers:\n"
	for name, reply := range whole {
		config += providerLines(name, says(t, reply).addr, http1)
	}
	for name, reply := range streams {
		config += providerLines(name, says(t, reply).addr, http1)
	}
	g := startGateway(t, config)
	for name := range whole {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := dial(t, g.url)
			w.send(request("POST", "/v1/chat/completions", chatBody(name+"/m", false)))
			r, err := http.ReadResponse(w.in, nil)
			if err != nil {
				return // cut before anything was on its way
			}
			b, err := io.ReadAll(r.Body)
			if r.StatusCode == 502 && err == nil {
				return
			}
			if err == nil {
				t.Errorf("the client takes %q for the whole answer", b)
			}
			if r.StatusCode != 200 {
				t.Errorf("%s %s", r.Status, b)
			}
		})
	}
	for name := range streams {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := dial(t, g.url)
			w.send(request("POST", "/v1/chat/completions", chatBody(name+"/m", true)))
			a := w.answer("POST")
			if a.status != 200 || a.err != nil || !strings.HasPrefix(a.body, event) {
				t.Fatalf("%s %v %q", a.line, a.err, a.body)
			}
			events := strings.Split(strings.TrimSuffix(a.body, "\n\n"), "\n\n")
			last, ok := strings.CutPrefix(events[len(events)-1], "data: ")
			if !ok {
				t.Fatalf("the last event is %q", last)
			}
			if c := complaintIn(t, last); c.kind != "server_error" {
				t.Errorf("%+v", c)
			}
			if strings.Contains(a.body, "[DONE]") {
				t.Errorf("a broken stream ends like a whole one: %q", a.body)
			}
			w.wantOpen()
		})
	}
}

// TestProviderSilence: a provider that says nothing is given up after first_byte, one that stops after between_bytes.
func TestProviderSilence(t *testing.T) {
	t.Parallel()
	silent := listenRaw(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	m := startMock(t)
	short := shortTimeout.String()
	config := strings.Replace(m.config(h2c, "retry: {attempts: 1}\ntimeouts: {first_byte: "+short+", between_bytes: "+short+"}\n"),
		"providers:\n", "providers:\n"+providerLines("silent", silent.addr, http1), 1)
	g := startGateway(t, config)
	for name, model := range map[string]string{"HTTP/1.1": "silent/m", "h2c": "oai/chat?latency=1h", "h2c, stalled": "oai/chat?stall=0"} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stream %v", name, stream), func(t *testing.T) {
				t.Parallel()
				w := dial(t, g.url)
				w.send(request("POST", "/v1/chat/completions", chatBody(model, stream)))
				w.answer("POST").wantComplaint(t, "HTTP/1.1 504 Gateway Timeout", openAI("server_error", "upstream_timeout", ""))
				w.wantOpen()
			})
		}
	}
	t.Run("Anthropic", func(t *testing.T) {
		t.Parallel()
		w := dial(t, g.url)
		w.send(request("POST", "/v1/messages", messagesBody("silent-a/m", false), "anthropic-version: 2023-06-01"))
		w.answer("POST").wantComplaint(t, "HTTP/1.1 504 Gateway Timeout", anthropic("timeout_error"))
		w.wantOpen()
	})
	for name, model := range map[string]string{"after the head": "oai/chat?ttft=1h", "in the middle": "oai/chat?stall=3"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := dial(t, g.url)
			w.send(request("POST", "/v1/chat/completions", chatBody(model, true)))
			a := w.answer("POST")
			if a.status != 200 || a.err != nil || strings.Contains(a.body, "[DONE]") || !strings.Contains(a.body, "upstream_timeout") {
				t.Errorf("%s %v %q", a.line, a.err, a.body)
			}
			w.wantOpen()
		})
	}
	t.Cleanup(func() {
		if !t.Failed() {
			settled(t, g, m)
		}
	})
}

// TestFallback: a provider that is down, refuses or breaks off before its answer is replaced by the next target.
func TestFallback(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	early := says(t, "EOF")
	config := strings.Replace(m.config(h2c, ""), "providers:\n", "providers:\n"+
		providerLines("down", closedPort(t), http1)+providerLines("early", early.addr, http1), 1)
	for name, first := range map[string]string{
		"down": "{provider: down}", "early": "{provider: early}", "429": `{provider: oai, model: "chat?error=429"}`,
		"500": `{provider: oai, model: "chat?error=500"}`, "529": `{provider: oai, model: "chat?error=529"}`, "reset": `{provider: oai, model: "chat?reset=0"}`,
	} {
		config += "  - name: after-" + name + "\n    strategy: ordered\n    targets: [" + first + "]\n" +
			"    fallback: [{provider: oai, model: chat}]\n"
	}
	g := startGateway(t, config)
	for _, name := range []string{"down", "early", "429", "500", "529", "reset"} {
		for _, stream := range []bool{false, true} {
			r, body := g.post(t, "/v1/chat/completions", chatBody("after-"+name, stream))
			if r.StatusCode != 200 || !strings.Contains(body, "simulated") {
				t.Errorf("%s: %s %s", name, r.Status, body)
			}
		}
	}
}
