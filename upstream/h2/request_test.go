package h2

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"penstock/upstream/stream"
)

func TestPreface(t *testing.T) {
	run(t, "settings and window", func(sc *script) {
		sc.out.b = bytes.TrimPrefix(sc.out.b, []byte(ClientPreface))
		sc.want("SETTINGS 1=4096 2=0 4=262144 6=65536", "WINDOW_UPDATE 0 16711681")
		sc.wantNothing()
		if sc.c.Ready() {
			sc.t.Fatal("ready before the server's SETTINGS")
		}
		sc.feedSettings()
		sc.want("SETTINGS ack")
		if !sc.c.Ready() {
			sc.t.Fatal("not ready")
		}
	})
	runWith(t, "smallest connection window", Config{ConnWindowBytes: 1}, func(sc *script) {
		sc.out.b = bytes.TrimPrefix(sc.out.b, []byte(ClientPreface))
		sc.want("SETTINGS …")
		sc.wantNothing()
	})
	run(t, "requests before the server's settings", func(sc *script) {
		sc.wantPreface()
		k := sc.get()
		sc.want("HEADERS 1 end …")
		sc.feedSettings()
		sc.want("SETTINGS ack")
		sc.feedOK(1)
		sc.feedData(1, true, "hello")
		sc.wantEvents(k, "head 200 cl=-1", "body", "end")
	})
}

func TestRequestHead(t *testing.T) {
	const auth = "authorization=Bearer sk-1234567890"
	run(t, "constant block shrinks to indices", func(sc *script) {
		sc.start()
		var sizes []int
		for i := range 4 {
			sc.post(3)
			sc.want(fmt.Sprintf("HEADERS %d :method=POST :scheme=https :authority=api.example.com :path=/v1/chat/completions "+
				auth+" content-type=application/json user-agent=penstock content-length=3", 1+2*i))
			sizes = append(sizes, sc.blockBytes)
			sc.want(fmt.Sprintf("DATA %d 3 end", 1+2*i))
		}
		if sizes[1] > 12 || sizes[2] != sizes[1] || sizes[3] != sizes[1] || sizes[0] < 50 {
			sc.t.Fatalf("block sizes %v", sizes)
		}
	})
	run(t, "blocks alternate without pushing one another out", func(sc *script) {
		sc.start()
		big := &stream.Block{Method: "POST", Scheme: "https", Authority: "b.example.com", Path: "/", Fields: []stream.BlockField{
			{Name: "x-large", Value: strings.Repeat("v", 3800)},
			{Name: "x-api-key", Value: strings.Repeat("k", 300)},
			{Name: "x-more", Value: strings.Repeat("m", 300)},
		}}
		for i := range 6 {
			id := 1 + 4*i
			sc.get()
			sc.want(fmt.Sprintf("HEADERS %d end :method=GET :scheme=https :authority=api.example.com :path=/v1/models "+auth+" accept=*/*", id))
			if i > 0 && sc.blockBytes > 12 {
				sc.t.Fatalf("round %d: %d bytes", i, sc.blockBytes)
			}
			sc.open(&stream.Request{Block: big, BodyBytes: -1})
			sc.want(fmt.Sprintf("HEADERS %d end :method=POST :scheme=https :authority=b.example.com :path=/ x-large=%s x-api-key=%s%s x-more=%s",
				id+2, strings.Repeat("v", 3800), strings.Repeat("k", 300), "", strings.Repeat("m", 300)))
		}
	})
	run(t, "method and path of the request", func(sc *script) {
		sc.start()
		b := &stream.Block{Scheme: "http", Authority: "h:8000", Fields: []stream.BlockField{{Name: "x-a", Value: "1"}}}
		for i, m := range []string{"GET", "POST", "HEAD", "DELETE", "GET"} {
			sc.open(&stream.Request{Block: b, Method: []byte(m), Path: []byte("/p?q"), BodyBytes: -1})
			sc.want(fmt.Sprintf("HEADERS %d end :method=%s :path=/p?q :scheme=http :authority=h:8000 x-a=1", 1+2*i, m))
		}
	})
	run(t, "extra fields, credentials never indexed", func(sc *script) {
		sc.start()
		for i := range 2 {
			sc.open(&stream.Request{Block: getBlock, BodyBytes: -1, Extra: []stream.Field{
				{Name: []byte("x-api-key"), Value: []byte("secret")},
				{Name: []byte("accept-encoding"), Value: []byte("gzip")},
				{Name: []byte("x-empty")},
				{Name: []byte("x-long"), Value: bytes.Repeat([]byte("l"), 300)},
			}})
			sc.want(fmt.Sprintf("HEADERS %d end :method=GET :scheme=https :authority=api.example.com :path=/v1/models "+auth+
				" accept=*/* x-api-key=secret! accept-encoding=gzip x-empty= x-long=%s", 1+2*i, strings.Repeat("l", 300)))
		}
	})
	run(t, "head of several frames", func(sc *script) {
		sc.start()
		long := bytes.Repeat([]byte("0123456789"), 4000)
		sc.open(&stream.Request{Block: getBlock, BodyBytes: -1, Extra: []stream.Field{{Name: []byte("x-long"), Value: long}}})
		sc.want("HEADERS 1 end :method=GET …")
		if sc.frames != 3 {
			sc.t.Fatalf("%d frames", sc.frames)
		}
		sc.get()
		sc.want("HEADERS 3 end …")
	})
	run(t, "server's header list limit is advice", func(sc *script) {
		sc.start(setting{SettingMaxHeaderListSize, 10})
		sc.get()
		sc.want("HEADERS 1 end …")
	})
	run(t, "empty body and no body", func(sc *script) {
		sc.start()
		k := sc.post(0)
		sc.want("HEADERS 1 end :method=POST :scheme=https :authority=api.example.com :path=/v1/chat/completions " + auth +
			" content-type=application/json user-agent=penstock content-length=0")
		if k.sent != 1 {
			sc.t.Fatal("OnSent missing")
		}
		sc.get()
		if got := sc.next(); strings.Contains(got, "content-length") {
			sc.t.Fatal(got)
		}
	})
}

func TestTableSize(t *testing.T) {
	// The client's decoder is told what its SETTINGS said, and fails where we do not obey.
	resize := func(sc *script, sizes ...uint32) {
		sc.t.Helper()
		var s []setting
		for _, n := range sizes {
			s = append(s, setting{SettingHeaderTableSize, n})
		}
		sc.feedSettings(s...)
		sc.want("SETTINGS ack")
		sc.dec.SetAllowedMaxDynamicTableSize(sizes[len(sizes)-1])
	}
	for _, sizes := range [][]uint32{{0}, {100}, {64, 0, 4096}, {0, 200}, {8192}, {4096}, {300, 1 << 30}, {1, 2, 3}} {
		run(t, fmt.Sprint(sizes), func(sc *script) {
			sc.start()
			head := func() {
				sc.t.Helper()
				sc.post(1)
				id := 2*len(sc.sinks) - 1
				want := fmt.Sprintf("HEADERS %d :method=POST :scheme=https :authority=api.example.com :path=/v1/chat/completions "+
					"authorization=Bearer sk-1234567890 content-type=application/json user-agent=penstock content-length=1", id)
				if got := strings.ReplaceAll(sc.next(), "!", ""); got != want {
					sc.t.Fatalf("sent %q, want %q", got, want)
				}
				sc.want(fmt.Sprintf("DATA %d 1 end", id))
			}
			head()
			head()
			resize(sc, sizes...)
			head()
			head()
			resize(sc, 4096)
			head()
			head()
			head()
			if sc.blockBytes > 12 {
				sc.t.Fatalf("%d bytes after the table came back", sc.blockBytes)
			}
		})
	}
	run(t, "update is at the start of the next block", func(sc *script) {
		sc.start()
		sc.get()
		sc.want("HEADERS 1 end …")
		resize(sc, 0, 4096)
		sc.get()
		if b := sc.out.b[FrameHeaderBytes:]; !bytes.HasPrefix(b, []byte{0x20, 0x82}) {
			sc.t.Fatalf("%x", b)
		}
		sc.want("HEADERS 3 end …")
		sc.get()
		if b := sc.out.b[FrameHeaderBytes:]; !bytes.HasPrefix(b, []byte{0x3f, 0xe1, 0x1f, 0x82}) {
			sc.t.Fatalf("%x", b)
		}
		sc.want("HEADERS 5 end …")
	})
}

func TestBlockCacheIsBounded(t *testing.T) {
	run(t, "many blocks", func(sc *script) {
		sc.start(setting{SettingMaxConcurrentStreams, 1 << 20})
		blocks := make([]*stream.Block, 3*maxCachedBlocks)
		for i := range blocks {
			blocks[i] = &stream.Block{Method: "GET", Scheme: "https", Authority: fmt.Sprintf("h%d.example.com", i), Path: fmt.Sprintf("/%d", i)}
		}
		id := 1
		for range 2 {
			for i, b := range blocks {
				k := sc.open(&stream.Request{Block: b, BodyBytes: -1})
				sc.want(fmt.Sprintf("HEADERS %d end :method=GET :scheme=https :authority=h%d.example.com :path=/%d", id, i, i))
				k.s.Cancel()
				k.s = nil
				sc.want(fmt.Sprintf("RST_STREAM %d CANCEL", id))
				id += 2
			}
		}
		if n := len(sc.c.enc.cache); n != maxCachedBlocks {
			sc.t.Fatalf("%d blocks cached", n)
		}
	})
}

func TestBody(t *testing.T) {
	run(t, "pieces over frames", func(sc *script) {
		sc.start(setting{SettingInitialWindowSize, 1 << 20})
		sc.feedWindow(0, 1<<20)
		pieces := [][]byte{nil, bytes.Repeat([]byte("a"), 10), {}, bytes.Repeat([]byte("b"), 16380), bytes.Repeat([]byte("c"), 20000), {}}
		k := sc.open(postOf(pieces...))
		sc.want("HEADERS 1 :…", "DATA 1 16384", "DATA 1 16384", "DATA 1 3622 end")
		sc.wantNothing()
		if k.sent != 1 || !bytes.Equal(sc.data[1], bytes.Join(pieces, nil)) {
			sc.t.Fatal("body differs")
		}
	})
	run(t, "stream window", func(sc *script) {
		sc.start(setting{SettingInitialWindowSize, 10})
		k := sc.post(25)
		sc.want("HEADERS 1 :…", "DATA 1 10")
		sc.wantNothing()
		if k.sent != 0 {
			sc.t.Fatal("OnSent too early")
		}
		sc.feedWindow(1, 1)
		sc.want("DATA 1 1")
		sc.feedWindow(0, 1000)
		sc.wantNothing()
		sc.feedWindow(1, 1000)
		sc.want("DATA 1 14 end")
		sc.wantNothing()
		if k.sent != 1 || sc.c.Stats().StreamStalls == 0 {
			sc.t.Fatal("OnSent missing, or no stall counted")
		}
		sc.feedWindow(1, 1000)
		sc.wantNothing()
	})
	run(t, "connection window and turns", func(sc *script) {
		sc.start(setting{SettingInitialWindowSize, 1 << 20})
		sc.post(65535 + 1000)
		sc.want("HEADERS 1 :…", "DATA 1 16384", "DATA 1 16384", "DATA 1 16384", "DATA 1 16383")
		sc.post(40000)
		sc.want("HEADERS 3 :…")
		sc.get()
		sc.want("HEADERS 5 end …")
		sc.wantNothing()
		if sc.c.Stats().ConnStalls == 0 {
			sc.t.Fatal("no stall counted")
		}
		sc.feedWindow(0, 1<<20)
		sc.want("DATA 1 1000 end", "DATA 3 16384", "DATA 3 16384", "DATA 3 7232 end")
		sc.wantNothing()
	})
	run(t, "round robin", func(sc *script) {
		sc.start(setting{SettingInitialWindowSize, 0})
		for range 3 {
			sc.post(20000)
			sc.want("HEADERS …")
		}
		sc.wantNothing()
		sc.feedSettings(setting{SettingInitialWindowSize, 1 << 20})
		sc.want("SETTINGS ack", "DATA 1 16384", "DATA 3 16384", "DATA 5 16384",
			"DATA 1 3616 end", "DATA 3 3616 end", "DATA 5 3616 end")
		sc.wantNothing()
	})
	run(t, "window becomes negative", func(sc *script) {
		sc.start(setting{SettingInitialWindowSize, 100})
		sc.post(200)
		sc.want("HEADERS 1 :…", "DATA 1 100")
		sc.feedSettings(setting{SettingInitialWindowSize, 40})
		sc.want("SETTINGS ack")
		sc.feedWindow(1, 60)
		sc.wantNothing()
		sc.feedWindow(1, 1)
		sc.want("DATA 1 1")
		sc.feedSettings(setting{SettingInitialWindowSize, 45})
		sc.want("SETTINGS ack", "DATA 1 5")
		sc.feedSettings(setting{SettingInitialWindowSize, 1000})
		sc.want("SETTINGS ack", "DATA 1 94 end")
	})
	run(t, "cancelled while waiting", func(sc *script) {
		sc.start(setting{SettingInitialWindowSize, 10})
		a, b := sc.post(20), sc.post(20)
		sc.want("HEADERS 1 :…", "DATA 1 10", "HEADERS 3 :…", "DATA 3 10")
		a.s.Cancel()
		sc.want("RST_STREAM 1 CANCEL")
		sc.feedWindow(1, 100)
		sc.wantNothing()
		sc.feedWindow(3, 100)
		sc.want("DATA 3 10 end")
		if a.sent != 0 || b.sent != 1 || len(a.events) != 0 {
			sc.t.Fatal("OnSent is wrong")
		}
	})
	run(t, "answered before it was all sent", func(sc *script) {
		sc.start(setting{SettingInitialWindowSize, 10})
		k := sc.post(20)
		sc.want("HEADERS 1 :…", "DATA 1 10")
		sc.feedHead(1, true, ":status", "413")
		sc.want("RST_STREAM 1 NO_ERROR")
		sc.wantEvents(k, "head 413 cl=-1", "end")
		sc.feedReset(1, ErrCodeNo)
		sc.feedWindow(1, 100)
		sc.wantNothing()
		if sc.c.Active() != 0 || k.sent != 0 {
			sc.t.Fatal("stream not over")
		}
	})
}

func TestWindowErrors(t *testing.T) {
	run(t, "stream window overflows", func(sc *script) {
		sc.start()
		k := sc.get()
		sc.want("HEADERS …")
		sc.feedWindow(1, maxWindow-65535)
		sc.wantNothing()
		sc.feedWindow(1, 1)
		sc.wantStreamError(k, 1, ErrCodeFlowControl)
	})
	run(t, "connection window overflows", func(sc *script) {
		sc.start()
		sc.feedWindow(0, maxWindow-65535)
		sc.wantNothing()
		sc.feedWindow(0, 1)
		sc.wantConnError(ErrCodeFlowControl)
	})
	run(t, "settings take a window too high", func(sc *script) {
		sc.start()
		sc.get()
		sc.want("HEADERS …")
		sc.feedWindow(1, maxWindow-65535)
		sc.feedSettings(setting{SettingInitialWindowSize, 65536})
		sc.wantConnError(ErrCodeFlowControl)
	})
	run(t, "zero increment on a stream", func(sc *script) {
		sc.start()
		k := sc.get()
		sc.want("HEADERS …")
		sc.feedWindow(1, 0)
		sc.wantStreamError(k, 1, ErrCodeProtocol)
		sc.feedWindow(1, 0)
		sc.wantNothing()
	})
	run(t, "zero increment on the connection", func(sc *script) {
		sc.start()
		sc.feedWindow(0, 0)
		sc.wantConnError(ErrCodeProtocol)
	})
	run(t, "reserved bit of the increment", func(sc *script) {
		sc.start()
		sc.feedWindow(0, 1<<31|5)
		sc.wantNothing()
		if sc.c.sendBytes != 65535+5 {
			sc.t.Fatal(sc.c.sendBytes)
		}
	})
	run(t, "wrong length", func(sc *script) {
		sc.start()
		sc.feedFrame(FrameWindowUpdate, 0, 0, 0, 0, 1)
		sc.wantConnError(ErrCodeFrameSize)
	})
}
