package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Every credential holds secretMark, so that one search finds any of them where it must not be.
const (
	secretMark        = "s3cr3tm4rk"
	clientKey         = "sk-client-" + secretMark + "-0123456789"
	narrowKey         = "sk-narrow-" + secretMark + "-0123456789" // may use the model "fast" alone
	unknownKey        = "sk-nobody-" + secretMark + "-0123456789"
	openAIProviderKey = "sk-openai-" + secretMark + "-0123456789"
	claudeProviderKey = "sk-ant-" + secretMark + "-0123456789"
)

var httpClient = &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// mock is a simulated provider as a process.
type mock struct {
	*process
	plain, secure, ca string
}

func startMock(t testing.TB, args ...string) *mock {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "mock.pem")
	all := append([]string{"mock", "--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0", "--cert-out", ca, "--tokens", "8"}, args...)
	m := &mock{process: start(t, nil, all...), ca: ca}
	m.plain = m.prints(t, `(?m)(http://127\.0\.0\.1:\d+)\s`)[1]
	m.secure = m.prints(t, `(?m)(https://127\.0\.0\.1:\d+)\s`)[1]
	return m
}

// counters are what GET /sim/stats says.
type counters struct {
	Requests        int64 `json:"requests"`
	Errors          int64 `json:"errors"`
	StreamsStarted  int64 `json:"streams_started"`
	StreamsFinished int64 `json:"streams_finished"`
	Cancelled       int64 `json:"cancelled"`
	Broken          int64 `json:"broken"`
	Open            int64 `json:"open"`
	ConnectionsOpen int64 `json:"connections_open"`
	BytesOut        int64 `json:"bytes_out"`
}

func (m *mock) stats(t testing.TB) (c counters) {
	t.Helper()
	if err := json.Unmarshal([]byte(get(t, m.plain+"/sim/stats")), &c); err != nil {
		t.Fatalf("/sim/stats: %v", err)
	}
	return c
}

// get returns the body of a URL that answers 200.
func get(t testing.TB, url string) string {
	t.Helper()
	r, err := httpClient.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != 200 {
		t.Fatalf("GET %s: %v, status %d: %s", url, err, r.StatusCode, b)
	}
	return string(b)
}

// protocol is how the gateway speaks to its provider.
type protocol string

const (
	h2c   protocol = "h2c"
	tlsH2 protocol = "h2"
	http1 protocol = "http1"
)

var protocols = []protocol{h2c, tlsH2, http1}

// base is the address of the mock for a protocol, with the lines of a provider that go with it.
func (m *mock) base(p protocol) (url, lines string) {
	if p == tlsH2 {
		return m.secure, "    tls: {ca: " + m.ca + "}\n"
	}
	return m.plain, ""
}

// preamble is the part of a configuration that all tests share.
const preamble = `listen: 127.0.0.1:0
admin: 127.0.0.1:0
loops: 2
pin: false
log: {access: stdout, level: info}
`

const clientKeys = `keys:
  - {name: team, value: ` + clientKey + `}
  - {name: narrow, value: ` + narrowKey + `, models: [fast]}
`

// config routes to the mock by both dialects: "oai/…" and "claude/…", and "fast", which is the mock's "chat".
func (m *mock) config(p protocol, more string) string {
	url, lines := m.base(p)
	return preamble + clientKeys + `providers:
  - name: oai
    kind: openai
    base_url: ` + url + `/v1
    http: ` + string(p) + `
    keys: [` + openAIProviderKey + `]
` + lines + `  - name: claude
    kind: anthropic
    base_url: ` + url + `
    http: ` + string(p) + `
    keys: [` + claudeProviderKey + `]
` + lines + `models:
  - name: fast
    targets: [{provider: oai, model: "chat?tokens=6"}]
` + more
}

// gateway is the program under test.
type gateway struct {
	*process
	url, admin, path string
}

func startGateway(t testing.TB, config string) *gateway {
	t.Helper()
	g := &gateway{path: filepath.Join(t.TempDir(), "penstock.yaml")}
	g.write(t, config)
	g.process = start(t, nil, "serve", "--config", g.path)
	g.url = g.prints(t, `listens on (https?://127\.0\.0\.1:\d+)`)[1]
	g.admin = g.prints(t, `(?m)profiles: (http://127\.0\.0\.1:\d+)\s`)[1]
	return g
}

// write puts a configuration in place at once, so that nobody reads half of it.
func (g *gateway) write(t testing.TB, config string) {
	t.Helper()
	next := g.path + ".next"
	if err := os.WriteFile(next, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, g.path); err != nil {
		t.Fatal(err)
	}
}

// metric sums all series of a metric whose labels contain each of the texts.
func (g *gateway) metric(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	sum, seen := 0.0, false
	re := regexp.MustCompile(`(?m)^` + name + `(\{[^\n]*\})? (\S+)$`)
next:
	for _, m := range re.FindAllStringSubmatch(get(t, g.admin+"/metrics"), -1) {
		for _, l := range labels {
			if !strings.Contains(m[1], l) {
				continue next
			}
		}
		v, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum, seen = sum+v, true
	}
	if !seen && len(labels) == 0 {
		t.Fatalf("/metrics has no %s", name)
	}
	return sum
}

// settled waits until nothing is in flight in the gateway or at the mock.
func settled(t testing.TB, g *gateway, m *mock) {
	t.Helper()
	eventually(t, "no exchange and no stream is open", func() bool {
		return g.metric(t, "penstock_exchanges_open") == 0 && m.stats(t).Open == 0
	})
}

// post sends a request with the team's key and returns status, header and body.
func (g *gateway) post(t testing.TB, path, body string, fields ...string) (*http.Response, string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), "POST", g.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+clientKey)
	q.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(fields); i += 2 {
		q.Header.Set(fields[i], fields[i+1])
	}
	r, err := httpClient.Do(q)
	if err != nil {
		t.Fatalf("POST %s: %v", path, err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("POST %s: body: %v after %q", path, err, tail(b, 500))
	}
	return r, string(b)
}

func chatBody(model string, stream bool) string {
	return fmt.Sprintf(`{"model":%q,"stream":%v,"messages":[{"role":"user","content":"Hello"}]}`, model, stream)
}

const shortTimeout = 300 * time.Millisecond // of a configuration whose timeouts a test waits for
