package dialect

import (
	"bytes"
	"strings"
	"testing"
)

func stripped(pieces ...[]byte) string {
	var s Stripper
	s.Reset()
	var out []byte
	for _, p := range pieces {
		out = s.Feed(out, p)
	}
	return string(s.End(out))
}

func TestStripper(t *testing.T) {
	is := func(stream, want string) {
		t.Helper()
		splits([]byte(stream), func(pieces [][]byte) {
			t.Helper()
			if got := stripped(pieces...); got != want {
				t.Fatalf("%q in %d pieces, the first %d bytes:\ngot  %q\nwant %q", stream, len(pieces), len(pieces[0]), got, want)
			}
		})
	}
	const usage = `{"prompt_tokens":1,"total_tokens":1}`
	same := func(stream string) {
		t.Helper()
		is(stream, stream)
	}
	same("")
	same("data: [DONE]\n\n")
	same(": comment\n\n\n\nevent: x\ndata: {\"choices\":[{}]}\n\n")
	is("data: {\"choices\":[{}],\"usage\":null}\n\n", "data: {\"choices\":[{}]}\n\n")
	is("data: {\"choices\":[{}] , \"usage\" : null , \"o\":1}\n\n", "data: {\"choices\":[{}]  , \"o\":1}\n\n")
	is("data:{\"usage\":null,  \"choices\":[{}]}\r\n\r\n", "data:{\"choices\":[{}]}\r\n\r\n")
	is("data: {\"usage\":null}\n\n", "data: {}\n\n")
	is("data: {\"choices\":[],\"usage\":null,\"prompt_filter_results\":[]}\n\n", "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n")
	is("data: {\"choices\":[{}]}\n\ndata: {\"id\":\"x\",\"choices\":[ ],\"usage\":"+usage+"}\n\ndata: [DONE]\n\n", "data: {\"choices\":[{}]}\n\ndata: [DONE]\n\n")
	is(": c\r\n\r\nevent: e\r\ndata:{\"usage\":"+usage+",\"choices\":[]}\r\n\r\n: d\r\n\r\n", ": c\r\n\r\n: d\r\n\r\n")
	is("\ndata: {\"choices\":[],\"usage\":"+usage+"}\n\n\n", "\n\n")
	is("data: {\"choices\":[],\"usage\":"+usage+"}", "") // no blank line at the end
	is("data: {\"choices\":[{}],\"usage\":null}\n", "data: {\"choices\":[{}]}\n")
	same("data: {\"choices\":[{}],\"usage\":" + usage + "}\n\n") // what DeepSeek sends
	same("data: {\"choices\":[],\"usage\":" + usage + ",\"error\":{}}\n\n")
	same("data: {\"usage\":" + usage + "}\n\n")
	same("data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":null\"}}]}\n\n")
	same("data: {\"choices\":[{\"usage\":null}],\"x\":{\"usage\":null}}\n\n")
	same("data: {\"choices\":[],\"usage\":null\n\n")
	same("data: {\"choices\":[],\"usage\":null} x\n\n")
	same("data: {\"choices\":[],\ndata: \"usage\":null}\n\n")
	same("data: {\"usage\":null,\"usage\":null}\n\n")
	same("data: {\"choices\":[{}],\"usage\":null\r\ndata: }\n\r\n")
	same(": \"usage\":null\n\n")
	same("data: {\"choices\":[{}],\"usage\":0}\n\n")
	// Lines that end in a lone CR.
	same("data: {\"choices\":[]}\r\rdata: [DONE]\r\r")
	is("data: {\"choices\":[{}],\"usage\":null}\r\rdata: {\"choices\":[],\"usage\":"+usage+"}\r\rdata: [DONE]\r\r", "data: {\"choices\":[{}]}\r\rdata: [DONE]\r\r")
	is("id: 1\rdata: {\"usage\":null,\"choices\":[{}]}\rretry: 5\r\r: c\r\r", "id: 1\rdata: {\"choices\":[{}]}\rretry: 5\r\r: c\r\r")
	is("data: {\"choices\":[],\"usage\":"+usage+"}\n\rdata: [DONE]\n\n", "data: [DONE]\n\n")
	is("data: {\"choices\":[],\"usage\":"+usage+"}\r\n\rdata: [DONE]\n\n", "data: [DONE]\n\n")
	same("data: {\"choices\":[],\rdata: \"usage\":null}\r\r")
	// A byte order mark.
	is("\xEF\xBB\xBFdata: {\"choices\":[{}],\"usage\":null}\n\n", "\xEF\xBB\xBFdata: {\"choices\":[{}]}\n\n")
}

func TestStripperFixtures(t *testing.T) {
	for name, b := range fixtures(t, ".sse") {
		var want []byte
		sep := "\n\n"
		if bytes.Contains(b, []byte("\r\n\r\n")) {
			sep = "\r\n\r\n"
		}
		for ev := range bytes.SplitAfterSeq(b, []byte(sep)) {
			if _, data, ok := bytes.Cut(ev, []byte(`"choices":[],"usage":{`)); ok && len(data) > 0 {
				continue
			}
			want = append(want, bytes.ReplaceAll(ev, []byte(`,"usage":null`), nil)...)
		}
		if strings.HasPrefix(name, "anthropic") || strings.Contains(name, "responses") {
			want = b
			if bytes.Contains(b, []byte(`,"usage":null`)) {
				want = nil // nested or not for this stripper
			}
		}
		whole := stripped(b)
		if want != nil && whole != string(want) {
			t.Errorf("%s:\ngot  %s\nwant %s", name, whole, want)
		}
		splits(b, func(pieces [][]byte) {
			if got := stripped(pieces...); got != whole {
				t.Fatalf("%s in %d pieces, the first %d bytes", name, len(pieces), len(pieces[0]))
			}
		})
	}
}

// A complete event is out as soon as it is in.
func TestStripperDelay(t *testing.T) {
	for _, end := range []string{"\n", "\r\n", "\r"} {
		stream := bytes.ReplaceAll(fixture(t, "openai/chat-stream.sse"), []byte("\n"), []byte(end))
		var s Stripper
		s.Reset()
		in := 0
		var out []byte
		for i := range stream {
			out = s.Feed(out, stream[i:i+1])
			if bytes.HasSuffix(stream[:i+1], []byte(end+end)) {
				in = i + 1
			}
			if want := stripped(stream[:in]); string(out) != want {
				t.Fatalf("lines end in %q: after %d bytes: %q, want %q", end, i+1, out, want)
			}
		}
	}
}

func TestStripperLarge(t *testing.T) {
	next := "data: {\"choices\":[{}],\"usage\":null}\n\n"
	event := func(n int) string {
		ev := "data: {\"usage\":null,\"x\":\"" + strings.Repeat("x", n) + "\"}\n\n"
		return ev
	}
	base := len(event(0))
	for _, c := range []struct {
		size int
		same bool
	}{{eventLimitBytes, false}, {eventLimitBytes + 1, true}, {3 * eventLimitBytes, true}} {
		ev := event(c.size - base)
		want := strings.Replace(ev, `"usage":null,`, "", 1)
		if c.same {
			want = ev
		}
		want += "data: {\"choices\":[{}]}\n\n"
		for _, seed := range [][]byte{nil, {63}, {0, 62, 7}} {
			if got := stripped(cut([]byte(ev+next), seed)...); got != want {
				t.Errorf("%d bytes cut by %v: %d bytes, want %d", c.size, seed, len(got), len(want))
			}
		}
		var s Stripper
		fed, seen := 0, 0
		for _, p := range cut([]byte(ev), []byte{63}) {
			fed += len(p)
			seen += len(s.Feed(nil, p))
			if fed > eventLimitBytes && c.same && seen != fed || len(s.hold) > eventLimitBytes {
				t.Fatalf("%d bytes: holds %d, passed %d of %d", c.size, len(s.hold), seen, fed)
			}
		}
		if s.Reset(); cap(s.hold) > holdKeepBytes {
			t.Error("keeps", cap(s.hold))
		}
	}
}

func FuzzStripper(f *testing.F) {
	for _, b := range fixtures(f, ".sse") {
		f.Add(b, []byte{5, 0, 40})
	}
	f.Add([]byte("\r\n\ndata: {\"usage\":null}\n\r\n\r\r\n"), []byte{0})
	f.Add([]byte("data: {\"a\":1,\"usage\":null , \"choices\":[]}\n\ndata: {\"choices\":[ ] ,\"usage\":{}}\n\n"), []byte{1})
	f.Fuzz(func(t *testing.T, b, seed []byte) {
		want := stripped(b)
		if got := stripped(cut(b, seed)...); got != want {
			t.Fatalf("%q: %q, in one piece %q", b, got, want)
		}
		if !bytes.Contains(b, []byte(`"usage"`)) && want != string(b) {
			t.Fatalf("%q became %q", b, want)
		}
		if again := stripped([]byte(want)); len(again) > len(want) {
			t.Fatalf("%q became %q", want, again)
		}
		// Nothing but usage goes: what is left stands in b in the same order.
		i := 0
		for _, c := range []byte(want) {
			for i < len(b) && b[i] != c {
				i++
			}
			if i++; i > len(b) {
				t.Fatalf("%q became %q", b, want)
			}
		}
	})
}
