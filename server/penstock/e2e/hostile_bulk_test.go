package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
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

// bulk plays one large answer, ended as the model's name says.
func bulk(p *peer, a ask, total int) {
	piece := strings.Repeat("x", 8<<10)
	if a.stream {
		piece = strings.Replace(cleanForm, "Hi", piece, 1)
	}
	n := total / len(piece)
	last := ""
	if a.stream {
		last = stopForm + endForm
	}
	length := n*len(piece) + len(last)
	write := func(s string) {
		if p.in != nil && strings.HasPrefix(a.name, "chunked") {
			s = chunk(s)
		}
		p.say(s)
	}
	switch {
	case p.in == nil:
		p.say(head2(a))
	case strings.HasPrefix(a.name, "chunked"):
		p.say(head1(a, chunkedField))
	case strings.HasPrefix(a.name, "sized"):
		p.say(head1(a, fmt.Sprintf("Content-Length: %d\r\n", length)))
	default:
		p.say(head1(a, ""))
	}
	for range n {
		write(piece)
	}
	if last != "" {
		write(last)
	}
	switch {
	case strings.HasPrefix(a.name, "chunked"):
		p.say("0\r\n\r\n")
	case strings.HasPrefix(a.name, "close"):
		p.end()
	}
}

// TestBulk: answers of any size pass in bounded memory, whichever way they are framed.
func TestBulk(t *testing.T) {
	t.Parallel()
	total := bulkBytes(t)
	plain := listenRaw(t, func(c net.Conn) {
		p := &peer{Conn: c, run: &hostileRun{deed: &misdeed{over: http1}, asks: map[string][]int{}}, under: c}
		p.open1()
		p.converse(p.ask1, func(a ask) { bulk(p, a, total) })
	})
	server := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			return
		}
		a := ask{stream: streamIn.Match(body)}
		w.Header().Set("Content-Type", a.contentType())
		bulk(&peer{Conn: bodyConn{Writer: w}, enc: nil}, a, total)
	})}
	_ = server
	addr := bulkH2(t, total)
	config := oneLoop(preamble) + clientKeys + "timeouts: {total: 1h}\nproviders:\n" + providerLines("one", plain.addr, http1) + providerLines("two", addr, h2c)
	g := startGateway(t, config)
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
			if r.StatusCode != 200 || err != nil || n < int64(total)*99/100 || n > int64(total)*103/100 {
				t.Errorf("%s, stream %v: %s, %d bytes, %v", model, stream, r.Status, n, err)
			}
			_ = w.conn.Close()
		}
	}
	if _, most := g.memory(t); most > before+64<<20 {
		t.Errorf("%d MiB at most, %d at first", most>>20, before>>20)
	}
	eventually(t, "nothing is open", func() bool {
		return g.metric(t, "penstock_exchanges_open") == 0 && g.metric(t, "penstock_upstream_streams_open") == 0
	})
}
