package admin

import (
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"penstock/server/observe"
)

// count does something of everything.
func count(l *observe.Loop) {
	l.Request(0, 200, 44e6)
	l.Request(0, 200, 100e6)
	l.Request(0, 503, 2e6)
	l.Request(1, 7, 2e6)
	l.Request(-1, 404, 1e6)
	l.Provider(0, 40e6, observe.OutcomeOK)
	l.Provider(0, 0, observe.OutcomeFailed)
	l.TTFT(0, 300e6)
	l.BetweenChunks(0, 20e6)
	l.Tokens(0, 100, 20, 50, 10)
	l.Cost(0, 2_500_000)
	l.Cancelled(1)
	l.Retry(1)
	l.Failure(1, 2)
	l.Refused(observe.RefusedAuth)
	l.Stage(observe.StageRoute, 4000)
	l.LoopLag.Record(90_000)
	l.BatchSize.Record(3)
	l.BusyNS, l.IdleNS, l.Panics, l.Accepted, l.ConnectionsOpen, l.ConnectionsIdle = 2.5e9, 7.5e9, 1, 9, 5, 2
	l.DNSQueries, l.DNSFailures = 4, 1
	l.Handshakes[observe.HandshakeFull], l.Handshakes[observe.HandshakeCrowded] = 5, 2
	l.Pools[observe.PoolSlabs] = observe.PoolStats{Gets: 100, Hits: 98, IdleBytes: 4096, LentBytes: 65536}
	p := l.Upstream(0)
	p.ConnectionsActive, p.ConnectionsMax, p.ConnectionsCreated, p.HandshakesFull, p.HandshakesResumed = 3, 100, 4, 1, 3
	l.Key(0).Requests = 5
}

func TestMetricValues(t *testing.T) {
	source := newFakeSource()
	count(source.loop)
	s := start(t, source, Options{Version: "1.2.3"})
	page := ask(t, s, "GET", "/metrics", "").body
	for _, line := range []string{
		`http_request_duration_seconds_bucket{endpoint="chat",le="0.12"} 3`,
		`http_request_duration_seconds_bucket{endpoint="chat",le="0.02"} 1`,
		`http_request_duration_seconds_bucket{endpoint="chat",le="+Inf"} 3`,
		`http_request_duration_seconds_count{endpoint="chat"} 3`,
		`http_request_duration_seconds_sum{endpoint="chat"} 0.146`,
		`http_requests_total{endpoint="chat",status="200"} 2`,
		`http_requests_total{endpoint="chat",status="503"} 1`,
		`http_requests_total{endpoint="messages",status="other"} 1`,
		`http_requests_total{endpoint="none",status="404"} 1`,
		`llm_provider_latency_seconds_bucket{provider="openai",le="0.1"} 1`,
		`llm_provider_latency_seconds_count{provider="claude"} 0`,
		`llm_provider_requests_total{outcome="failed",provider="openai"} 1`,
		`llm_connection_pool_active{provider="openai"} 3`,
		`llm_connection_pool_max{provider="openai"} 100`,
		`llm_tokens_total{kind="input",provider="openai"} 100`,
		`llm_tokens_total{kind="cached",provider="openai"} 20`,
		`llm_tokens_total{kind="output",provider="openai"} 50`,
		`llm_tokens_total{kind="reasoning",provider="openai"} 10`,
		`llm_cost_usd_total{provider="openai"} 2.5`,
		`llm_time_to_first_token_seconds_count{provider="openai"} 1`,
		`llm_time_between_tokens_seconds_count{provider="openai"} 1`,
		`llm_requests_cancelled_total{provider="claude"} 1`,
		`llm_upstream_failures_total{kind="reset",provider="claude"} 1`,
		`llm_upstream_failures_total{kind="connect",provider="claude"} 0`,
		`llm_retries_total{provider="claude"} 1`,
		`penstock_stage_duration_seconds_count{stage="route"} 1`,
		`penstock_refused_total{reason="auth"} 1`,
		`penstock_loop_lag_seconds_count{loop="0"} 1`,
		`penstock_loop_batch_events_bucket{loop="0",le="4"} 1`,
		`penstock_loop_batch_events_sum{loop="0"} 3`,
		`penstock_loop_busy_seconds_total{loop="0"} 2.5`,
		`penstock_connections{loop="0",state="active"} 3`,
		`penstock_connections{loop="0",state="idle"} 2`,
		`penstock_connections_accepted_total{loop="0"} 9`,
		`penstock_pool_gets_total{pool="slabs"} 100`,
		`penstock_pool_hits_total{pool="slabs"} 98`,
		`penstock_memory_bytes{pool="slabs",state="lent"} 65536`,
		`penstock_access_log_dropped_total 7`,
		`penstock_panics_total 1`,
		`penstock_upstream_connections_created_total{provider="openai"} 4`,
		`penstock_tls_handshakes_total{kind="full",provider="openai"} 1`,
		`penstock_tls_handshakes_total{kind="resumed",provider="openai"} 3`,
		`penstock_client_handshakes_total{result="full"} 5`,
		`penstock_client_handshakes_total{result="crowded_out"} 2`,
		`penstock_dns_lookups_total{result="ok"} 3`,
		`penstock_dns_lookups_total{result="failed"} 1`,
		`penstock_key_requests_total{key="team-a"} 5`,
	} {
		if !strings.Contains(page, "\n"+line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
	for _, name := range []string{"process_cpu_seconds_total ", "process_resident_memory_bytes ", "go_goroutines ", `penstock_build_info{goversion="go1.`} {
		if !strings.Contains(page, "\n"+name) {
			t.Errorf("missing: %s", name)
		}
	}
}

func TestMetricNamesLint(t *testing.T) {
	source := newFakeSource()
	count(source.loop)
	s := start(t, source, Options{Version: "1.2.3"})
	page := ask(t, s, "GET", "/metrics", "").body
	problems, err := promlint.New(strings.NewReader(page)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Log("promtool is not installed: checked by promlint alone")
		return
	}
	c := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	c.Stdin = strings.NewReader(page)
	if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

var sample = regexp.MustCompile(`(?m)^([a-z_]+(?:_total|_count|_sum|_bucket)(?:\{.*\})?) (\S+)$`)

func samples(t *testing.T, page string) map[string]float64 {
	t.Helper()
	m := map[string]float64{}
	for _, g := range sample.FindAllStringSubmatch(page, -1) {
		v, err := strconv.ParseFloat(g[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(g[1], "go_") && !strings.HasPrefix(g[1], "process_") {
			m[g[1]] = v
		}
	}
	return m
}

// A counter that falls or vanishes reads as a restart, and rates over it are wrong.
func TestReloadKeepsCounters(t *testing.T) {
	source := newFakeSource()
	count(source.loop)
	s := start(t, source, Options{})
	before := samples(t, ask(t, s, "GET", "/metrics", "").body)
	if len(before) < 300 {
		t.Fatalf("%d samples", len(before))
	}
	for _, d := range []observe.Dims{
		{Providers: []string{"new", "claude"}, Endpoints: []string{"messages"}, Kinds: []string{"none", "connect", "reset"}},
		{Providers: []string{"claude", "openai", "new"}, Endpoints: []string{"messages", "chat"}, Keys: []string{"team-b", "team-a"}, Kinds: []string{"none", "connect", "reset"}},
	} {
		source.loop.Resize(d)
		after := samples(t, ask(t, s, "GET", "/metrics", "").body)
		for name, v := range before {
			if got, ok := after[name]; !ok || got < v {
				t.Errorf("%s: %v after %v", name, got, v)
			}
		}
		before = after
	}
}

// Names come from the configuration and can be anything; none may cost the whole page.
func TestHostileNames(t *testing.T) {
	source := newFakeSource()
	source.loop = observe.NewLoop(observe.Dims{
		Providers: []string{"a\"b\\c\nd", "\xff\xfe", "twice", "twice", "", "none"},
		Endpoints: []string{"chat", "chat"},
	})
	source.loop.Tokens(2, 1, 0, 0, 0)
	source.loop.Tokens(3, 2, 0, 0, 0)
	s := start(t, source, Options{})
	a := ask(t, s, "GET", "/metrics", "")
	for _, line := range []string{
		`llm_tokens_total{kind="input",provider="a\"b\\c\nd"} 0`,
		"llm_tokens_total{kind=\"input\",provider=\"\uFFFD\"} 0",
		`llm_tokens_total{kind="input",provider="twice"} 3`,
		`penstock_panics_total 0`,
	} {
		if a.status != 200 || !strings.Contains(a.body, "\n"+line+"\n") {
			t.Errorf("%d, missing: %s", a.status, line)
		}
	}
}

type emptySource struct{ *fakeSource }

func (emptySource) Gather() *observe.Snapshot { return nil }

func TestNoSnapshot(t *testing.T) {
	s := start(t, emptySource{newFakeSource()}, Options{})
	if a := ask(t, s, "GET", "/metrics", ""); a.status != 200 || !strings.Contains(a.body, "process_cpu_seconds_total") {
		t.Errorf("%+v", a)
	}
}
