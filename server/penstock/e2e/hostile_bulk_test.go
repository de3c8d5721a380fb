package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// bulkBytes is the size of the answers that have to pass in bounded memory; PENSTOCK_BULK_BYTES asks for another one.
func bulkBytes(t testing.TB) int {
	t.Helper()
	text := os.Getenv("PENSTOCK_BULK_BYTES")
	if text == "" {
		return 64 << 20
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("PENSTOCK_BULK_BYTES: %v", err)
	}
	return n
}

var rssLine = regexp.MustCompile(`(?m)^(VmRSS|VmHWM):\s+(\d+) kB$`)

// memory is what the gateway holds, now and at most, in bytes.
func (g *gateway) memory(t testing.TB) (now, most int) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range rssLine.FindAllSubmatch(b, -1) {
		n, err := strconv.Atoi(string(m[2]))
		if err != nil {
			t.Fatal(err)
		}
		if string(m[1]) == "VmRSS" {
			now = n << 10
		} else {
			most = n << 10
		}
	}
	return now, most
}

// descriptors is how many the gateway has open.
func (g *gateway) descriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// serveHTTP runs net/http's server, over both protocols without TLS.
func serveHTTP(t testing.TB, h http.HandlerFunc) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, Protocols: new(http.Protocols), ReadHeaderTimeout: patience}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = s.Serve(ln) }() // until it is closed
	t.Cleanup(func() { _ = s.Close() })
	return ln.Addr().String()
}

// bulk answers with total bytes or a little more, framed as the model's name says.
func bulk(total int) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			return
		}
		stream, framing := streamIn.Match(body), ""
		if m := modelIn.FindSubmatch(body); m != nil {
			framing = string(m[1])
		}
		piece, last := strings.Repeat("x", 8<<10), ""
		if stream {
			piece, last = strings.Replace(cleanForm, "Hi", piece, 1), stopForm+endForm
		}
		n := total/len(piece) + 1
		var to io.Writer = w
		a := ask{stream: stream}
		switch framing {
		case "close":
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			defer c.Close()
			to = c
			_, err = io.WriteString(c, head1(a, ""))
			if err != nil {
				return
			}
		case "sized":
			w.Header().Set("Content-Length", strconv.Itoa(n*len(piece)+len(last)))
			fallthrough
		default:
			w.Header().Set("Content-Type", a.contentType())
		}
		for range n {
			if _, err := io.WriteString(to, piece); err != nil {
				return
			}
		}
		_, _ = io.WriteString(to, last) // what fails is missed by the client
	}
}

// TestBulk: answers of any size pass in bounded memory, whichever way they are framed.
func TestBulk(t *testing.T) {
	t.Parallel()
	total := bulkBytes(t)
	addr := serveHTTP(t, bulk(total))
	g := startGateway(t, oneLoop(preamble)+clientKeys+"timeouts: {total: 1h}\nproviders:\n"+
		providerLines("one", addr, http1)+providerLines("two", addr, h2c))
	get(t, g.admin+"/metrics")
	before, _ := g.memory(t)
	for _, model := range []string{"one/chunked", "one/sized", "one/close", "two/any"} {
		for _, stream := range []bool{false, true} {
			w := dial(t, g.url)
			if err := w.conn.SetDeadline(time.Now().Add(10 * patience)); err != nil {
				t.Fatal(err)
			}
			w.send(request("POST", "/v1/chat/completions", chatBody(model, stream)))
			r := w.head("POST")
			n, err := io.Copy(io.Discard, r.Body)
			if r.StatusCode != 200 || err != nil || n < int64(total) || n > int64(total)+20<<10 {
				t.Errorf("%s, stream %v: %s, %d bytes, %v", model, stream, r.Status, n, err)
			}
			_ = w.conn.Close()
		}
	}
	if _, most := g.memory(t); most > before+64<<20 {
		t.Errorf("%d MiB at most, %d at first", most>>20, before>>20)
	}
	g.wantNothingOpen(t)
}

func (g *gateway) wantNothingOpen(t testing.TB) {
	t.Helper()
	eventually(t, "nothing is open", func() bool {
		return g.metric(t, "penstock_exchanges_open") == 0 && g.metric(t, "penstock_upstream_streams_open") == 0
	})
}
