package config

import (
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func mustParse(tb testing.TB, text string, env Environment) *Snapshot {
	tb.Helper()
	s, err := Parse("penstock.yaml", []byte(text), env)
	if err != nil {
		tb.Fatalf("%s\n%v", text, err)
	}
	return s
}

func equal[T any](tb testing.TB, what string, got, want T) {
	tb.Helper()
	if !reflect.DeepEqual(got, want) {
		tb.Errorf("%s: got %+v, want %+v", what, got, want)
	}
}

// defaultSnapshot is the contract's defaults, written out by hand so that a slip in the table shows.
func defaultSnapshot() *Snapshot {
	return &Snapshot{
		Listen: []Listen{{Network: "tcp", Address: "127.0.0.1:8080"}}, Admin: "127.0.0.1:9090", Auth: AuthNone, Pin: true,
		Profile: "balanced",
		Bounds:  Bounds{Head: 32 << 10, Headers: 100, Body: 10 << 20, ResponseBuffer: 1 << 20},
		Timeouts: Timeouts{
			Head: 10 * time.Second, Body: 30 * time.Second, Idle: time.Minute, Connect: 3 * time.Second,
			Handshake: 5 * time.Second, FirstByte: 2 * time.Minute, BetweenBytes: time.Minute, Total: 15 * time.Minute,
			Drain: 10 * time.Minute,
		},
		Stream:    Stream{KeepAlive: 15 * time.Second},
		Providers: []Provider{}, Models: []Model{}, Keys: []Key{},
		Retry: Retry{
			Attempts: 3, Budget: 0.2,
			On: RetryOn{Connect: true, Reset: true, Statuses: []int{429, 500, 502, 503, 504, 529}},
		},
		Breaker:  Breaker{Window: 10 * time.Second, MinRequests: 20, ErrorRatio: 0.5, Open: 5 * time.Second},
		Cache:    Cache{Memory: 64 << 20},
		State:    State{Dir: "./data"},
		Log:      Log{Access: "stdout", Format: "json", Level: "info", Sample: 1},
		Trace:    Trace{Sample: 0.01},
		Warnings: []string{"providers: none are listed, so no request can be answered"},
		Source:   "penstock.yaml",
	}
}

func TestDefaults(t *testing.T) {
	for _, text := range []string{
		"", "\n", "# nothing\n", "---\n", "{}", "---\n# nothing\n...\n", "\ufeff", "~", "listen:\nproviders:\nbounds:\n",
	} {
		equal(t, text, mustParse(t, text, fakeEnvironment{}), defaultSnapshot())
	}
}

// contract is the file of the configuration's specification, all its keys.
const contract = `
listen:
  - address: 0.0.0.0:8080
    tls: {cert: server.pem, key: server.key}
  - unix:/run/penstock/http.sock
admin: 127.0.0.1:9090
auth: keys
loops: 0
pin: true
profile: balanced
bounds:   {head: 32KiB, headers: 100, body: 10MiB, response_buffer: 1MiB, connections: 0, requests_per_loop: 0}
timeouts: {head: 10s, body: 30s, idle: 60s, connect: 3s, handshake: 5s, first_byte: 120s, between_bytes: 60s, total: 15m, drain: 10m}
stream:   {keepalive: 15s}
providers:
  - name: openai
    kind: openai
    base_url: https://api.openai.com/v1/
    keys: ["${KEY}", {value: second, weight: 3}, "file:/run/secret", "${EMPTY:-}"]
    http: auto
    serves: ["gpt-*", "o*"]
    connections: {warm: 1, max: 100}
    headers: {OpenAI-Organization: "${NO_ORG:-}", X-Team: "a $$5 team"}
    tls: {ca: server.pem, insecure: false}
  - {name: claude, kind: anthropic, http: h2}
  - name: local
    kind: openai
    base_urls: ["http://Host-a:8000/v1/", "http://[::1]:8001/v1"]
    http: h2c
    usage_in_stream: false
models:
  - name: fast
    strategy: affinity
    targets:
      - {provider: openai, model: gpt-5-mini, weight: 3}
      - {provider: claude, model: claude-haiku-5, weight: 1}
    fallback: [{provider: local}]
    hedge: {after: p95, max_ratio: 0.05}
    cache: {ttl: 1h}
  - {name: slow, targets: [{provider: local, model: "org/llama", weight: 0}, {provider: claude, model: c}], hedge: {after: 200ms}}
keys:
  - name: team-a
    value: ${KEY}
    models: ["fast", "openai/*"]
    limits: {rpm: 600, tpm: 200000, concurrent: 50, usd_per_day: 20}
  - {name: team-b, sha256: 2BB80D537B1DA3E38BD30361AA855686BDE0EACD7162FEF6A25FE97BF527A25B}
retry:    {attempts: 2, budget: 0.25, on: [529, reset, timeout, 429, 429]}
breaker:  {window: 20s, min_requests: 10, error_ratio: 0.75, open: 1s}
cache:    {memory: 32MiB, ttl: 5m, redis: true}
redis:    {url: "redis://user:hidden@127.0.0.1:6379"}
state:    {dir: /var/lib/penstock}
log:      {access: off, format: text, level: warn, sample: 0.1}
trace:    {otlp: "http://collector:4318", sample: 1}
`

func TestContract(t *testing.T) {
	s := mustParse(t, contract, testEnvironment(t))
	equal(t, "listen", s.Listen, []Listen{
		{Network: "tcp", Address: "0.0.0.0:8080", TLS: &ServerTLS{Cert: "server.pem", Key: "server.key"}},
		{Network: "unix", Address: "/run/penstock/http.sock"},
	})
	equal(t, "auth", s.Auth, AuthKeys)
	p := s.Provider("openai")
	equal(t, "base URL", p.BaseURLs, []string{"https://api.openai.com/v1"})
	var keys []string
	var weights []int
	for _, k := range p.Keys {
		keys, weights = append(keys, k.Value.Reveal()), append(weights, k.Weight)
	}
	equal(t, "keys", keys, []string{"hidden-0123456789", "second", "hidden-from-file"})
	equal(t, "weights", weights, []int{1, 3, 1})
	equal(t, "serves", p.Serves, []string{"gpt-*", "o*"})
	equal(t, "connections", p.Connections, Connections{1, 100})
	equal(t, "headers", len(p.Headers), 1)
	equal(t, "header's name", p.Headers[0].Name, "x-team")
	equal(t, "header's value", p.Headers[0].Value.Reveal(), "a $5 team")
	equal(t, "authorities", p.TLS, UpstreamTLS{CA: "server.pem"})
	equal(t, "usage", p.UsageInStream, true)
	claude := s.Provider("claude")
	equal(t, "kind", claude.Kind, KindAnthropic)
	equal(t, "dialects", claude.Dialects, DialectAnthropic)
	equal(t, "protocol", claude.HTTP, HTTP2)
	equal(t, "base URL by kind", claude.BaseURLs, []string{"https://api.anthropic.com"})
	local := s.Provider("local")
	equal(t, "replicas", local.BaseURLs, []string{"http://host-a:8000/v1", "http://[::1]:8001/v1"})
	equal(t, "protocol", local.HTTP, HTTP2C)
	equal(t, "usage", local.UsageInStream, false)
	equal(t, "models", s.Models, []Model{
		{
			Name: "fast", Strategy: Affinity,
			Targets:  []Target{{"openai", "gpt-5-mini", 3}, {"claude", "claude-haiku-5", 1}},
			Fallback: []Target{{"local", "fast", 1}},
			Hedge:    Hedge{Percentile: 95, MaxRatio: 0.05}, Cache: ModelCache{TTL: time.Hour},
		},
		{
			Name: "slow", Targets: []Target{{"local", "org/llama", 0}, {"claude", "c", 1}},
			Hedge: Hedge{After: 200 * time.Millisecond, MaxRatio: 0.05}, Cache: ModelCache{TTL: 5 * time.Minute},
		},
	})
	equal(t, "key", s.Keys[0].Digest, sha256.Sum256([]byte("hidden-0123456789")))
	equal(t, "key's models", s.Keys[0].Models, []string{"fast", "openai/*"})
	equal(t, "limits", s.Keys[0].Limits, Limits{RPM: 600, TPM: 200000, Concurrent: 50, USDPerDay: 20})
	equal(t, "digest", hex.EncodeToString(s.Keys[1].Digest[:4]), "2bb80d53")
	equal(t, "retry", s.Retry, Retry{Attempts: 2, Budget: 0.25, On: RetryOn{Reset: true, Timeout: true, Statuses: []int{429, 529}}})
	equal(t, "breaker", s.Breaker, Breaker{20 * time.Second, 10, 0.75, time.Second})
	equal(t, "cache", s.Cache, Cache{32 << 20, 5 * time.Minute, true})
	equal(t, "redis", s.Redis.URL.Reveal(), "redis://user:hidden@127.0.0.1:6379")
	equal(t, "state", s.State, State{"/var/lib/penstock"})
	equal(t, "log", s.Log, Log{"off", "text", "warn", 0.1})
	equal(t, "trace", s.Trace, Trace{"http://collector:4318", 1})
	equal(t, "files", s.Files(), []string{"/run/secret", "server.key", "server.pem"})
	equal(t, "warnings", s.Warnings, []string{"providers[0].keys[3]: is empty and left out"})
}

func TestKindsAndDialects(t *testing.T) {
	s := mustParse(t, `
providers:
  - {kind: openai}
  - {kind: anthropic}
  - {kind: gemini}
  - {kind: vertex, base_url: "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/l"}
  - {kind: azure, base_url: "https://r.openai.azure.com/openai/v1"}
  - {kind: bedrock, base_url: "https://bedrock-runtime.eu-west-1.amazonaws.com"}
  - {kind: sim}
`, fakeEnvironment{})
	want := []Dialects{
		DialectOpenAI, DialectAnthropic, DialectGemini, DialectGemini, DialectOpenAI, 0, DialectOpenAI | DialectAnthropic,
	}
	for i, p := range s.Providers {
		equal(t, p.Name, p.Dialects, want[i])
		equal(t, p.Name, p.Name, p.Kind.String())
		equal(t, p.Name, p.Sim, p.Name == "sim")
		equal(t, p.Name, len(p.BaseURLs) == 0, p.Sim)
	}
	equal(t, "set", want[6].String(), "openai|anthropic")
	equal(t, "has", want[6].Has(DialectGemini), false)
	equal(t, "none", s.Provider("none"), nil)
}

func TestStrategiesAndProtocols(t *testing.T) {
	for i, name := range strategyNames {
		s := mustParse(t, "providers: [{kind: openai}]\nmodels: [{name: a, targets: [{provider: openai}], strategy: "+name+"}]", fakeEnvironment{})
		equal(t, name, s.Models[0].Strategy, Strategy(i))
		equal(t, name, s.Models[0].Strategy.String(), name)
	}
	for i, name := range httpModeNames {
		base := "http://a"
		if name == "h2" {
			base = "https://a"
		}
		s := mustParse(t, "providers: [{kind: openai, base_url: "+base+", http: "+name+"}]", fakeEnvironment{})
		equal(t, name, s.Providers[0].HTTP, HTTPMode(i))
	}
	equal(t, "unknown", Strategy(99).String(), "unknown")
}

func TestAuth(t *testing.T) {
	const key = "keys: [{name: a, value: abcdefgh}]\n"
	for _, c := range []struct {
		text string
		want AuthMode
	}{
		{"", AuthNone},
		{key, AuthKeys},
		{"listen: unix:/run/p.sock\n", AuthNone},
		{"listen: [\"[::1]:0\", \"localhost:0\", \"127.8.8.8:0\"]\n", AuthNone},
		{"listen: 0.0.0.0:8080\n" + key, AuthKeys},
		{"listen: 0.0.0.0:8080\nauth: none\nauth_insecure: true\n", AuthNone},
		{"listen: example.internal:8080\nauth_insecure: true\n", AuthNone},
		{"auth: none\n" + key, AuthNone},
	} {
		equal(t, c.text, mustParse(t, c.text, fakeEnvironment{}).Auth, c.want)
	}
	for _, public := range []string{":8080", "0.0.0.0:0", "[::]:80", "192.168.1.1:80", "example.internal:80", "[::ffff:1.2.3.4]:80"} {
		if got := faultsOf(t, "listen: \""+public+"\"", fakeEnvironment{}); !strings.Contains(got, "auth: is not given") {
			t.Errorf("%s lets everyone in: %s", public, got)
		}
	}
}

func TestAdmin(t *testing.T) {
	for _, text := range []string{"admin: off", "admin: \"off\"", "admin: false"} {
		s := mustParse(t, text, fakeEnvironment{})
		equal(t, text, s.AdminOff, true)
		equal(t, text, s.Admin, "")
	}
	equal(t, "socket", mustParse(t, "admin: unix:///run/a.sock", fakeEnvironment{}).Admin, "unix:/run/a.sock")
	equal(t, "port 0", mustParse(t, "admin: 127.0.0.1:0\nlisten: 127.0.0.1:0", fakeEnvironment{}).Admin, "127.0.0.1:0")
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"providers: [{kind: openai, tls: {insecure: true}}]", "providers[0].tls.insecure: any certificate is taken"},
		{"providers: [{kind: openai, base_url: \"http://a/v1/chat/completions\"}]", "providers[0].base_url: the address ends in /chat/completions"},
		{"providers: [{kind: sim, keys: [a]}]", "providers[0].keys: the simulated provider takes no keys"},
		{"auth: none\nkeys: [{name: a, value: abcdefgh}]", "auth: keys are listed, and none is asked for"},
		{"timeouts: {total: 1m}", "timeouts.first_byte: is longer than timeouts.total"},
		{"providers: [{kind: openai, serves: [\"gpt-*\"]}]\nkeys: [{name: a, value: abcdefgh, models: [\"g*\", \"claude-*\"]}]", "keys[0].models[1]: \"claude-*\" matches no model"},
	} {
		warnings := mustParse(t, c.text, fakeEnvironment{}).Warnings
		if !slices.ContainsFunc(warnings, func(w string) bool { return strings.HasPrefix(w, c.want) }) {
			t.Errorf("%s: got %q, want %q…", c.text, warnings, c.want)
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"a", "a", true},
		{"a", "b", false},
		{"*", "", true},
		{"*", "anything", true},
		{"gpt-*", "gpt-5", true},
		{"gpt-*", "gpt", false},
		{"*-mini", "gpt-*", true},
		{"a*b", "b*a", false},
		{"a*b*c", "*bc*", true},
		{"openai/*", "openai/*", true},
		{"openai/gpt", "openai/*", true},
		{"claude", "openai/*", false},
		{"**", "*", true},
	} {
		equal(t, c.a+" "+c.b, overlap(c.a, c.b), c.want)
		equal(t, c.b+" "+c.a, overlap(c.b, c.a), c.want)
	}
}

func TestAnchorsAndMerges(t *testing.T) {
	s := mustParse(t, `
x-local: &local
  kind: openai
  http: http1
  connections: &few {warm: 2, max: 4}
x-other: &other {http: h2c, usage_in_stream: false}
providers:
  - <<: *local
    name: a
    base_url: http://a
  - {<<: [*local, *other], name: b, base_url: http://b, connections: {max: 9}}
  - {name: c, kind: !!str openai, connections: *few}
`, fakeEnvironment{})
	equal(t, "merged", s.Providers[0].Connections, Connections{2, 4})
	equal(t, "merged", s.Providers[0].HTTP, HTTP1)
	equal(t, "own key wins", s.Providers[1].Connections, Connections{1, 9})
	equal(t, "first merge wins", s.Providers[1].HTTP, HTTP1)
	equal(t, "second merge adds", s.Providers[1].UsageInStream, false)
	equal(t, "alias", s.Providers[2].Connections, Connections{2, 4})
}
