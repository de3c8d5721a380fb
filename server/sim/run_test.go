package sim

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"penstock/loop"
)

// started is a `penstock mock` on sockets of its own.
type started struct {
	plain, secure string // URLs
	roots         *x509.CertPool
	stop          func() int // ends it and returns its exit code
}

func start(t *testing.T, args ...string) *started {
	t.Helper()
	cert := filepath.Join(t.TempDir(), "cert.pem")
	args = append([]string{"-listen", "127.0.0.1:0", "-tls-listen", "127.0.0.1:0", "-cert-out", cert}, args...)
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		var faults strings.Builder
		n := Run(ctx, args, w, &faults)
		if faults.Len() > 0 {
			t.Error(faults.String())
		}
		w.Close()
		code <- n
	}()
	s := &started{}
	lines := bufio.NewScanner(r)
	for i := 0; i < 2 && lines.Scan(); i++ {
		url := strings.TrimPrefix(lines.Text(), "listening on ")
		if strings.HasPrefix(url, "https:") {
			s.secure = url
		} else {
			s.plain = url
		}
	}
	if s.plain == "" || s.secure == "" {
		t.Fatalf("it listens on %q and %q", s.plain, s.secure)
	}
	pem, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	s.roots = x509.NewCertPool()
	s.roots.AppendCertsFromPEM(pem)
	s.stop = sync.OnceValue(func() int { cancel(); return <-code })
	t.Cleanup(func() { s.stop() })
	return s
}

// httpClient speaks one protocol: "h1", "h2c", "h1s" or "h2s".
func (s *started) httpClient(t *testing.T, protocol string) (*http.Client, string) {
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots}, Protocols: new(http.Protocols)}
	t.Cleanup(tr.CloseIdleConnections)
	url := s.plain
	switch protocol {
	case "h1", "h1s":
		tr.Protocols.SetHTTP1(true)
	case "h2c":
		tr.Protocols.SetUnencryptedHTTP2(true)
	case "h2s":
		tr.Protocols.SetHTTP2(true)
	}
	if strings.HasSuffix(protocol, "s") {
		url = s.secure
	}
	return &http.Client{Transport: tr}, url
}

var protocols = []string{"h1", "h2c", "h1s", "h2s"}

func TestClients(t *testing.T) {
	s := start(t, "-loops", "2")
	for _, protocol := range protocols {
		client, url := s.httpClient(t, protocol)
		ask := func(path, body string) string {
			t.Helper()
			r, err := client.Post(url+path, "application/json", strings.NewReader(body))
			if err != nil {
				t.Fatalf("%s: %v", protocol, err)
			}
			defer r.Body.Close()
			b, err := io.ReadAll(r.Body)
			if err != nil || r.StatusCode != 200 || (r.ProtoMajor == 2) != strings.HasPrefix(protocol, "h2") {
				t.Fatalf("%s: %v, %s, %s", protocol, err, r.Status, r.Proto)
			}
			return string(b)
		}
		parseJSON(t, ask("/v1/chat/completions", chatBody)).want("choices.0.message.content", wholeText(3))
		if got := contentOf(t, ask("/v1/chat/completions", streamBody("sim/chat?tps=1000&tokens=20"))); got != wholeText(20) {
			t.Errorf("%s: %q", protocol, got)
		}
		if got := contentOf(t, ask("/v1/chat/completions", streamBody("chat?tokens=4000"))); got != wholeText(4000) {
			t.Errorf("%s: %d bytes of text", protocol, len(got))
		}
		big := `{"model":"chat?echo","messages":[{"role":"user","content":"` + strings.Repeat("0123456789", 100_000) + `"}]}`
		if got := ask("/v1/chat/completions", big); len(got) < 1_000_000 {
			t.Errorf("%s: %d bytes", protocol, len(got))
		}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for range 5 {
					r, err := client.Post(url+"/v1/chat/completions", "application/json", strings.NewReader(streamBody("chat?tokens=30")))
					if err != nil {
						t.Error(err)
						return
					}
					b, err := io.ReadAll(r.Body)
					r.Body.Close()
					if got := contentOf(t, string(b)); err != nil || got != wholeText(30) {
						t.Errorf("%s: %v, %q", protocol, err, got)
					}
				}
			})
		}
		wg.Wait()
	}
	if code := s.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// stats asks over a connection of its own.
func (s *started) stats(t *testing.T) object {
	t.Helper()
	client, url := s.httpClient(t, "h1")
	r, err := client.Get(url + "/sim/stats")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return parseJSON(t, string(b))
}

// A client that gives up is noticed over every protocol.
func TestClientsGiveUp(t *testing.T) {
	s := start(t)
	for i, protocol := range protocols {
		client, url := s.httpClient(t, protocol)
		ctx, cancel := context.WithCancel(t.Context())
		request, err := http.NewRequestWithContext(ctx, "POST", url+"/v1/chat/completions", strings.NewReader(streamBody("chat?stall=1")))
		if err != nil {
			t.Fatal(err)
		}
		r, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(r.Body).ReadString('\n'); err != nil || !strings.HasPrefix(line, "data: ") {
			t.Errorf("%s: %v %q", protocol, err, line)
		}
		s.stats(t).want("open", 1.0)
		cancel()
		r.Body.Close()
		for range 100_000 {
			if s.stats(t).at("cancelled") == float64(i+1) {
				break
			}
		}
		o := s.stats(t)
		o.want("cancelled", float64(i+1))
		o.want("open", 0.0)
	}
}

// A slow reader on a real socket gets everything, and what waits for it stays bounded.
func TestSlowReader(t *testing.T) {
	s := New(Options{})
	ls, err := loop.Bind("127.0.0.1:0", loop.ListenOptions{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := loop.Start(loop.Config{Loops: 1}, func(l *loop.Loop) {
		if err := l.AcceptOn(ls, loop.AcceptOptions{}, acceptOf(s)); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.StopOffLoop()
	c, err := net.Dial("tcp", ls.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, chat("chat?tokens=100000", `,"stream":true`)); err != nil {
		t.Fatal(err)
	}
	var most int64
	var n int
	buffer := make([]byte, 64<<10)
	tail := ""
	for !strings.HasSuffix(tail, "0\r\n\r\n") {
		k, err := c.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		n += k
		tail = (tail + string(buffer[max(0, k-10):k]))
		tail = tail[max(0, len(tail)-10):]
		if n%(1<<20) < k {
			lent := make(chan int64, 1)
			l := engine.Loops()[0]
			l.PostOffLoop(func() { lent <- l.Stats().Slabs.LentBytes })
			most = max(most, <-lent)
		}
	}
	if n < 10<<20 || most > 2<<20 {
		t.Errorf("%d bytes came, %d waited", n, most)
	}
}

func TestFlags(t *testing.T) {
	run := func(args ...string) (int, string) {
		var out, faults strings.Builder
		code := Run(t.Context(), args, &out, &faults)
		return code, faults.String()
	}
	if code, text := run("-h"); code != 0 || !strings.Contains(text, "-rate-limit") || !strings.Contains(text, "ttft=50ms") {
		t.Errorf("%d %s", code, text)
	}
	for _, args := range [][]string{
		{"-nope"},
		{"extra"},
		{"-listen", ""},
		{"-loops", "0"},
		{"-latency", "-1s"},
		{"-tokens-per-second", "NaN"},
		{"-tokens", "0"},
		{"-error-rate", "2"},
		{"-rate-limit", "-1"},
		{"-cert", "x"},
		{"-cert-out", "x"},
	} {
		if code, text := run(args...); code != 2 || !strings.HasPrefix(text, "penstock mock: ") {
			t.Errorf("%q: %d %s", args, code, text)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, args := range [][]string{
		{"-listen", taken.Addr().String()}, {"-tls-listen", "127.0.0.1:0", "-cert", "no.pem", "-key", "no.pem"}, {"-listen", "nonsense"},
	} {
		if code, text := run(args...); code != 1 || text == "" {
			t.Errorf("%q: %d %s", args, code, text)
		}
	}
}

// Answers on their way are finished before the server ends, and are the last ones of their connections.
func TestDrain(t *testing.T) {
	s := start(t)
	client, url := s.httpClient(t, "h1")
	r, err := client.Post(url+"/v1/chat/completions", "application/json", strings.NewReader(streamBody("chat?ttft=100ms&tokens="+strconv.Itoa(50))))
	if err != nil {
		t.Fatal(err)
	}
	code := make(chan int, 1)
	go func() { code <- s.stop() }()
	b, err := io.ReadAll(r.Body)
	if got := contentOf(t, string(b)); err != nil || got != wholeText(50) {
		t.Errorf("%v %q", err, got)
	}
	r.Body.Close()
	if n := <-code; n != 0 {
		t.Errorf("exit code %d", n)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(s.plain, "http://")); err == nil {
		t.Error("it still accepts")
	}
}
