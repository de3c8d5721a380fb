package e2e

import (
	"strings"
	"testing"
)

// TestPipeline: requests sent at once are answered in order, refused ones among them.
func TestPipeline(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	g := startGateway(t, m.config(h2c, ""))
	w := dial(t, g.url)
	slow := request("POST", "/v1/chat/completions", chatBody("oai/chat?ttft=50ms&tokens=3", false))
	stream := request("POST", "/v1/chat/completions", chatBody("oai/chat?tokens=3", true))
	w.send(slow + request("GET", "/none", "") + stream + request("POST", "/v1/chat/completions", "{") + slow)
	for i, want := range []int{200, 404, 200, 400, 200} {
		if a := w.answer("POST"); a.status != want || a.err != nil {
			t.Errorf("answer %d: %s (%v), want %d", i, a.line, a.err, want)
		}
	}
	w.wantOpen()
}

// TestSlowInput: a head or a body that does not come ends with 408, an idle connection without a word.
func TestSlowInput(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	short := shortTimeout.String()
	g := startGateway(t, m.config(h2c, "timeouts: {head: "+short+", body: "+short+", idle: "+short+"}\n"))
	t.Run("head", func(t *testing.T) {
		t.Parallel()
		w := dial(t, g.url)
		w.send("GET /v1/models HTTP/1.1\r\nHost: x\r\n")
		w.answer("GET").wantComplaint(t, "HTTP/1.1 408 Request Timeout", openAI("invalid_request_error", "request_timeout", ""))
		w.wantEnd()
	})
	t.Run("body", func(t *testing.T) {
		t.Parallel()
		w := dial(t, g.url)
		w.send(inMessages + "Host: x\r\n" + bearer + "Content-Length: 20\r\n\r\n{")
		w.answer("POST").wantComplaint(t, "HTTP/1.1 408 Request Timeout", anthropic("timeout_error"))
		w.wantEnd()
	})
	t.Run("idle", func(t *testing.T) {
		t.Parallel()
		w := dial(t, g.url)
		w.send(request("GET", "/v1/models", ""))
		if a := w.answer("GET"); a.status != 200 {
			t.Error(a.line)
		}
		w.wantEnd()
	})
	t.Run("nothing ever", func(t *testing.T) {
		t.Parallel()
		dial(t, g.url).wantEnd()
	})
}

// TestGoodInput: what is unusual and right is served.
func TestGoodInput(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	g := startGateway(t, m.config(h2c, ""))
	body := chatBody("fast", false)
	for name, send := range map[string]string{
		"empty line first":    "\r\n" + request("POST", "/v1/chat/completions", body),
		"names in any case":   strings.ReplaceAll(request("POST", "/v1/chat/completions", body), "Content-Length", "cOnTeNt-LeNgTh"),
		"absolute target":     request("POST", "http://gateway/v1/chat/completions", body),
		"key of Anthropic":    strings.Replace(request("POST", "/v1/chat/completions", body), bearer, "x-api-key: "+clientKey+"\r\n", 1),
		"key of Google":       strings.Replace(request("POST", "/v1/chat/completions", body), bearer, "x-goog-api-key: "+clientKey+"\r\n", 1),
		"key of Azure":        strings.Replace(request("POST", "/v1/chat/completions", body), bearer, "api-key: "+clientKey+"\r\n", 1),
		"bearer in any case":  strings.Replace(request("POST", "/v1/chat/completions", body), "Bearer", "bEARER", 1),
		"query":               request("POST", "/v1/chat/completions?api-version=1", body),
		"chunks of one byte":  inChat + "Host: x\r\n" + bearer + "Transfer-Encoding: chunked\r\n\r\n" + inChunks(body) + "0\r\n\r\n",
		"chunks and trailers": inChat + "Host: x\r\n" + bearer + "Transfer-Encoding: chunked\r\n\r\n" + inChunks(body) + "0\r\nX-Sum: 1\r\n\r\n",
		"narrow key":          strings.Replace(request("POST", "/v1/chat/completions", body), clientKey, narrowKey, 1),
	} {
		t.Run(name, func(t *testing.T) {
			w := dial(t, g.url)
			w.send(send)
			if a := w.answer("POST"); a.line != "HTTP/1.1 200 OK" || !strings.Contains(a.body, "simulated") {
				t.Errorf("%s %s", a.line, a.body)
			}
			w.wantOpen()
		})
	}
	t.Run("expect", func(t *testing.T) {
		w := dial(t, g.url)
		whole := request("POST", "/v1/chat/completions", body, "Expect: 100-continue")
		head, _, _ := strings.Cut(whole, "\r\n\r\n")
		w.send(head + "\r\n\r\n")
		if a := w.head("POST"); a.StatusCode != 100 {
			t.Fatalf("%s, want 100", a.Status)
		}
		w.send(body)
		if a := w.answer("POST"); a.status != 200 {
			t.Errorf("%s %s", a.line, a.body)
		}
		w.wantOpen()
	})
	t.Run("HTTP/1.0", func(t *testing.T) {
		w := dial(t, g.url)
		w.send(strings.Replace(request("POST", "/v1/chat/completions", chatBody("fast", true)), "HTTP/1.1", "HTTP/1.0", 1))
		a := w.answer("POST")
		if a.status != 200 || a.header.Get("Transfer-Encoding") != "" || !strings.HasSuffix(a.body, "data: [DONE]\n\n") {
			t.Errorf("%s %v %s", a.line, a.header, a.body)
		}
		w.wantEnd()
	})
	t.Run("HEAD", func(t *testing.T) {
		w := dial(t, g.url)
		w.send(request("HEAD", "/v1/models", ""))
		if a := w.answer("HEAD"); a.status != 200 || a.body != "" || a.header.Get("Content-Length") == "0" {
			t.Errorf("%s %v %q", a.line, a.header, a.body)
		}
		w.wantOpen()
	})
	t.Run("close", func(t *testing.T) {
		w := dial(t, g.url)
		w.send(request("POST", "/v1/chat/completions", body, "Connection: close"))
		if a := w.answer("POST"); a.status != 200 || !a.closes {
			t.Errorf("%s %v", a.line, a.header)
		}
		w.wantEnd()
	})
}

func inChunks(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		b.WriteString("1\r\n" + string(rune(c)) + "\r\n")
	}
	return b.String()
}
