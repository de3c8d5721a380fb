package admin

import (
	"strings"
	"testing"
)

func TestHosts(t *testing.T) {
	check := func(addr string, more []string, field string, want bool) {
		t.Helper()
		h, err := newHosts(addr, more)
		if err != nil {
			t.Fatal(err)
		}
		if got := h.known(field); got != want {
			t.Errorf("on %s (%v), Host %q: %v, want %v", addr, more, field, got, want)
		}
	}
	for _, addr := range []string{"127.0.0.1:9090", "[::1]:9090", ":9090", "10.0.0.5:9090", "admin.internal:9090"} {
		for _, field := range []string{"", "localhost", "localhost:9090", "LOCALHOST.:1", "127.0.0.1", "127.0.0.1:9090", "127.8.8.8:80", "[::1]:9090", "[::1]", "[::ffff:127.0.0.1]"} {
			check(addr, nil, field, true)
		}
		for _, field := range []string{"evil.example", "evil.example:9090", "localhost.evil.example", "127.0.0.1.evil.example", "evil.localhost", "127.1:9090", "[", ":", "[::1", "localhost:1:2", "2130706433", " localhost"} {
			check(addr, nil, field, field == "[::1")
		}
	}
	check("10.0.0.5:9090", nil, "10.0.0.5:9090", true)
	check("10.0.0.5:9090", nil, "10.0.0.6:9090", false)
	check("127.0.0.1:9090", nil, "0.0.0.0:9090", false)
	check("0.0.0.0:9090", nil, "10.0.0.6:9090", true)
	check("[::]:9090", nil, "[2001:db8::1]:9090", true)
	check(":9090", nil, "10.0.0.6", true)
	check("0.0.0.0:9090", nil, "evil.example:9090", false)
	check("Admin.Internal:9090", nil, "admin.internal.", true)
	check("[2001:DB8::1]:9090", nil, "[2001:db8:0::1]:9090", true)
	check("127.0.0.1:9090", []string{"penstock-admin"}, "Penstock-Admin:9090", true)
	check("127.0.0.1:9090", []string{""}, "evil.example", false)
	if _, err := newHosts("9090", nil); err == nil {
		t.Error("an address without a port was taken")
	}
}

func TestRebinding(t *testing.T) {
	source := newFakeSource()
	s := start(t, source, Options{})
	for path, rt := range s.routes {
		if a := ask(t, s, rt.method, path, "", "Host: evil.example:9090"); a.status != 403 {
			t.Errorf("%s %s for another host: %d", rt.method, path, a.status)
		}
	}
	if a := ask(t, s, "GET", "/nosuch", "", "Host: evil.example"); a.status != 403 {
		t.Errorf("no such path for another host: %d", a.status)
	}
	if n := source.reloads.Load(); n != 0 {
		t.Errorf("%d reloads", n)
	}
	if a, _ := raw(t, s, "GET /healthz HTTP/1.0\r\n\r\n"); a.status != 200 {
		t.Errorf("HTTP/1.0 without Host: %d", a.status)
	}
}

// A page of another origin can send simple requests to a loopback address without rebinding anything.
func TestForeignPages(t *testing.T) {
	source := newFakeSource()
	s := start(t, source, Options{})
	for _, h := range [][]string{
		{"Sec-Fetch-Site: cross-site"},
		{"Sec-Fetch-Site: same-site"},
		{"Origin: https://evil.example"},
		{"Origin: null"},
	} {
		if a := ask(t, s, "POST", "/api/reload", "", h...); a.status != 403 {
			t.Errorf("reload with %v: %d", h, a.status)
		}
	}
	if a := ask(t, s, "GET", "/debug/pprof/profile?seconds=300", "", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"); a.status != 403 {
		t.Errorf("profile as an image of another site: %d", a.status)
	}
	if n := source.reloads.Load(); n != 0 {
		t.Errorf("%d reloads", n)
	}
	if a := ask(t, s, "GET", "/api/version", "", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"); a.status != 200 {
		t.Errorf("link from another site: %d", a.status)
	}
	if a := ask(t, s, "POST", "/api/reload", "", "Sec-Fetch-Site: same-origin", "Origin: http://"+s.Addr().String()); a.status != 200 {
		t.Errorf("own page: %d", a.status)
	}
}

func TestToken(t *testing.T) {
	source := newFakeSource()
	s := start(t, source, Options{Token: "s3cret"})
	for path, rt := range s.routes {
		if strings.HasPrefix(path, pprofPrefix) && path != pprofPrefix {
			path += "?seconds=999" // answered with 400 once the token is right, without a profile being taken
		}
		for _, h := range [][]string{nil, {"Authorization: Bearer wrong"}, {"Authorization: Bearer s3cret2"}, {"Authorization: Bearer"}, {"Authorization: Basic s3cret"}, {"Authorization: s3cret"}, {"Cookie: token=s3cret"}} {
			a := ask(t, s, rt.method, path, "", h...)
			switch {
			case rt.open && a.status != 200:
				t.Errorf("%s with %v: %d", path, h, a.status)
			case !rt.open && (a.status != 401 || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ")):
				t.Errorf("%s with %v: %d, %v", path, h, a.status, a.header)
			}
		}
		// With the token the Host field may be anything: a page cannot know the token.
		for _, h := range []string{"Authorization: Bearer s3cret", "Authorization: bearer s3cret"} {
			if a := ask(t, s, rt.method, path, "", h, "Host: admin.example"); a.status != 200 && a.status != 400 {
				t.Errorf("%s with the token: %d", path, a.status)
			}
		}
	}
	if n := source.reloads.Load(); n != 2 {
		t.Errorf("%d reloads, want 2", n)
	}
	if a := ask(t, s, "GET", "/nosuch", ""); a.status != 401 {
		t.Errorf("no such path without the token: %d", a.status)
	}
	if a := ask(t, s, "GET", "/healthz", "", "Host: evil.example"); a.status != 403 {
		t.Errorf("health for another host: %d", a.status)
	}
}

func TestEmptyTokenIsNoToken(t *testing.T) {
	s := start(t, newFakeSource(), Options{})
	if a := ask(t, s, "GET", "/api/version", "", "Authorization: Bearer ", "Host: evil.example"); a.status != 403 {
		t.Errorf("an empty token opened the port: %d", a.status)
	}
}
