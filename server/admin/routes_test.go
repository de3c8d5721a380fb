package admin

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestRoutes(t *testing.T) {
	source := newFakeSource()
	s := start(t, source, Options{Version: "1.2.3"})
	want := func(method, path string, status int, contentType, part string) {
		t.Helper()
		a := ask(t, s, method, path, "")
		if a.status != status || !strings.HasPrefix(a.header.Get("Content-Type"), contentType) || !strings.Contains(a.body, part) {
			t.Errorf("%s %s: %d %q %q; want %d %q … %q", method, path, a.status, a.header.Get("Content-Type"), a.body, status, contentType, part)
		}
		if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s: headers %v", method, path, a.header)
		}
		if strings.HasPrefix(contentType, "application/json") && !json.Valid([]byte(a.body)) {
			t.Errorf("%s %s: not JSON: %q", method, path, a.body)
		}
	}
	want("GET", "/healthz", 200, "text/plain", "ok")
	want("GET", "/readyz", 200, "text/plain", "ok")
	want("GET", "/metrics", 200, "text/plain", "penstock_build_info{")
	want("GET", "/api/config", 200, "application/yaml", "***")
	want("GET", "/api/upstreams", 200, "application/json", `"openai"`)
	want("GET", "/api/loops", 200, "application/json", `"lag_p99_ns"`)
	want("GET", "/api/version", 200, "application/json", `"version": "1.2.3"`)
	want("POST", "/api/reload", 200, "application/json", `"reloaded": true`)
	want("GET", "/debug/pprof/", 200, "text/html", "goroutine")
	want("GET", "/debug/pprof/cmdline", 200, "text/plain", "")
	want("GET", "/debug/pprof/symbol", 200, "text/plain", "num_symbols")
	for _, p := range []string{"heap", "allocs", "mutex", "block", "threadcreate", "goroutine?debug=2", "goroutine?debug=1"} {
		want("GET", "/debug/pprof/"+p, 200, "", "")
	}
	want("GET", "/debug/pprof/trace?seconds=0.01", 200, "application/octet-stream", "")

	for _, p := range []string{"/", "/metrics/", "/api", "/api/", "/debug/pprof", "/debug/pprof/nosuch", "/debug/vars", "//metrics", "/%2e%2e/metrics", "/api/version/x"} {
		want("GET", p, 404, "application/json", `"not_found"`)
	}
	want("POST", "/nosuch", 404, "application/json", `"not_found"`)
	for _, p := range []string{"?seconds=301", "?seconds=-1", "?seconds=NaN", "?seconds=x", "?seconds=1e300"} {
		want("GET", "/debug/pprof/profile"+p, 400, "application/json", "seconds")
		want("GET", "/debug/pprof/trace"+p, 400, "application/json", "seconds")
		want("GET", "/debug/pprof/heap"+p, 400, "application/json", "seconds")
	}
	source.upstreams = func() {}
	want("GET", "/api/upstreams", 500, "application/json", "internal")
}

func TestMethods(t *testing.T) {
	source := newFakeSource()
	s := start(t, source, Options{})
	for path, rt := range s.routes {
		if rt.method != http.MethodGet {
			continue
		}
		for _, m := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"} {
			if a := ask(t, s, m, path, ""); a.status != 405 || a.header.Get("Allow") != "GET, HEAD" || !strings.Contains(a.body, "method_not_allowed") {
				t.Errorf("%s %s: %d, Allow %q, %q", m, path, a.status, a.header.Get("Allow"), a.body)
			}
		}
	}
	for _, m := range []string{"GET", "HEAD", "PUT"} {
		if a := ask(t, s, m, "/api/reload", ""); a.status != 405 || a.header.Get("Allow") != "POST" {
			t.Errorf("%s /api/reload: %d, Allow %q", m, a.status, a.header.Get("Allow"))
		}
	}
	if n := source.reloads.Load(); n != 0 {
		t.Errorf("%d reloads by a wrong method", n)
	}
	if a := ask(t, s, "HEAD", "/healthz", ""); a.status != 200 || a.body != "" || a.header.Get("Content-Length") != "3" {
		t.Errorf("HEAD /healthz: %+v", a)
	}
}

func TestNotReady(t *testing.T) {
	source := newFakeSource()
	s := start(t, source, Options{})
	source.notReady.Store("draining")
	if a := ask(t, s, "GET", "/readyz", ""); a.status != 503 || !strings.Contains(a.body, "draining") {
		t.Errorf("/readyz: %+v", a)
	}
	if a := ask(t, s, "GET", "/healthz", ""); a.status != 200 {
		t.Errorf("/healthz while draining: %+v", a)
	}
	source.notReady.Store("")
	if a := ask(t, s, "GET", "/readyz", ""); a.status != 200 {
		t.Errorf("/readyz: %+v", a)
	}
}

func TestReloadFails(t *testing.T) {
	source := newFakeSource()
	s := start(t, source, Options{})
	source.reloadErr.Store(errConfig)
	a := ask(t, s, "POST", "/api/reload", "{}")
	var p problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatal(err)
	}
	if a.status != 422 || p.Error.Type != "reload_failed" || p.Error.Message != errConfig.Error() || source.reloads.Load() != 1 {
		t.Errorf("%+v", a)
	}
}

func TestBodyBound(t *testing.T) {
	source := newFakeSource()
	s := start(t, source, Options{})
	// The bodies stop well before their announced ends: the answer may not wait for them.
	some := strings.Repeat("x", bodyLimitBytes)
	for name, request := range map[string]string{
		"length":  "POST /api/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n" + some + "x",
		"chunked": "POST /api/reload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" + some + "\r\n1000\r\nx",
		"get":     "GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n" + some + "x",
	} {
		a, closed := raw(t, s, request)
		if a.status != 413 || !closed || !strings.Contains(a.body, "too_large") {
			t.Errorf("%s: %d, closed %v, %q", name, a.status, closed, a.body)
		}
	}
	if n := source.reloads.Load(); n != 0 {
		t.Errorf("%d reloads by requests that were refused", n)
	}
	if a := ask(t, s, "POST", "/api/reload", some); a.status != 200 {
		t.Errorf("body of exactly the bound: %+v", a)
	}
	a, closed := raw(t, s, "POST /api/reload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
	if a.status != 400 || !closed {
		t.Errorf("broken chunk: %+v, closed %v", a, closed)
	}
}

func TestHeadBound(t *testing.T) {
	s := start(t, newFakeSource(), Options{})
	// Exactly as much as the server reads: bytes left unread would make its kernel reset the connection under the answer.
	head := "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "
	a, closed := raw(t, s, head+strings.Repeat("x", headLimitBytes+4096-len(head)))
	if a.status != 431 || !closed {
		t.Errorf("%+v, closed %v", a, closed)
	}
}
