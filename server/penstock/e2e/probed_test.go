package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// TestTwoCredentialsAreRefused: whoever stands in front of the gateway may have looked at the other one.
func TestTwoCredentialsAreRefused(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	g := startGateway(t, m.config(h2c, ""))
	w := dial(t, g.url)
	w.send("GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong-wrong\r\n" + bearer + "\r\n")
	w.answer("GET").wantComplaint(t, badRequest, openAI("invalid_request_error", "duplicate_credentials", ""))
	w.wantOpen()
}

// TestFinishedStreamStaysWhole: what happens to the provider's connection after [DONE] is nothing to the client.
func TestFinishedStreamStaysWhole(t *testing.T) {
	t.Parallel()
	events := `data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}` +
		"\n\ndata: [DONE]\n\n"
	p := says(t, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"+
		fmt.Sprintf("%x\r\n%s\r\n", len(events), events)+"EOF")
	g := startGateway(t, preamble+clientKeys+"providers:\n"+providerLines("cut", p.addr, http1))
	_, body := g.post(t, "/v1/chat/completions", chatBody("cut/x", true))
	if !strings.HasSuffix(body, "data: [DONE]\n\n") || strings.Contains(body, "error") {
		t.Errorf("the client got %q", body)
	}
}

// TestHandshakesAreShown: what the dialer counts has to reach whoever watches.
func TestHandshakesAreShown(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	g := startGateway(t, m.config(tlsH2, ""))
	if r, body := g.post(t, "/v1/chat/completions", chatBody("oai/chat?tokens=3", false)); r.StatusCode != 200 {
		t.Fatal(body)
	}
	if n := g.metric(t, "penstock_tls_handshakes_total"); n < 1 {
		t.Errorf("%v handshakes after a request over TLS", n)
	}
}
