package e2e

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSecrets: no key of a client or a provider appears in an answer, a log, a metric or the printed configuration, however it came in.
// What the processes of all other tests have printed is searched when they are over.
func TestSecrets(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("sk-file-"+secretMark+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// "invalid" in a credential has the mock refuse it, as a provider does whose key has been withdrawn.
	config := strings.Replace(m.config(h2c, ""), "providers:\n", `providers:
  - {name: refused, kind: openai, base_url: "`+m.plain+`/v1", http: h2c, keys: [sk-invalid-`+secretMark+`], headers: {X-Extra: hdr-`+secretMark+`}}
  - {name: filed, kind: openai, base_url: "`+m.plain+`/v1", http: h2c, keys: ["file:`+file+`"]}
  - {name: down, kind: openai, base_url: "http://`+closedPort(t)+`/v1", http: http1, keys: [sk-down-`+secretMark+`]}
  - {name: nonsense, kind: openai, base_url: "http://`+says(t, "nonsense\r\n\r\n").addr+`/v1", http: http1, keys: [sk-nonsense-`+secretMark+`]}
`, 1)
	g := startGateway(t, config)
	look := func(what, s string) { // at what clients and operators get to see
		if strings.Contains(s, secretMark) {
			t.Errorf("%s shows a secret: %s", what, tail([]byte(s), 2<<10))
		}
	}
	for _, model := range []string{"fast", "oai/chat?error=500", "oai/nonexistent", "refused/chat", "filed/chat", "down/m", "nonsense/m", "none"} {
		for _, stream := range []bool{false, true} {
			r, body := g.post(t, "/v1/chat/completions", chatBody(model, stream))
			look(model, body)
			for name, values := range r.Header {
				look(model+" "+name, name+": "+strings.Join(values, ", ")+"\n")
			}
		}
	}
	for name, send := range map[string]string{
		"unknown key":                   strings.Replace(request("POST", "/v1/chat/completions", chatBody("fast", false)), clientKey, unknownKey, 1),
		"unknown key, Anthropic's path": strings.Replace(request("POST", "/v1/messages", messagesBody("fast", false)), clientKey, unknownKey, 1),
		"key of Google":                 strings.Replace(request("GET", "/v1/models", ""), "Authorization: Bearer "+clientKey, "x-goog-api-key: "+unknownKey, 1),
		"key in a malformed field":      strings.Replace(request("GET", "/v1/models", ""), "Authorization: Bearer "+clientKey, "Authorization Bearer "+unknownKey, 1),
		"key in a broken body":          request("POST", "/v1/chat/completions", "{"+clientKey),
		"key in a query":                request("GET", "/v1/models?key="+unknownKey, ""),
		"key in a field of two":         request("POST", "/v1/chat/completions", chatBody("fast", false), "x-api-key: "+unknownKey),
	} {
		d := dial(t, g.url)
		d.send(send)
		a := d.answer("POST")
		look(name, a.body)
	}
	for _, path := range []string{"/metrics", "/api/config", "/api/upstreams", "/api/loops", "/api/version", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2"} {
		look(path, get(t, g.admin+path))
	}
	if c := get(t, g.admin+"/api/config"); !strings.Contains(c, `name: "refused"`) || !strings.Contains(c, `value: "[secret]"`) {
		t.Errorf("the printed configuration lacks what this test looks at: %s", c)
	}

	// A configuration that is refused, with secrets in it, by signal, by request and by check.
	g.write(t, config+"surprise: "+clientKey+"\nkeys:\n  - {name: twice, value: "+narrowKey+"}\n")
	g.signal(t, syscall.SIGHUP)
	g.prints(t, `the new configuration was refused`)
	r, err := httpClient.Post(g.admin+"/api/reload", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode == 200 {
		t.Errorf("%s %s %v", r.Status, b, err)
	}
	look("/api/reload", string(b))
	c := start(t, nil, "check", "--config", g.path)
	if code := c.exit(t); code != 1 {
		t.Errorf("check ends with %d", code)
	}
	look("check", string(c.output()))

	g.signal(t, syscall.SIGTERM)
	if code := g.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	look("the logs", string(g.output()))
	if lines := strings.Count(string(g.output()), `"outcome":`); lines < 20 {
		t.Errorf("the access log has %d lines, so this test saw little", lines)
	}
}
