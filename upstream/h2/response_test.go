package h2

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"penstock/upstream/stream"
)

func TestResponse(t *testing.T) {
	run(t, "head, body, end", func(sc *script) {
		sc.start()
		k := sc.get()
		sc.feedHead(1, false, ":status", "200", "content-type", "application/json", "content-length", "10", "x-empty", "")
		sc.feedData(1, false, "hello")
		sc.feedData(1, true, "world")
		sc.wantEvents(k, "head 200 cl=10 content-type=application/json content-length=10 x-empty=", "body", "end")
		if string(k.body) != "helloworld" || sc.c.Active() != 0 || sc.c.Stats().Completed != 1 {
			sc.t.Fatalf("%q, %d active", k.body, sc.c.Active())
		}
	})
	run(t, "end with the head", func(sc *script) {
		sc.start()
		k := sc.get()
		sc.feedHead(1, true, ":status", "404", "content-length", "0")
		sc.wantEvents(k, "head 404 cl=0 content-length=0", "end")
	})
	run(t, "trailers", func(sc *script) {
		sc.start()
		k := sc.get()
		sc.feedOK(1)
		sc.feedData(1, false, "x")
		sc.feedHead(1, true, "grpc-status", "0", "content-length", "77")
		sc.wantEvents(k, "head 200 cl=-1", "body", "end grpc-status=0 content-length=77")
	})
	run(t, "interim responses", func(sc *script) {
		sc.start()
		k := sc.get()
		for range maxInterimHeads {
			sc.feedHead(1, false, ":status", "103", "link", "</a>")
		}
		sc.feedOK(1)
		sc.feedData(1, true, "x")
		sc.wantEvents(k, "head 200 cl=-1", "body", "end")
	})
	run(t, "too many interim responses", func(sc *script) {
		sc.start()
		k := sc.get()
		sc.want("HEADERS …")
		for range maxInterimHeads + 1 {
			sc.feedHead(1, false, ":status", "100")
		}
		sc.wantStreamError(k, 1, ErrCodeEnhanceYourCalm)
	})
	run(t, "HEAD with a content-length", func(sc *script) {
		sc.start()
		b := &stream.Block{Scheme: "https", Authority: "a", Path: "/"}
		k := sc.open(&stream.Request{Block: b, Method: []byte("HEAD"), BodyBytes: -1})
		sc.feedHead(1, true, ":status", "200", "content-length", "1234")
		sc.wantEvents(k, "head 200 cl=1234 content-length=1234", "end")
	})
	run(t, "304 with a content-length, ended by an empty frame", func(sc *script) {
		sc.start()
		k := sc.get()
		sc.feedHead(1, false, ":status", "304", "content-length", "1234")
		sc.feedData(1, true, "")
		sc.wantEvents(k, "head 304 cl=1234 content-length=1234", "end")
	})
	run(t, "equal content-lengths", func(sc *script) {
		sc.start()
		k := sc.get()
		sc.feedHead(1, false, ":status", "200", "content-length", "1", "content-length", "1")
		sc.feedData(1, true, "x")
		sc.wantEvents(k, "head 200 cl=1 content-length=1", "body", "end")
	})
	run(t, "streams in any order", func(sc *script) {
		sc.start()
		a, b, d := sc.get(), sc.get(), sc.get()
		sc.feedOK(5)
		sc.feedOK(1)
		sc.feedData(1, false, "a")
		sc.feedHead(3, true, ":status", "201")
		sc.feedData(5, true, "d")
		sc.feedData(1, true, "a")
		sc.wantEvents(a, "head 200 cl=-1", "body", "end")
		sc.wantEvents(b, "head 201 cl=-1", "end")
		sc.wantEvents(d, "head 200 cl=-1", "body", "end")
	})
	run(t, "padding and priority fields", func(sc *script) {
		sc.start()
		k := sc.get()
		block := sc.encode(":status", "200")
		p := append([]byte{7, 0x80, 0, 0, 1, 255}, block...) // depends on itself: means nothing
		sc.feedFrame(FrameHeaders, FlagEndHeaders|FlagPadded|FlagPriority, 1, append(p, make([]byte, 7)...)...)
		sc.feedFrame(FrameData, FlagPadded, 1, append([]byte{200}, append([]byte("abc"), make([]byte, 200)...)...)...)
		sc.feedFrame(FrameData, FlagPadded, 1, 0, 'd')
		sc.feedFrame(FrameData, FlagPadded|FlagEndStream, 1, 3, 0, 0, 0)
		sc.wantEvents(k, "head 200 cl=-1", "body", "end")
		if string(k.body) != "abcd" {
			sc.t.Fatalf("%q", k.body)
		}
	})
	run(t, "unknown frames, flags, settings and priority", func(sc *script) {
		sc.start()
		k := sc.get()
		sc.want("HEADERS …")
		sc.feedFrame(0x42, 0xff, 1, []byte("anything")...)
		sc.feedFrame(0xfe, 0, 0)
		sc.feedFrame(FramePriority, 0xff, 1, 0, 0, 0, 1, 5)
		sc.feedFrame(FramePriority, 0, 99, 0, 0, 0, 0, 5)
		sc.feedFrame(FrameHeaders, FlagEndHeaders|0xd2, 1, sc.encode(":status", "200")...)
		sc.feedSettings(setting{0x77, 1}, setting{SettingMaxFrameSize, 1 << 20})
		sc.want("SETTINGS ack")
		sc.feedFrame(FrameData, FlagEndStream|0xf6, 1, 'x')
		sc.wantNothing()
		sc.wantEvents(k, "head 200 cl=-1", "body", "end")
	})
	run(t, "reserved bit of the stream id", func(sc *script) {
		sc.start()
		k := sc.get()
		sc.feedFrame(FrameHeaders, FlagEndHeaders|FlagEndStream, 1<<31|1, sc.encode(":status", "200")...)
		sc.wantEvents(k, "head 200 cl=-1", "end")
	})
	run(t, "head over several frames", func(sc *script) {
		sc.start()
		k := sc.get()
		block := sc.encode(":status", "200", "x-a", strings.Repeat("abc", 40))
		sc.feedFrame(FrameHeaders, FlagEndStream, 1, block[:1]...)
		sc.feedFrame(FrameContinuation, 0, 1)
		sc.feedFrame(FrameContinuation, 0, 1, block[1:30]...)
		sc.feedFrame(FrameContinuation, FlagEndHeaders, 1, block[30:]...)
		sc.wantEvents(k, "head 200 cl=-1 x-a="+strings.Repeat("abc", 40), "end")
	})
}

// TestMalformed covers RFC 9113 §8: each head ends its stream and no other, and the table stays in step.
func TestMalformed(t *testing.T) {
	for name, head := range map[string][]string{
		"no status":            {"content-type", "a"},
		"empty":                {},
		"two statuses":         {":status", "200", ":status", "200"},
		"status of two digits": {":status", "20"},
		"status of four":       {":status", "2000"},
		"status of letters":    {":status", "2xx"},
		"status below 100":     {":status", "099"},
		"empty status":         {":status", ""},
		"status last":          {"content-type", "a", ":status", "200"},
		"unknown pseudo":       {":status", "200", ":version", "2"},
		"request pseudo":       {":status", "200", ":path", "/"},
		"upper case":           {":status", "200", "Content-Type", "a"},
		"empty name":           {":status", "200", "", "a"},
		"space in name":        {":status", "200", "a b", "a"},
		"colon in name":        {":status", "200", "a:b", "a"},
		"NUL in name":          {":status", "200", "a\x00", "a"},
		"high byte in name":    {":status", "200", "a\x80", "a"},
		"CR in value":          {":status", "200", "a", "b\rc"},
		"LF in value":          {":status", "200", "a", "b\nc"},
		"NUL in value":         {":status", "200", "a", "b\x00c"},
		"LF in a long value":   {":status", "200", "a", "0123456\n89abcdef"},
		"leading blank":        {":status", "200", "a", " b"},
		"trailing blank":       {":status", "200", "a", "b\t"},
		"only a blank":         {":status", "200", "a", " "},
		"connection":           {":status", "200", "connection", "close"},
		"keep-alive":           {":status", "200", "keep-alive", "5"},
		"proxy-connection":     {":status", "200", "proxy-connection", "a"},
		"transfer-encoding":    {":status", "200", "transfer-encoding", "chunked"},
		"upgrade":              {":status", "200", "upgrade", "h2c"},
		"te":                   {":status", "200", "te", "trailers"},
		"content-lengths":      {":status", "200", "content-length", "1", "content-length", "2"},
		"length list":          {":status", "200", "content-length", "1, 1"},
		"length sign":          {":status", "200", "content-length", "+1"},
		"empty length":         {":status", "200", "content-length", ""},
		"huge length":          {":status", "200", "content-length", "99999999999999999999"},
		"switching protocols":  {":status", "101"},
	} {
		run(t, name, func(sc *script) {
			sc.start()
			k, other := sc.get(), sc.get()
			sc.want("HEADERS …", "HEADERS …")
			sc.feedHead(1, false, append(head, "x-insert", "table")...)
			sc.wantStreamError(k, 1, ErrCodeProtocol)
			if k.failure.Answered || len(k.events) != 1 {
				sc.t.Fatalf("events %q", k.events)
			}
			sc.feedData(1, true, "late")
			sc.feedHead(3, true, ":status", "200", "x-insert", "table")
			sc.wantEvents(other, "head 200 cl=-1 x-insert=table", "end")
		})
	}
	bad := func(name string, code ErrCode, f func(sc *script)) {
		run(t, name, func(sc *script) {
			sc.start()
			k := sc.get()
			sc.want("HEADERS …")
			f(sc)
			sc.wantStreamError(k, 1, code)
		})
	}
	bad("interim response with END_STREAM", ErrCodeProtocol, func(sc *script) { sc.feedHead(1, true, ":status", "103") })
	bad("DATA before the head", ErrCodeProtocol, func(sc *script) { sc.feedData(1, false, "x") })
	bad("DATA after an interim head", ErrCodeProtocol, func(sc *script) {
		sc.feedHead(1, false, ":status", "100")
		sc.feedData(1, true, "x")
	})
	bad("trailers without END_STREAM", ErrCodeProtocol, func(sc *script) {
		sc.feedOK(1)
		sc.feedHead(1, false, "x", "y")
	})
	bad("pseudo-header field in trailers", ErrCodeProtocol, func(sc *script) {
		sc.feedOK(1)
		sc.feedHead(1, true, ":status", "200")
	})
	bad("bad name in trailers", ErrCodeProtocol, func(sc *script) {
		sc.feedOK(1)
		sc.feedHead(1, true, "X", "y")
	})
	bad("body shorter than content-length", ErrCodeProtocol, func(sc *script) {
		sc.feedHead(1, false, ":status", "200", "content-length", "5")
		sc.feedData(1, true, "four")
	})
	bad("trailers before the body is complete", ErrCodeProtocol, func(sc *script) {
		sc.feedHead(1, false, ":status", "200", "content-length", "5")
		sc.feedHead(1, true, "x", "y")
	})
	bad("no body although content-length", ErrCodeProtocol, func(sc *script) {
		sc.feedHead(1, true, ":status", "200", "content-length", "5")
	})
	bad("body longer than content-length", ErrCodeProtocol, func(sc *script) {
		sc.feedHead(1, false, ":status", "200", "content-length", "5")
		sc.feedData(1, false, "five")
		sc.feedData(1, false, "si")
		if k := sc.sinks[0]; string(k.body) != "five" {
			sc.t.Fatalf("passed on %q", k.body)
		}
	})
	bad("body with 204", ErrCodeProtocol, func(sc *script) {
		sc.feedHead(1, false, ":status", "204")
		sc.feedData(1, true, "x")
	})
	bad("PRIORITY of the wrong length", ErrCodeFrameSize, func(sc *script) {
		sc.feedFrame(FramePriority, 0, 1, 0, 0, 0, 1)
	})
	run(t, "body with HEAD", func(sc *script) {
		sc.start()
		k := sc.open(&stream.Request{Block: &stream.Block{Method: "HEAD", Scheme: "https", Authority: "a", Path: "/"}, BodyBytes: -1})
		sc.want("HEADERS …")
		sc.feedOK(1)
		sc.feedData(1, false, "x")
		sc.wantStreamError(k, 1, ErrCodeProtocol)
	})
}

func TestHeadBounds(t *testing.T) {
	runWith(t, "list beyond the bound", Config{MaxHeaderListBytes: 1000}, func(sc *script) {
		sc.start()
		k, other := sc.get(), sc.get()
		sc.want("HEADERS …", "HEADERS …")
		sc.feedHead(1, false, ":status", "200", "x-long", strings.Repeat("v", 900), "x-tail", "in the table")
		sc.wantStreamError(k, 1, ErrCodeEnhanceYourCalm)
		if k.failure.Kind != stream.KindTooLarge {
			sc.t.Fatal(k.failure.Kind)
		}
		sc.feedHead(3, true, ":status", "200", "x-tail", "in the table")
		sc.wantEvents(other, "head 200 cl=-1 x-tail=in the table", "end")
	})
	runWith(t, "trailers beyond the bound", Config{MaxHeaderListBytes: 1000}, func(sc *script) {
		sc.start()
		k := sc.get()
		sc.want("HEADERS …")
		sc.feedOK(1)
		sc.feedHead(1, true, "x-long", strings.Repeat("v", 980))
		sc.wantStreamError(k, 1, ErrCodeEnhanceYourCalm)
		if k.failure.Kind != stream.KindTooLarge || !k.failure.Answered {
			sc.t.Fatalf("%+v", k.failure)
		}
	})
	runWith(t, "exactly the bound", Config{MaxHeaderListBytes: 42 + 100}, func(sc *script) {
		sc.start()
		k := sc.get()
		sc.feedHead(1, true, ":status", "200", "x", strings.Repeat("v", 67))
		sc.wantEvents(k, "head 200 cl=-1 x="+strings.Repeat("v", 67), "end")
	})
	run(t, "block far beyond the bound", func(sc *script) {
		if sc.split > 0 && sc.split < 30 {
			sc.split = 1000 // a quarter of a megabyte takes too long byte by byte
		}
		sc.start()
		k := sc.get()
		sc.want("HEADERS …")
		sc.feedFrame(FrameHeaders, 0, 1, sc.encode(":status", "200")...)
		for range 20 {
			sc.feedFrame(FrameContinuation, 0, 1, make([]byte, 16384)...)
		}
		sc.wantConnError(ErrCodeEnhanceYourCalm)
		if k.failure.Kind != stream.KindTooLarge {
			sc.t.Fatal(k.failure.Kind)
		}
	})
	run(t, "endless CONTINUATION", func(sc *script) {
		sc.start()
		sc.get()
		sc.want("HEADERS …")
		sc.feedFrame(FrameHeaders, 0, 1)
		for range maxContinuations + 1 {
			sc.feedFrame(FrameContinuation, 0, 1)
		}
		sc.wantConnError(ErrCodeEnhanceYourCalm)
	})
	runWith(t, "names copied again and again", Config{MaxHeaderListBytes: 1000}, func(sc *script) {
		sc.start()
		k := sc.get()
		sc.want("HEADERS …")
		block := sc.encode(":status", "200", strings.Repeat("n", 3000), "")
		for range 10 {
			block = append(block, 0x40|62, 0) // the newest name once more
		}
		sc.feedFrame(FrameHeaders, FlagEndHeaders, 1, block...)
		sc.wantConnError(ErrCodeEnhanceYourCalm)
		if k.failure.Kind != stream.KindTooLarge {
			sc.t.Fatal(k.failure.Kind)
		}
	})
}

func TestReceiveWindow(t *testing.T) {
	small := Config{StreamWindowBytes: 1000, ConnWindowBytes: 65535}
	runWith(t, "credit is announced from a quarter on", small, func(sc *script) {
		sc.start()
		k := sc.get()
		sc.want("HEADERS …")
		sc.feedOK(1)
		sc.feedData(1, false, strings.Repeat("x", 1000))
		k.s.Credit(249)
		sc.wantNothing()
		k.s.Credit(1)
		sc.want("WINDOW_UPDATE 1 250")
		k.s.Credit(750)
		sc.want("WINDOW_UPDATE 1 750")
		k.s.Credit(0)
		sc.wantNothing()
		sc.feedData(1, true, strings.Repeat("x", 1000))
		sc.wantEvents(k, "head 200 cl=-1", "body", "end")
	})
	runWith(t, "stream window overrun", small, func(sc *script) {
		sc.start()
		k, other := sc.get(), sc.get()
		sc.want("HEADERS …", "HEADERS …")
		sc.feedOK(1)
		sc.feedData(1, false, strings.Repeat("x", 600))
		sc.feedData(1, false, strings.Repeat("x", 401))
		sc.wantStreamError(k, 1, ErrCodeFlowControl)
		sc.feedHead(3, true, ":status", "200")
		sc.wantEvents(other, "head 200 cl=-1", "end")
	})
	runWith(t, "connection window overrun", Config{StreamWindowBytes: 1 << 20, ConnWindowBytes: 65535}, func(sc *script) {
		if sc.split > 0 && sc.split < 30 {
			sc.split = 997
		}
		sc.start()
		sc.get()
		sc.want("HEADERS …")
		sc.feedOK(1)
		for range 4 {
			sc.feedData(1, false, strings.Repeat("x", 16384))
		}
		sc.wantConnError(ErrCodeFlowControl)
	})
	runWith(t, "padding is credited at once", Config{StreamWindowBytes: 100, ConnWindowBytes: 65535}, func(sc *script) {
		sc.start()
		sc.get()
		sc.want("HEADERS …")
		sc.feedOK(1)
		sc.feedFrame(FrameData, FlagPadded, 1, append([]byte{30, 'x'}, make([]byte, 30)...)...)
		sc.want("WINDOW_UPDATE 1 31")
		sc.wantNothing()
	})
	runWith(t, "what a stream leaves goes to the connection", Config{StreamWindowBytes: 20000, ConnWindowBytes: 65535}, func(sc *script) {
		if sc.split > 0 && sc.split < 20 {
			sc.split = 499
		}
		sc.start()
		data := strings.Repeat("x", 16384)
		cancelled, ended, reset := sc.get(), sc.get(), sc.get()
		sc.want("HEADERS …", "HEADERS …", "HEADERS …")
		sc.feedOK(1)
		sc.feedOK(3)
		sc.feedOK(5)
		sc.feedData(1, false, data)
		sc.wantNothing()
		cancelled.s.Cancel()
		sc.want("WINDOW_UPDATE 0 16384", "RST_STREAM 1 CANCEL")
		sc.feedData(1, false, data) // late: dropped
		for got := 0; got < 16384; {
			var n int
			if _, err := fmt.Sscanf(sc.next(), "WINDOW_UPDATE 0 %d", &n); err != nil {
				break
			}
			got += n
		}
		sc.feedData(3, true, data[:10000])
		sc.feedData(5, false, data[:10000])
		sc.feedReset(5, ErrCodeInternal)
		for sc.next() != "" {
		}
		sc.wantEvents(ended, "head 200 cl=-1", "body", "end")
		if !reset.over || sc.c.recvBytes+sc.c.due != 65535 {
			sc.t.Fatalf("%d + %d", sc.c.recvBytes, sc.c.due)
		}
	})
	runWith(t, "credit from within OnBody", small, func(sc *script) {
		sc.start()
		k := sc.get()
		k.credit = true
		sc.want("HEADERS …")
		sc.feedOK(1)
		for range 20 {
			sc.feedData(1, false, strings.Repeat("x", 200))
		}
		sc.feedData(1, true, "")
		sc.wantEvents(k, "head 200 cl=-1", "body", "end")
		if len(k.body) != 4000 {
			sc.t.Fatal(len(k.body))
		}
	})
}

func TestPartialDataIsPassedOn(t *testing.T) {
	sc := newScript(t, 0, Config{})
	sc.start()
	k := sc.get()
	sc.feedOK(1)
	frame := append(AppendFrameHeader(nil, 10, FrameData, FlagEndStream, 1), "0123456789"...)
	for i, b := range frame {
		if err := sc.c.Feed([]byte{b}); err != nil {
			t.Fatal(err)
		}
		if want := max(0, i-FrameHeaderBytes+1); len(k.body) != want {
			t.Fatalf("%d bytes of body after %d", len(k.body), i+1)
		}
	}
	if !k.over || !bytes.Equal(k.body, []byte("0123456789")) {
		t.Fatal(k.events)
	}
}

func TestCompressionErrors(t *testing.T) {
	huff := hpack.AppendHuffmanString(nil, "abc")
	for name, block := range map[string][]byte{
		"index 0":              {0x80},
		"index beyond":         {0x80 | 62},
		"name index beyond":    {0x40 | 62, 0},
		"integer overflow":     {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"cut in an integer":    {0xff},
		"cut in a name":        {0x40, 3, 'a'},
		"cut before the value": {0x40, 1, 'a'},
		"cut in a value":       {0x00, 1, 'a', 5, 'b'},
		"late update":          {0x88, 0x20},
		"update too large":     {0x3f, 0xe2, 0x1f},
		"Huffman EOS":          {0x00, 1, 'a', 0x84, 0xff, 0xff, 0xff, 0xff},
		"Huffman padding 0":    {0x00, 1, 'a', 0x81, 0x00 | huff[0]&0xf8},
		"Huffman padding long": {0x00, 1, 'a', 0x82, 0x1f, 0xff},
	} {
		run(t, name, func(sc *script) {
			sc.start()
			k := sc.get()
			sc.want("HEADERS …")
			sc.feedFrame(FrameHeaders, FlagEndHeaders, 1, block...)
			sc.wantConnError(ErrCodeCompression)
			sc.wantEvents(k, "fail protocol code=9 sent=true unprocessed=false reused=false answered=false")
		})
	}
	run(t, "on a cancelled stream", func(sc *script) {
		sc.start()
		k := sc.get()
		k.s.Cancel()
		k.s = nil
		sc.want("HEADERS …", "RST_STREAM 1 CANCEL")
		sc.feedFrame(FrameHeaders, FlagEndHeaders, 1, 0x80)
		sc.wantConnError(ErrCodeCompression)
	})
}
