package h1

import (
	"strconv"
	"strings"
	"testing"

	"penstock/upstream/stream"
)

// TestResponses feeds each response whole, cut in two at every byte, and byte by byte; all must come to the same.
//
// What is wanted reads: status/length[fields] "body" end[trailers], or fail:kind: with the flags Sent Reused Answered, then
// "idle" (can be used again), "closing", or !kind where Feed returned an error. The ending 'e' is a clean end of file after the
// bytes, 'r' a reset.
func TestResponses(t *testing.T) {
	cases := 0
	check := func(block *stream.Block, ending byte, raw, want string) {
		t.Helper()
		cases++
		cfg := Config{MaxHeadBytes: 400, MaxFields: 8}
		if got := outcome(t, block, cfg, ending, raw); got != want {
			t.Errorf("%q\n got %s\nwant %s", raw, got, want)
			return
		}
		for i := 1; i < len(raw); i++ {
			if got := outcome(t, block, cfg, ending, raw[:i], raw[i:]); got != want {
				t.Errorf("%q cut at %d\n got %s\nwant %s", raw, i, got, want)
				return
			}
		}
		if got := outcome(t, block, cfg, ending, strings.Split(raw, "")...); got != want {
			t.Errorf("%q byte by byte\n got %s\nwant %s", raw, got, want)
		}
	}
	is := func(raw, want string) { t.Helper(); check(getBlock, 0, raw, want) }
	head := func(raw, want string) { t.Helper(); check(headBlock, 0, raw, want) }
	eof := func(raw, want string) { t.Helper(); check(getBlock, 'e', raw, want) }
	reset := func(raw, want string) { t.Helper(); check(getBlock, 'r', raw, want) }
	// field puts one field line into a response that is good without it.
	field := func(line, want string) {
		t.Helper()
		is("HTTP/1.1 200 OK\r\n"+line+"\r\nContent-Length: 2\r\n\r\nhi", want)
	}
	chunked := func(body, want string) {
		t.Helper()
		is("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+body, want)
	}
	const (
		bad       = "fail:protocol:S !protocol"
		badBody   = "fail:protocol:SA !protocol"
		large     = "fail:too_large:S !too_large"
		hi        = `200/2[content-length=2] "hi" end[] idle`
		hiClosing = `200/2[content-length=2] "hi" end[] closing`
	)

	// Status line.
	is("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", hi)
	is("HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi", hi)
	is("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", hi)
	is("HTTP/1.1 200 All  is\twell \x80\xff\r\nContent-Length: 2\r\n\r\nhi", hi)
	is("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", hiClosing)
	is("HTTP/1.1 529 Overloaded\r\nContent-Length: 0\r\n\r\n", "529/0[content-length=0] end[] idle")
	is("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", "999/0[content-length=0] end[] idle")
	is("HTTP/1.1  200 OK\r\n\r\n", bad)
	is("HTTP/1.1\t200 OK\r\n\r\n", bad)
	is("HTTP/1.1 2000 OK\r\n\r\n", bad)
	is("HTTP/1.1 20 OK\r\n\r\n", bad)
	is("HTTP/1.1 099 OK\r\n\r\n", bad)
	is("HTTP/1.1 2x0 OK\r\n\r\n", bad)
	is("HTTP/1.1 -20 OK\r\n\r\n", bad)
	is("HTTP/1.1 200OK\r\n\r\n", bad)
	is("HTTP/1.1 200\tOK\r\n\r\n", bad)
	is("HTTP/1.1 200 O\x00K\r\n\r\n", bad)
	is("HTTP/1.1 200 O\rK\r\n\r\n", bad)
	is("HTTP/1.1 200 OK\n\r\n", bad)
	is("HTTP/1.1\r\n\r\n", bad)
	is("HTTP/1.2 200 OK\r\n\r\n", bad)
	is("HTTP/2.0 200 OK\r\n\r\n", bad)
	is("HTTP/0.9 200 OK\r\n\r\n", bad)
	is("HTTP/1.10 200 OK\r\n\r\n", bad)
	is("http/1.1 200 OK\r\n\r\n", bad)
	is("ICY 200 OK\r\n\r\n", bad)
	is(" HTTP/1.1 200 OK\r\n\r\n", bad)
	is("\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", bad)
	is("\x15\x03\x01\x00\x02\x02\x46", bad)    // a TLS alert: a cleartext request on a TLS port
	is("\x00\x00\x12\x04\x00\x00\x00", bad)    // HTTP/2 SETTINGS
	is("SSH-2.0-OpenSSH_9.6", bad)             // no line end ever
	is("<html><body>hello</body></html>", bad) // HTTP/0.9

	// Fields.
	field("X-A: b", `200/2[x-a=b|content-length=2] "hi" end[] idle`)
	field("X-A:b", `200/2[x-a=b|content-length=2] "hi" end[] idle`)
	field("X-A: \t b c \t", `200/2[x-a=b c|content-length=2] "hi" end[] idle`)
	field("X-A:", `200/2[x-a=|content-length=2] "hi" end[] idle`)
	field("X-A: \t ", `200/2[x-a=|content-length=2] "hi" end[] idle`)
	field("X-A: b\tc:\x80\xff", "200/2[x-a=b\tc:\x80\xff|content-length=2] \"hi\" end[] idle")
	field("!#$%&'*+-.^_`|~09aZ: b", "200/2[!#$%&'*+-.^_`|~09az=b|content-length=2] \"hi\" end[] idle")
	field("Set-Cookie: a\r\nset-cookie: b", `200/2[set-cookie=a|set-cookie=b|content-length=2] "hi" end[] idle`)
	field("X-A : b", bad)
	field("X A: b", bad)
	field(": b", bad)
	field("X-A", bad)
	field("X-\x80: b", bad)
	field("X(A): b", bad)
	field("X-A: b\x00c", bad)
	field("X-A: b\rc", bad)
	field("X-A: b\r\r", bad)
	field("X-A: b\x7f", bad)
	field("X-A: \x1b[0m", bad)
	field("X-A: b\nX-B: c", bad)
	field("X-A: b\r\n folded", bad)
	field("X-A: b\r\n\tfolded", bad)
	field(" X-A: b", bad)
	is("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", bad)
	is("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nhi", bad)
	is("HTTP/1.1 200 OK\r\nX-A: "+strings.Repeat("b", 500)+"\r\n\r\n", large)
	is("HTTP/1.1 200 OK\r\nX-A: "+strings.Repeat("b", 500), large)
	is("HTTP/1.1 200 "+strings.Repeat("b", 500), large)
	is("HTTP/1.1 200 OK\r\n"+strings.Repeat("X-A: b\r\n", 9), large)
	is("HTTP/1.1 200 OK\r\n"+strings.Repeat("X-A: b\r\n", 7)+"Content-Length: 0\r\n\r\n",
		"200/0["+strings.Repeat("x-a=b|", 7)+"content-length=0] end[] idle")
	is("HTTP/1.1 200 OK\r\n"+strings.Repeat("TE: b\r\n", 9), large) // those that are dropped count, too

	// Fields of the connection.
	field("Keep-Alive: timeout=5", hi)
	field("Connection: keep-alive", hi)
	field("Connection: close", hiClosing)
	field("Connection: CLOSE", hiClosing)
	field("Connection: keep-alive, close", hiClosing)
	field("Connection: keep-alive\r\nConnection: close", hiClosing)
	field("Connection: ,, \t,close,", hiClosing)
	field("Connection: clos\u0435", hiClosing) // no token: nothing is known
	field("Connection:", hi)
	field("Connection: x-a, X-B\r\nX-A: 1\r\nx-b: 2\r\nX-C: 3", `200/2[x-c=3|content-length=2] "hi" end[] idle`)
	field("X-A: 1\r\nConnection: \t x-a \t", hi)
	field("Upgrade: h2c\r\nTrailer: x\r\nTE: trailers\r\nProxy-Connection: close", hi)
	field("Connection: "+strings.Repeat("x,", 17), large)
	is("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi", hi)
	is("HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 2\r\n\r\nhi", hiClosing)

	// Interim responses.
	is("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", hi)
	is("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 \r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", hi)
	is("HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", hiClosing)
	is("HTTP/1.1 199 Odd\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", hi)
	is("HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n\r\n", bad)
	is("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", bad)
	is(strings.Repeat("HTTP/1.1 102 \r\n\r\n", maxInterim), "")
	is(strings.Repeat("HTTP/1.1 102 \r\n\r\n", maxInterim+1), bad)

	// Content-Length.
	is("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200/0[content-length=0] end[] idle")
	is("HTTP/1.1 200 OK\r\ncontent-length:\t002 \r\n\r\nhi", `200/2[content-length=002] "hi" end[] idle`)
	is("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi", hi)
	is("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nhi", hi)
	is("HTTP/1.1 200 OK\r\nContent-Length: 2 ,\t2\r\nContent-Length: 02\r\n\r\nhi", hi)
	is("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", `200/3[content-length=3] "hi" ...`)
	is("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nhi", bad)
	is("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhi", bad)
	for _, v := range []string{"", "2,", ",2", "2,,2", "2 2", "+2", "-2", "0x2", "2.0", "2;q=1", "\"2\"", "two", "2, 3", "\u0662"} {
		is("HTTP/1.1 200 OK\r\nContent-Length: "+v+"\r\n\r\nhi", bad)
	}
	is("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi", bad)

	// Transfer-Encoding.
	is("HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: \tChunked \r\n\r\n0\r\n\r\n", "200/-1[] end[] idle")
	for _, v := range []string{"", "identity", "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "chunked,", "chunked;q=1", "xchunked", "chunke", "\"chunked\"", "chunked chunked", "\x0bchunked", "chunked\x00"} {
		is("HTTP/1.1 200 OK\r\nTransfer-Encoding: "+v+"\r\n\r\n0\r\n\r\n", bad)
	}
	is("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bad)
	is("HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", bad)
	is("HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", bad)
	is("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bad)
	is("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", bad)
	is("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bad)
	is("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bad)
	is("HTTP/1.1 200 OK\r\nConnection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "200/-1[] end[] idle")

	// Chunks.
	chunked("2\r\nhi\r\n0\r\n\r\n", `200/-1[] "hi" end[] idle`)
	chunked("1\r\nh\r\n1\r\ni\r\n000\r\n\r\n", `200/-1[] "hi" end[] idle`)
	chunked("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", `200/-1[] "01234567890123456789" end[] idle`)
	chunked("00000000000000000000000000000002\r\nhi\r\n0\r\n\r\n", `200/-1[] "hi" end[] idle`)
	chunked("2;a\r\nhi\r\n0;b=c;d=\"e f\"\r\n\r\n", `200/-1[] "hi" end[] idle`)
	chunked("2 \t;a=b\r\nhi\r\n0\r\n\r\n", `200/-1[] "hi" end[] idle`)
	chunked("2\r\n\r\n\r\n0\r\n\r\n", "200/-1[] \"\r\n\" end[] idle")
	chunked("7fffffffffffffff\r\nhi", `200/-1[] "hi" ...`)
	for _, c := range []string{"", ";a", "g", " 2", "\t2", "2 ", "2 a", "0x2", "-2", "+2", "2,", "8000000000000000", "10000000000000002", "2\x00"} {
		chunked(c+"\r\nhi\r\n0\r\n\r\n", "200/-1[] "+badBody)
	}
	chunked("2\nhi\r\n0\r\n\r\n", "200/-1[] "+badBody)
	chunked("2;a\nhi\r\n0\r\n\r\n", "200/-1[] "+badBody)
	chunked("2;a\x00\r\nhi\r\n0\r\n\r\n", "200/-1[] "+badBody)
	chunked("2;a\rb\r\nhi\r\n0\r\n\r\n", "200/-1[] "+badBody)
	chunked("2\r\r\nhi\r\n0\r\n\r\n", "200/-1[] "+badBody)
	chunked("2\r\nhi\n0\r\n\r\n", `200/-1[] "hi" `+badBody)
	chunked("2\r\nhi0\r\n\r\n", `200/-1[] "hi" `+badBody)
	chunked("2\r\nhi\r0\r\n\r\n", `200/-1[] "hi" `+badBody)
	chunked("2\r\nhigh\r\n0\r\n\r\n", `200/-1[] "hi" `+badBody)
	chunked("3\r\nhi\r\n0\r\n\r\n", "200/-1[] \"hi\r\" "+badBody)
	chunked("2;"+strings.Repeat("a", maxChunkLineBytes)+"\r\n", "200/-1[] fail:too_large:SA !too_large")
	chunked(strings.Repeat("0", maxChunkLineBytes)+"\r\n", "200/-1[] fail:too_large:SA !too_large")

	// Trailers.
	chunked("0\r\nX-Sum:  1 \r\nX-B: 2\r\n\r\n", "200/-1[] end[x-sum=1|x-b=2] idle")
	chunked("2\r\nhi\r\n0\r\nContent-Length: 5\r\nTransfer-Encoding: gzip\r\nConnection: close\r\nX: y\r\n\r\n",
		`200/-1[] "hi" end[x=y] idle`)
	chunked("0\r\nHTTP/1.1 200 OK\r\n\r\n", "200/-1[] "+badBody)
	chunked("0\r\nX: y\n\r\n", "200/-1[] "+badBody)
	chunked("0\r\n\n", "200/-1[] "+badBody)
	chunked("0\r\n X: y\r\n\r\n", "200/-1[] "+badBody)
	chunked("0\r\nX: "+strings.Repeat("b", 500), "200/-1[] fail:too_large:SA !too_large")
	chunked("0\r\n"+strings.Repeat("X: y\r\n", 9), "200/-1[] fail:too_large:SA !too_large")

	// No body by status or method.
	is("HTTP/1.1 204 No Content\r\n\r\n", "204/-1[] end[] idle")
	is("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nX: y\r\n\r\n", "204/-1[x=y] end[] idle")
	is("HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nhi", "204/-1[] end[] !protocol")
	is("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", "204/-1[] end[] idle")
	is("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "204/-1[] end[] !protocol")
	is("HTTP/1.1 304 Not Modified\r\nContent-Length: 20\r\n\r\n", "304/20[content-length=20] end[] idle")
	is("HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", "205/0[content-length=0] end[] idle")
	head("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", "200/20[content-length=20] end[] idle")
	head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200/-1[] end[] idle")
	head("HTTP/1.1 200 OK\r\n\r\n", "200/-1[] end[] idle")
	head("HTTP/1.0 200 OK\r\n\r\n", "200/-1[] end[] closing")
	head("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200/2[content-length=2] end[] !protocol")
	head("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", bad)

	// Bodies that end with the connection.
	is("HTTP/1.1 200 OK\r\n\r\nhi", `200/-1[] "hi" ... closing`)
	eof("HTTP/1.1 200 OK\r\n\r\nhi", `200/-1[] "hi" end[] closing`)
	eof("HTTP/1.1 200 OK\r\n\r\n", "200/-1[] end[] closing")
	eof("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nhi", `200/-1[] "hi" end[] closing`)
	reset("HTTP/1.1 200 OK\r\n\r\nhi", `200/-1[] "hi" fail:reset:SA closing`)

	// Ends at the wrong time.
	eof("", "fail:closed:S closing")
	reset("", "fail:reset:S closing")
	eof("H", "fail:closed:S closing")
	eof("HTTP/1.1 200 OK\r\nContent-Le", "fail:closed:S closing")
	eof("HTTP/1.1 100 Continue\r\n\r\n", "fail:closed:S closing")
	eof("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", `200/3[content-length=3] "hi" fail:closed:SA closing`)
	reset("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", `200/3[content-length=3] "hi" fail:reset:SA closing`)
	eof("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200/-1[] fail:closed:SA closing")
	eof("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi", `200/-1[] "hi" fail:closed:SA closing`)
	eof("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n", `200/-1[] "hi" fail:closed:SA closing`)
	eof("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", hiClosing)

	// Bytes after the end: the exchange stays good, the connection does not.
	is("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhigh", `200/2[content-length=2] "hi" end[] !protocol`)
	is("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi\r\n", `200/2[content-length=2] "hi" end[] !protocol`)
	is("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200/0[content-length=0] end[] !protocol")
	is("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi!", `200/2[content-length=2] "hi" end[] !protocol`)
	chunked("0\r\n\r\n0\r\n\r\n", "200/-1[] end[] !protocol")
	chunked("0\r\nX: y\r\n\r\n!", "200/-1[] end[x=y] !protocol")

	if cases < 100 {
		t.Errorf("only %s cases", strconv.Itoa(cases))
	}
	t.Logf("%d cases", cases)
}
