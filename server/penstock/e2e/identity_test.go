package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// seen is a request as the provider got it.
type seen struct {
	line   string // method and target
	header http.Header
	body   []byte
}

// recorder is a provider that keeps what it gets, and answers with given bytes.
type recorder struct {
	base string
	mu   sync.Mutex
	last seen
}

func (r *recorder) keep(s seen) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = s
}

func (r *recorder) got() seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// record answers every request with the pieces, one write each. Its HTTP/1.1 is written by hand, its HTTP/2 is the standard library's.
func record(t testing.TB, p protocol, contentType string, pieces ...string) *recorder {
	t.Helper()
	r := &recorder{}
	if p == http1 {
		raw := listenRaw(t, func(c net.Conn) {
			for in := bufio.NewReader(c); ; {
				q, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				b, err := io.ReadAll(q.Body)
				if err != nil {
					return
				}
				r.keep(seen{q.Method + " " + q.RequestURI, q.Header, b})
				out := "HTTP/1.1 200 OK\r\nContent-Type: " + contentType + "\r\nX-New-Field: passes\r\nTransfer-Encoding: chunked\r\n\r\n"
				for _, piece := range append(pieces, "") {
					out += fmt.Sprintf("%x\r\n%s\r\n", len(piece), piece)
					if _, err := io.WriteString(c, out); err != nil {
						return
					}
					out = ""
				}
			}
		})
		r.base = "http://" + raw.addr
		return r
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		b, err := io.ReadAll(q.Body)
		if err != nil || q.ProtoMajor != 2 {
			t.Errorf("the recorder got %s and %v", q.Proto, err)
		}
		r.keep(seen{q.Method + " " + q.RequestURI, q.Header, b})
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("X-New-Field", "passes")
		for _, piece := range pieces {
			_, _ = io.WriteString(w, piece)
			_ = http.NewResponseController(w).Flush()
		}
	})}
	s.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = s.Serve(ln) }() // until Close
	t.Cleanup(func() { _ = s.Close() })
	r.base = "http://" + ln.Addr().String()
	return r
}

func (r *recorder) config(p protocol, more string) string {
	return preamble + clientKeys + fmt.Sprintf(`providers:
  - name: oai
    kind: openai
    base_url: %s/v1
    http: %s
    keys: [%s]
%s  - {name: claude, kind: anthropic, base_url: %q, http: %s, keys: [%s]}
models:
  - name: fast
    targets: [{provider: oai, model: "a-much-longer/model:name"}]
  - name: "same"
    targets: [{provider: oai}]
  - name: messages
    targets: [{provider: claude, model: c}]
`, r.base, p, openAIProviderKey, more, r.base, p, claudeProviderKey)
}

// odd is JSON as no encoder of ours would write it, with the model's name in the middle.
const odd = "{ \"messages\" : [ {\"role\":\"user\",\"content\":\"\\u0047r\\u00fc\\u00dfe \\\"model\\\":\\\"x\\\" \\ud83c\\udf0d äöü\"} ],\r\n\t\"a\":1.0e+2 ," +
	"\"big\":123456789012345678901234567890, \"neg\":-0.0,\"model\"\t: \"%s\" ,\"nested\":{\"model\":\"fast\",\"stream\":true}, \"unknown_field\":[null,{}]," +
	"\"dup\":1,\"dup\":2 , \"\":\"\"}\n"

// TestRequestBytes: the provider gets the client's body byte for byte, but for the model's name, and its own credentials.
func TestRequestBytes(t *testing.T) {
	t.Parallel()
	for _, p := range []protocol{http1, h2c} {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			r := record(t, p, "application/json", anyJSON)
			g := startGateway(t, r.config(p, ""))
			for _, c := range []struct{ path, body, want, line string }{
				{"/v1/chat/completions", fmt.Sprintf(odd, "fast"), fmt.Sprintf(odd, "a-much-longer/model:name"), "POST /v1/chat/completions"},
				{"/v1/chat/completions", fmt.Sprintf(odd, "same"), fmt.Sprintf(odd, "same"), "POST /v1/chat/completions"},
				{"/v1/chat/completions", fmt.Sprintf(odd, "oai/x/y:z"), fmt.Sprintf(odd, "x/y:z"), "POST /v1/chat/completions"},
				{"/v1/responses?include=a%20b", fmt.Sprintf(odd, "fast"), fmt.Sprintf(odd, "a-much-longer/model:name"), "POST /v1/responses?include=a%20b"},
				{"/v1/embeddings", fmt.Sprintf(odd, "fast"), fmt.Sprintf(odd, "a-much-longer/model:name"), "POST /v1/embeddings"},
				{"/v1/messages?beta=true", fmt.Sprintf(odd, "messages"), fmt.Sprintf(odd, "c"), "POST /v1/messages?beta=true"},
				{"/v1/messages/count_tokens", fmt.Sprintf(odd, "claude/c"), fmt.Sprintf(odd, "c"), "POST /v1/messages/count_tokens"},
			} {
				a, body := g.post(t, c.path, c.body, "X-New-Field", "passes", "Anthropic-Version", "2026-10-21", "Anthropic-Beta", "one,two",
					"X-Stainless-Lang", "js", "Cookie", "a=b", "OpenAI-Organization", "org-of-the-client", "X-Forwarded-For", "10.0.0.1", "Accept-Encoding", "gzip")
				got := r.got()
				if a.StatusCode != 200 || body != anyJSON || a.Header.Get("X-New-Field") != "passes" {
					t.Errorf("%s: %s %v %q", c.path, a.Status, a.Header, body)
				}
				if got.line != c.line || string(got.body) != c.want {
					t.Errorf("the provider got %s %q, want %s %q", got.line, got.body, c.line, c.want)
				}
				h := got.header
				for name, want := range map[string]string{
					"X-New-Field": "passes", "Anthropic-Beta": "one,two", "Anthropic-Version": "2026-10-21", "Content-Type": "application/json",
					"X-Stainless-Lang": "", "Cookie": "", "Openai-Organization": "", "X-Forwarded-For": "", "Accept-Encoding": "",
				} {
					if h.Get(name) != want {
						t.Errorf("%s: the provider got %s: %q, want %q", c.path, name, h.Get(name), want)
					}
				}
				key, bearer := h.Get("X-Api-Key"), h.Get("Authorization")
				if strings.HasPrefix(c.path, "/v1/messages") {
					if key != claudeProviderKey || bearer != "" {
						t.Errorf("%s: credentials %q %q", c.path, key, bearer)
					}
				} else if key != "" || bearer != "Bearer "+openAIProviderKey {
					t.Errorf("%s: credentials %q %q", c.path, key, bearer)
				}
			}
		})
	}
}

// TestFormBytes: of a form, the model's field alone changes.
func TestFormBytes(t *testing.T) {
	t.Parallel()
	r := record(t, http1, "application/json", anyJSON)
	g := startGateway(t, r.config(http1, ""))
	form := func(model string) string {
		return "preamble\r\n--x-y\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\nContent-Type: audio/wav\r\n\r\n" +
			strings.Repeat("\x00\xff--x-\r\n\r\n", 5000) + "\r\n--x-y\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n" + model +
			"\r\n--x-y\r\nContent-Disposition: form-data; name=\"language\"\r\n\r\nen\r\n--x-y--\r\nepilogue"
	}
	const contentType = `multipart/form-data; boundary="x-y"`
	a, body := g.post(t, "/v1/audio/transcriptions", form("fast"), "Content-Type", contentType)
	if a.StatusCode != 200 || body != anyJSON {
		t.Errorf("%s %s", a.Status, body)
	}
	got := r.got()
	if want := form("a-much-longer/model:name"); string(got.body) != want || got.header.Get("Content-Type") != contentType {
		t.Errorf("the provider got %d bytes of %q, want %d", len(got.body), got.header.Get("Content-Type"), len(want))
	}
}

const (
	usageEvent = `data: {"id":"c","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}` + "\n\n"
	doneEvent  = "data: [DONE]\n\n"
)

// oddEvents is a stream as no provider of ours would send it.
func oddEvents() []string {
	chunk := func(content, more string) string {
		return `data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"` + content + `"},"finish_reason":null}]` + more + "}"
	}
	return []string{
		": a comment\n\n",
		chunk("Hi", `,"usage":null`) + "\n\n",
		"\n",
		"data:" + strings.TrimPrefix(chunk(" no space", ""), "data: ") + "\n\n",
		"event: chunk\nid: 7\nretry: 10\n" + chunk(` \"usage\":{\"prompt_tokens\":1} \ud83c\udf0d Grüße`, "") + "\n\n",
		chunk(" CRLF", "") + "\r\n\r\n",
		`data: {"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}],"unknown":[1.0,{"a":null}]}` + "\n\n",
		`data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n",
	}
}

// splits cuts a text into writes of n bytes.
func splits(s string, n int) (out []string) {
	for c := range slices.Chunk([]byte(s), n) {
		out = append(out, string(c))
	}
	return out
}

// TestStreamBytes: the client gets the provider's events byte for byte where it asked for usage itself; where it did not, what the
// gateway's own asking has brought is missing, the chunk with the usage and the "usage":null of the others, and nothing else.
func TestStreamBytes(t *testing.T) {
	t.Parallel()
	before := strings.Join(oddEvents(), "")
	whole := before + usageEvent + doneEvent
	bare := strings.Replace(before, `,"usage":null`, "", 1) + doneEvent
	for _, p := range []protocol{http1, h2c} {
		for _, n := range []int{1, 7, 64, 1 << 20} {
			t.Run(fmt.Sprintf("%s in pieces of %d", p, n), func(t *testing.T) {
				t.Parallel()
				r := record(t, p, "text/event-stream; charset=utf-8", splits(whole, n)...)
				g := startGateway(t, r.config(p, ""))
				ask := func(body, want string) seen {
					t.Helper()
					a, got := g.post(t, "/v1/chat/completions", body)
					if a.StatusCode != 200 || a.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
						t.Errorf("%s %v", a.Status, a.Header)
					}
					if got != want {
						t.Errorf("the client got\n%q\nwant\n%q", got, want)
					}
					return r.got()
				}
				asked := `{"model":"same","stream":true,"stream_options":{"include_usage":true},"messages":[]}`
				if s := ask(asked, whole); string(s.body) != asked {
					t.Errorf("the provider got %s", s.body)
				}
				silent := `{"model":"same", "stream" : true,"messages":[ ]}`
				s := ask(silent, bare)
				if !bytes.Contains(s.body, []byte(`"include_usage":true`)) {
					t.Errorf("usage was not asked for: %s", s.body)
				}
				refused := `{"model":"same","stream":true,"stream_options":{"include_usage":false,"include_obfuscation":false},"messages":[]}`
				s = ask(refused, bare)
				if !bytes.Contains(s.body, []byte(`"include_usage":true`)) || !bytes.Contains(s.body, []byte(`"include_obfuscation":false`)) {
					t.Errorf("usage was not asked for, or the other option is gone: %s", s.body)
				}
				if in := g.metric(t, "llm_tokens_total", `provider="oai"`, `kind="input"`); in != 9 {
					t.Errorf("%v input tokens are counted after three streams of 3", in)
				}
			})
		}
	}
}

// TestUsageNotAsked: with usage_in_stream: false requests and streams pass untouched.
func TestUsageNotAsked(t *testing.T) {
	t.Parallel()
	whole := strings.Join(oddEvents(), "") + usageEvent + doneEvent
	r := record(t, http1, "text/event-stream", whole)
	g := startGateway(t, r.config(http1, "    usage_in_stream: false\n"))
	const body = `{"model":"same", "stream" : true,"messages":[ ]}`
	if _, got := g.post(t, "/v1/chat/completions", body); got != whole {
		t.Errorf("the client got %q", got)
	}
	if got := r.got(); string(got.body) != body {
		t.Errorf("the provider got %s", got.body)
	}
}
