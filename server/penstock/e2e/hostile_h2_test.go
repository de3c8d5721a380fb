package e2e

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/net/http2/hpack"
)

func hostileRows() []misdeed {
	rows := append(goAwayRows(), resetRows()...)
	rows = append(rows, settingsRows()...)
	rows = append(rows, windowRows()...)
	rows = append(rows, floodRows()...)
	rows = append(rows, hpackRows()...)
	rows = append(rows, headRows()...)
	rows = append(rows, frameRows()...)
	rows = append(rows, orderRows()...)
	rows = append(rows, endRows2()...)
	rows = append(rows, hostileRows1()...)
	return append(rows, hostileRowsTLS()...)
}

// errCode is an error code of RST_STREAM and GOAWAY (RFC 9113 §7).
type errCode uint32

const (
	codeNo              errCode = 0
	codeProtocol        errCode = 1
	codeInternal        errCode = 2
	codeFlowControl     errCode = 3
	codeStreamClosed    errCode = 5
	codeRefusedStream   errCode = 7
	codeCancel          errCode = 8
	codeEnhanceYourCalm errCode = 11
	codeHTTP11Required  errCode = 13
)

// Settings (RFC 9113 §6.5.2).
const (
	settingHeaderTableSize      = 1
	settingEnablePush           = 2
	settingMaxConcurrentStreams = 3
	settingInitialWindowSize    = 4
	settingMaxFrameSize         = 5
)

// word is a 32-bit number in network order.
func word(n uint32) string {
	return string([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

func setting(id uint16, value uint32) string {
	return string([]byte{byte(id >> 8), byte(id)}) + word(value)
}

func goAway(last uint32, code errCode) string {
	return frame(7, 0, 0, word(last)+word(uint32(code)))
}

func rst(id uint32, code errCode) string { return frame(3, 0, id, word(uint32(code))) }

// frames says something about the stream asked for.
func frames(f func(id uint32) string) func(*peer, ask) {
	return func(p *peer, a ask) { p.say(f(a.id)) }
}

// breach is a row for something that ends the connection as a fault against the protocol.
func breach(name string, f func(id uint32) string) misdeed {
	return misdeed{name: name, over: h2c, h2: frames(f), kind: "protocol", conn: closed}
}

// malformed is a row for something that ends one stream and leaves the connection alone.
func malformed(name string, f func(id uint32) string) misdeed {
	return misdeed{name: name, over: h2c, h2: frames(f), kind: "protocol", conn: kept}
}

// onlyBefore leaves out what comes in mid-answer.
func (d misdeed) onlyBefore() misdeed { d.during = "-"; return d }

// onlyDuring leaves out what comes instead of an answer.
func (d misdeed) onlyDuring() misdeed { d.before = "-"; return d }

// onlyPlain leaves out streams, whose length is not passed on.
func (d misdeed) onlyPlain() misdeed { d.plain = true; return d }

func goAwayRows() []misdeed {
	return []misdeed{
		{
			name: "sends GOAWAY as its first frame", over: h2c, kind: "protocol", during: "-", conn: closed,
			accept: func(p *peer) { p.say(goAway(0, codeNo)); p.end() },
		},
		{
			name: "sends GOAWAY(NO_ERROR) with a last id below the request's", over: h2c, kind: "refused", again: true, conn: closed,
			h2: frames(func(id uint32) string { return goAway(id-1, codeNo) }),
		},
		{
			name: "sends GOAWAY(ENHANCE_YOUR_CALM) with last id 0", over: h2c, kind: "refused", again: true, conn: closed,
			h2: frames(func(uint32) string { return goAway(0, codeEnhanceYourCalm) }),
		},
		{
			name: "sends GOAWAY with the highest id, then one below the request's", over: h2c, kind: "refused", again: true, conn: closed,
			h2: frames(func(id uint32) string { return goAway(1<<31-1, codeNo) + goAway(id-1, codeNo) }),
		},
		{
			name: "sends GOAWAY that covers the request, then answers", over: h2c, conn: closed,
			h2: func(p *peer, a ask) { p.say(goAway(a.id, codeNo)); p.finish(a) },
		},
		{
			name: "sends GOAWAY with the highest id, then answers", over: h2c, conn: closed,
			h2: func(p *peer, a ask) { p.say(goAway(1<<31-1, codeNo)); p.finish(a) },
		},
		{
			name: "sends the same GOAWAY twice, then answers", over: h2c, conn: closed,
			h2: func(p *peer, a ask) { p.say(strings.Repeat(goAway(a.id, codeNo), 2)); p.finish(a) },
		},
		{
			name: "sends GOAWAY(INTERNAL_ERROR) that covers the request, then closes", over: h2c, kind: "closed", again: true, conn: closed,
			h2: func(p *peer, a ask) { p.say(goAway(a.id, codeInternal)); p.end() },
		},
		{
			name: "sends GOAWAY that covers the request, then nothing", over: h2c, kind: "timeout", silent: true, conn: closed,
			h2: frames(func(id uint32) string { return goAway(id, codeNo) }),
		},
		breach("sends a second GOAWAY with a higher last id", func(id uint32) string {
			return goAway(id, codeNo) + goAway(id+2, codeNo)
		}),
		breach("sends GOAWAY that is too short", func(uint32) string { return frame(7, 0, 0, "1234") }),
		breach("sends GOAWAY on a stream", func(id uint32) string { return frame(7, 0, id, strings.Repeat("\x00", 8)) }),
	}
}

func resetRows() []misdeed {
	rows := []misdeed{
		{
			name: "answers RST_STREAM(REFUSED_STREAM) for ever", over: h2c, kind: "refused", again: true, conn: kept,
			h2: frames(func(id uint32) string { return rst(id, codeRefusedStream) }),
		},
		breach("sends RST_STREAM in the middle of a header block", func(id uint32) string {
			return frame(1, 0, id, lit(":status", "200")) + rst(id, codeCancel)
		}),
		{
			name: "answers in full, then sends RST_STREAM(NO_ERROR)", over: h2c, conn: kept,
			h2: func(p *peer, a ask) { p.finish(a); p.say(rst(a.id, codeNo)) },
		},
		{
			name: "answers in full, then sends RST_STREAM(INTERNAL_ERROR)", over: h2c, conn: kept,
			h2: func(p *peer, a ask) { p.finish(a); p.say(rst(a.id, codeInternal)) },
		},
		{
			name: "answers early and in full while the request is still on its way, then sends RST_STREAM(NO_ERROR)", over: h2c, conn: kept,
			before: "413", during: "-", early: true, bodySize: 1 << 20,
			h2: func(p *peer, a ask) {
				p.say(frame(1, 4, a.id, lit(":status", "413")+lit("content-type", "application/json")) + frame(0, 1, a.id, plainBody(ask{name: a.name})) +
					rst(a.id, codeNo))
			},
		},
		breach("sends RST_STREAM of the wrong length", func(id uint32) string { return frame(3, 0, id, "123") }),
		breach("sends RST_STREAM on stream 0", func(uint32) string { return rst(0, codeCancel) }),
		breach("sends RST_STREAM for a stream that nobody opened", func(id uint32) string { return rst(id+8, codeCancel) }),
	}
	for _, c := range []struct {
		code errCode
		name string
	}{
		{codeNo, "NO_ERROR"},
		{codeProtocol, "PROTOCOL_ERROR"},
		{codeInternal, "INTERNAL_ERROR"},
		{codeFlowControl, "FLOW_CONTROL_ERROR"},
		{codeStreamClosed, "STREAM_CLOSED"},
		{codeCancel, "CANCEL"},
		{codeEnhanceYourCalm, "ENHANCE_YOUR_CALM"},
		{codeHTTP11Required, "HTTP_1_1_REQUIRED"},
		{0xbad, "a code that nobody knows"},
	} {
		rows = append(rows, misdeed{
			name: "sends RST_STREAM with " + c.name, over: h2c, kind: "reset", again: true, conn: kept,
			h2: frames(func(id uint32) string { return rst(id, c.code) }),
		})
	}
	return rows
}

func settingsRows() []misdeed {
	settings := func(payload string) func(uint32) string {
		return func(uint32) string { return frame(4, 0, 0, payload) }
	}
	return []misdeed{
		{
			name: "allows no stream at first, then some", over: h2c, conn: kept, during: "-", settings: setting(settingMaxConcurrentStreams, 0),
			h2: func(p *peer, a ask) { p.say(frame(4, 0, 0, setting(settingMaxConcurrentStreams, 10))); p.finish(a) },
		},
		{
			name: "lowers MAX_CONCURRENT_STREAMS below what is open, then answers and raises it", over: h2c, conn: kept,
			h2: func(p *peer, a ask) {
				p.say(frame(4, 0, 0, setting(settingMaxConcurrentStreams, 0)))
				p.say(frame(4, 0, 0, setting(settingMaxConcurrentStreams, 10)))
				p.finish(a)
			},
		},
		{
			name: "grants no stream window at first, then 50 bytes at a time", over: h2c, conn: kept, settings: setting(settingInitialWindowSize, 0),
			bodySize: 2000, grant: 50,
			h2: func(p *peer, a ask) { p.finish(a) },
		},
		{
			name: "grants one byte of stream window at a time", over: h2c, conn: kept, settings: setting(settingInitialWindowSize, 1), bodySize: 1000, grant: 1, h2: func(p *peer, a ask) { p.finish(a) },
		},
		{
			name: "takes the stream window below zero in mid-request, then gives it back", over: h2c, conn: kept, bodySize: 200 << 10,
			onData: shrinkWindow, h2: func(p *peer, a ask) { p.finish(a) },
		},
		breach("sends INITIAL_WINDOW_SIZE above 2^31-1", settings(setting(settingInitialWindowSize, 1<<31))),
		breach("raises INITIAL_WINDOW_SIZE so that an open window passes 2^31-1", func(id uint32) string {
			return frame(8, 0, id, word(1<<30)) + frame(4, 0, 0, setting(settingInitialWindowSize, 1<<31-1))
		}),
		breach("asks for push by SETTINGS_ENABLE_PUSH", settings(setting(settingEnablePush, 1))),
		breach("sends MAX_FRAME_SIZE below 16,384", settings(setting(settingMaxFrameSize, 16383))),
		breach("sends MAX_FRAME_SIZE above 2^24-1", settings(setting(settingMaxFrameSize, 1<<24))),
		breach("sends SETTINGS of the wrong length", settings("12345")),
		breach("sends a SETTINGS acknowledgement with a payload", func(uint32) string { return frame(4, 1, 0, setting(1, 1)) }),
		breach("sends SETTINGS on a stream", func(id uint32) string { return frame(4, 0, id, "") }),
		{name: "sends settings that nobody knows", over: h2c, conn: kept, settings: setting(0x99, 7) + setting(0xf0f0, 1<<32-1), h2: func(p *peer, a ask) { p.finish(a) }},
		{name: "changes HEADER_TABLE_SIZE to 0, to 2^32-1 and back", over: h2c, conn: kept, h2: func(p *peer, a ask) {
			for _, n := range []uint32{0, 1<<32 - 1, 4096} {
				p.say(frame(4, 0, 0, setting(settingHeaderTableSize, n)))
			}
			p.finish(a)
		}},
		{name: "never acknowledges SETTINGS nor PING", over: h2c, conn: kept, deaf: true, h2: func(p *peer, a ask) { p.finish(a) }},
		{
			name: "sends HEADERS before its SETTINGS", over: h2c, kind: "protocol", during: "-", conn: closed,
			accept: func(p *peer) { p.say(frame(1, 5, 1, lit(":status", "200"))); p.end() },
		},
		{
			name: "sends a SETTINGS acknowledgement as its first frame", over: h2c, kind: "protocol", during: "-", conn: closed,
			accept: func(p *peer) { p.say(frame(4, 1, 0, "")); p.end() },
		},
	}
}

// shrinkWindow takes 100 KiB from the stream's window with its first DATA, and gives all of it back with the next SETTINGS.
func shrinkWindow(p *peer, id uint32, piece []byte) {
	if p.bodies[id].Len() == len(piece) {
		p.say(frame(4, 0, 0, setting(settingInitialWindowSize, 0)))
		p.say(frame(4, 0, 0, setting(settingInitialWindowSize, 1<<20)))
	}
}

func windowRows() []misdeed {
	return []misdeed{
		breach("sends WINDOW_UPDATE of 0 for the connection", func(uint32) string { return frame(8, 0, 0, word(0)) }),
		malformed("sends WINDOW_UPDATE of 0 for the stream", func(id uint32) string { return frame(8, 0, id, word(0)) }),
		breach("takes the connection's window above 2^31-1", func(uint32) string { return strings.Repeat(frame(8, 0, 0, word(1<<31-1)), 2) }),
		malformed("takes the stream's window above 2^31-1", func(id uint32) string { return strings.Repeat(frame(8, 0, id, word(1<<31-1)), 2) }),
		breach("sends WINDOW_UPDATE for a stream that nobody opened", func(id uint32) string { return frame(8, 0, id+2, word(1)) }),
		breach("sends WINDOW_UPDATE of the wrong length", func(id uint32) string { return frame(8, 0, id, "12345") }),
	}
}

func floodRows() []misdeed {
	flood := func(name string, f func(id uint32) string) misdeed {
		return misdeed{name: "floods with " + name, over: h2c, kind: "protocol", conn: closed, h2: func(p *peer, a ask) { p.flood(f(a.id)) }}
	}
	rows := []misdeed{
		flood("PING", func(uint32) string { return frame(6, 0, 0, "12345678") }),
		flood("answers to PINGs that were not sent", func(uint32) string { return frame(6, 1, 0, "12345678") }),
		flood("SETTINGS", func(uint32) string { return frame(4, 0, 0, setting(settingInitialWindowSize, 65535)) }),
		flood("empty SETTINGS", func(uint32) string { return frame(4, 0, 0, "") }),
		flood("PRIORITY", func(id uint32) string { return frame(2, 0, id, "\x00\x00\x00\x00\x10") }),
		flood("WINDOW_UPDATE for the stream", func(id uint32) string { return frame(8, 0, id, word(1)) }),
		flood("WINDOW_UPDATE for the connection", func(uint32) string { return frame(8, 0, 0, word(1)) }),
		flood("empty DATA", func(id uint32) string { return frame(0, 0, id, "") }).onlyDuring(),
		flood("DATA that is all padding", func(id uint32) string { return frame(0, 8, id, "\x01\x00") }).onlyDuring(),
		flood("frames of unknown types", func(id uint32) string { return frame(0xbe, 0, id, "") }),
	}
	continued := func(name, fragment string) misdeed {
		return misdeed{name: "floods with " + name, over: h2c, kind: "too_large", conn: closed, h2: func(p *peer, a ask) {
			p.say(frame(1, 0, a.id, lit(":status", "200")))
			p.flood(frame(9, 0, a.id, fragment))
		}}
	}
	rows = append(rows, continued("CONTINUATION", strings.Repeat(lit("x-a", strings.Repeat("b", 100)), 10)), continued("empty CONTINUATION", ""))
	gone := func(name string, f func(id uint32) string) misdeed { // for a stream that is over
		return misdeed{name: "answers, then floods with " + name, over: h2c, conn: closed, afterwards: true, h2: func(p *peer, a ask) {
			p.finish(a)
			p.flood(f(a.id))
		}}
	}
	return append(rows,
		gone("RST_STREAM", func(id uint32) string { return rst(id, codeCancel) }),
		gone("WINDOW_UPDATE", func(id uint32) string { return frame(8, 0, id, word(1)) }))
}

// block2 is HEADERS with END_HEADERS, END_STREAM and this header block.
func block2(block string) func(uint32) string {
	return func(id uint32) string { return frame(1, 5, id, block) }
}

func hpackRows() []misdeed {
	ok := lit(":status", "200")
	big := func(p *peer, a ask, lines int, line string) {
		block := strings.Repeat(line, lines)
		if !a.begun {
			block = ok + block
		}
		p.say(frame(1, 1, a.id, ""))
		for ; len(block) > 16<<10; block = block[16<<10:] {
			p.say(frame(9, 0, a.id, block[:16<<10]))
		}
		p.say(frame(9, 4, a.id, block))
	}
	return []misdeed{
		{name: "sends a header list of 100 KiB", over: h2c, kind: "too_large", conn: kept, h2: func(p *peer, a ask) { big(p, a, 1000, lit("x-a", strings.Repeat("b", 96))) }},
		{name: "sends a header list of 1 MiB", over: h2c, kind: "too_large", conn: closed, h2: func(p *peer, a ask) { big(p, a, 10000, lit("x-a", strings.Repeat("b", 96))) }},
		{name: "sends an HPACK bomb: 16 KiB of references to a field of 3 KiB", over: h2c, kind: "too_large", conn: kept, h2: func(p *peer, a ask) {
			p.block.Reset()
			_ = p.enc.WriteField(hpack.HeaderField{Name: "x-bomb", Value: strings.Repeat("!", 3000)}) // to a buffer
			block := p.block.String() + strings.Repeat("\xbe", 12<<10)
			if !a.begun {
				block = ok + block
			}
			p.say(frame(1, 5, a.id, block))
		}},
		breach("changes the HPACK table to more than we allow", block2("\x3f\xe1\xff\x03"+ok)),
		breach("changes the HPACK table in the middle of a header block", block2(ok+"\x20")),
		breach("refers to an HPACK entry that is not there", block2("\xff\x80\x10")),
		breach("refers to HPACK entry 0", block2("\x80")),
		breach("pads a Huffman code with zeros", block2(ok+"\x00\x81\x18\x01b")),
		breach("pads a Huffman code with a whole byte", block2(ok+"\x00\x82\x1f\xff\x01b")),
		breach("sends an HPACK number without end", block2("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f")),
		breach("ends a header block in mid-field", block2(ok+"\x00\x05ab")),
	}
}

func headRows() []misdeed {
	ok := lit(":status", "200")
	head := func(name, block string) misdeed { return malformed(name, block2(block)).onlyBefore() }
	body := func(name, fields, body string) misdeed {
		return misdeed{name: name, over: h2c, kind: "protocol", during: "-", conn: kept, h2: func(p *peer, a ask) {
			p.say(frame(1, 4, a.id, ok+lit("content-type", a.contentType())+fields) + frame(0, 1, a.id, body))
		}}
	}
	rows := []misdeed{
		head("sends a head without :status", lit("content-type", "application/json")),
		head("sends :status twice", ok+ok),
		head("sends :status after a field", lit("server", "x")+ok),
		head("sends an unknown pseudo-header field", ok+lit(":version", "2")),
		head("sends a pseudo-header field of requests", ok+lit(":path", "/")),
		head("sends a field name in upper case", ok+lit("X-A", "b")),
		head("sends an empty field name", ok+lit("", "b")),
		head("sends a blank in a field name", ok+lit("x a", "b")),
		head("sends a line end in a field value", ok+lit("x-a", "b\r\nset-cookie: c")),
		head("sends NUL in a field value", ok+lit("x-a", "b\x00")),
		head("sends a field value with a blank in front", ok+lit("x-a", " b")),
		head("sends a redirect", lit(":status", "307")+lit("location", "http://127.0.0.1:1/")),
		head("sends a length with END_STREAM on the head", ok+lit("content-length", "5")),
		head("sends a length that is no number", ok+lit("content-length", "ten")),
		head("sends a negative length", ok+lit("content-length", "-1")),
		head("sends two different lengths", ok+lit("content-length", "1")+lit("content-length", "2")),
		head("sends an empty header block", ""),
		head("sends 101", lit(":status", "101")),
		head("sends 100 with END_STREAM", lit(":status", "100")),
		body("announces a longer body than it sends", lit("content-length", "1000"), anyJSON).onlyPlain(),
		body("announces a shorter body than it sends", lit("content-length", "2"), anyJSON),
	}
	for _, f := range []string{"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"} {
		rows = append(rows, head("sends the field "+f, ok+lit(f, "close")))
	}
	for _, status := range []string{"", "20", "2000", "abc", "099", "999", "+20"} {
		rows = append(rows, head(fmt.Sprintf("sends the status %q", status), lit(":status", status)))
	}
	return append(rows,
		misdeed{name: "sends 204 with a body", over: h2c, during: "-", kind: "protocol", conn: kept, h2: func(p *peer, a ask) {
			p.say(frame(1, 4, a.id, lit(":status", "204")))
			p.say(frame(0, 1, a.id, "x"))
		}},
		misdeed{name: "sends 304 with a body", over: h2c, during: "-", kind: "protocol", conn: kept, h2: func(p *peer, a ask) {
			p.say(frame(1, 4, a.id, lit(":status", "304")))
			p.say(frame(0, 1, a.id, "x"))
		}},
		misdeed{name: "sends 100 and 103 before its answer", over: h2c, during: "-", conn: kept, h2: func(p *peer, a ask) {
			p.say(frame(1, 4, a.id, lit(":status", "100")) + strings.Repeat(frame(1, 4, a.id, lit(":status", "103")+lit("link", "</x>")), 3))
			p.finish(a)
		}},
		misdeed{name: "sends 1xx without end", over: h2c, kind: "protocol", during: "-", conn: kept, h2: func(p *peer, a ask) {
			p.say(strings.Repeat(frame(1, 4, a.id, lit(":status", "102")), 100))
		}},
		malformed("sends trailers with a pseudo-header field", block2(ok)).onlyDuring(),
		malformed("sends trailers without END_STREAM", func(id uint32) string { return frame(1, 4, id, lit("x-sum", "1")) }).onlyDuring(),
		misdeed{name: "ends its answer with trailers", over: h2c, before: "-", conn: kept, h2: func(p *peer, a ask) {
			p.say(data2(a.id, a.rest()) + frame(1, 5, a.id, lit("x-sum", "1")))
		}},
	)
}

func frameRows() []misdeed {
	long := strings.Repeat("x", 16385)
	return []misdeed{
		breach("sends DATA above MAX_FRAME_SIZE", func(id uint32) string { return frame(0, 0, id, long) }),
		breach("sends HEADERS above MAX_FRAME_SIZE", func(id uint32) string { return frame(1, 4, id, long) }),
		breach("sends a frame of an unknown type above MAX_FRAME_SIZE", func(id uint32) string { return frame(0xbe, 0, id, long) }),
		breach("sends DATA with more padding than payload", func(id uint32) string { return frame(0, 8, id, "\x09ab") }),
		breach("sends padded DATA without a byte", func(id uint32) string { return frame(0, 8, id, "") }),
		breach("sends HEADERS with more padding than payload", func(id uint32) string { return frame(1, 0x0d, id, "\x09ab") }),
		breach("sends HEADERS too short for their priority", func(id uint32) string { return frame(1, 0x25, id, "abc") }),
		malformed("sends PRIORITY of the wrong length", func(id uint32) string { return frame(2, 0, id, "abcd") }),
		breach("sends PING of the wrong length", func(uint32) string { return frame(6, 0, 0, "1234567") }),
		breach("sends PING on a stream", func(id uint32) string { return frame(6, 0, id, "12345678") }),
		breach("sends DATA on stream 0", func(uint32) string { return frame(0, 0, 0, "x") }),
		breach("sends HEADERS on stream 0", func(uint32) string { return frame(1, 5, 0, lit(":status", "200")) }),
		breach("sends PUSH_PROMISE", func(id uint32) string { return frame(5, 4, id, word(2)+lit(":method", "GET")) }),
		{name: "pads its frames, and sends frames that nobody knows between them", over: h2c, before: "-", conn: kept, h2: func(p *peer, a ask) {
			p.say(frame(0xbe, 0xff, a.id, "?") + frame(0xbe, 0, 0, "") + frame(0, 8, a.id, "\x03"+a.rest()+"\x00\x00\x00") + frame(0, 9, a.id, "\xff"+strings.Repeat("\x00", 255)))
		}},
	}
}

func orderRows() []misdeed {
	ok := lit(":status", "200")
	after := func(name string, f func(id uint32) string) misdeed {
		return misdeed{name: name, over: h2c, conn: closed, h2: func(p *peer, a ask) { p.say(p.missing(a) + f(a.id)) }}
	}
	return []misdeed{
		malformed("sends DATA before HEADERS", func(id uint32) string { return frame(0, 0, id, "x") }).onlyBefore(),
		after("sends DATA after END_STREAM", func(id uint32) string { return frame(0, 0, id, "x") }),
		after("sends HEADERS after END_STREAM", func(id uint32) string { return frame(1, 5, id, ok) }),
		breach("answers on a stream that nobody opened", func(id uint32) string { return frame(1, 4, id+8, ok) }),
		breach("answers on a stream with an even id", func(id uint32) string { return frame(1, 4, id+1, ok) }),
		breach("sends DATA on a stream that nobody opened", func(id uint32) string { return frame(0, 0, id+8, "x") }),
		breach("sends CONTINUATION without HEADERS", func(id uint32) string { return frame(9, 4, id, ok) }),
		breach("puts a frame of another kind into a header block", func(id uint32) string { return frame(1, 0, id, ok) + frame(6, 0, 0, "12345678") }),
		breach("continues a header block on another stream", func(id uint32) string { return frame(1, 0, id, ok) + frame(9, 4, id+2, "") }),
		breach("speaks HTTP/1.1 in mid-connection", func(uint32) string { return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" }),
		{
			name: "speaks HTTP/1.1 instead of HTTP/2", over: h2c, kind: "protocol", during: "-", conn: closed,
			accept: func(p *peer) { p.say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"); p.end() },
		},
		{
			name: "speaks something else than HTTP/2", over: h2c, kind: "protocol", during: "-", conn: closed,
			accept: func(p *peer) { p.say(strings.Repeat("SSH-2.0-OpenSSH_9.9\r\n", 3)); p.end() },
		},
	}
}

// endRows2 are about ends and silence at each point.
func endRows2() []misdeed {
	cut := func(name string, part int) misdeed {
		return misdeed{name: name, over: h2c, kind: "closed", again: true, conn: closed, h2: func(p *peer, a ask) {
			p.say(half(a)[:part])
			p.end()
		}}
	}
	return []misdeed{
		{name: "is not there", over: h2c, kind: "connect", during: "-", conn: never},
		{name: "closes each connection as it comes", over: h2c, kind: "closed", during: "-", again: true, conn: closed, accept: (*peer).end},
		cut("closes", 0),
		cut("closes within a frame header", 4),
		cut("closes within a frame", 12),
		{name: "resets the TCP connection", over: h2c, kind: "reset", again: true, conn: closed, h2: func(p *peer, _ ask) { p.reset() }},
		{
			name: "accepts and says nothing", over: h2c, kind: "timeout", silent: true, during: "-", conn: closed,
			accept: func(p *peer) { _, _ = p.Read(make([]byte, 1)); discard(p) },
		},
		{name: "falls silent", over: h2c, kind: "timeout", silent: true, deaf: true, conn: closed, h2: func(*peer, ask) {}},
		{
			name: "falls silent within a frame", over: h2c, kind: "timeout", silent: true, deaf: true, conn: closed,
			h2: func(p *peer, a ask) { p.say(half(a)[:12]) },
		},
		{name: "falls silent and still answers PING", over: h2c, kind: "timeout", silent: true, conn: kept, h2: func(*peer, ask) {}},
		{name: "drips one byte in 20 ms", over: h2c, conn: kept, h2: func(p *peer, a ask) {
			p.drip(frame(0, 0, a.id, a.rest()[:2])+frame(0, 1, a.id, a.rest()[2:]), 20*time.Millisecond)
		}, before: "-"},
	}
}

// half is the next frame of a right answer, of which the end is not said.
func half(a ask) string {
	if a.begun {
		return frame(0, 0, a.id, a.rest())
	}
	return head2(a)
}

func discard(p *peer) {
	for b := make([]byte, 4096); ; {
		if _, err := p.Read(b); err != nil {
			return
		}
	}
}
