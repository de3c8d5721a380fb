package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fieldNames are the names of a head in order, without those in except.
func fieldNames(h http.Header, except ...string) []string {
	names := slices.Sorted(maps.Keys(h))
	return slices.DeleteFunc(names, func(n string) bool { return slices.Contains(except, n) })
}

// TestFieldsToProvider: of a request with every field that must not pass, the provider gets its own fields and those that are meant
// for it, and not one other.
func TestFieldsToProvider(t *testing.T) {
	t.Parallel()
	for _, p := range []protocol{http1, h2c} {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			r := record(t, p, "application/json", anyJSON)
			g := startGateway(t, r.config(p, "    headers: {X-Tenant: of-the-operator}\n"))
			w := dial(t, g.url)
			// Without x-api-key, which would be the credential that counts; the rule that keeps it here has a test of its own.
			stays := []string{
				"Cookie: a=b", "Proxy-Authorization: Basic c2VjcmV0", "X-Goog-Api-Key: other", "Api-Key: other", "X_Api_Key: other", "Helicone-Auth: Bearer x",
				"Ocp-Apim-Subscription-Key: x", "X-Amz-Security-Token: x", "Connection: keep-alive, X-Nominated", "X-Nominated: x", "Keep-Alive: timeout=5",
				"Proxy-Connection: keep-alive", "TE: gzip", "Trailer: X-Late", "Upgrade: h2c", "HTTP2-Settings: AAAA", "Accept-Encoding: gzip",
				"User-Agent: evil/1.0", "Forwarded: for=10.0.0.1", "X-Forwarded-For: 10.0.0.1", "X-Forwarded-Host: evil", "X_Forwarded_For: 10.0.0.2",
				"X-Forwarded-Proto: https", "X-Real-IP: 10.0.0.1", "Via: 1.1 evil", "CF-Connecting-IP: 10.0.0.1", "True-Client-IP: 10.0.0.1",
				"X-Original-URL: /v1/organization/admin_api_keys", "X-Rewrite-URL: /v1/organization", "X-HTTP-Method-Override: DELETE",
				"OpenAI-Organization: org-of-the-client", "OpenAI-Project: p", "X-Stainless-Lang: js", "Origin: https://evil.example", "Referer: https://evil.example",
				"Sec-Fetch-Site: cross-site", "Access-Control-Request-Method: POST", "Penstock-Anything: x", "X-Tenant: of-the-client",
				"Content-Digest: sha-256=:AAAA:",
			}
			passes := []string{"OpenAI-Beta: one", "X-Request-Id: mine", "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "X-New-Field: passes"}
			w.send(request("POST", "/v1/chat/completions?key=query-"+secretMark+"&beta=true&api_key=x", chatBody("oai/m", false), append(stays, passes...)...))
			if a := w.answer("POST"); a.status != 200 {
				t.Fatalf("%+v", a)
			}
			got := r.got()
			want := []string{"Authorization", "Content-Type", "Openai-Beta", "Traceparent", "User-Agent", "X-New-Field", "X-Request-Id", "X-Tenant"}
			if names := fieldNames(got.header, "Content-Length"); !slices.Equal(names, want) {
				t.Errorf("the provider got %q, want %q", names, want)
			}
			if v := got.header["X-Tenant"]; !slices.Equal(v, []string{"of-the-operator"}) {
				t.Errorf("the operator's field is %q", v)
			}
			if v := got.header["Authorization"]; !slices.Equal(v, []string{"Bearer " + openAIProviderKey}) {
				t.Errorf("%d credentials", len(v))
			}
			if got.header.Get("User-Agent") != "penstock" || got.line != "POST /v1/chat/completions?beta=true" {
				t.Errorf("%q from %q", got.line, got.header.Get("User-Agent"))
			}
		})
	}
}

// TestFieldsToClient: of a response with every field that must not pass, the client gets what applications read, and not one other.
func TestFieldsToClient(t *testing.T) {
	t.Parallel()
	stays := []string{
		"server: nginx", "via: 1.1 internal-proxy", "set-cookie: __cf_bm=x; path=/", "alt-svc: h3=\":443\"", "strict-transport-security: max-age=31536000",
		"cf-ray: 1", "cf-cache-status: DYNAMIC", "x-powered-by: Express", "x-envoy-upstream-service-time: 5", "openai-organization: org-of-the-operator",
		"openai-project: p", "anthropic-organization-id: o", "access-control-allow-origin: *", "access-control-allow-credentials: true", "nel: {}", "report-to: {}",
		"clear-site-data: \"*\"", "refresh: 0; url=https://evil.example", "location: http://10.0.0.1/internal", "www-authenticate: Basic realm=\"x\"",
		"proxy-authenticate: Basic", "penstock-anything: x", "trailer: x-late",
	}
	passes := []string{
		"content-type: application/json", "x-request-id: req-1", "openai-processing-ms: 12", "openai-version: 2020-10-01", "x-ratelimit-remaining-requests: 9",
		"retry-after: 1", "x-should-retry: false", "date: Sun, 06 Nov 1994 08:49:37 GMT", "x-new-field: passes",
	}
	one := says(t, "HTTP/1.1 201 Created\r\n"+strings.Join(append(stays, passes...), "\r\n")+"\r\nConnection: keep-alive, x-nominated\r\nX-Nominated: x\r\n"+
		"Keep-Alive: timeout=5\r\nContent-Length: 10\r\n\r\n"+anyJSON)
	two := listenRaw(t, func(c net.Conn) {
		playH2(c, func(id uint32) string {
			block := "\x08\x03201" // :status
			for _, f := range append(stays, passes...) {
				name, value, _ := strings.Cut(f, ": ")
				block += literal(name, value)
			}
			return frame(1, 4, id, block) + frame(0, 1, id, anyJSON)
		})
	})
	g := startGateway(t, preamble+clientKeys+"providers:\n"+providerLines("one", one.addr, http1)+providerLines("two", two.addr, h2c))
	for _, model := range []string{"one/m", "two/m"} {
		r, body := g.post(t, "/v1/chat/completions", chatBody(model, false))
		var want []string
		for _, f := range passes {
			name, _, _ := strings.Cut(f, ": ")
			want = append(want, http.CanonicalHeaderKey(name))
		}
		slices.Sort(want)
		if names := fieldNames(r.Header, "Content-Length"); r.StatusCode != 201 || body != anyJSON || !slices.Equal(names, want) {
			t.Errorf("%s: %s %q\ngot  %q\nwant %q", model, r.Status, body, names, want)
		}
	}
}

// literal is a field of a header block that is not indexed, without Huffman (RFC 7541 §6.2.2); both parts are short.
func literal(name, value string) string {
	return "\x00" + string(rune(len(name))) + name + string(rune(len(value))) + value
}

// TestResponseSplitting: no byte of a provider becomes a line of the response's head; what could is refused as a whole.
func TestResponseSplitting(t *testing.T) {
	t.Parallel()
	type hostile struct{ name, reply string }
	var cases []hostile
	add := func(name, head string) { cases = append(cases, hostile{name, head}) }
	for _, bad := range []string{"a\rX-Injected: 1", "a\nX-Injected: 1", "a\r\n\tX-Injected: 1", "a\x00b", "a\x01b", "a\x0bb", "a\x7fb", "a\x1b[31m"} {
		add(fmt.Sprintf("value %q", bad), "HTTP/1.1 200 OK\r\nX-Request-Id: "+bad+"\r\n")
		add(fmt.Sprintf("content type %q", bad), "HTTP/1.1 200 OK\r\nContent-Type: "+bad+"\r\n")
		add(fmt.Sprintf("reason %q", bad), "HTTP/1.1 200 "+bad+"\r\n")
	}
	for _, bad := range []string{"X-Bad Name", "X-Bad\x00", "X-B\xc3\xa4d", "", "X-Bad\x7f", "X\"Bad\"", "(X)"} {
		add(fmt.Sprintf("name %q", bad), "HTTP/1.1 200 OK\r\n"+bad+": x\r\n")
	}
	var config strings.Builder
	config.WriteString(preamble + clientKeys + "retry: {attempts: 1}\nproviders:\n")
	var models, names []string
	for i, c := range cases {
		model := fmt.Sprintf("one%d", i)
		config.WriteString(providerLines(model, says(t, c.reply+"Content-Length: 10\r\n\r\n"+anyJSON).addr, http1))
		models, names = append(models, model), append(names, "HTTP/1.1, "+c.name)
	}
	// HTTP/2 carries any byte.
	n := 0
	for _, where := range []string{"x-request-id", "content-type", "x-new"} {
		for _, bad := range []string{"a\r\nx-injected: 1", "a\rb", "a\nb", "a\x00b", "a\x01b", "a\x7fb", "long enough for words of eight \x7f", "long enough for words of eight \r\nx-injected: 1", " a", "a "} {
			p := listenRaw(t, func(c net.Conn) {
				playH2(c, func(id uint32) string {
					return frame(1, 4, id, "\x88"+literal(where, bad)) + frame(0, 1, id, anyJSON)
				})
			})
			model := fmt.Sprintf("two%d", n)
			n++
			config.WriteString(providerLines(model, p.addr, h2c))
			models, names = append(models, model), append(names, fmt.Sprintf("HTTP/2, %s: %q", where, bad))
		}
	}
	for _, bad := range []string{"x-bad\r\nx-injected", "x bad", "x-bad:", "x\x00", "", "x-b\xe4d"} {
		p := listenRaw(t, func(c net.Conn) {
			playH2(c, func(id uint32) string { return frame(1, 4, id, "\x88"+literal(bad, "x")) + frame(0, 1, id, anyJSON) })
		})
		model := fmt.Sprintf("two%d", n)
		n++
		config.WriteString(providerLines(model, p.addr, h2c))
		models, names = append(models, model), append(names, fmt.Sprintf("HTTP/2, name %q", bad))
	}
	g := startGateway(t, config.String())
	w := dial(t, g.url)
	for i, model := range models {
		w.send(request("POST", "/v1/chat/completions", chatBody(model+"/m", false)))
		a := w.answer("POST")
		if a.status != 502 || a.header.Get("X-Injected") != "" || !strings.Contains(a.body, "upstream_protocol_error") {
			t.Errorf("%s: %+v", names[i], a)
		}
	}
	w.wantOpen()
}

// TestRequestsToProviderStayApart: nothing that a client writes into its request makes two of it, or another one, at an HTTP/1.1 provider.
func TestRequestsToProviderStayApart(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var lines []string
	p := listenRaw(t, func(c net.Conn) {
		for in := bufio.NewReader(c); ; {
			r, err := http.ReadRequest(in)
			if err != nil {
				if err != io.EOF {
					mu.Lock()
					lines = append(lines, "broken: "+err.Error())
					mu.Unlock()
				}
				return
			}
			b, err := io.ReadAll(r.Body)
			mu.Lock()
			lines = append(lines, fmt.Sprintf("%s %s %d %v %v", r.Method, r.RequestURI, len(b), r.TransferEncoding, err))
			mu.Unlock()
			if _, err := io.WriteString(c, okHead+"Content-Length: 10\r\n\r\n"+anyJSON); err != nil {
				return
			}
		}
	})
	g := startGateway(t, preamble+clientKeys+"providers:\n"+providerLines("one", p.addr, http1))
	inner := "GET /v1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	body := `{"model":"one/m","x":` + string(must(json.Marshal(inner))) + `}` + "\r\n\r\n"
	sent := 0
	w := dial(t, g.url)
	for _, raw := range []string{
		request("POST", "/v1/chat/completions", body),
		request("POST", "/v1/chat/completions?x=%0d%0a%0d%0aGET%20/v1/smuggled", body),
		request("POST", "/v1/chat/completions?a=b/../../c%20HTTP/1.1", body, "X-A: b\t"+inner[:10]),
		request("POST", "/v1/chat/completions", body, "X-A: \xff\xfe\x80", "X-B: GET /v1/smuggled HTTP/1.1"),
		strings.Replace(strings.Replace(request("POST", "/v1/chat/completions", inChunks(body)+"0\r\n\r\n"), "Content-Length", "X-Length", 1), "Host: gateway", "Host: gateway\r\nTransfer-Encoding: chunked", 1),
		request("GET", "/v1/files?key=a&b=%0a", ""),
		request("GET", "/v1/files/file-1/content?b=?&=/", ""),
	} {
		sent++
		w.send(raw)
		if a := w.answer("POST"); a.status != 200 {
			t.Errorf("%q: %+v", raw, a)
		}
	}
	for _, raw := range []string{ // what would is refused here
		request("POST", "/v1/chat/completions?a b", body),
		request("POST", "/v1/chat/completions", body, "X-A: b\rX-Injected: 1"),
		request("POST", "/v1/chat/completions", body, "X-A: b\nX-Injected: 1"),
		request("POST", "/v1/chat/completions", body, "X-A: b\x00"),
		request("POST", "/v1/chat/completions", body, "Transfer-Encoding: chunked"),
		request("GET", "/v1/files/..", ""), request("GET", "/v1/files/../organization/admin_api_keys", ""), request("GET", "/v1/files/%2e%2e/content", ""),
		request("GET", "/v1/files/a%2f..%2f..%2forganization", ""), request("GET", `/v1/files/..\..\organization`, ""), request("GET", "/v1/files/./content", ""),
		request("GET", "/v1/responses/..", ""), request("GET", "/v1/responses//input_items", ""), request("GET", "//v1/files", ""), request("GET", "/v1/./files", ""),
	} {
		w := dial(t, g.url)
		w.send(raw)
		if a := w.answer("POST"); a.status != 400 && a.status != 404 {
			t.Errorf("%q: %+v", raw, a)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for _, l := range lines {
		if strings.Contains(l, "GET /v1/smuggled") || strings.Contains(l, "broken") || strings.Contains(l, "organization") || !strings.HasSuffix(l, "[] <nil>") {
			t.Errorf("the provider got %s", l)
		}
	}
	if len(lines) != sent {
		t.Errorf("the provider got %d requests of %d: %q", len(lines), sent, lines)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestNamesInErrors: what a client names comes back as data: inside the JSON of the error, in no field, and on one line of the log.
func TestNamesInErrors(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	g := startGateway(t, m.config(h2c, ""))
	w := dial(t, g.url)
	for i, name := range []string{
		"a\"b", `a\b`, "a\r\nX-Injected: 1", "a\x00b", "a\u2028b", "<script>alert(1)</script>", "a`b", "%s%d%n", "\x1b[31mred", "\x7f", "ä\U0001F30D",
		`","code":"none"}}`,
	} {
		mark := fmt.Sprintf("mark-%d-", i)
		body := `{"model":` + string(must(json.Marshal(mark+name))) + `,"messages":[]}`
		for _, path := range []string{"/v1/chat/completions", "/v1/messages"} {
			w.send(request("POST", path, body))
			a := w.answer("POST")
			c := complaintIn(t, a.body)
			if a.status != 404 || a.header.Get("X-Injected") != "" || !strings.Contains(c.message, mark) {
				t.Errorf("%q: %+v", name, a)
			}
			if a.header.Get("Content-Type") != "application/json" {
				t.Errorf("%q: type %q", name, a.header.Get("Content-Type"))
			}
		}
	}
	w.wantOpen()
	for _, path := range []string{"/%22%3cscript%3e", "/v1/%0d%0aX-Injected:1", "/<script>", "/v1/models/%22%0d%0aX-Injected:1"} {
		w.send(request("GET", path, ""))
		if a := w.answer("GET"); a.status != 404 || a.header.Get("X-Injected") != "" || complaintIn(t, a.body).message == "" {
			t.Errorf("%s: %+v", path, a)
		}
	}
	g.signal(t, 15)
	_ = g.exit(t) // its code is another test's
	n := 0
	for line := range strings.Lines(string(g.output())) {
		if !strings.HasPrefix(line, "{") {
			continue
		}
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON in the log: %q", line)
		}
		if strings.Contains(line, `"outcome":`) {
			n++
		}
	}
	if n != 29 {
		t.Errorf("%d lines in the access log, want 29", n)
	}
}
