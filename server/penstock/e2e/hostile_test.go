package e2e

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	update  = flag.Bool("update", false, "rewrite docs/providers.md")
	onlyRow = flag.String("row", "", "of the hostile providers, play those alone whose protocol and name hold this")
)

// What becomes of the connection to the provider.
const (
	kept   = "goes on"
	closed = "closed"
	never  = "never comes up"
)

// misdeed is one way for a provider to misbehave, with what follows from it. The rows are docs/providers.md.
type misdeed struct {
	name string

	// How it is done: on a connection just accepted, instead of a TLS handshake, or for a request.
	over       protocol
	accept     func(*peer)
	secure     func(*peer)
	h1, h2     func(*peer, ask)
	settings   string // payload of the provider's first SETTINGS
	onData     func(p *peer, stream uint32, piece []byte)
	grant      uint32 // bytes of stream window, with the head of a request and with each piece of its body
	early      bool   // it answers before it has the whole request
	deaf       bool   // it acknowledges neither SETTINGS nor PING
	bodySize   int    // of the request
	afterwards bool   // it misbehaves once the client has its answer
	silent     bool   // the answer to it is a timer's
	plain      bool   // only where the client wants no stream

	// What follows. kind is the failure that is counted ("" for none); from it follow the answers where before and during
	// do not say otherwise: "whole" for the right answer, a status for the provider's own, "-" where the case makes no sense.
	kind           string
	before, during string
	again          bool // sent again while nothing of the answer has come
	conn           string
}

// told is what the client is told of each kind of failure.
var told = map[string]struct{ line, code string }{
	"connect": {"502 Bad Gateway", "upstream_unreachable"}, "tls": {"502 Bad Gateway", "upstream_unreachable"},
	"refused": {"503 Service Unavailable", "upstream_refused"}, "reset": {"502 Bad Gateway", "upstream_reset"},
	"closed": {"502 Bad Gateway", "upstream_closed"}, "protocol": {"502 Bad Gateway", "upstream_protocol_error"},
	"too_large": {"502 Bad Gateway", "upstream_head_too_large"}, "timeout": {"504 Gateway Timeout", "upstream_timeout"},
}

func (d *misdeed) beforeHead() string {
	switch {
	case d.before == "" && d.kind == "":
		return "whole"
	case d.before == "":
		return told[d.kind].line[:4] + "`" + told[d.kind].code + "`"
	}
	return d.before
}

// inAnswer is what follows once a part of the answer is the client's.
func (d *misdeed) inAnswer(stream bool) string {
	switch {
	case d.during == "" && d.kind == "":
		return "whole"
	case d.during == "" && stream:
		return "error event `" + told[d.kind].code + "`"
	case d.during == "":
		return "cut off"
	}
	return d.during
}

// inSmall is what follows within a plain answer that the gateway still holds back.
func (d *misdeed) inSmall() string {
	if d.during == "" && d.kind != "" {
		return told[d.kind].line[:4] + "`" + told[d.kind].code + "`"
	}
	return d.inAnswer(false)
}

// hostileRun is one row at work.
type hostileRun struct {
	t        testing.TB
	deed     *misdeed
	label    string // the provider's name
	provider *rawProvider

	good     atomic.Bool // new connections behave
	open     atomic.Int64
	accepted atomic.Int64
	seen     chan struct{} // the client has the first part of the answer
	done     chan struct{} // the client has all of the answer
	probes   int           // requests that were spoiled

	mu   sync.Mutex
	asks map[string][]int // by model: the connections that it was asked on
}

func (r *hostileRun) saw(p *peer, a ask) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asks[a.name] = append(r.asks[a.name], p.serial)
}

func (r *hostileRun) askedOn(name string) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asks[name]
}

func (r *hostileRun) wait() {
	select {
	case <-r.seen:
	case <-time.After(patience):
	}
}

// rowTB gives each row of a test the means to fail by itself.
type rowTB struct {
	testing.TB
	name string
}

func (t rowTB) Errorf(format string, args ...any) {
	t.TB.Errorf("%s: "+format, append([]any{t.name}, args...)...)
}

func (t rowTB) Error(args ...any) { t.TB.Error(append([]any{t.name + ":"}, args...)...) }

func (t rowTB) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	runtime.Goexit()
}

func (t rowTB) Fatal(args ...any) {
	t.Error(args...)
	runtime.Goexit()
}

// quickTimeout is the provider's time in rows that are about silence: less than the second for which the gateway holds a plain answer back.
const quickTimeout = 700 * time.Millisecond

// TestHostileProviders plays every row but those that wait for a timer: three requests are spoiled, each is followed by one that
// is not, on the same client connection where there still is one. Each protocol has a gateway of its own, which knows fewer providers
// by name than all rows are.
func TestHostileProviders(t *testing.T) {
	t.Parallel()
	for _, over := range protocols {
		t.Run(string(over), func(t *testing.T) {
			t.Parallel()
			playRows(t, "", func(d *misdeed) bool { return !d.silent && d.over == over }, 16)
		})
	}
}

// TestSilentProviders plays the rows that end by a timer, all at once.
func TestSilentProviders(t *testing.T) {
	t.Parallel()
	quick := quickTimeout.String()
	playRows(t, "timeouts: {first_byte: "+quick+", between_bytes: "+quick+", handshake: 300ms}\n", func(d *misdeed) bool { return d.silent }, 64)
}

func playRows(t *testing.T, more string, which func(*misdeed) bool, atOnce int) {
	config := strings.Replace(preamble, "loops: 2", "loops: 1", 1) + clientKeys +
		"retry: {attempts: 3, budget: 1}\nbounds: {body: 16MiB}\n" + more + "providers:\n"
	ca := trusted().file(t)
	var runs []*hostileRun
	for i, d := range hostileRows() {
		if !which(&d) || !strings.Contains(string(d.over)+", "+d.name, *onlyRow) {
			continue
		}
		r := &hostileRun{deed: &d, label: fmt.Sprintf("row%d", i), seen: make(chan struct{}, 1), done: make(chan struct{}, 1), asks: map[string][]int{}}
		r.t = rowTB{t, string(d.over) + ", " + d.name}
		if d.conn == never && d.accept == nil && d.secure == nil {
			r.provider = &rawProvider{addr: closedPort(t)}
		} else {
			r.listenPeers()
		}
		lines, _, _ := strings.Cut(strings.Replace(providerLines(r.label, r.provider.addr, d.over), "keys:", "connections: {warm: 0}, keys:", 1), "  - {name: "+r.label+"-a")
		if d.over == tlsH2 {
			lines = strings.ReplaceAll(lines, "]}\n", "], tls: {ca: "+ca+"}}\n")
		}
		config += lines
		runs = append(runs, r)
	}
	g := startGateway(t, config)
	turns := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for _, r := range runs {
		wg.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			r.play(g)
		})
	}
	wg.Wait()
	failures := g.failures(t)
	for _, r := range runs {
		r.counted(failures[r.label])
	}
	eventually(t, "no exchange is open", func() bool { return g.metric(t, "penstock_exchanges_open") == 0 })
	eventually(t, "no stream is open", func() bool { return g.metric(t, "penstock_upstream_streams_open") == 0 })
	if n := g.metric(t, "penstock_panics_total"); n != 0 {
		t.Errorf("%v panics", n)
	}
	// Each row may leave one connection that works, to each of its two names.
	eventually(t, "the gateway holds no more connections than it shows", func() bool {
		open := 0
		for _, r := range runs {
			open += int(r.open.Load())
		}
		return float64(open) == g.metric(t, "llm_connection_pool_active")
	})
}

// play runs one row: spoiled and good requests in turn, then what was counted.
func (r *hostileRun) play(g *gateway) {
	d := r.deed
	w := dial(r.t, g.url)
	probes, n := 0, 0
	probe := func(part string, stream bool, want string) {
		if want == "-" || stream && d.plain {
			return
		}
		n++
		name := fmt.Sprintf("%s-%d", part, n)
		r.good.Store(false)
		if !r.request(w, name, stream, part, want) {
			w = dial(r.t, g.url)
		}
		probes++
		asked := r.askedOn(name)
		if part == "before" && d.accept == nil && d.secure == nil && d.conn != never {
			if tried := len(asked) > 2; tried != d.again {
				r.t.Errorf("%s, stream %v: sent %d times, want again: %v", part, stream, len(asked), d.again)
			}
		}
		// What follows works, and comes where it should.
		if d.conn == never && d.secure == nil && d.accept == nil {
			return
		}
		r.good.Store(true)
		n++
		well := fmt.Sprintf("well-%d", n)
		if d.conn == never { // for a moment the last failure stands for the next ones
			eventually(r.t, "the provider is dialled again", func() bool {
				w.send(request("POST", "/v1/chat/completions", chatBody(r.label+"/"+well, false)))
				return w.answer("POST").status == 200
			})
			eventually(r.t, "the connection is closed", func() bool { return r.open.Load() == 0 })
		}
		if d.afterwards {
			eventually(r.t, "the connection is closed", func() bool { return r.open.Load() == 0 })
		}
		if !r.request(w, well, stream, "well", "whole") {
			r.t.Fatalf("after %s, stream %v: the client's connection ended", part, stream)
		}
		if d.accept != nil || d.secure != nil {
			eventually(r.t, "the connection is closed", func() bool { return r.open.Load() == 0 })
		}
		if on := r.askedOn(well); len(asked) > 0 && len(on) > 0 {
			now := on[len(on)-1]
			if same := now == asked[len(asked)-1]; same != (d.conn == kept) && !(d.conn == kept && d.silent) {
				r.t.Errorf("after %s, stream %v: the next request came on connection %d, the last one on %v, which %s", part, stream, now, asked, d.conn)
			}
		}
	}
	probe("before", false, d.beforeHead())
	probe("before", true, d.beforeHead())
	probe("during", false, d.inSmall())
	probe("large", false, d.inAnswer(false))
	probe("during", true, d.inAnswer(true))
	_ = w.conn.Close()
	if probes == 0 {
		r.t.Fatal("the row asks nothing")
	}
	r.probes = probes
	if d.conn != never {
		most := int64(1)
		if d.silent && d.conn == kept { // alive, but in doubt when the next request came
			most += int64(probes)
		}
		eventually(r.t, "connections that are of no use are closed", func() bool { return r.open.Load() <= most })
	}
}

// counted compares the failures that were counted, by kind, with the spoiled requests that the provider saw.
func (r *hostileRun) counted(got map[string]int) {
	d := r.deed
	want, least := 0, false
	for name, on := range r.asks {
		if !strings.HasPrefix(name, "well") {
			want += len(on)
		}
	}
	if d.accept != nil || d.secure != nil || d.conn == never { // requests were not always seen
		want, least = r.probes, true
	}
	if d.kind == "" {
		want, least = 0, false
	}
	if n := got[d.kind]; n < want {
		r.t.Errorf("%d failures of kind %s, want %d", n, d.kind, want)
	}
	for kind, n := range got {
		if kind != d.kind || n != want && !least {
			r.t.Errorf("%d failures of kind %s, want %d of kind %q", n, kind, want, d.kind)
		}
	}
}

var failureLine = regexp.MustCompile(`(?m)^llm_upstream_failures_total\{([^\n]*)\} ([1-9]\S*)$`)

// failures are the failures by provider and kind, without those that did not happen.
func (g *gateway) failures(t testing.TB) map[string]map[string]int {
	t.Helper()
	label := func(labels, name string) string {
		_, v, _ := strings.Cut(labels, name+`="`)
		v, _, _ = strings.Cut(v, `"`)
		return v
	}
	all := map[string]map[string]int{}
	for _, m := range failureLine.FindAllStringSubmatch(get(t, g.admin+"/metrics"), -1) {
		n, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		provider := label(m[1], "provider")
		if all[provider] == nil {
			all[provider] = map[string]int{}
		}
		all[provider][label(m[1], "kind")] += int(n)
	}
	return all
}

// request sends one request and judges its answer. It says whether the client's connection goes on.
func (r *hostileRun) request(w *wire, name string, stream bool, part, want string) bool {
	t, d := r.t, r.deed
	body := chatBody(r.label+"/"+name, stream)
	if pad := d.bodySize - len(body); pad > 0 && part != "well" {
		body = strings.Replace(body, "Hello", "Hello"+strings.Repeat("o", pad), 1)
	}
	w.send(request("POST", "/v1/chat/completions", body))
	what := fmt.Sprintf("%s, stream %v", name, stream)
	resp, err := http.ReadResponse(w.in, &http.Request{Method: "POST"})
	if err != nil {
		if want == "cut off" && !isTimeout(err) {
			return false
		}
		t.Fatalf("%s: no response: %v", what, err)
	}
	var got bytes.Buffer
	if part == "large" || part == "during" && stream {
		for piece := make([]byte, 4096); err == nil && (got.Len() == 0 || stream && !bytes.Contains(got.Bytes(), []byte("\n\n"))); {
			var n int
			n, err = resp.Body.Read(piece)
			got.Write(piece[:n])
		}
		r.seen <- struct{}{}
	}
	if err == nil {
		_, err = io.Copy(&got, resp.Body)
	}
	if err == io.EOF {
		err = nil
	}
	if isTimeout(err) {
		t.Fatalf("%s: the answer does not end: %q", what, tail(got.Bytes(), 300))
	}
	a := answer{resp.Proto + " " + resp.Status, resp.StatusCode, resp.Header, got.String(), resp.Close, err}
	if part != "well" {
		select {
		case r.done <- struct{}{}:
		default:
		}
	}
	right := ask{name: name, stream: stream, large: part == "large"}
	whole := right.first() + right.rest()
	switch {
	case want == "whole":
		if a.status != 200 || a.err != nil || a.body != whole {
			t.Errorf("%s: %s %v %q, want %q", what, a.line, a.err, tail([]byte(a.body), 400), whole)
		}
	case want == "cut off":
		if a.status != 200 || a.err == nil || !strings.HasPrefix(whole, a.body) {
			t.Errorf("%s: the client takes %q for the whole answer (%s, %v)", what, tail([]byte(a.body), 300), a.line, a.err)
		}
		return false
	case strings.HasPrefix(want, "error event"):
		first := right.first()
		rest, ok := strings.CutPrefix(a.body, first)
		last := strings.Split(strings.TrimSuffix(strings.TrimPrefix(rest, "\n\n"), "\n\n"), "\n\n")
		text, ok2 := strings.CutPrefix(last[len(last)-1], "data: ")
		if a.status != 200 || a.err != nil || !ok || !ok2 || strings.Contains(rest, "[DONE]") {
			t.Errorf("%s: %s %v %q", what, a.line, a.err, tail([]byte(a.body), 400))
			break
		}
		if c := complaintIn(t, text); c.code != told[d.kind].code || c.kind != "server_error" {
			t.Errorf("%s: error event %+v, want %s", what, c, told[d.kind].code)
		}
	case len(want) == 3: // the provider's own
		if strconv.Itoa(a.status) != want || a.err != nil || strings.TrimPrefix(plainBody(right), a.body) == plainBody(right) && a.body != "" {
			t.Errorf("%s: %s %v %q, want %s", what, a.line, a.err, a.body, want)
		}
	default:
		a.wantComplaint(t, "HTTP/1.1 "+told[d.kind].line, openAI("server_error", told[d.kind].code, ""))
	}
	return !a.closes && a.err == nil
}

// settle waits until the client has all of its answer.
func (r *hostileRun) settle() {
	select {
	case <-r.done:
	case <-time.After(patience):
	}
}

func isTimeout(err error) bool {
	ne, ok := err.(interface{ Timeout() bool })
	return ok && ne.Timeout()
}
