package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strings"
	"syscall"
	"testing"
	"time"
)

// plain and events are answers as the gateway would write them.
func plain(status int, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
}

func events200(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
}

const (
	saidMine  = `{"choices":[{"message":{"content":"mine"}}],"usage":{"total_tokens":3}}`
	complaint = `{"error":{"type":"server_error","message":"no","param":null,"code":"upstream_reset"}}`
	mineEvent = "data: {\"choices\":[{\"delta\":{\"content\":\"mi\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"ne\"}}]}\n\n"
	doneEvent = "data: [DONE]\n\n"
	failEvent = "data: " + complaint + "\n\n"
)

// TestJudge: what a request may get while all is calm, in trouble, and from a provider that breaks it.
func TestJudge(t *testing.T) {
	read := func(wire string) *answer { return readAnswer(bufio.NewReader(strings.NewReader(wire))) }
	verdictOf := func(name, wire string, w want, trouble bool, right string) {
		t.Helper()
		if v := judge(read(wire), w, func() bool { return trouble }); v.what != right {
			t.Errorf("%s: %+v, want %s", name, v, right)
		}
	}
	chat, stream := want{text: "mine"}, want{text: "mine", stream: true}
	verdictOf("whole", plain(200, saidMine), chat, false, "ok")
	verdictOf("stream", events200(mineEvent+doneEvent), stream, false, "ok")
	verdictOf("comments", events200(": wait\n\n"+mineEvent+doneEvent), stream, false, "ok")
	verdictOf("as refused", plain(401, complaint), want{status: 401}, false, "refused as it should")
	verdictOf("a refusal in trouble", plain(502, complaint), chat, true, "refused in trouble")
	verdictOf("an error event in trouble", events200(mineEvent+failEvent), stream, true, "error event in trouble")
	verdictOf("a cut in trouble", plain(200, saidMine)[:120], chat, true, "cut in trouble")
	for name, c := range map[string]struct {
		wire string
		w    want
	}{
		"a refusal for no reason":    {plain(502, complaint), chat},
		"nothing":                    {"", chat},
		"no HTTP":                    {"HTP/1.1 200 OK\r\n\r\n", chat},
		"somebody else's answer":     {plain(200, strings.Replace(saidMine, "mine", "yours", 1)), chat},
		"somebody else's stream":     {events200(strings.Replace(mineEvent, "mi", "yo", 1) + doneEvent), stream},
		"a cut answer":               {plain(200, saidMine)[:120], chat},
		"a stream without an end":    {events200(mineEvent), stream},
		"a fake finish":              {events200(mineEvent[:len(mineEvent)/2] + doneEvent), stream},
		"something after the end":    {events200(mineEvent + doneEvent + mineEvent), stream},
		"an error event":             {events200(mineEvent + failEvent), stream},
		"a line that is no event":    {events200(mineEvent + "HTTP/1.1 200 OK\n\n" + doneEvent), stream},
		"an error out of form":       {plain(401, "denied"), want{status: 401}},
		"another vendor's form":      {plain(401, complaint), want{status: 401, claude: true}},
		"no stream where one is due": {plain(200, saidMine), stream},
		"half a chunk":               {events200(mineEvent + doneEvent)[:150], stream},
	} {
		verdictOf(name, c.wire, c.w, false, "FAULT")
	}
	verdictOf("another's text is never right", plain(200, strings.Replace(saidMine, "mine", "yours", 1)), chat, true, "FAULT")
	verdictOf("a fake finish is never right", events200(mineEvent[:len(mineEvent)/2]+doneEvent), stream, true, "FAULT")
	verdictOf("a missing stream end is never right", events200(mineEvent), stream, true, "FAULT")

	if v := broken(read(events200(mineEvent+doneEvent)), stream, false, 502); v.fault == "" {
		t.Error("a stream that the provider broke, and it was finished")
	}
	if v := broken(read(events200(mineEvent[:20]+"\n\n"+failEvent)), want{stream: true}, false, 502); v.fault != "" {
		t.Error(v)
	}
}

func TestBrokenOff(t *testing.T) {
	for _, err := range []error{io.EOF, io.ErrUnexpectedEOF, fmt.Errorf("read: %w", syscall.ECONNRESET)} {
		if !brokenOff(err) {
			t.Error(err)
		}
	}
}

func TestFigures(t *testing.T) {
	if s := slope([]float64{0, 1, 2, 3}, []float64{5, 7, 9, 11}); math.Abs(s-2) > 1e-9 {
		t.Errorf("slope %v", s)
	}
	before := map[string]float64{"0.001": 10, "0.01": 10, "+Inf": 10}
	now := map[string]float64{"0.001": 100, "0.01": 110, "+Inf": 110}
	if q := quantile(now, before, .5); q != time.Millisecond {
		t.Errorf("median %v", q)
	}
	if q := quantile(now, before, .999); q != 10*time.Millisecond {
		t.Errorf("p99.9 %v", q)
	}
}

// TestWindows: an event excuses the requests to its provider that were under way while it was on, and no others.
func TestWindows(t *testing.T) {
	c := newChaos(&run{seed: 1})
	before := time.Now()
	over := c.open(1)
	if !c.touched(1, before) || !c.touched(1, time.Now()) || c.touched(0, before) {
		t.Error("while it is on")
	}
	over()
	if !c.touched(1, before) || c.touched(1, time.Now().Add(time.Millisecond)) || !c.any(before) {
		t.Error("after it")
	}
}
