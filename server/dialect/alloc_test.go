//go:build !race

package dialect

import (
	"strings"
	"testing"
)

func TestAllocations(t *testing.T) {
	none := func(name string, f func()) {
		t.Helper()
		f() // what is grown once is kept
		if n := testing.AllocsPerRun(200, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	post, path, item := []byte("POST"), []byte("/v1/chat/completions"), []byte("/v1/responses/resp_1/cancel")
	none("Lookup", func() {
		Lookup(post, path)
		Lookup(post, item)
		Lookup(post, post)
	})
	dst := make([]byte, 0, 8192)
	fault := &Fault{Status: 404, Message: "the model %s is unknown", Detail: []byte("gpt-\xff\"")}
	none("AppendError", func() {
		for api := range APIGemini + 1 {
			dst = AppendError(dst[:0], api, fault, post)
			dst = AppendErrorEvent(dst, api, &table[idResponses], fault, post)
		}
	})
	names := []string{"a", "b"}
	none("AppendModels", func() {
		dst = AppendModels(dst[:0], APIAnthropic, names, 1790035200)
		dst = AppendModels(dst, APIOpenAI, names, 1790035200)
	})
	s, good, bad := new(Scan), chatBody(true), []byte(`{"mod\u0065l":"\u0061","stream":1}`)
	pieces, model := make([][]byte, 0, MaxPieces), []byte(`"b"`)
	none("Scan and Patch", func() {
		if s.JSON(bad) == nil || s.JSON(good) != nil {
			t.Fatal("wrong verdict")
		}
		pieces, _ = s.Patch(pieces[:0], good, model, true)
	})
	form, contentType := new(Form), []byte(`multipart/form-data; boundary="B"`)
	body := []byte("--B" + formPart(`name="file"; filename="x"`, strings.Repeat("x\r\n", 100)) + formPart(`name="model"`, "m") + "--")
	none("Multipart", func() {
		if err := form.Multipart(contentType, body); err != nil {
			t.Fatal(err)
		}
		pieces, _ = form.Patch(pieces[:0], body, model)
	})
	u, strip, end := new(UsageScanner), new(Stripper), new(EndScanner)
	for _, name := range []string{"openai/chat-stream.sse", "openai/responses-stream.sse", "anthropic/stream-tools-thinking.sse"} {
		stream := cut(fixture(t, name), []byte{50, 3, 63})
		none(name, func() {
			u.Reset(APIOpenAI)
			strip.Reset()
			end.Reset(endpointOf(name))
			for _, p := range stream {
				u.Feed(p)
				end.Feed(p)
				dst = strip.Feed(dst[:0], p)
			}
			dst = strip.End(dst)
			if !end.Ended() || !u.Usage().Seen {
				t.Fatal("wrong verdict")
			}
		})
	}
}
