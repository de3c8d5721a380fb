package sim

import (
	"strings"
	"testing"

	"penstock/upstream/h2"
)

// What breaks the protocol ends the stream or the connection, with the code that the RFC names.
func TestH2Violations(t *testing.T) {
	head := func(block []byte) string {
		return string(frameOf(h2.FrameHeaders, h2.FlagEndHeaders|h2.FlagEndStream, 1, block))
	}
	connection := func(name string, code h2.ErrCode, frames string) {
		t.Helper()
		w := newWorld(t, Options{})
		c := newClient(w)
		c.read(t)
		c.feed(frames)
		all := c.answers(t, c.read(t))
		if a := all[0]; a == nil || !a.reset || a.code != uint32(code) || !c.shut {
			t.Errorf("%s: %+v, shut %v", name, a, c.shut)
		}
		c.hangUp()
		w.idle()
	}
	stream := func(name string, code h2.ErrCode, frames string) {
		t.Helper()
		w := newWorld(t, Options{})
		c := newClient(w)
		c.read(t)
		c.feed(frames)
		if a := c.answers(t, c.read(t))[1]; a == nil || !a.reset || a.code != uint32(code) || c.shut {
			t.Errorf("%s: %+v, shut %v", name, a, c.shut)
		}
		c.next = 1
		c.feed(c.open(c.block, chatBody))
		if a := c.answers(t, c.read(t))[3]; a == nil || a.status != "200" {
			t.Errorf("%s: the connection is of no use afterwards: %+v", name, a)
		}
		c.hangUp()
		w.idle()
	}
	good := headBlock("POST", "/v1/chat/completions")
	open := string(frameOf(h2.FrameHeaders, h2.FlagEndHeaders, 1, good))
	data := func(flags h2.Flags, s string) string { return string(frameOf(h2.FrameData, flags, 1, []byte(s))) }

	stream("upper case", h2.ErrCodeProtocol, head(headBlock("GET", "/", "X-Y", "1")))
	stream("connection field", h2.ErrCodeProtocol, head(headBlock("GET", "/", "connection", "close")))
	stream("te", h2.ErrCodeProtocol, head(headBlock("GET", "/", "te", "gzip")))
	stream("two methods", h2.ErrCodeProtocol, head(headBlock("GET", "/", ":method", "GET")))
	stream("late pseudo field", h2.ErrCodeProtocol, head(append(headBlockOnly("a", "b"), good...)))
	stream("no path", h2.ErrCodeProtocol, head(headBlockOnly(":method", "GET", ":scheme", "http")))
	stream("empty path", h2.ErrCodeProtocol, head(headBlock("GET", "")))
	stream("line break", h2.ErrCodeProtocol, head(headBlock("GET", "/", "a", "b\r\nc: d")))
	stream("no such pseudo field", h2.ErrCodeProtocol, head(headBlock("GET", "/", ":x", "d")))
	stream("content-length of nothing", h2.ErrCodeProtocol, head(headBlock("POST", "/", "content-length", "5")))
	stream("long list", h2.ErrCodeEnhanceYourCalm, longList())
	stream("short body", h2.ErrCodeProtocol,
		string(frameOf(h2.FrameHeaders, h2.FlagEndHeaders, 1, headBlock("POST", "/", "content-length", "5")))+data(h2.FlagEndStream, "1234"))
	stream("long body", h2.ErrCodeProtocol,
		string(frameOf(h2.FrameHeaders, h2.FlagEndHeaders, 1, headBlock("POST", "/", "content-length", "5")))+data(0, "123456"))
	stream("zero increment", h2.ErrCodeProtocol, open+string(h2.AppendWindowUpdate(nil, 1, 0)))
	stream("window overflow", h2.ErrCodeFlowControl, open+string(h2.AppendWindowUpdate(nil, 1, maxWindow)))
	stream("second head without end", h2.ErrCodeProtocol, open+string(frameOf(h2.FrameHeaders, h2.FlagEndHeaders, 1, headBlockOnly("a", "b"))))
	stream("PRIORITY of the wrong length", h2.ErrCodeFrameSize, open+string(frameOf(h2.FramePriority, 0, 1, []byte("1234"))))

	connection("even stream", h2.ErrCodeProtocol, string(frameOf(h2.FrameHeaders, h2.FlagEndHeaders, 2, good)))
	connection("DATA on an idle stream", h2.ErrCodeProtocol, data(0, "x"))
	connection("DATA on stream 0", h2.ErrCodeProtocol, string(frameOf(h2.FrameData, 0, 0, []byte("x"))))
	connection("RST_STREAM of an idle stream", h2.ErrCodeProtocol, string(h2.AppendRSTStream(nil, 5, 0)))
	connection("WINDOW_UPDATE of an idle stream", h2.ErrCodeProtocol, string(h2.AppendWindowUpdate(nil, 5, 1)))
	connection("zero increment", h2.ErrCodeProtocol, string(h2.AppendWindowUpdate(nil, 0, 0)))
	connection("window overflow", h2.ErrCodeFlowControl, string(h2.AppendWindowUpdate(nil, 0, maxWindow)))
	connection("large frame", h2.ErrCodeFrameSize, string(h2.AppendFrameHeader(nil, frameLimitBytes+1, h2.FrameData, 0, 1)))
	connection("PUSH_PROMISE", h2.ErrCodeProtocol, string(frameOf(h2.FramePushPromise, 0, 1, []byte("1234"))))
	connection("PING of the wrong length", h2.ErrCodeFrameSize, string(frameOf(h2.FramePing, 0, 0, []byte("1234"))))
	connection("PING on a stream", h2.ErrCodeProtocol, string(frameOf(h2.FramePing, 0, 1, []byte("12345678"))))
	connection("SETTINGS of the wrong length", h2.ErrCodeFrameSize, string(frameOf(h2.FrameSettings, 0, 0, []byte("1234"))))
	connection("SETTINGS on a stream", h2.ErrCodeProtocol, string(frameOf(h2.FrameSettings, 0, 1, nil)))
	connection("acknowledgement with a payload", h2.ErrCodeFrameSize, string(frameOf(h2.FrameSettings, h2.FlagAck, 0, []byte("123456"))))
	connection("ENABLE_PUSH 2", h2.ErrCodeProtocol, string(frameOf(h2.FrameSettings, 0, 0, h2.AppendSetting(nil, h2.SettingEnablePush, 2))))
	connection("MAX_FRAME_SIZE", h2.ErrCodeProtocol, string(frameOf(h2.FrameSettings, 0, 0, h2.AppendSetting(nil, h2.SettingMaxFrameSize, 99))))
	connection("INITIAL_WINDOW_SIZE", h2.ErrCodeFlowControl,
		string(frameOf(h2.FrameSettings, 0, 0, h2.AppendSetting(nil, h2.SettingInitialWindowSize, 1<<31))))
	connection("RST_STREAM of the wrong length", h2.ErrCodeFrameSize, open+string(frameOf(h2.FrameRSTStream, 0, 1, []byte("12"))))
	connection("WINDOW_UPDATE of the wrong length", h2.ErrCodeFrameSize, string(frameOf(h2.FrameWindowUpdate, 0, 0, []byte("12"))))
	connection("GOAWAY of the wrong length", h2.ErrCodeFrameSize, string(frameOf(h2.FrameGoAway, 0, 0, []byte("12"))))
	connection("CONTINUATION alone", h2.ErrCodeProtocol, string(frameOf(h2.FrameContinuation, 0, 1, nil)))
	connection("frame within a block", h2.ErrCodeProtocol, string(frameOf(h2.FrameHeaders, 0, 1, good))+string(h2.AppendPing(nil, 0, 1)))
	connection("CONTINUATION flood", h2.ErrCodeEnhanceYourCalm, string(frameOf(h2.FrameHeaders, 0, 1, nil))+
		strings.Repeat(string(frameOf(h2.FrameContinuation, 0, 1, nil)), continuationLimit+1))
	connection("padding beyond the payload", h2.ErrCodeProtocol, string(frameOf(h2.FrameHeaders, h2.FlagPadded|h2.FlagEndHeaders, 1, []byte{9, 1})))
	connection("no block", h2.ErrCodeCompression, head([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}))
	connection("lower stream", h2.ErrCodeStreamClosed, open+data(h2.FlagEndStream, chatBody)+open)
}

func frameOf(typ h2.FrameType, flags h2.Flags, id uint32, payload []byte) []byte {
	return append(h2.AppendFrameHeader(nil, len(payload), typ, flags, id), payload...)
}

// longList is a head beyond SETTINGS_MAX_HEADER_LIST_SIZE, in several frames.
func longList() string {
	value := strings.Repeat("v", 12_000)
	s := string(frameOf(h2.FrameHeaders, h2.FlagEndStream, 1, headBlock("GET", "/")))
	for i := range 8 {
		flags := h2.Flags(0)
		if i == 7 {
			flags = h2.FlagEndHeaders
		}
		s += string(frameOf(h2.FrameContinuation, flags, 1, headBlockOnly("a", value)))
	}
	return s
}
