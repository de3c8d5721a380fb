package stages

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"penstock/bench/fixtures"
	"penstock/http1"
	"penstock/server/auth"
	"penstock/server/dialect"
	"penstock/server/route"
	"penstock/upstream/h2"
	"penstock/upstream/stream"
)

const credential = "sk-stages-0123456789abcdef0123456789abcdef"

// request is a whole request as the official Python client sends it.
func request(body []byte) []byte {
	head := "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway.internal:8080\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n" +
		"Accept: application/json\r\nContent-Type: application/json\r\nUser-Agent: OpenAI/Python 1.99.0\r\nX-Stainless-Lang: python\r\n" +
		"X-Stainless-Package-Version: 1.99.0\r\nX-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\nX-Stainless-Runtime: CPython\r\n" +
		"X-Stainless-Runtime-Version: 3.13.1\r\nX-Stainless-Async: false\r\nX-Stainless-Retry-Count: 0\r\nX-Stainless-Read-Timeout: 600\r\n" +
		"Authorization: Bearer " + credential + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n"
	return append([]byte(head), body...)
}

// A stage is one turn of a benchmark: what happens once per request.
type stage func() error

func measure(b *testing.B, bytesEach int, run stage) {
	b.Helper()
	if err := run(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	if bytesEach > 0 {
		b.SetBytes(int64(bytesEach))
	}
	for b.Loop() {
		if err := run(); err != nil {
			b.Fatal(err)
		}
	}
}

// parse is stage 5.1: the head, the endpoint, the framing of the body, and what routing needs of it.
func parse(wire []byte) stage {
	var p http1.Parser
	var h http1.Head
	var body http1.Body
	s := new(dialect.Scan)
	limits := http1.DefaultLimits()
	p.Limits = &limits
	return func() error {
		n, err := p.Parse(wire, &h)
		if err != nil || n == 0 {
			return fmt.Errorf("head: %d bytes, %w", n, err)
		}
		if ep, _, status, _ := dialect.Lookup(h.Method, h.Path); ep == nil {
			return fmt.Errorf("endpoint: status %d", status)
		}
		body.Start(&h, &limits)
		content, _, err := body.Next(wire[n:])
		if err != nil || !body.Done() {
			return fmt.Errorf("body: %w", err)
		}
		return s.JSON(content)
	}
}

// Ceiling 100 µs.
func Benchmark51Parse1K(b *testing.B) { benchmarkParse(b, fixtures.Chat1K) }

// Ceiling 200 µs.
func Benchmark51Parse64K(b *testing.B) { benchmarkParse(b, fixtures.Chat64K) }

// The requirement names no ceiling for 256 KB; that of 64 KB, four times, is 800 µs.
func Benchmark51Parse256K(b *testing.B) { benchmarkParse(b, fixtures.Chat256K) }

func benchmarkParse(b *testing.B, body []byte) {
	wire := request(body)
	measure(b, len(wire), parse(wire))
}

// routes is a configuration of some size: 20 providers that serve three patterns each, 100 models of three targets each.
func routes(tb testing.TB) *route.Table {
	var spec route.Spec
	for i := range 20 {
		name := fmt.Sprintf("provider-%d", i)
		spec.Providers = append(spec.Providers, route.ProviderSpec{Name: name, Serves: []string{name + "-*", "text-" + name + "-*", "m-" + name}})
	}
	for i := range 100 {
		m := route.ModelSpec{Name: fmt.Sprintf("model-%d", i), Strategy: route.Weighted}
		for k := range 3 {
			m.Targets = append(m.Targets, route.Target{Provider: (i + k) % 20, Model: fmt.Sprintf("real-%d-%d", i, k), Weight: k + 1})
		}
		m.Fallback = []route.Target{{Provider: (i + 7) % 20, Model: "fallback"}}
		spec.Models = append(spec.Models, m)
	}
	t, err := route.NewTable(spec)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// plan is stage 5.2: from the model's name to the targets in their order.
func plan(t *route.Table, model string) stage {
	var r route.Resolved
	st := route.NewState(t)
	targets, name := make([]route.Target, 0, max(t.MaxPlan(), 1)), []byte(model)
	return func() error {
		if !t.Resolve(name, &r) {
			return errors.New("no route to " + model)
		}
		if r.Entry == nil {
			return nil // a prefix or a pattern names the one target itself
		}
		if targets = t.Plan(&r, st, targets); len(targets) == 0 {
			return errors.New("an empty plan")
		}
		return nil
	}
}

// Ceiling 50 µs.
func Benchmark52Route(b *testing.B) {
	t := routes(b)
	for _, c := range []struct{ name, model string }{
		{"model", "model-73"},
		{"prefix", "provider-11/anything-v2"},
		{"pattern", "text-provider-19-large"},
	} {
		b.Run(c.name, func(b *testing.B) { measure(b, 0, plan(t, c.model)) })
	}
}

func keys(tb testing.TB) *auth.Table {
	entries := []auth.Entry{{Key: auth.Key{Name: "stages", Models: []string{"fast", "openai/*", "gpt-*"}}, Digest: auth.Digest([]byte(credential))}}
	for i := range 999 {
		entries = append(entries, auth.Entry{Key: auth.Key{Name: fmt.Sprintf("key-%d", i), ID: i + 1}, Digest: auth.Digest([]byte(fmt.Sprintf("sk-%030d", i)))})
	}
	t, err := auth.NewTable(entries)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// admit is the first half of stage 5.3: who calls, and whether for that model.
func admit(t *auth.Table) stage {
	field, model := []byte("Bearer "+credential), []byte("gpt-6-luna")
	return func() error {
		key := t.Lookup(auth.Credential(field, nil, nil, nil))
		if key == nil || !key.Allows(model) {
			return errors.New("not admitted")
		}
		return nil
	}
}

// refuse is the second half: a body that is wrong at its very end, and the error that its client gets.
func refuse(body []byte) stage {
	wrong := append(bytes.Clone(body[:len(body)-1]), ']')
	s, dst, id := new(dialect.Scan), make([]byte, 0, 1024), []byte("req_0123456789abcdef")
	return func() error {
		err := s.JSON(wrong)
		scan, is := errors.AsType[*dialect.ScanError](err)
		if !is {
			return fmt.Errorf("taken, or another error: %w", err)
		}
		f := dialect.Fault{Status: 400, Param: scan.Param, Message: scan.Reason}
		if dst = dialect.AppendError(dst[:0], dialect.APIOpenAI, &f, id); len(dst) == 0 {
			return errors.New("an empty error")
		}
		return nil
	}
}

// Ceiling 300 µs.
func Benchmark53Validate(b *testing.B) {
	t := keys(b)
	b.Run("key", func(b *testing.B) { measure(b, 0, admit(t)) })
	b.Run("refused-1K", func(b *testing.B) { measure(b, len(fixtures.Chat1K), refuse(fixtures.Chat1K)) })
	b.Run("refused-64K", func(b *testing.B) { measure(b, len(fixtures.Chat64K), refuse(fixtures.Chat64K)) })
}

// patch is stage 5.5 between two ends of one dialect: another model's name, and the usage asked for.
func patch(tb testing.TB, body []byte) stage {
	s := new(dialect.Scan)
	if err := s.JSON(body); err != nil {
		tb.Fatal(err)
	}
	pieces, name := make([][]byte, 0, dialect.MaxPieces), make([]byte, 0, 64)
	return func() error {
		var n int64
		name = route.AppendJSON(name[:0], "provider-model-2026-10")
		if pieces, n = s.Patch(pieces[:0], body, name, true); n <= int64(len(body)) {
			return fmt.Errorf("%d bytes", n)
		}
		return nil
	}
}

// Ceiling 250 µs.
func Benchmark55Transform(b *testing.B) {
	for _, c := range []struct {
		name string
		body []byte
	}{{"1K", fixtures.Chat1K}, {"64K", fixtures.Chat64K}, {"256K", fixtures.Chat256K}} {
		b.Run(c.name, func(b *testing.B) { measure(b, 0, patch(b, c.body)) })
	}
	b.Run("stream", func(b *testing.B) { measure(b, len(fixtures.ChatStream), relay(fixtures.ChatStream)) })
}

// relay is what an event stream of 100 tokens goes through on its way back: its end, its usage, and what was added for the
// gateway's own sake taken out again. Pieces are as large as one read often brings.
func relay(events []byte) stage {
	const piece = 4 << 10
	ep, _, _, _ := dialect.Lookup([]byte("POST"), []byte("/v1/chat/completions"))
	end, usage, strip, dst := new(dialect.EndScanner), new(dialect.UsageScanner), new(dialect.Stripper), make([]byte, 0, 2*piece)
	return func() error {
		end.Reset(ep)
		usage.Reset(dialect.APIOpenAI)
		strip.Reset()
		for rest := events; len(rest) > 0; {
			n := min(piece, len(rest))
			end.Feed(rest[:n])
			usage.Feed(rest[:n])
			dst = strip.Feed(dst[:0], rest[:n])
			rest = rest[n:]
		}
		dst = strip.End(dst[:0])
		if !end.Ended() || usage.Usage().Output != 100 {
			return fmt.Errorf("ended: %v, usage: %+v", end.Ended(), usage.Usage())
		}
		return nil
	}
}

// errorJSON and modelsJSON are what the gateway writes itself.
func errorJSON() stage {
	dst, id := make([]byte, 0, 1024), []byte("req_0123456789abcdef")
	f := dialect.Fault{Status: 404, Code: "model_not_found", Message: "the model %s does not exist", Detail: []byte("gpt-unknown")}
	return func() error {
		if dst = dialect.AppendError(dst[:0], dialect.APIOpenAI, &f, id); len(dst) == 0 {
			return errors.New("an empty error")
		}
		return nil
	}
}

func modelsJSON(names []string) stage {
	dst := make([]byte, 0, 64<<10)
	return func() error {
		if dst = dialect.AppendModels(dst[:0], dialect.APIOpenAI, names, 1764000000); len(dst) == 0 {
			return errors.New("an empty list")
		}
		return nil
	}
}

// Ceiling 200 µs.
func Benchmark56Serialise(b *testing.B) {
	b.Run("error", func(b *testing.B) { measure(b, 0, errorJSON()) })
	b.Run("models-100", func(b *testing.B) { measure(b, 0, modelsJSON(routes(b).Names())) })
	b.Run("h2-request-1K", func(b *testing.B) { measure(b, len(fixtures.Chat1K), upstreamRequest(b, fixtures.Chat1K)) })
}

// output is a connection's write batch, emptied once per turn.
type output struct{ b []byte }

func (o *output) Buffer(int) *[]byte { return &o.b }

// sink counts what ends.
type sink struct{ ended int }

func (*sink) OnSent()                           {}
func (*sink) OnHead(int, []stream.Field, int64) {}
func (*sink) OnBody([]byte)                     {}
func (s *sink) OnEnd([]stream.Field)            { s.ended++ }
func (*sink) OnFail(f stream.Failure)           { panic(f.Error()) }

// upstreamRequest writes a request's head and body as HTTP/2 frames. The shortest of answers (status 200, no body) and the
// window that the body took are in the turn as well, because a connection cannot go on without them.
func upstreamRequest(tb testing.TB, body []byte) stage {
	out, s := new(output), new(sink)
	c := h2.New(h2.Config{Output: out})
	r := &stream.Request{
		Block: &stream.Block{
			Method: "POST", Scheme: "https", Authority: "api.example.com", Path: "/v1/chat/completions",
			Fields: []stream.BlockField{
				{Name: "content-type", Value: "application/json"},
				{Name: "authorization", Value: "Bearer sk-provider-0123456789abcdef"},
			},
		},
		Extra: []stream.Field{
			{Name: []byte("user-agent"), Value: []byte("OpenAI/Python 1.99.0")},
			{Name: []byte("x-request-id"), Value: []byte("req_0123456789abcdef")},
		},
		Body: [][]byte{body}, BodyBytes: int64(len(body)),
	}
	settings := h2.AppendFrameHeader(nil, 6, h2.FrameSettings, 0, 0)
	settings = h2.AppendSetting(settings, h2.SettingMaxConcurrentStreams, 250)
	if err := c.Feed(settings); err != nil {
		tb.Fatal(err)
	}
	id, wire := uint32(1), make([]byte, 0, 64)
	return func() error {
		out.b = out.b[:0]
		if _, err := c.Open(r, s); err != nil {
			return err
		}
		if len(out.b) < len(body) {
			return fmt.Errorf("%d bytes written", len(out.b))
		}
		wire = h2.AppendFrameHeader(wire[:0], 1, h2.FrameHeaders, h2.FlagEndHeaders|h2.FlagEndStream, id)
		wire = append(wire, 0x88) // :status 200, entry 8 of the static table (RFC 7541, appendix A)
		wire = h2.AppendWindowUpdate(wire, 0, len(body))
		before := s.ended
		if err := c.Feed(wire); err != nil {
			return err
		}
		if s.ended != before+1 {
			return fmt.Errorf("stream %d has not ended", id)
		}
		id += 2
		return nil
	}
}
