package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"penstock/bench/stand"
)

// The clients that do not behave, and those that go away.

// badRequests are what is refused before any provider sees it.
var badRequests = []struct {
	status int
	claude bool
	send   func(q *ask) []byte
}{
	{400, false, func(*ask) []byte { return post(chatPath, `{"model":`) }},
	{400, false, func(*ask) []byte { return post(chatPath, `{"messages":[]}`) }},
	{400, true, func(*ask) []byte { return post(claudePath, `[]`) }},
	{404, false, func(q *ask) []byte { return post(chatPath, chatBody("nowhere-"+q.text(20), "x", false)) }},
	{404, false, func(*ask) []byte { return post("/v2/nothing", "{}") }},
	{405, false, func(*ask) []byte {
		return []byte("DELETE " + chatPath + " HTTP/1.1\r\nHost: soak\r\nAuthorization: Bearer " + stand.Key + "\r\n\r\n")
	}},
	{400, false, func(*ask) []byte { return []byte("GET /v1/models HTTP/1.1\r\nHost : soak\r\n\r\n") }},
	{400, false, func(*ask) []byte { return post(chatPath, "0\r\n\r\n", "Transfer-Encoding: chunked") }},
	{400, false, func(*ask) []byte { return post(chatPath, "{}", "x-api-key: "+stand.Key) }},
	{413, false, func(*ask) []byte { return head(chatPath, stand.Key, 1<<40) }},
	{403, false, func(q *ask) []byte {
		body := chatBody(q.model("", "chat"), "x", false)
		return append(head(chatPath, narrowKey, len(body)), body...)
	}},
}

func (q *ask) bad() verdict {
	b := &badRequests[q.rng.IntN(len(badRequests))]
	return q.judge(q.polite(false, b.send(q)), want{status: b.status, claude: b.claude})
}

func (q *ask) wrongKey() verdict {
	body := chatBody(q.model("", "chat"), q.text(60), q.number%2 == 0)
	return q.judge(q.polite(q.number%8 == 0, append(head(chatPath, wrongKey, len(body)), body...)), want{status: 401})
}

// halfClose ends its sending after the request. The gateway takes that for leaving, unless the answer was there at once: so the whole
// answer is right, and so is the end of the connection.
func (q *ask) halfClose() verdict {
	l, err := q.run.clients.dial(false, 0)
	if err != nil {
		return cannot("connect", err)
	}
	defer l.Close()
	text := q.text(60)
	_ = l.SetDeadline(time.Now().Add(hangTime))
	if _, err := l.Write(post(chatPath, chatBody(q.model("", "chat?echo&latency="+itoa(q.rng.IntN(3)*20)+"ms"), text, false))); err != nil {
		return cannot("send", err)
	}
	if err := l.raw.CloseWrite(); err != nil {
		return cannot("end the sending", err)
	}
	a := readAnswer(l.in)
	if !a.began && errors.Is(a.err, io.EOF) {
		return fine("taken for gone")
	}
	return q.judge(a, want{text: text})
}

// leave ends the connection, every other time with a reset.
func (q *ask) leave(l *line) verdict {
	if q.number%2 == 0 {
		l.reset()
		return fine("left with a reset")
	}
	_ = l.Close()
	return fine("left")
}

// leaveEarly goes away while the provider is still thinking, or before the request is whole.
func (q *ask) leaveEarly() verdict {
	secure := q.number%4 == 0
	l, err := q.run.clients.dial(secure, 0)
	if err != nil {
		return cannot("connect", err)
	}
	send := post(chatPath, chatBody(q.model("", "chat?latency=5s"), q.text(60), q.number%3 == 0))
	if q.number%5 == 0 {
		send = send[:q.rng.IntN(len(send))]
	}
	if _, err := l.Write(send); err != nil {
		return cannot("send", err)
	}
	time.Sleep(time.Duration(q.rng.IntN(100)) * time.Millisecond)
	return q.leave(l)
}

// leaveLate goes away in the middle of a stream.
func (q *ask) leaveLate() verdict {
	secure := q.number%4 == 0
	l, err := q.run.clients.dial(secure, 0)
	if err != nil {
		return cannot("connect", err)
	}
	model := q.model("", "chat?tokens=100000&tps=50")
	if q.number%3 == 0 {
		model = q.model("", "chat?tokens=1000&bytes=1000") // as fast as it is read
	}
	_ = l.SetDeadline(time.Now().Add(hangTime))
	if _, err := l.Write(post(chatPath, chatBody(model, q.text(60), true))); err != nil {
		return cannot("send", err)
	}
	first := make([]byte, 512)
	n, err := io.ReadAtLeast(l.in, first, 12)
	if err == nil && string(first[9:12]) == "200" {
		time.Sleep(time.Duration(q.rng.IntN(200)) * time.Millisecond)
		return q.leave(l)
	}
	_ = l.Close()
	if (q.trouble() || bytes.HasPrefix(first, []byte("HTTP/1.1 503 "))) && (err == nil || brokenOff(err)) {
		return fine("refused in trouble")
	}
	return cannot("leave a stream that did not come", fmt.Errorf("%w after %q", err, first[:n]))
}
