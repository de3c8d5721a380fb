package admin

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"penstock/server/observe"
)

// fakeSource is a process with one loop.
type fakeSource struct {
	loop      *observe.Loop
	notReady  atomic.Value // string
	reloads   atomic.Int32
	reloadErr atomic.Value // error
	upstreams any
}

func newFakeSource() *fakeSource {
	return &fakeSource{
		loop: observe.NewLoop(observe.Dims{
			Providers: []string{"openai", "claude"},
			Endpoints: []string{"chat", "messages"},
			Keys:      []string{"team-a"},
			Kinds:     []string{"none", "connect", "reset"},
		}),
		upstreams: []map[string]any{{"name": "openai", "connections": 3}},
	}
}

func (f *fakeSource) Gather() *observe.Snapshot {
	s := observe.MergeLoops(f.loop)
	s.Log.Dropped = 7
	return s
}

func (f *fakeSource) Ready() (bool, string) {
	reason, _ := f.notReady.Load().(string)
	return reason == "", reason
}

func (f *fakeSource) Config() []byte {
	return []byte("auth: keys\nkeys: [{name: team-a, value: \"***\"}]\n")
}
func (f *fakeSource) Upstreams() any { return f.upstreams }
func (f *fakeSource) Loops() any     { return f.Gather().LoopRows() }

func (f *fakeSource) Reload() error {
	f.reloads.Add(1)
	err, _ := f.reloadErr.Load().(error)
	return err
}

var errConfig = errors.New("penstock.yaml:3: providers[0].kind: unknown kind \"opanai\"")

// start serves source on a free port until the test ends; tweak may change the server before it serves.
func start(t *testing.T, source Source, o Options, tweak ...func(*Server)) *Server {
	t.Helper()
	s, err := New("127.0.0.1:0", source, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range tweak {
		f(s)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		if err := s.http.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s
}

// answer is a response that has been read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends one request; each of headers is "Name: value", and "Host: x" sets the Host field.
func ask(t *testing.T, s *Server, method, path, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr().String()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		} else {
			r.Header.Set(name, value)
		}
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// raw sends bytes as they are and returns the first response, and whether the connection was closed after it.
func raw(t *testing.T, s *Server, request string) (answer, bool) {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !resp.Close {
		return answer{resp.StatusCode, resp.Header, string(b)}, false
	}
	_, err = r.ReadByte()
	return answer{resp.StatusCode, resp.Header, string(b)}, err != nil
}
