package stand

import (
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// provider answers as the test says; the address is what a fleet connects to.
func provider(t *testing.T, serve http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func fleet(t *testing.T, address string) *Fleet {
	t.Helper()
	f, err := NewFleet(address, Request(address, ChatBody("chat", false, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func TestPace(t *testing.T) {
	var served atomic.Int64
	f := fleet(t, provider(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if len(body) < 1000 || len(body) > 1400 || r.Header.Get("Authorization") != "Bearer "+Key {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		switch served.Add(1) % 10 {
		case 3:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 5:
			w.WriteHeader(http.StatusBadGateway)
		case 7:
			panic(http.ErrAbortHandler)
		}
	}))
	tally := f.Pace(4, Steady(100*time.Millisecond, 1000))
	if tally.Requests() != 100 || tally.OK != 70 || tally.Shed != 10 || tally.Kinds["status 502"] != 10 || tally.Errors() != 20 || tally.Unsent != 0 {
		t.Errorf("%+v", tally)
	}
	if tally.Latency.Count() != 70 || tally.Conns > 4 {
		t.Errorf("%d latencies, %d connections", tally.Latency.Count(), tally.Conns)
	}
}

func TestPaceWithoutServer(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	address := strings.TrimPrefix(server.URL, "http://")
	server.Close()
	if tally := fleet(t, address).Pace(4, Steady(20*time.Millisecond, 500)); tally.Kinds[faultConnect] != 10 {
		t.Errorf("%+v", tally)
	}
}

func TestStepDue(t *testing.T) {
	for _, step := range []Step{Steady(time.Second, 1000), {For: time.Second, From: 0, To: 2000}, {For: 2 * time.Second, From: 1000, To: 0}} {
		if n := step.requests(); n != 1000 {
			t.Errorf("%+v: %d requests", step, n)
		}
		for i, last := 0, time.Duration(-1); i < 1000; i++ {
			due := step.due(i)
			if due < last || due > step.For {
				t.Fatalf("%+v: request %d is due at %v, after %v", step, i, due, last)
			}
			// The count at that time is i again.
			seconds := due.Seconds()
			count := step.From*seconds + (step.To-step.From)/step.For.Seconds()/2*seconds*seconds
			if math.Abs(count-float64(i)) > 1e-3 {
				t.Fatalf("%+v: at %v %.4f requests are due, not %d", step, due, count, i)
			}
			last = due
		}
	}
}

func TestHold(t *testing.T) {
	f := fleet(t, provider(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	if n, err := f.Hold(600, 10*time.Second); n != 600 || err != nil || len(f.idle) != 600 {
		t.Errorf("%d answered, %d idle: %v", n, len(f.idle), err)
	}
}

func TestStream(t *testing.T) {
	address := provider(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		control := http.NewResponseController(w)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, "data: {}\n\n")
			_ = control.Flush()
			<-tick.C
		}
	})
	f := fleet(t, address)
	if n, err := f.Stream(20, 10*time.Second); n != 20 || err != nil {
		t.Errorf("%d streams: %v", n, err)
	}
}

func TestHistogram(t *testing.T) {
	var h Histogram
	if h.Quantile(.5) != 0 {
		t.Error("an empty one has a quantile")
	}
	for i := 1; i <= 100_000; i++ {
		h.Record(time.Duration(i) * time.Microsecond)
	}
	for _, q := range []float64{0.0001, .01, .5, .95, .99, 1} {
		want := q * 100_000
		if got := float64(h.Quantile(q)) / 1e3; math.Abs(got-want) > want*0.016+1 {
			t.Errorf("quantile %v: %.0f µs, want %.0f", q, got, want)
		}
	}
	for _, d := range []time.Duration{-1, 0, 63, 64, 127, 128, math.MaxInt64} {
		bucket := bucketOf(uint64(max(d, 0)))
		if upperBound(bucket) < uint64(max(d, 0)) || bucket > 0 && upperBound(bucket-1) >= uint64(max(d, 0)) {
			t.Errorf("%d is in bucket %d of %d to %d", d, bucket, upperBound(bucket-1), upperBound(bucket))
		}
		h.Record(d)
	}
}

func TestReaders(t *testing.T) {
	m, err := readMetrics(strings.NewReader("# HELP a b\na 1\nb{x=\"y z\"} 2\nb{x=\"} 9\"} 3 1764000000\nbb 4\n\nbroken\n"))
	if err != nil || m.Sum("a") != 1 || m.Sum("b") != 5 || m.Sum("c") != 0 || !m.Has("bb") || m.Has("c") {
		t.Errorf("%v: %v", m, err)
	}
	stat := "7 (pen (stock) x) S 1 7 7 0 -1 4194560 1 2 3 4 250 150 0 0 20 0 5 0 100 1 2"
	if used := cpuOf([]byte(stat)); used != 4*time.Second {
		t.Errorf("CPU: %v", used)
	}
	if rss := kibibytes([]byte("VmHWM:\t  9 kB\nVmRSS:\t   3 kB\n"), "VmRSS:"); rss != 3<<10 {
		t.Errorf("RSS: %d", rss)
	}
	if n, err := goroutinesOf("goroutine profile: total 42\n"); n != 42 || err != nil {
		t.Errorf("goroutines: %d, %v", n, err)
	}
	w, err := readWrk([]byte("Running…\nPENSTOCK {\"requests\":10,\"durationUS\":2000000,\"connect\":0,\"read\":1,\"write\":0,\"status\":2,\"timeout\":0,\"p50\":5,\"p95\":6,\"p99\":7}\n"))
	if err != nil || w.Requests != 10 || w.Elapsed != 2*time.Second || w.Errors != 3 || w.P99 != 7*time.Microsecond {
		t.Errorf("%+v: %v", w, err)
	}
}
