package stand

import (
	"fmt"
	"strings"
	"testing"
)

func TestAnswer(t *testing.T) {
	const length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
	test := func(name, wire string, status int, bytes int64, rest string, closes bool) {
		t.Helper()
		for _, step := range []int{1, 2, 7, len(wire)} {
			var a answer
			a.reset()
			used := 0
			for at := 0; at < len(wire) && a.state != answerDone; at += step {
				n, err := a.feed([]byte(wire[at:min(at+step, len(wire))]))
				if err != nil {
					t.Fatalf("%s, %d bytes at a time: %v", name, step, err)
				}
				used += n
			}
			if a.state != answerDone || a.status != status || a.bytes != bytes || wire[used:] != rest || a.closes != closes {
				t.Errorf("%s, %d bytes at a time: %+v, %q left", name, step, a, wire[used:])
			}
		}
	}
	test("length", length, 200, 5, "", false)
	test("chunks", chunked, 200, 15, "", false)
	test("two answers", length+chunked, 200, 5, chunked, false)
	test("interim first", "HTTP/1.1 100 Continue\r\n\r\n"+length, 200, 5, "", false)
	test("empty", "HTTP/1.1 503 Service Unavailable\r\ncontent-length:0\r\nConnection: close\r\n\r\n", 503, 0, "", true)
	test("no content", "HTTP/1.1 204 No Content\r\n\r\n", 204, 0, "", false)
	test("bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 1\n\nx", 200, 1, "", false)

	refuse := func(wire string) {
		t.Helper()
		var a answer
		if _, err := a.feed([]byte(wire)); err == nil {
			t.Errorf("taken: %q", wire)
		}
	}
	refuse("HTTP/2 200\r\n")
	refuse("HTTP/1.1 200 OK\r\nno colon\r\n")
	refuse("HTTP/1.1 200 OK\r\nContent-Length: five\r\n")
	refuse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n")
	refuse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n")
	refuse("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*lineLimitBytes))

	var a answer
	if _, err := a.feed([]byte("HTTP/1.1 200 OK\r\n\r\nuntil the end")); err != nil || a.state != answerToEnd || a.bytes != 13 {
		t.Errorf("until the end of the connection: %+v, %v", a, err)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 3)
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 1)
	f.Fuzz(func(t *testing.T, wire string, cut int) {
		whole, split := new(answer), new(answer)
		n, errWhole := whole.feed([]byte(wire))
		cut = min(max(cut, 0), len(wire))
		m, errSplit := split.feed([]byte(wire[:cut]))
		if errSplit == nil && split.state != answerDone {
			var more int
			more, errSplit = split.feed([]byte(wire[cut:]))
			m += more
		}
		// A line beyond the bound may be refused early or late, depending on where it was cut.
		if len(wire) < lineLimitBytes && (errWhole == nil) != (errSplit == nil) {
			t.Fatalf("whole: %v; cut at %d: %v", errWhole, cut, errSplit)
		}
		if errWhole == nil && errSplit == nil && (n != m || fmt.Sprint(whole.status, whole.state, whole.bytes, whole.left) != fmt.Sprint(split.status, split.state, split.bytes, split.left)) {
			t.Fatalf("whole: %d, %+v; cut at %d: %d, %+v", n, whole, cut, m, split)
		}
	})
}
