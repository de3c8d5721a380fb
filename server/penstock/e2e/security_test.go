package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const adminToken = "adm-" + secretMark + "-0123456789"

// adminAsk sends a request to the admin port; each field is "Name: value".
func adminAsk(t testing.TB, g *gateway, method, path string, fields ...string) (status int, body string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, g.admin+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		if name == "Host" {
			q.Host = value
		} else {
			q.Header.Set(name, value)
		}
	}
	r, err := httpClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// TestAdminToken: with a token, nothing but health is told to whoever lacks it, and the token itself is told to nobody.
func TestAdminToken(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(adminToken+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{adminToken, "file:" + file} {
		g := startGateway(t, strings.Replace(m.config(h2c, ""), "admin: 127.0.0.1:0\n", fmt.Sprintf("admin: {address: \"127.0.0.1:0\", token: %q}\n", form), 1))
		for _, path := range []string{"/metrics", "/api/config", "/api/upstreams", "/api/loops", "/api/version", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/nosuch"} {
			for _, fields := range [][]string{nil, {"Authorization: Bearer adm-wrong"}, {"Authorization: Bearer " + adminToken[:len(adminToken)-1]}, {"Authorization: Basic " + adminToken}, {"X-Api-Key: " + adminToken}, {"Authorization: Bearer " + clientKey}} {
				if status, body := adminAsk(t, g, "GET", path, fields...); status != 401 || strings.Contains(body, secretMark) {
					t.Errorf("%s with %q: %d %s", path, fields, status, body)
				}
			}
			if path != "/nosuch" {
				if status, body := adminAsk(t, g, "GET", path, "Authorization: Bearer "+adminToken); status != 200 || strings.Contains(body, secretMark) {
					t.Errorf("%s with the token: %d, or it shows a secret", path, status)
				}
			}
		}
		for _, path := range []string{"/healthz", "/readyz"} {
			if status, _ := adminAsk(t, g, "GET", path); status != 200 {
				t.Errorf("%s: %d", path, status)
			}
		}
		if status, _ := adminAsk(t, g, "POST", "/api/reload"); status != 401 {
			t.Errorf("reload: %d", status)
		}
		if status, _ := adminAsk(t, g, "POST", "/api/reload", "Authorization: Bearer "+adminToken); status != 200 {
			t.Errorf("reload with the token: %d", status)
		}
		if warned := strings.Contains(string(g.output()), "everybody on this host can read it (mode 0644)"); warned != (form != adminToken) {
			t.Errorf("warned of the token's file: %v", warned)
		}
	}
}

// TestAdminForPages: a page that a browser on this host shows can neither read the admin port nor change anything by it.
func TestAdminForPages(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	g := startGateway(t, m.config(h2c, ""))
	for _, c := range []struct{ method, path, field string }{
		{"GET", "/api/config", "Host: evil.example"},
		{"GET", "/metrics", "Host: 127.0.0.1.evil.example:9090"},
		{"GET", "/debug/pprof/profile?seconds=1", "Sec-Fetch-Site: cross-site"},
		{"POST", "/api/reload", "Origin: https://evil.example"},
		{"POST", "/api/reload", "Sec-Fetch-Site: cross-site"},
	} {
		if status, _ := adminAsk(t, g, c.method, c.path, c.field); status != 403 {
			t.Errorf("%s %s with %s: %d", c.method, c.path, c.field, status)
		}
	}
	if strings.Contains(string(g.output()), "configuration reloaded") {
		t.Error("a page had the configuration reloaded")
	}
	if status, _ := adminAsk(t, g, "POST", "/api/reload"); status != 200 {
		t.Errorf("reload: %d", status)
	}
}

// TestExposure: nothing starts that would let everyone in on an address that others can reach, wherever the address comes from.
func TestExposure(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, config string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	open := write("open.yaml", "providers: [{kind: sim}]\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\n")
	for want, args := range map[string][]string{
		"auth: is not given":                  {"--config", write("listen.yaml", "listen: 0.0.0.0:0\nadmin: off\nproviders: [{kind: sim}]\n")},
		"admin: others can reach 0.0.0.0:0":   {"--config", write("admin.yaml", "listen: 127.0.0.1:0\nadmin: 0.0.0.0:0\nproviders: [{kind: sim}]\n")},
		"no key is asked for":                 {"--config", open, "--listen", "0.0.0.0:0", "--admin", "off"},
		"others can reach the admin port at ": {"--config", open, "--admin", "0.0.0.0:0"},
	} {
		p := start(t, nil, append([]string{"serve"}, args...)...)
		if code := p.exit(t); code != 1 || !strings.Contains(string(p.output()), want) {
			t.Errorf("%q ends with %d and\n%s", args, code, p.output())
		}
	}
	for name, config := range map[string]string{
		"keys":     "listen: 0.0.0.0:0\nadmin: off\n" + clientKeys + "providers: [{kind: sim}]\n",
		"accepted": "listen: 0.0.0.0:0\nadmin: off\nauth: none\nauth_insecure: true\nproviders: [{kind: sim}]\n",
		"token":    "listen: 127.0.0.1:0\nadmin: {address: \"0.0.0.0:0\", token: " + adminToken + "}\nproviders: [{kind: sim}]\n",
	} {
		p := start(t, nil, "serve", "--config", write(name+".yaml", config))
		p.prints(t, `listens on`)
		p.signal(t, syscall.SIGTERM)
		if code := p.exit(t); code != 0 {
			t.Errorf("%s ends with %d", name, code)
		}
	}
}

// TestAdminUnixSocket: the admin port can be a file, which the host's permissions guard.
func TestAdminUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "admin.sock")
	p := start(t, nil, "serve", "--listen", "127.0.0.1:0", "--admin", "unix:"+path)
	p.prints(t, `listens on`)
	var c net.Conn
	eventually(t, "the socket answers", func() bool {
		var err error
		c, err = net.Dial("unix", path)
		return err == nil
	})
	defer c.Close()
	if _, err := io.WriteString(c, "GET /healthz HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(b), "HTTP/1.0 200 OK\r\n") {
		t.Errorf("%v %q", err, b)
	}
}
