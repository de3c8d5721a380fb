package h2

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"penstock/upstream/stream"
)

// seeds are what a server may say: a whole conversation, one frame of each type, and hostile ones.
func seeds() [][]byte {
	frame := func(typ FrameType, flags Flags, id uint32, payload string) []byte {
		return append(AppendFrameHeader(nil, len(payload), typ, flags, id), payload...)
	}
	settings := frame(FrameSettings, 0, 0, "\x00\x04\x00\x01\x00\x00\x00\x03\x00\x00\x00\x64")
	join := func(frames ...[]byte) []byte { return bytes.Join(append([][]byte{settings}, frames...), nil) }
	head := frame(FrameHeaders, FlagEndHeaders, 1, "\x88\x40\x04x-ab\x0312\x33")
	return [][]byte{
		join(),
		join(head, frame(FrameData, 0, 1, "hello"), frame(FrameData, FlagEndStream, 1, "world")),
		join(head, frame(FrameData, FlagPadded, 1, "\x03hello\x00\x00\x00"), frame(FrameHeaders, FlagEndHeaders|FlagEndStream, 1, "\xbe")),
		join(frame(FrameHeaders, FlagEndStream, 3, "\x88"), frame(FrameContinuation, 0, 3, "\x0f\x0d\x01"), frame(FrameContinuation, FlagEndHeaders, 3, "0")),
		join(frame(FrameHeaders, FlagEndHeaders|FlagPadded|FlagPriority, 5, "\x02\x80\x00\x00\x05\xff\x88\x00\x00"), frame(FrameData, FlagEndStream, 5, "")),
		join(frame(FrameRSTStream, 0, 1, "\x00\x00\x00\x07"), frame(FrameRSTStream, 0, 3, "\x00\x00\x00\x00"), head),
		join(frame(FrameGoAway, 0, 0, "\x00\x00\x00\x03\x00\x00\x00\x00bye"), frame(FrameGoAway, 0, 0, "\x00\x00\x00\x01\x00\x00\x00\x0b")),
		join(frame(FrameWindowUpdate, 0, 0, "\x00\x01\x00\x00"), frame(FrameWindowUpdate, 0, 1, "\x00\x01\x00\x00"), frame(FramePing, 0, 0, "12345678")),
		join(frame(FrameSettings, 0, 0, "\x00\x01\x00\x00\x00\x00\x00\x04\x00\x00\x00\x05"), frame(FrameSettings, FlagAck, 0, "")),
		join(frame(FrameWindowUpdate, 0, 1, "\x7f\xff\xff\xff"), frame(FramePushPromise, FlagEndHeaders, 1, "\x00\x00\x00\x02\x82")),
		join(frame(FramePriority, 0, 1, "\x00\x00\x00\x01\x05"), frame(0x20, 0xff, 9, "unknown"), frame(FrameHeaders, FlagEndHeaders, 1, "\x80")),
		[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
	}
}

// converse opens streams, feeds the input cut at the given sizes, and ends the connection. Sinks with an odd number act on
// what they get: they cancel, credit, open.
func converse(t *testing.T, input []byte, cut func(i int) int) *script {
	sc := newScript(t, 0, Config{StreamWindowBytes: 4096, ConnWindowBytes: 70000, MaxHeaderListBytes: 2048})
	for i := range 6 {
		k := sc.post(100 * i * i * i)
		k.credit = i%2 == 0
		switch i {
		case 3:
			k.onHead = func() { k.s.Cancel() }
		case 4:
			k.onBody = func() {
				if len(sc.sinks) < 10 && sc.c.Slots() > 0 {
					sc.get()
				}
			}
		case 5:
			k.onEnd = func() { sc.sinks[0].s.Cancel() }
		}
	}
	for i := 0; len(input) > 0 && sc.err == nil; i++ {
		n := min(len(input), max(1, cut(i)))
		piece := bytes.Clone(input[:n])
		sc.err = sc.c.Feed(piece)
		clear(piece)
		input = input[n:]
	}
	sc.check()
	return sc
}

func record(sc *script) string {
	var b strings.Builder
	for i, k := range sc.sinks {
		fmt.Fprintf(&b, "%d: %q %q sent %d\n", i, k.events, k.body, k.sent)
	}
	st := sc.c.Stats()
	fmt.Fprintf(&b, "%v %d active, ping %v, goaway %v, %d/%d frames\n", sc.err, sc.c.Active(), sc.c.PingOutstanding(), sc.c.GoAway(), st.FramesIn, st.FramesOut)
	return b.String()
}

// FuzzFeed: no input breaks the invariants, and whatever comes, every stream ends exactly once.
func FuzzFeed(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		sc := converse(t, input, func(int) int { return len(input) })
		var ce *ConnError
		if sc.err != nil && (!errors.As(sc.err, &ce) || !bytes.HasSuffix(sc.out.b, AppendGoAway(nil, 0, ce.Code))) {
			t.Fatalf("%v without its GOAWAY", sc.err)
		}
		sc.c.Fail(nil)
		if sc.c.Active() != 0 || sc.c.table.used != 0 || sc.c.streams.Lent() != 0 {
			t.Fatal("streams left")
		}
		// What we sent is well-formed, whatever was received.
		if !bytes.HasPrefix(sc.out.b, []byte(ClientPreface)) {
			t.Fatal("no preface")
		}
		sc.out.b = sc.out.b[len(ClientPreface):]
		sc.dec.SetAllowedMaxDynamicTableSize(4096)
		for s := sc.next(); s != ""; s = sc.next() {
			if strings.HasPrefix(s, "bad") {
				t.Fatal(s)
			}
		}
	})
}

// FuzzSplit: the same bytes cut differently mean the same.
func FuzzSplit(f *testing.F) {
	for i, s := range seeds() {
		f.Add(s, []byte{byte(i), 3, 200})
	}
	f.Fuzz(func(t *testing.T, input, cuts []byte) {
		if len(cuts) == 0 {
			return
		}
		whole := record(converse(t, input, func(int) int { return len(input) }))
		split := record(converse(t, input, func(i int) int { return int(cuts[i%len(cuts)]) }))
		single := record(converse(t, input, func(int) int { return 1 }))
		if whole != split || whole != single {
			t.Fatalf("whole:\n%s\ncut by %v:\n%s\nbyte by byte:\n%s", whole, cuts, split, single)
		}
	})
}

// FuzzHPACK decodes blocks with our decoder and with that of x/net. Ours is stricter in two ways: integers of more than four
// bytes behind the prefix, and table size updates behind a field in an empty table; x/net refuses a second update where its
// table is not empty, which RFC 7541 §4.2 allows.
func FuzzHPACK(f *testing.F) {
	first, second := responseBlocks()
	f.Add(first, second)
	f.Add([]byte("\x20\x3f\xe1\x1f\x88"), []byte("\x40\x01a\x01b\xbe\x7e\x01c\xbf\xbe"))
	f.Add([]byte("\x00\x84\xff\xff\xff\xff\x00"), []byte("\xff\xff\xff\xff\xff\x7f"))
	f.Add([]byte("\x3e\x40\x02aa\x02bb\x41\x83\x1d\x75\xd7"), []byte("\x1f\x2f\x00\x10\x00\x00\x88\x20"))
	f.Add(append([]byte("\x40\x7f\xe1\x1c"), bytes.Repeat([]byte("n"), 3680)...), []byte("\x7e\x00\x7e\x01v\x7e\x00"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		ours := NewDecoder(4096)
		var want []string
		theirs := hpack.NewDecoder(4096, func(f hpack.HeaderField) { want = append(want, f.Name+"="+f.Value) })
		for _, block := range [][]byte{a, b, a, b} {
			want = nil
			var got []string
			err := ours.Decode(block, 1<<30, func(name, value []byte) error {
				got = append(got, string(name)+"="+string(value))
				return nil
			})
			_, theirErr := theirs.Write(block)
			if closeErr := theirs.Close(); theirErr == nil {
				theirErr = closeErr
			}
			if err == errHPACKInteger || err == errHPACKUpdate || theirErr != nil && strings.Contains(theirErr.Error(), "size update MUST") {
				return
			}
			if (err == nil) != (theirErr == nil) {
				t.Fatalf("ours: %v, x/net: %v", err, theirErr)
			}
			if err != nil {
				return
			}
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Fatalf("ours: %q, x/net: %q", got, want)
			}
			if n := ours.size; n > ours.max || int(ours.next-ours.oldest) > len(ours.entries) {
				t.Fatalf("table of %d bytes, %d entries", n, ours.next-ours.oldest)
			}
		}
	})
}

// FuzzHuffman compares with x/net.
func FuzzHuffman(f *testing.F) {
	f.Add([]byte("\x1d\x75\xd7"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, src []byte) {
		checkHuffman(t, src)
		code := hpack.AppendHuffmanString(nil, string(src))
		if got, ok := appendHuffman(nil, code); !ok || !bytes.Equal(got, src) {
			t.Fatalf("%x: %x %v", src, got, ok)
		}
	})
}

// FuzzEncode: x/net reads what our encoder writes, for any fields and any changes of the table size.
func FuzzEncode(f *testing.F) {
	f.Add("content-type", "application/json", "authorization", "key", []byte{0, 1, 9, 200})
	f.Add(":authority", "", "x", strings.Repeat("v", 5000), []byte{0, 2, 0, 0, 250, 3})
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2 string, steps []byte) {
		var e encoder
		e.init()
		var got []string
		dec := hpack.NewDecoder(4096, func(f hpack.HeaderField) { got = append(got, f.Name+"="+f.Value) })
		blocks := []*stream.Block{
			{Method: "POST", Scheme: "https", Authority: v1, Path: "/", Fields: []stream.BlockField{{Name: n1, Value: v1}, {Name: n2, Value: v2}}},
			{Scheme: "http", Authority: n1, Fields: []stream.BlockField{{Name: n1, Value: v2}, {Name: n1, Value: v1}}},
			{Method: "GET", Scheme: "http", Authority: n2, Fields: []stream.BlockField{{Name: "x", Value: n2}}},
		}
		for _, step := range steps {
			if step > 100 {
				size := uint32(step-101) * 30
				e.setLimit(size)
				dec.SetAllowedMaxDynamicTableSize(min(size, 4096))
				continue
			}
			r := &stream.Request{
				Block: blocks[step%3], Method: []byte(n2), Path: []byte(v2), BodyBytes: int64(step) - 1,
				Extra: []stream.Field{{Name: []byte(n1), Value: []byte(v2)}},
			}
			var want []string
			b := r.Block
			if b.Method == "" {
				want = append(want, ":method="+n2)
			}
			if b.Path == "" {
				want = append(want, ":path="+v2)
			}
			if b.Method != "" {
				want = append(want, ":method="+b.Method)
			}
			want = append(want, ":scheme="+b.Scheme, ":authority="+b.Authority)
			if b.Path != "" {
				want = append(want, ":path="+b.Path)
			}
			for _, f := range b.Fields {
				want = append(want, f.Name+"="+f.Value)
			}
			if r.BodyBytes >= 0 {
				want = append(want, fmt.Sprintf("content-length=%d", r.BodyBytes))
			}
			want = append(want, n1+"="+v2)
			got = nil
			if _, err := dec.Write(e.appendHead(nil, r)); err != nil {
				t.Fatal(err)
			}
			if err := dec.Close(); err != nil {
				t.Fatal(err)
			}
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Fatalf("%q, want %q", got, want)
			}
		}
	})
}
