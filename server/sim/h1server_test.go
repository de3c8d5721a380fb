package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"penstock/http1"
)

// An answer does not depend on how its request is cut into pieces.
func TestH1SplitAtEveryByte(t *testing.T) {
	chunked := "POST /v1/chat/completions HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"20\r\n{\"model\":\"chat\",\"messages\":[{\"rol\r\n1f;x=y\r\ne\":\"user\",\"content\":\"Hello\"}] }\r\n0\r\nA: b\r\n\r\n"
	for _, request := range []string{
		chat("chat?tokens=3", ""), chat("chat?tokens=3", `,"stream":true`), chunked, "GET /v1/models HTTP/1.1\r\nHost: s\r\n\r\n",
		chat("chat?tokens=1", "") + chunked + "GET /health HTTP/1.1\r\nHost: s\r\n\r\n", "BAD\x00 / HTTP/1.1\r\n\r\n",
	} {
		var want string
		for at := range len(request) {
			w := newWorld(t, Options{})
			k := w.connect()
			if at > 0 {
				k.feed(request[:at])
			}
			k.feed(request[at:])
			got := k.take()
			if at == 0 {
				want = got
				if !strings.HasPrefix(got, "HTTP/1.1 ") {
					t.Fatalf("%q", got)
				}
			}
			if got != want {
				t.Fatalf("%q cut at %d:\n%q\nwant\n%q", request, at, got, want)
			}
			k.hangUp()
			w.idle()
		}
		w := newWorld(t, Options{})
		k := w.connect()
		for i := range len(request) {
			k.feed(request[i : i+1])
		}
		if got := k.take(); got != want {
			t.Fatalf("%q byte by byte:\n%q\nwant\n%q", request, got, want)
		}
	}
}

func TestH1Pipelining(t *testing.T) {
	w := newWorld(t, Options{})
	k := w.connect()
	k.feed(chat("chat?ttft=20ms&tokens=1", `,"stream":true`) + chat("chat?tokens=2", "") + "GET /health HTTP/1.1\r\nHost: s\r\n\r\n" + chat("a", "")[:30])
	early := k.take()
	if countOf(early, "HTTP/1.1 200") != 1 {
		t.Fatalf("%q", early)
	}
	w.pass(30 * time.Millisecond)
	first, rest := readReply(t, early+k.take())
	if !first.ended || countOf(rest, "HTTP/1.1 200") != 2 {
		t.Fatalf("%q", rest)
	}
	k.feed(chat("a", "")[30:])
	if r, _ := readReply(t, k.take()); r.status != 200 {
		t.Errorf("%+v", r)
	}
	// Too much of a next request stops the reading, until it is its turn.
	k.feed(chat("chat?latency=20ms", ""))
	k.feed(post("/v1/chat/completions", `{"model":"chat","messages":[{"role":"user","content":"`+strings.Repeat("x", 2*pipelineLimitBytes)+`"}]}`))
	if !k.c.Paused() {
		t.Error("it reads on")
	}
	w.pass(30 * time.Millisecond)
	if s := k.take(); countOf(s, "HTTP/1.1 200") != 2 || k.c.Paused() {
		t.Errorf("paused %v, %d answers", k.c.Paused(), countOf(s, "HTTP/1.1 200"))
	}
	k.hangUp()
	w.idle()
}

func TestH1ConnectionHandling(t *testing.T) {
	w := newWorld(t, Options{})
	body := `{"model":"chat","messages":[{"role":"user","content":"x"}]`
	// A client that asks for it gets the connection closed.
	k := w.connect()
	k.feed(post("/v1/chat/completions", body+"}", "Connection", "close"))
	if r, _ := readReply(t, k.take()); r.fields["connection"] != "close" || !k.shut {
		t.Errorf("%+v, %v", r, k.shut)
	}
	k.hangUp()
	// HTTP/1.0: streams end with the connection; whole answers may keep it.
	old := strings.Replace(post("/v1/chat/completions", body+`,"stream":true}`), "HTTP/1.1", "HTTP/1.0", 1)
	k = w.connect()
	k.feed(old)
	r, _ := readReply(t, k.take())
	if r.fields["connection"] != "close" || r.fields["transfer-encoding"] != "" || !k.shut || !strings.HasSuffix(r.body, "data: [DONE]\n\n") {
		t.Errorf("%+v", r)
	}
	k.hangUp()
	k = w.connect()
	k.feed(strings.Replace(post("/v1/chat/completions", body+"}", "Connection", "keep-alive"), "HTTP/1.1", "HTTP/1.0", 1))
	if r, _ = readReply(t, k.take()); r.fields["connection"] != "keep-alive" || k.shut || !r.ended {
		t.Errorf("%+v", r)
	}
	k.hangUp()
	// HEAD: the head of the answer to GET.
	k = w.connect()
	k.feed("HEAD /v1/models HTTP/1.1\r\nHost: s\r\n\r\nHEAD /nope HTTP/1.1\r\nHost: s\r\n\r\n")
	if s := k.take(); countOf(s, "HTTP/1.1 200") != 1 || countOf(s, "HTTP/1.1 404") != 1 || strings.Contains(s, "{") {
		t.Errorf("%q", s)
	}
	k.hangUp()
	// 100-continue.
	k = w.connect()
	request := post("/v1/chat/completions", body+"}", "Expect", "100-continue")
	at := strings.Index(request, "\r\n\r\n") + 4
	k.feed(request[:at])
	if s := k.take(); s != http1.Continue {
		t.Errorf("%q", s)
	}
	k.feed(request[at:])
	if r, _ := readReply(t, k.take()); r.status != 200 {
		t.Errorf("%+v", r)
	}
	k.hangUp()
	// The last answer of a connection.
	k = w.connect()
	k.feed(chat("chat?goaway", ""))
	if r, _ := readReply(t, k.take()); r.fields["connection"] != "close" || !k.shut {
		t.Errorf("%+v", r)
	}
	k.hangUp()
	// No HTTP.
	k = w.connect()
	k.feed("\x16\x03\x01\x02\x00\x01\x00")
	if r, _ := readReply(t, k.take()); r.status != 400 || !k.shut {
		t.Errorf("%+v", r)
	}
	k.feed("and more")
	k.hangUp()
	w.idle()
	if s := w.s.StatsOffLoop(); s.Cancelled != 0 || s.ConnectionsOpen != 0 {
		t.Errorf("%+v", s)
	}
}

func TestH1LargeBodies(t *testing.T) {
	w := newWorld(t, Options{})
	big := `{"model":"chat","messages":[{"role":"user","content":"` + strings.Repeat("0123456789abcdef", 1<<17) + `"}]}` // 2 MiB
	pieces := func(k *link, s string) {
		for len(s) > 0 {
			n := min(len(s), 50_000)
			k.feed(s[:n])
			s = s[n:]
		}
	}
	k := w.connect()
	pieces(k, post("/v1/chat/completions", big))
	r, _ := readReply(t, k.take())
	parseJSON(t, r.body).want("usage.prompt_tokens", float64((len(big)-len(`{"model":"chat","messages":}`)+3)/4))
	pieces(k, post("/v1/chat/completions", strings.Replace(big, `"chat"`, `"chat?echo"`, 1)))
	if r, _ := readReply(t, k.take()); !r.ended || len(r.body) < 2<<20 {
		t.Errorf("%d bytes of a large answer", len(r.body))
	}
	var chunked strings.Builder
	chunked.WriteString("POST /v1/chat/completions HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n")
	for s := big; len(s) > 0; {
		n := min(len(s), 7777)
		fmt.Fprintf(&chunked, "%x\r\n%s\r\n", n, s[:n])
		s = s[n:]
	}
	pieces(k, chunked.String()+"0\r\n\r\n")
	if again, _ := readReply(t, k.take()); again.status != 200 || len(again.body) != len(r.body) {
		t.Errorf("%+v", again)
	}
	k.hangUp()
	// Beyond the bound the answer comes before the body.
	k = w.connect()
	k.feed(fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: s\r\nContent-Length: %d\r\n\r\n{", bodyLimitBytes+1))
	if r, _ := readReply(t, k.take()); r.status != 413 || !k.shut {
		t.Errorf("%+v", r)
	}
	k.hangUp()
	k = w.connect()
	k.feed("POST /v1/chat/completions HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n")
	piece := "100000\r\n" + strings.Repeat(" ", 1<<20) + "\r\n"
	for range bodyLimitBytes>>20 + 1 {
		k.feed(piece)
	}
	if r, _ := readReply(t, k.take()); r.status != 413 || !k.shut {
		t.Errorf("%+v", r)
	}
	k.hangUp()
	w.idle()
}
