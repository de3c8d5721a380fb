package dialect

import (
	"bytes"
	"strings"
	"testing"
)

func endOf(ep *Endpoint, pieces ...[]byte) EndScanner {
	var s EndScanner
	s.Reset(ep)
	for _, p := range pieces {
		s.Feed(p)
	}
	return s
}

func endpointOf(name string) *Endpoint {
	switch {
	case strings.HasPrefix(name, "anthropic"):
		return &table[idMessages]
	case strings.Contains(name, "responses"):
		return &table[idResponses]
	}
	return &table[idChat]
}

func TestEndFixtures(t *testing.T) {
	for name, b := range fixtures(t, ".sse") {
		ep := endpointOf(name)
		failed := strings.Contains(name, "error")
		// Where the stream ends properly: after the line with the first finish_reason, else after its last event.
		end := len(b)
		for i := 1; i <= len(b); i++ {
			if b[i-1] != '\n' {
				continue
			}
			if s := endOf(ep, b[:i]); s.Ended() {
				end = i
				break
			}
		}
		line := bytes.TrimRight(b[:end], "\r\n")
		line = line[bytes.LastIndexByte(line, '\n')+1:]
		switch {
		case !endsLine(line):
			t.Errorf("%s ends after %q", name, line)
		case failed != (bytes.Contains(line, []byte(`{"error"`)) || bytes.Contains(line, []byte(`"type":"error"`))):
			t.Errorf("%s: failed %v after %q", name, failed, line)
		}
		splits(b, func(pieces [][]byte) {
			if s := endOf(ep, pieces...); !s.Ended() || s.Failed() != failed || !s.Between() {
				t.Fatalf("%s in %d pieces, the first %d bytes: %+v", name, len(pieces), len(pieces[0]), s)
			}
		})
		splits(b[:end-len("}\r\n")], func(pieces [][]byte) {
			if s := endOf(ep, pieces...); s.ended {
				t.Fatalf("%s has ended before its end, in %d pieces", name, len(pieces))
			}
		})
	}
}

func endsLine(line []byte) bool {
	for _, s := range []string{`"finish_reason":"`, `"error"`, `"type":"message_stop"`, `"type":"response.completed"`, `"type":"response.incomplete"`} {
		if bytes.Contains(line, []byte(s)) {
			return true
		}
	}
	return false
}

func TestEndScanner(t *testing.T) {
	is := func(id int, stream string, ended, failed, between bool) {
		t.Helper()
		splits([]byte(stream), func(pieces [][]byte) {
			t.Helper()
			s := endOf(&table[id], pieces...)
			if s.Ended() != ended || s.Failed() != failed || s.Between() != between {
				t.Fatalf("%q in %d pieces, the first %d bytes: %v %v %v", stream, len(pieces), len(pieces[0]), s.Ended(), s.Failed(), s.Between())
			}
		})
	}
	is(idChat, "data: [DONE]\n\n", true, false, true)
	is(idChat, "data:[DONE]\r\n\r\n", true, false, true)
	is(idChat, "\xEF\xBB\xBFdata: [DONE]\n\n: x\n\n", true, false, true)
	is(idChat, "data: [DONE]", true, false, false)
	is(idChat, "data: [DON", false, false, false)
	is(idChat, "x data: [DONE]\n\n", false, false, true)
	is(idChat, "data: {\"content\":\"data: [DONE]\"}\n\n", false, false, true)
	is(idChat, "data: {\"choices\":[{\"finish_reason\":null}]}\n\n", false, false, true)
	is(idChat, "data: {\"choices\":[{\"finish_reason\":\"\"}]}\n\n", false, false, true)
	is(idChat, "data: {\"choices\":[{\"finish_reason\" : \"length\"}]}\n\n", true, false, true)
	is(idChat, "data: {\"choices\":[{\"finish_reason\":null},{\"finish_reason\":\"\"},{\"finish_reason\":\"stop\"}]}\n\n", true, false, true)
	is(idChat, "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}", true, false, false)
	is(idChat, "data: {\"choices\":[{\"finish_reason\":\"stop\"", false, false, false) // cut off: the client has not got it
	is(idChat, "data: {\"choices\":[{\"finish_reason\":\"stop\"}", false, false, false)
	is(idChat, "data: {\"choices\":[{\"finish_reason\":\"stop\"}],\"x\":\"\\\"}", false, false, false)
	is(idChat, "data: {\"error\":{\"message\":\"x\"}", false, false, false)
	is(idChat, "data: {\"error\":{\"message\":\"{\\\\\"}}", true, true, false)
	is(idChat, "data: {\"choices\":[{\"text\":\"\\\"finish_reason\\\":\\\"stop\\\"\"}]}\n\n", false, false, true)
	is(idChat, "data: {\"choices\":[{\"native_finish_reason\":\"stop\"}]}\n", false, false, false)
	is(idChat, "data: {\"error\":{\"message\":\"x\"}}\n\n", true, true, true)
	is(idChat, "data: [{\"error\": {\"message\":\"x\"}}]\n\n", true, true, true)
	is(idChat, "data: {\"error\":null,\"choices\":[]}\n\n", false, false, true)
	is(idChat, "event: error\ndata: {\"message\":\"x\"}\n\n", true, true, true)
	is(idChat, "event: error\n\ndata: {\"message\":\"x\"}\n\n", false, false, true)
	is(idChat, "event: error\n", false, false, false)
	is(idChat, "", false, false, true)
	is(idChat, ": keep-alive\n\n", false, false, true)
	is(idChat, "data: {\"id\":\"x\"}\n", false, false, false)
	is(idChat, "data: {\"id\":\"x\"}\n\nd", false, false, false)
	is(idChat, "data: {\"id\":\"x\"}\r\n\r", false, false, false)
	is(idChat, "data: {\"id\":\"x\"}\n\r\r\n", false, false, true)
	is(idChat, "data: {\"id\":\"x\"}\r\r", false, false, true)
	is(idChat, "data: {\"id\":\"x\"}\r\rdata: [DONE]\r", true, false, false)
	is(idChat, "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\r\rdata: [DONE]\r\r", true, false, true)
	is(idChat, "event: error\rdata: {\"message\":\"x\"}\r\r", true, true, true)
	is(idChat, "event: error\r\rdata: {\"message\":\"x\"}\r\r", false, false, true)
	is(idCompletions, "data: {\"choices\":[{\"text\":\"\",\"finish_reason\":\"stop\"}]}\n\n", true, false, true)
	is(idMessages, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", true, false, true)
	is(idMessages, "event: message_stop\n", false, false, false)
	is(idMessages, "data: {\"type\": \"message_stop\"}\n\n", true, false, true)
	is(idMessages, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n", false, false, true)
	is(idMessages, "event: error\r\ndata: {\"type\":\"error\"}\r\n\r\n", true, true, true)
	is(idResponses, "data: {\"type\":\"response.completed\",\"response\":{}}\n\n", true, false, true)
	is(idResponses, "event: response.completed\ndata: {\"response\":{}}\n\n", true, false, true)
	is(idResponses, "data: {\"type\":\"response.completed\",\"response\":{\"output\":[", false, false, false)
	is(idResponses, "data: {\"type\":\"response.failed\",\"response\":{}}\n\n", true, true, true)
	is(idResponses, "data: {\"type\":\"response.completedness\"}\n\n", false, false, true)
	is(idImagesGenerations, "event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\"}\n\n", true, false, true)
	is(idTranscriptions, "data: {\"type\":\"transcript.text.done\",\"text\":\"x\"}\n\n", true, false, true)
	is(idSpeech, "data: {\"type\":\"speech.audio.done\"}\n\n", true, false, true)
	var none EndScanner
	none.Reset(nil)
	if none.Feed([]byte("data: [DONE]\n\n")); !none.Ended() {
		t.Error("no end without endpoint")
	}
}

func TestEndMissing(t *testing.T) {
	is := func(stream, missing string) {
		t.Helper()
		splits([]byte(stream), func(pieces [][]byte) {
			t.Helper()
			if s := endOf(&table[idChat], pieces...); s.Missing() != missing {
				t.Fatalf("%q: %q is missing", stream, s.Missing())
			}
		})
	}
	is("", "")
	is("data: [DONE]\n\n", "")
	is("data: [DONE]\n", "\n")
	is("data: [DONE]", "\n\n")
	is("data: [DONE]\r\r", "")
	is("data: [DONE]\r", "\n\n")
	is("data: {\"error\":{}}", "\n\n")
	is("data: {\"error\":{}", "")
	is("data: [DONE]\n\ndata: {\"half\"", "")
	is("data: [DONE]\n\ndata: {}\n", "\n")
}

func TestEndSequence(t *testing.T) {
	b := fixture(t, "openai/responses-stream.sse")
	events := int64(bytes.Count(b, []byte("event: ")))
	splits(b, func(pieces [][]byte) {
		if s := endOf(&table[idResponses], pieces...); s.Sequence() != events {
			t.Fatalf("%d, want %d", s.Sequence(), events)
		}
	})
	if s := endOf(&table[idResponses]); s.Sequence() != 0 {
		t.Error(s.Sequence())
	}
}

func FuzzEnd(f *testing.F) {
	for name, b := range fixtures(f, ".sse") {
		f.Add(b, []byte{5, 0, 40}, uint8(endpointOf(name).ID))
	}
	f.Fuzz(func(t *testing.T, b, seed []byte, id uint8) {
		ep := &table[int(id)%len(table)]
		a, z := endOf(ep, b), endOf(ep, cut(b, seed)...)
		if a.Ended() != z.Ended() || a.Failed() != z.Failed() || a.Between() != z.Between() || a.Sequence() != z.Sequence() {
			t.Fatalf("%q: %+v and %+v", b, a, z)
		}
	})
}
