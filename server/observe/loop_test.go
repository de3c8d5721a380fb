package observe

import (
	"reflect"
	"slices"
	"strconv"
	"testing"
)

var testDims = Dims{
	Providers: []string{"openai", "claude"},
	Endpoints: []string{"chat", "models"},
	Keys:      []string{"team-a"},
	Kinds:     []string{"none", "connect", "reset"},
}

// fill sets every number within v, counting on from n, and returns the next one.
func fill(v reflect.Value, n uint64) uint64 {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			n = fill(settable(v.Field(i)), n)
		}
	case reflect.Array:
		for i := range v.Len() {
			n = fill(settable(v.Index(i)), n)
		}
	case reflect.Uint64:
		v.SetUint(n)
		n++
	case reflect.Int64:
		v.SetInt(int64(n))
		n++
	default:
		panic("a counter of kind " + v.Kind().String())
	}
	return n
}

func settable(v reflect.Value) reflect.Value {
	return reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem()
}

// wantDouble checks that every number of got is twice that of once.
func wantDouble(t *testing.T, path string, once, got reflect.Value) {
	t.Helper()
	switch once.Kind() {
	case reflect.Struct:
		for i := range once.NumField() {
			wantDouble(t, path+"."+once.Type().Field(i).Name, once.Field(i), got.Field(i))
		}
	case reflect.Array:
		for i := range once.Len() {
			wantDouble(t, path+"["+strconv.Itoa(i)+"]", once.Index(i), got.Index(i))
		}
	case reflect.Uint64:
		if got.Uint() != 2*once.Uint() {
			t.Errorf("%s: %d, want %d", path, got.Uint(), 2*once.Uint())
		}
	default:
		if got.Int() != 2*once.Int() {
			t.Errorf("%s: %d, want %d", path, got.Int(), 2*once.Int())
		}
	}
}

// A field that add forgets would be missing from every page of metrics, in silence.
func TestMergeAddsEveryField(t *testing.T) {
	l := NewLoop(testDims)
	fill(reflect.ValueOf(&l.Figures).Elem(), 1)
	for i := range l.providers.items {
		fill(reflect.ValueOf(&l.providers.items[i]).Elem(), 1000*uint64(i+1))
	}
	for i := range l.endpoints.items {
		fill(reflect.ValueOf(&l.endpoints.items[i]).Elem(), 1000*uint64(i+1))
	}
	for i := range l.keys.items {
		fill(reflect.ValueOf(&l.keys.items[i]).Elem(), 1000*uint64(i+1))
	}
	s := MergeLoops(l, l)
	wantDouble(t, "Figures", reflect.ValueOf(l.Figures), reflect.ValueOf(s.Sum.Figures))
	for i := range l.providers.items {
		wantDouble(t, "ProviderStats", reflect.ValueOf(l.providers.items[i]), reflect.ValueOf(s.Sum.providers.items[i]))
	}
	for i := range l.endpoints.items {
		wantDouble(t, "EndpointStats", reflect.ValueOf(l.endpoints.items[i]), reflect.ValueOf(s.Sum.endpoints.items[i]))
	}
	for i := range l.keys.items {
		wantDouble(t, "KeyStats", reflect.ValueOf(l.keys.items[i]), reflect.ValueOf(s.Sum.keys.items[i]))
	}
	if len(s.Loops) != 2 || s.Loops[1].Figures != l.Figures {
		t.Error("the loops' own figures are not in the snapshot")
	}
}

func TestCounting(t *testing.T) {
	l := NewLoop(testDims)
	l.Request(0, 200, 5e6)
	l.Request(0, 200, 5e6)
	l.Request(0, 503, 5e6)
	l.Request(1, 42, 0)
	l.Request(-1, 404, 1e6)
	l.Provider(1, 3e6, OutcomeOK)
	l.Provider(1, 0, OutcomeFailed)
	l.Provider(1, 0, Outcome(200))
	l.Tokens(1, 10, 4, 7, -3)
	l.Cost(1, 1500)
	l.Cancelled(-1)
	l.Retry(0)
	l.Failure(0, 2)
	l.Failure(0, 99)
	l.Refused(RefusedAuth)
	l.Refused(Reason(250))
	l.Stage(StageRoute, 4000)
	l.Stage(Stage(250), 4000)
	l.TTFT(0, 1e6)
	l.BetweenChunks(0, 1e6)
	l.Key(0).Requests++
	l.Key(77).Requests += 2
	l.Upstream(0).ConnectionsActive = 3

	status := map[string]uint64{}
	l.EachEndpoint(func(name string, e *EndpointStats) {
		e.EachStatus(func(code int, n uint64) { status[name+" "+strconv.Itoa(code)] = n })
	})
	if want := map[string]uint64{"chat 200": 2, "chat 503": 1, "models 0": 1, "none 404": 1}; !reflect.DeepEqual(status, want) {
		t.Errorf("statuses %v, want %v", status, want)
	}
	if e := &l.endpoints.items[0]; e.Status(200) != 2 || e.Duration.Count() != 3 {
		t.Errorf("chat: %d × 200, %d durations", e.Status(200), e.Duration.Count())
	}
	p := l.Upstream(1)
	if p.Outcomes[OutcomeOK] != 1 || p.Outcomes[OutcomeFailed] != 2 || p.Latency.Count() != 1 {
		t.Errorf("outcomes %v, latencies %d", p.Outcomes, p.Latency.Count())
	}
	if p.Input != 10 || p.Cached != 4 || p.Output != 7 || p.Reasoning != 0 || p.MicroUSD != 1500 {
		t.Errorf("tokens %d %d %d %d, cost %d", p.Input, p.Cached, p.Output, p.Reasoning, p.MicroUSD)
	}
	kinds := map[string]uint64{}
	l.EachFailure(l.Upstream(0), func(kind string, n uint64) { kinds[kind] = n })
	if want := map[string]uint64{"none": 1, "connect": 0, "reset": 1}; !reflect.DeepEqual(kinds, want) {
		t.Errorf("failures %v, want %v", kinds, want)
	}
	if p := l.Upstream(0); p.Retries != 1 || p.TTFT.Count() != 1 || p.BetweenChunks.Count() != 1 || p.ConnectionsActive != 3 {
		t.Error("counters of provider 0 are wrong")
	}
	if l.Upstream(-1).Cancelled != 1 || l.Refusals[RefusedAuth] != 1 || l.Stages[StageRoute].Count() != 1 {
		t.Error("cancelled, refused or stage is wrong")
	}
	var keys []string
	l.EachKey(func(name string, k *KeyStats) { keys = append(keys, name+" "+strconv.FormatUint(k.Requests, 10)) })
	if want := []string{"team-a 1", "none 2"}; !slices.Equal(keys, want) {
		t.Errorf("keys %v, want %v", keys, want)
	}
}

func providers(l *Loop) map[string]uint64 {
	m := map[string]uint64{}
	l.EachProvider(func(name string, p *ProviderStats) { m[name] = p.Input })
	return m
}

func wantProviders(t *testing.T, l *Loop, want map[string]uint64) {
	t.Helper()
	if got := providers(l); !reflect.DeepEqual(got, want) {
		t.Errorf("providers %v, want %v", got, want)
	}
}

func TestResizeKeepsCounters(t *testing.T) {
	l := NewLoop(Dims{Providers: []string{"a", "b", "c"}})
	for i := range 3 {
		l.Tokens(i, int64(i+1), 0, 0, 0)
	}
	l.Tokens(-1, 9, 0, 0, 0)

	l.Resize(Dims{Providers: []string{"c", "d", "a"}})
	if l.Upstream(0).Input != 3 || l.Upstream(1).Input != 0 || l.Upstream(2).Input != 1 {
		t.Error("counters did not move with their names")
	}
	wantProviders(t, l, map[string]uint64{"a": 1, "b": 2, "c": 3, "d": 0, "none": 9})

	l.Resize(Dims{Providers: []string{"b"}})
	l.Tokens(0, 10, 0, 0, 0)
	wantProviders(t, l, map[string]uint64{"a": 1, "b": 12, "c": 3, "d": 0, "none": 9})

	l.Resize(Dims{})
	wantProviders(t, l, map[string]uint64{"a": 1, "b": 12, "c": 3, "d": 0, "none": 9})
}

func TestResizeBounds(t *testing.T) {
	names := func(prefix string, n int) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = prefix + strconv.Itoa(i)
		}
		return out
	}
	l := NewLoop(Dims{Providers: names("a", maxProviders)})
	for i := range maxProviders {
		l.Tokens(i, 1, 0, 0, 0)
	}
	l.Resize(Dims{Providers: names("b", maxProviders+10)})
	if n := len(l.Dims().Providers); n != maxProviders {
		t.Fatalf("%d names, want %d", n, maxProviders)
	}
	if got := l.Upstream(-1).Input; got != maxProviders {
		t.Errorf("names without room hold %d together, want %d", got, maxProviders)
	}
	l.Tokens(maxProviders+5, 1, 0, 0, 0)
	if got := l.Upstream(-1).Input; got != maxProviders+1 {
		t.Errorf("index beyond the bound counted %d, want %d", got, maxProviders+1)
	}
}

func TestExtendMovesNoIndex(t *testing.T) {
	old := Dims{Providers: []string{"a", "b"}, Kinds: []string{"none"}}
	d := old.Extend(Dims{Providers: []string{"c", "b", "c"}, Endpoints: []string{"chat"}, Keys: []string{"k"}, Kinds: []string{"none"}})
	if want := []string{"a", "b", "c"}; !slices.Equal(d.Providers, want) {
		t.Errorf("providers %v, want %v", d.Providers, want)
	}
	if d.Provider("c") != 2 || d.Provider("x") != -1 || d.Endpoint("chat") != 0 || d.Key("k") != 0 {
		t.Error("wrong index")
	}
	if !slices.Equal(old.Providers, []string{"a", "b"}) {
		t.Error("Extend changed the old names")
	}
}

// During a reload loops have different names for a moment.
func TestMergeByName(t *testing.T) {
	a := NewLoop(Dims{Providers: []string{"x", "y"}})
	b := NewLoop(Dims{Providers: []string{"y", "z", "y"}, Kinds: []string{"none"}})
	a.Tokens(0, 1, 0, 0, 0)
	a.Tokens(1, 2, 0, 0, 0)
	b.Tokens(0, 4, 0, 0, 0)
	b.Tokens(1, 8, 0, 0, 0)
	b.Tokens(2, 16, 0, 0, 0)
	b.Tokens(-1, 32, 0, 0, 0)
	s := MergeLoops(a, b)
	wantProviders(t, s.Sum, map[string]uint64{"x": 1, "y": 22, "z": 8, "none": 32})
	if !slices.Equal(s.Sum.kinds, []string{"none"}) {
		t.Errorf("kinds %v", s.Sum.kinds)
	}
	wantProviders(t, MergeLoops().Sum, map[string]uint64{})
}

func TestCopyInto(t *testing.T) {
	l := NewLoop(testDims)
	l.Tokens(0, 5, 0, 0, 0)
	l.Events = 7
	for _, dst := range []*Loop{NewLoop(testDims), NewLoop(Dims{}), {}, NewLoop(Dims{Providers: []string{"1", "2", "3", "4", "5"}})} {
		l.CopyInto(dst)
		wantProviders(t, dst, map[string]uint64{"openai": 5, "claude": 0})
		if dst.Events != 7 {
			t.Errorf("events %d", dst.Events)
		}
		dst.Tokens(0, 100, 0, 0, 0)
		if l.Upstream(0).Input != 5 {
			t.Fatal("the copy shares memory with the original")
		}
	}
}

func TestNamesAreComplete(t *testing.T) {
	lists := map[string][]string{
		"stage": stageNames[:], "reason": reasonNames[:], "outcome": outcomeNames[:], "pool": poolNames[:],
	}
	for what, names := range lists {
		seen := map[string]bool{"": true, "unknown": true}
		for i, name := range names {
			if seen[name] {
				t.Errorf("%s %d is called %q", what, i, name)
			}
			seen[name] = true
		}
	}
	if StageTotal.String() != "total" || RefusedUnsupportedMedia.String() != "unsupported_media" || PoolCache.String() != "cache" ||
		OutcomeCancelled.String() != "cancelled" || Stage(200).String() != "unknown" {
		t.Error("names are out of step with their constants")
	}
	for status, want := range map[int]Outcome{200: OutcomeOK, 302: OutcomeOK, 400: OutcomeClientError, 429: OutcomeRateLimited, 529: OutcomeServerError} {
		if got := OutcomeOf(status); got != want {
			t.Errorf("OutcomeOf(%d) = %v, want %v", status, got, want)
		}
	}
}

func BenchmarkLoopRequest(b *testing.B) {
	b.ReportAllocs()
	l := NewLoop(testDims)
	for b.Loop() {
		l.Request(0, 200, 45e6)
		l.Provider(0, 40e6, OutcomeOK)
		l.Tokens(0, 100, 0, 50, 0)
		l.Stage(StageParse, 3000)
		l.Stage(StageTotal, 45e6)
	}
}

func BenchmarkLoopCopyInto(b *testing.B) {
	b.ReportAllocs()
	l, dst := NewLoop(testDims), NewLoop(testDims)
	for b.Loop() {
		l.CopyInto(dst)
	}
}
