package h2

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"penstock/upstream/stream"
)

func TestFrameErrors(t *testing.T) {
	bad := func(name string, code ErrCode, f func(sc *script)) {
		run(t, name, func(sc *script) {
			sc.start()
			sc.get()
			sc.want("HEADERS …")
			f(sc)
			sc.wantConnError(code)
		})
	}
	frame := func(typ FrameType, flags Flags, id uint32, payload ...byte) func(sc *script) {
		return func(sc *script) { sc.feedFrame(typ, flags, id, payload...) }
	}
	bad("DATA on stream 0", ErrCodeProtocol, frame(FrameData, 0, 0, 'x'))
	bad("HEADERS on stream 0", ErrCodeProtocol, frame(FrameHeaders, FlagEndHeaders, 0, 0x88))
	bad("PRIORITY on stream 0", ErrCodeProtocol, frame(FramePriority, 0, 0, 0, 0, 0, 1, 1))
	bad("RST_STREAM on stream 0", ErrCodeProtocol, frame(FrameRSTStream, 0, 0, 0, 0, 0, 0))
	bad("CONTINUATION on stream 0", ErrCodeProtocol, frame(FrameContinuation, FlagEndHeaders, 0))
	bad("SETTINGS on a stream", ErrCodeProtocol, frame(FrameSettings, 0, 1))
	bad("PING on a stream", ErrCodeProtocol, frame(FramePing, 0, 1, make([]byte, 8)...))
	bad("GOAWAY on a stream", ErrCodeProtocol, frame(FrameGoAway, 0, 1, make([]byte, 8)...))
	bad("PUSH_PROMISE", ErrCodeProtocol, frame(FramePushPromise, FlagEndHeaders, 1, 0, 0, 0, 2, 0x82))
	bad("CONTINUATION without a block", ErrCodeProtocol, frame(FrameContinuation, FlagEndHeaders, 1, 0x88))

	bad("DATA on an idle stream", ErrCodeProtocol, frame(FrameData, 0, 3, 'x'))
	bad("HEADERS on an idle stream", ErrCodeProtocol, frame(FrameHeaders, FlagEndHeaders, 3, 0x88))
	bad("RST_STREAM on an idle stream", ErrCodeProtocol, frame(FrameRSTStream, 0, 3, 0, 0, 0, 8))
	bad("WINDOW_UPDATE on an idle stream", ErrCodeProtocol, frame(FrameWindowUpdate, 0, 3, 0, 0, 0, 8))
	bad("HEADERS on a server's stream", ErrCodeProtocol, frame(FrameHeaders, FlagEndHeaders, 2, 0x88))
	bad("DATA on a server's stream", ErrCodeProtocol, frame(FrameData, 0, 2, 'x'))

	bad("frame too large", ErrCodeFrameSize, func(sc *script) { sc.feedRaw(0, 0x40, 1, 0, 0, 0, 0, 0, 1) })
	bad("unknown frame too large", ErrCodeFrameSize, func(sc *script) { sc.feedRaw(0xff, 0xff, 0xff, 0x99, 0, 0, 0, 0, 0) })
	bad("PING of seven", ErrCodeFrameSize, frame(FramePing, 0, 0, make([]byte, 7)...))
	bad("RST_STREAM of five", ErrCodeFrameSize, frame(FrameRSTStream, 0, 1, 0, 0, 0, 0, 0))
	bad("GOAWAY of seven", ErrCodeFrameSize, frame(FrameGoAway, 0, 0, make([]byte, 7)...))
	bad("PRIORITY of four on an idle stream", ErrCodeFrameSize, frame(FramePriority, 0, 9, 0, 0, 0, 1))
	bad("DATA without its padding length", ErrCodeFrameSize, frame(FrameData, FlagPadded, 1))
	bad("DATA with all padding and more", ErrCodeProtocol, frame(FrameData, FlagPadded, 1, 2, 0))
	bad("HEADERS without its padding length", ErrCodeFrameSize, frame(FrameHeaders, FlagPadded|FlagEndHeaders, 1))
	bad("HEADERS without its priority", ErrCodeFrameSize, frame(FrameHeaders, FlagPriority|FlagEndHeaders, 1, 0, 0, 0, 0))
	bad("HEADERS with all padding and more", ErrCodeProtocol, frame(FrameHeaders, FlagPadded|FlagEndHeaders, 1, 2, 0x88))

	bad("SETTINGS of five", ErrCodeFrameSize, frame(FrameSettings, 0, 0, 0, 1, 0, 0, 0))
	bad("SETTINGS acknowledgement with a payload", ErrCodeFrameSize, frame(FrameSettings, FlagAck, 0, 0, 1, 0, 0, 0, 0))
	set := func(id SettingID, v uint32) func(sc *script) {
		return func(sc *script) { sc.feedSettings(setting{id, v}) }
	}
	bad("ENABLE_PUSH", ErrCodeProtocol, set(SettingEnablePush, 1))
	bad("ENABLE_PUSH 2", ErrCodeProtocol, set(SettingEnablePush, 2))
	bad("INITIAL_WINDOW_SIZE", ErrCodeFlowControl, set(SettingInitialWindowSize, 1<<31))
	bad("MAX_FRAME_SIZE small", ErrCodeProtocol, set(SettingMaxFrameSize, 16383))
	bad("MAX_FRAME_SIZE large", ErrCodeProtocol, set(SettingMaxFrameSize, 1<<24))

	interrupted := func(name string, f func(sc *script)) {
		bad("block interrupted by "+name, ErrCodeProtocol, func(sc *script) {
			sc.get()
			sc.want("HEADERS …")
			sc.feedFrame(FrameHeaders, 0, 1, 0x88)
			f(sc)
		})
	}
	interrupted("DATA", frame(FrameData, 0, 1, 'x'))
	interrupted("HEADERS", frame(FrameHeaders, FlagEndHeaders, 3, 0x88))
	interrupted("CONTINUATION of another stream", frame(FrameContinuation, FlagEndHeaders, 3))
	interrupted("PING", frame(FramePing, 0, 0, make([]byte, 8)...))
	interrupted("an unknown frame", frame(0x55, 0, 0))
}

func TestFirstFrame(t *testing.T) {
	for name, f := range map[string]func(sc *script){
		"PING":         func(sc *script) { sc.feedFrame(FramePing, 0, 0, make([]byte, 8)...) },
		"SETTINGS ack": func(sc *script) { sc.feedFrame(FrameSettings, FlagAck, 0) },
		"HTTP/1.1": func(sc *script) {
			sc.feedRaw([]byte("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")...)
		},
		"TLS alert": func(sc *script) { sc.feedRaw(0x15, 3, 1, 0, 2, 2, 0x46, 0, 0) },
	} {
		run(t, name, func(sc *script) {
			sc.wantPreface()
			sc.get()
			sc.want("HEADERS …")
			f(sc)
			sc.wantConnError(ErrCodeProtocol)
			if name == "HTTP/1.1" && sc.err.(*ConnError).Reason != "server answered with HTTP/1.x" {
				sc.t.Fatal(sc.err)
			}
		})
	}
}

func TestClosedStreams(t *testing.T) {
	run(t, "after our reset everything is dropped", func(sc *script) {
		sc.start()
		k, other := sc.get(), sc.get()
		sc.want("HEADERS …", "HEADERS …")
		k.s.Cancel()
		sc.want("RST_STREAM 1 CANCEL")
		sc.feedHead(1, false, ":status", "200", "x-table", "one")
		sc.feedData(1, false, "late")
		sc.feedWindow(1, 5)
		sc.feedHead(1, true, "trailer", "t")
		sc.feedReset(1, ErrCodeCancel)
		sc.feedHead(3, true, ":status", "200", "x-table", "one", "trailer", "t")
		sc.wantEvents(other, "head 200 cl=-1 x-table=one trailer=t", "end")
		sc.wantEvents(k)
		sc.wantNothing()
		if sc.c.Stats().LateFrames != 5 {
			sc.t.Fatal(sc.c.Stats().LateFrames)
		}
	})
	run(t, "cancelled within a DATA frame", func(sc *script) {
		sc.start()
		k := sc.get()
		sc.want("HEADERS …")
		sc.feedOK(1)
		sc.feedRaw(append(AppendFrameHeader(nil, 10, FrameData, FlagEndStream, 1), "01234"...)...)
		k.s.Cancel()
		sc.want("RST_STREAM 1 CANCEL")
		sc.feedRaw([]byte("56789")...)
		sc.wantEvents(k, "head 200 cl=-1", "body")
		if string(k.body) != "01234" {
			sc.t.Fatalf("%q", k.body)
		}
	})
	run(t, "cancelled within a header block", func(sc *script) {
		sc.start()
		k := sc.get()
		sc.want("HEADERS …")
		sc.feedFrame(FrameHeaders, 0, 1, 0x88)
		k.s.Cancel()
		sc.want("RST_STREAM 1 CANCEL")
		sc.feedFrame(FrameContinuation, FlagEndHeaders, 1, sc.encode("x", "y")...)
		other := sc.get()
		sc.feedHead(3, true, ":status", "200", "x", "y")
		sc.wantEvents(other, "head 200 cl=-1 x=y", "end")
	})
	for name, f := range map[string]func(sc *script){
		"DATA":    func(sc *script) { sc.feedData(1, false, "x") },
		"HEADERS": func(sc *script) { sc.feedHead(1, true, "x", "y") },
	} {
		run(t, name+" after END_STREAM", func(sc *script) {
			sc.start()
			k := sc.get()
			sc.want("HEADERS …")
			sc.feedHead(1, true, ":status", "200")
			sc.wantEvents(k, "head 200 cl=-1", "end")
			f(sc)
			sc.wantConnError(ErrCodeStreamClosed)
		})
	}
	run(t, "RST_STREAM and WINDOW_UPDATE after END_STREAM", func(sc *script) {
		sc.start()
		sc.get()
		sc.want("HEADERS …")
		sc.feedHead(1, true, ":status", "200")
		sc.feedWindow(1, 0)
		sc.feedReset(1, ErrCodeNo)
		sc.feedFrame(FramePriority, 0, 1, 0, 0, 0, 0, 1)
		sc.wantNothing()
	})
	run(t, "frames after the server's reset are dropped", func(sc *script) {
		sc.start()
		k := sc.get()
		sc.want("HEADERS …")
		sc.feedReset(1, ErrCodeInternal)
		sc.wantEvents(k, "fail reset code=2 sent=true unprocessed=false reused=false answered=false")
		sc.feedData(1, true, "x")
		sc.wantNothing()
	})
}

func TestResets(t *testing.T) {
	run(t, "refused", func(sc *script) {
		sc.start()
		k := sc.get()
		sc.feedReset(1, ErrCodeRefusedStream)
		sc.wantEvents(k, "fail refused code=7 sent=true unprocessed=true reused=false answered=false")
		if !k.failure.Retryable() || sc.c.Stats().Refused != 1 {
			sc.t.Fatal("not retryable")
		}
	})
	run(t, "after the head", func(sc *script) {
		sc.start()
		k := sc.get()
		sc.feedOK(1)
		sc.feedReset(1, ErrCodeNo)
		sc.wantEvents(k, "head 200 cl=-1", "fail reset code=0 sent=true unprocessed=false reused=false answered=true")
	})
	run(t, "on a connection that has served", func(sc *script) {
		sc.start()
		sc.get()
		sc.feedHead(1, true, ":status", "200")
		k := sc.get()
		sc.feedReset(3, ErrCodeInternal)
		if k.failure.Retryable() {
			sc.t.Fatal("the provider has seen it")
		}
	})
}

func TestGoAway(t *testing.T) {
	const refused = "fail refused code=0 sent=true unprocessed=true reused=false answered=false"
	run(t, "streams above the last id are refused", func(sc *script) {
		sc.start()
		a, b, d := sc.get(), sc.get(), sc.get()
		sc.feedGoAway(maxStreamID, ErrCodeNo, "")
		if !sc.c.Closing() || sc.c.Slots() != 0 || sc.c.Active() != 3 {
			sc.t.Fatal("not closing")
		}
		if _, err := sc.c.Open(&stream.Request{Block: getBlock, BodyBytes: -1}, new(sink)); !errors.Is(err, stream.ErrClosing) {
			sc.t.Fatal(err)
		}
		sc.feedGoAway(3, ErrCodeNo, "")
		sc.wantEvents(d, refused)
		sc.feedGoAway(1, ErrCodeNo, "")
		sc.wantEvents(b, refused)
		if !d.failure.Retryable() || !b.failure.Retryable() {
			sc.t.Fatal("not retryable")
		}
		sc.feedOK(5) // late
		sc.feedHead(1, true, ":status", "200")
		sc.wantEvents(a, "head 200 cl=-1", "end")
		if sc.c.Active() != 0 {
			sc.t.Fatal("still active")
		}
	})
	run(t, "the last id may not grow", func(sc *script) {
		sc.start()
		sc.get()
		sc.get()
		sc.want("HEADERS …", "HEADERS …")
		sc.feedGoAway(1, ErrCodeNo, "")
		sc.feedGoAway(3, ErrCodeNo, "")
		sc.wantConnError(ErrCodeProtocol)
	})
	run(t, "code and debug data are kept", func(sc *script) {
		sc.start()
		a, b := sc.get(), sc.get()
		sc.feedGoAway(1, ErrCodeEnhanceYourCalm, "too_many_pings")
		sc.wantEvents(b, "fail refused code=11 sent=true unprocessed=true reused=false answered=false")
		g := sc.c.GoAway()
		if g.Code != ErrCodeEnhanceYourCalm || g.LastID != 1 || g.Error() != `http2 GOAWAY ENHANCE_YOUR_CALM "too_many_pings"` {
			sc.t.Fatal(g)
		}
		sc.c.Fail(nil)
		sc.wantEvents(a, "fail closed code=11 sent=true unprocessed=false reused=false answered=false")
		if !errors.Is(&a.failure, g) {
			sc.t.Fatal(a.failure.Cause)
		}
	})
	run(t, "opened again from within OnFail", func(sc *script) {
		sc.start()
		sc.get()
		k, d := sc.get(), sc.get()
		for _, x := range []*sink{k, d} {
			x.onFail = func() {
				if _, err := sc.c.Open(&stream.Request{Block: getBlock, BodyBytes: -1}, new(sink)); !errors.Is(err, stream.ErrClosing) {
					sc.t.Fatal(err)
				}
			}
		}
		d.onHead = nil
		d.onFail = func() { k.s.Cancel() }
		sc.feedGoAway(0, ErrCodeNo, "")
		sc.wantEvents(d, refused)
		sc.wantEvents(k)
		if sc.c.Active() != 0 {
			sc.t.Fatal(sc.c.Active())
		}
	})
}

func TestFail(t *testing.T) {
	run(t, "end of file", func(sc *script) {
		sc.start()
		a, b := sc.get(), sc.get()
		sc.feedOK(1)
		sc.c.Fail(nil)
		sc.wantEvents(a, "head 200 cl=-1", "fail closed code=0 sent=true unprocessed=false reused=false answered=true")
		sc.wantEvents(b, "fail closed code=0 sent=true unprocessed=false reused=false answered=false")
		if sc.c.Feed([]byte("x")) == nil || sc.c.Ping() || !sc.c.Closing() {
			sc.t.Fatal("alive")
		}
		sc.c.Fail(io.ErrUnexpectedEOF)
	})
	run(t, "reset, and the race of an idle connection", func(sc *script) {
		sc.start()
		sc.get()
		sc.feedHead(1, true, ":status", "200")
		k := sc.get()
		sc.c.Fail(io.ErrClosedPipe)
		sc.wantEvents(k, "fail reset code=0 sent=true unprocessed=false reused=true answered=false")
		if !k.failure.Retryable() || !errors.Is(&k.failure, io.ErrClosedPipe) {
			sc.t.Fatal(k.failure)
		}
		if err := sc.c.Feed(nil); !errors.Is(err, io.ErrClosedPipe) {
			sc.t.Fatal(err)
		}
	})
	run(t, "the server was alive when it was lost", func(sc *script) {
		sc.start()
		sc.get()
		sc.feedHead(1, true, ":status", "200")
		k := sc.get()
		sc.feedWindow(0, 1)
		sc.c.Fail(nil)
		sc.wantEvents(k, "fail closed code=0 sent=true unprocessed=false reused=false answered=false")
	})
	run(t, "never used before", func(sc *script) {
		sc.start()
		k := sc.get()
		sc.c.Fail(nil)
		if k.failure.Reused || k.failure.Retryable() {
			sc.t.Fatal(k.failure)
		}
	})
	run(t, "from within a callback", func(sc *script) {
		sc.start()
		a, b := sc.get(), sc.get()
		sc.want("HEADERS …", "HEADERS …")
		d := sc.get()
		sc.want("HEADERS …")
		a.onHead = func() { sc.c.Fail(nil); sc.c.Shutdown(); d.s.Cancel() }
		sc.feedOK(1)
		sc.wantEvents(a, "head 200 cl=-1", "fail closed code=0 sent=true unprocessed=false reused=false answered=true")
		if !b.over || len(d.events) != 0 {
			sc.t.Fatal("not failed, or failed although cancelled")
		}
		sc.wantNothing()
	})
	run(t, "from within the output, while opening", func(sc *script) {
		sc.start()
		other := sc.get()
		sc.want("HEADERS …")
		sc.out.onCall = func() { sc.c.Fail(io.ErrClosedPipe) }
		k := &sink{t: sc.t}
		s, err := sc.c.Open(postOf([]byte("xyz")), k)
		if s != nil || !errors.Is(err, stream.ErrClosing) || len(k.events) != 0 || !other.over {
			sc.t.Fatal(err, k.events, other.events)
		}
	})
}

func TestSlots(t *testing.T) {
	runWith(t, "both bounds", Config{MaxConcurrent: 3}, func(sc *script) {
		if sc.c.Slots() != 3 {
			sc.t.Fatal(sc.c.Slots())
		}
		sc.start(setting{SettingMaxConcurrentStreams, 2})
		a := sc.get()
		sc.get()
		if _, err := sc.c.Open(&stream.Request{Block: getBlock, BodyBytes: -1}, new(sink)); !errors.Is(err, stream.ErrBusy) {
			sc.t.Fatal(err)
		}
		sc.feedSettings(setting{SettingMaxConcurrentStreams, 100})
		if sc.c.Slots() != 1 {
			sc.t.Fatal(sc.c.Slots())
		}
		sc.feedSettings(setting{SettingMaxConcurrentStreams, 0})
		if sc.c.Slots() != 0 || sc.c.Closing() {
			sc.t.Fatal("zero streams is no end")
		}
		a.s.Cancel()
		sc.feedSettings(setting{SettingMaxConcurrentStreams, 1<<32 - 1})
		if sc.c.Slots() != 2 || sc.c.Active() != 1 {
			sc.t.Fatal(sc.c.Slots())
		}
	})
	run(t, "default", func(sc *script) {
		if sc.c.Slots() != 250 {
			sc.t.Fatal(sc.c.Slots())
		}
	})
	run(t, "ids used up", func(sc *script) {
		sc.start()
		sc.c.nextID = maxStreamID
		k := sc.get()
		sc.want("HEADERS 2147483647 end …")
		if !sc.c.Closing() || sc.c.Slots() != 0 {
			sc.t.Fatal("ids left")
		}
		if _, err := sc.c.Open(&stream.Request{Block: getBlock, BodyBytes: -1}, new(sink)); !errors.Is(err, stream.ErrClosing) {
			sc.t.Fatal(err)
		}
		sc.feedHead(maxStreamID, true, ":status", "200")
		sc.wantEvents(k, "head 200 cl=-1", "end")
	})
}

func TestPing(t *testing.T) {
	run(t, "answered", func(sc *script) {
		sc.start()
		sc.feedFrame(FramePing, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8)
		sc.want("PING ack 0102030405060708")
		sc.wantNothing()
	})
	run(t, "ours", func(sc *script) {
		sc.start()
		for i := 1; i < 3; i++ {
			if !sc.c.Ping() || sc.c.Ping() || !sc.c.PingOutstanding() {
				sc.t.Fatal("outstanding is wrong")
			}
			sc.want(fmt.Sprintf("PING %016x", i))
			sc.feedFrame(FramePing, FlagAck, 0, 9, 9, 9, 9, 9, 9, 9, 9)
			if !sc.c.PingOutstanding() {
				sc.t.Fatal("foreign answer taken")
			}
			sc.feedFrame(FramePing, FlagAck, 0, 0, 0, 0, 0, 0, 0, 0, byte(i))
			if sc.c.PingOutstanding() {
				sc.t.Fatal("still out")
			}
		}
		sc.wantNothing()
	})
}

func TestShutdown(t *testing.T) {
	run(t, "open streams go on", func(sc *script) {
		sc.start()
		k := sc.get()
		sc.want("HEADERS …")
		sc.c.Shutdown()
		sc.c.Shutdown()
		sc.want("GOAWAY 0 NO_ERROR")
		sc.wantNothing()
		if !sc.c.Closing() || sc.c.Slots() != 0 {
			sc.t.Fatal("not closing")
		}
		sc.feedOK(1)
		sc.feedData(1, true, "x")
		sc.wantEvents(k, "head 200 cl=-1", "body", "end")
	})
}

func TestFloods(t *testing.T) {
	floods := Floods{Ping: 5, Settings: 5, Reset: 5, EmptyData: 5, WindowUpdate: 5, Other: 5}
	flood := func(name string, frame func(sc *script)) {
		runWith(t, name, Config{Floods: floods}, func(sc *script) {
			sc.start() // takes one of SETTINGS
			k := sc.get()
			sc.feedOK(1)
			for range 3 {
				for range 4 {
					frame(sc)
				}
				if sc.err != nil || k.over {
					sc.t.Fatal(sc.err, k.events)
				}
				sc.c.Tick()
			}
			for range 6 {
				frame(sc)
			}
			var last string
			for s := sc.next(); s != ""; s = sc.next() {
				last = s
			}
			var ce *ConnError
			if !errors.As(sc.err, &ce) || ce.Code != ErrCodeEnhanceYourCalm || last != "GOAWAY 0 ENHANCE_YOUR_CALM" {
				sc.t.Fatalf("%v, last %q", sc.err, last)
			}
		})
	}
	flood("PING", func(sc *script) { sc.feedFrame(FramePing, 0, 0, make([]byte, 8)...) })
	flood("PING answers", func(sc *script) { sc.feedFrame(FramePing, FlagAck, 0, make([]byte, 8)...) })
	flood("SETTINGS", func(sc *script) { sc.feedSettings() })
	flood("SETTINGS acknowledgements", func(sc *script) { sc.feedFrame(FrameSettings, FlagAck, 0) })
	flood("empty DATA", func(sc *script) { sc.feedData(1, false, "") })
	flood("padded empty DATA", func(sc *script) { sc.feedFrame(FrameData, FlagPadded, 1, 1, 0) })
	flood("WINDOW_UPDATE", func(sc *script) { sc.feedWindow(0, 1) })
	flood("unknown frames", func(sc *script) { sc.feedFrame(0x99, 0, 0) })
	flood("PRIORITY", func(sc *script) { sc.feedFrame(FramePriority, 0, 1, 0, 0, 0, 0, 0) })
	runWith(t, "RST_STREAM", Config{Floods: Floods{Reset: 5}}, func(sc *script) {
		sc.start()
		sc.get()
		sc.want("HEADERS …")
		for range 7 {
			sc.feedReset(1, ErrCodeCancel)
		}
		sc.wantConnError(ErrCodeEnhanceYourCalm)
	})
	runWith(t, "progress gives back", Config{Floods: Floods{Ping: 64}}, func(sc *script) {
		sc.start()
		for i := range 200 {
			sc.get()
			sc.feedHead(uint32(1+2*i), true, ":status", "200")
			sc.feedFrame(FramePing, 0, 0, make([]byte, 8)...)
		}
		if sc.err != nil {
			sc.t.Fatal(sc.err)
		}
	})
}

func TestReentrancy(t *testing.T) {
	run(t, "cancel own stream in each callback", func(sc *script) {
		sc.start()
		inHead, inBody := sc.get(), sc.get()
		inHead.onHead = func() { inHead.s.Cancel(); inHead.s.Cancel(); inHead.s.Credit(1) }
		inBody.onBody = func() { inBody.s.Cancel() }
		sc.want("HEADERS …", "HEADERS …")
		sc.feedHead(1, true, ":status", "200")
		sc.want("RST_STREAM 1 CANCEL")
		sc.feedOK(3)
		sc.feedData(3, true, "xyz")
		sc.want("RST_STREAM 3 CANCEL")
		sc.wantEvents(inHead, "head 200 cl=-1")
		sc.wantEvents(inBody, "head 200 cl=-1", "body")
		sc.wantNothing()
	})
	run(t, "cancel another stream", func(sc *script) {
		sc.start()
		a, b := sc.get(), sc.get()
		sc.want("HEADERS …", "HEADERS …")
		a.onHead = func() { b.s.Cancel() }
		sc.addFrame(FrameHeaders, FlagEndHeaders, 1, 0x88)
		sc.addFrame(FrameHeaders, FlagEndHeaders, 3, 0x88)
		sc.addFrame(FrameData, FlagEndStream, 3, 'x')
		sc.addFrame(FrameData, FlagEndStream, 1, 'x')
		sc.feed()
		sc.want("RST_STREAM 3 CANCEL")
		sc.wantEvents(a, "head 200 cl=-1", "body", "end")
		sc.wantEvents(b)
	})
	run(t, "open in OnEnd: another object, another id", func(sc *script) {
		sc.start()
		k := sc.get()
		var again *sink
		k.onEnd = func() {
			again = sc.post(5)
			if again.s == k.s {
				sc.t.Fatal("stream object reused under its sink")
			}
			k.s.Cancel() // harmless while the callback runs
		}
		sc.want("HEADERS …")
		sc.addFrame(FrameHeaders, FlagEndHeaders, 1, 0x88)
		sc.addFrame(FrameData, FlagEndStream, 1, 'x')
		sc.feed()
		sc.want("HEADERS 3 …", "DATA 3 5 end")
		sc.wantNothing()
		sc.feedHead(3, true, ":status", "200")
		sc.wantEvents(again, "head 200 cl=-1", "end")
	})
	run(t, "open in OnSent, while sending", func(sc *script) {
		sc.start(setting{SettingInitialWindowSize, 10})
		a := sc.post(20)
		var b *sink
		a.onSent = func() { b = sc.post(8) }
		sc.want("HEADERS 1 :…", "DATA 1 10")
		sc.feedWindow(1, 100)
		sc.want("DATA 1 10 end", "HEADERS 3 :…", "DATA 3 8 end")
		if b.sent != 1 {
			sc.t.Fatal("OnSent missing")
		}
	})
	run(t, "others are cancelled as the connection fails", func(sc *script) {
		sc.start()
		var ks [5]*sink
		for i := range ks {
			ks[i] = sc.get()
			sc.want("HEADERS …")
		}
		ks[0].onFail = func() { ks[1].s.Cancel(); ks[4].s.Cancel() }
		ks[2].onFail = func() { ks[3].s.Cancel() }
		sc.feedFrame(FramePushPromise, 0, 1)
		for _, i := range []int{1, 3, 4} {
			sc.wantEvents(ks[i])
			ks[i].s = nil
		}
		sc.wantConnError(ErrCodeProtocol)
	})
}

func TestPanicInASinkLeavesTheConnectionUsable(t *testing.T) {
	sc := newScript(t, 0, Config{})
	sc.start()
	k, other := sc.get(), sc.get()
	k.onHead = func() { panic("sink") }
	func() {
		defer func() { recover() }()
		sc.feedOK(1)
	}()
	sc.c.Fail(nil)
	if !k.over || !other.over || sc.c.Active() != 0 {
		t.Fatal("streams were not failed")
	}
	sc.check()
}

func TestStreamTable(t *testing.T) {
	var table streamTable
	table.slots = make([]tableSlot, 4)
	live := map[uint32]*Stream{}
	x := uint32(1)
	for i := range 20000 {
		x = x*1664525 + 1013904223
		id := x>>8%97*2 + 1
		if i%3 == 0 {
			id += 1 << 20 // collides
		}
		if s := live[id]; s != nil {
			table.remove(id)
			delete(live, id)
		} else {
			live[id] = &Stream{id: id}
			table.put(live[id])
		}
		if table.used != len(live) {
			t.Fatal(table.used, len(live))
		}
		probe := x>>4%97*2 + 1
		if table.get(probe) != live[probe] {
			t.Fatalf("step %d: %d", i, probe)
		}
	}
	for id, s := range live {
		if table.get(id) != s {
			t.Fatal(id)
		}
	}
}
