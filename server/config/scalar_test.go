package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestExpansion(t *testing.T) {
	env := testEnvironment(t)
	for _, c := range []struct{ text, want string }{
		{"${NAME}", "local"},
		{"a${NAME}b${NUMBER}", "alocalb7"},
		{"${NONE:-fallback}", "fallback"},
		{"${EMPTY:-fallback}", "fallback"},
		{"${NAME:-fallback}", "local"},
		{"${NONE:-a$$b}", "a$b"},
		{"$$", "$"},
		{"$${NAME}", "${NAME}"},
		{"5$ and $5", "5$ and $5"},
		{"${NONE:-}", "./data"},
	} {
		equal(t, c.text, mustParse(t, "state: {dir: '"+c.text+"'}", env).State.Dir, c.want)
	}
	s := mustParse(t, "loops: ${NUMBER}\npin: ${NONE:-false}\nlisten: 127.0.0.1:${PORT}\ntimeouts: {idle: \"${NUMBER}s\"}", env)
	equal(t, "loops", s.Loops, 7)
	equal(t, "pin", s.Pin, false)
	equal(t, "listen", s.Listen[0].Address, "127.0.0.1:8081")
	equal(t, "idle", s.Timeouts.Idle, 7*time.Second)
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
	}{
		{"1000", 1000}, {"64KiB", 64 << 10}, {"10MiB", 10 << 20}, {"1GB", 1e9}, {"1GiB", 1 << 30}, {"2kB", 2000}, {"7B", 7},
	} {
		got, ok := parseSize(c.text)
		equal(t, c.text, got, c.want)
		equal(t, c.text, ok, true)
	}
	for _, d := range []time.Duration{0, time.Millisecond, time.Second, 90 * time.Second, 10 * time.Minute, time.Hour, 25 * time.Hour, 10*time.Hour + time.Second} {
		got, ok := parseDuration(durationText(d))
		equal(t, durationText(d), got, d)
		equal(t, durationText(d), ok, true)
	}
	equal(t, "short", durationText(10*time.Minute), "10m")
	equal(t, "short", durationText(20*time.Hour), "20h")
	equal(t, "short", durationText(10*time.Second), "10s")
}

func TestFileErrors(t *testing.T) {
	_, err := Load("/none.yaml", fakeEnvironment{})
	equal(t, "error", err.Error(), "/none.yaml: the file cannot be used: there is no such file")
	_, err = Load(t.TempDir(), nil)
	if err == nil || !strings.HasSuffix(err.Error(), "it is a directory") {
		t.Errorf("got %v for a directory", err)
	}
	s, err := Load("/a.yaml", fakeEnvironment{files: map[string]string{"/a.yaml": "loops: 2"}})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "files", s.Files(), []string{"/a.yaml"})
	equal(t, "source", s.Source, "/a.yaml")
	s.Files()[0] = "changed"
	equal(t, "files are copied", s.Files(), []string{"/a.yaml"})
}

func TestFaultsUnwrap(t *testing.T) {
	_, err := Parse("a.yaml", []byte("loops: x"), fakeEnvironment{})
	var fault Fault
	if !errors.As(err, &fault) {
		t.Fatalf("no Fault in %v", err)
	}
	equal(t, "fault", fault, Fault{"a.yaml", 1, "loops", `"x" is not a whole number`, "such as 100"})
}

func TestSystemEnvironment(t *testing.T) {
	dir := t.TempDir()
	secret, path := filepath.Join(dir, "secret"), filepath.Join(dir, "penstock.yaml")
	t.Setenv("PENSTOCK_TEST_KEY", "from-the-environment")
	text := "providers: [{kind: openai, keys: [\"${PENSTOCK_TEST_KEY}\", \"file:" + secret + "\"]}]"
	for name, content := range map[string]string{secret: "from-a-file\r\n", path: text, path + ".long": strings.Repeat("#", fileLimitBytes+2)} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "variable", s.Providers[0].Keys[0].Value.Reveal(), "from-the-environment")
	equal(t, "file", s.Providers[0].Keys[1].Value.Reveal(), "from-a-file")
	equal(t, "files", s.Files(), []string{path, secret})
	_, err = Load(path+".long", nil)
	if err == nil || !strings.HasSuffix(err.Error(), "is longer than 4MiB") {
		t.Errorf("got %v", err)
	}
}

func TestOwnedHeaders(t *testing.T) {
	for _, name := range []string{
		"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "host",
		"http2-settings", "content-length", "content-type", "content-encoding", "accept-encoding", "expect", "authorization",
		"proxy-authorization", "proxy-authenticate", "x-api-key", "x-goog-api-key", "api-key",
	} {
		text := "providers: [{kind: openai, headers: {" + strings.ToUpper(name) + ": a}}]"
		if got := faultsOf(t, text, fakeEnvironment{}); !strings.Contains(got, "headers."+strings.ToUpper(name)+": is a field") {
			t.Errorf("%s is let through: %q", name, got)
		}
	}
}

func TestShown(t *testing.T) {
	for _, c := range []struct{ path, text, want string }{
		{"redis.url", "hidden", "the value"},
		{"providers.headers", "hidden", "the value"},
		{"state.dir", "a b", `"a b"`},
		{"state.dir", "${A}", `"${A}" as expanded`},
		{"state.dir", strings.Repeat("é", 40), `"` + strings.Repeat("é", 32) + `…"`},
		{"state.dir", "x" + strings.Repeat("é", 40), `"x` + strings.Repeat("é", 31) + `…"`},
		{"trace.otlp", "http://host:1/a", `"http://host:1/a"`},
		{"trace.otlp", "http://user:hidden", "the address"},
		{"trace.otlp", "hidden@host", "the address"},
	} {
		b := root
		for name := range strings.SplitSeq(c.path, ".") {
			b = b.child(name)
		}
		equal(t, c.path, place{b: b, n: &node{form: formText, text: c.text}}.shown(), c.want)
	}
}
