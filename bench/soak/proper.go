package main

import (
	"bytes"
	"strings"
	"time"

	"penstock/bench/stand"
)

// The well-behaved requests: they get the whole answer unless an event touches their provider.

func (q *ask) chat() verdict {
	text := q.text(80)
	a := q.polite(false, post(chatPath, chatBody(q.model("", "chat?echo"), text, false)))
	v := q.judge(a, want{text: text})
	if v.what == "ok" && !q.run.chaos.any(q.from) {
		q.run.tally.answered(time.Since(q.from))
	}
	return v
}

func (q *ask) fallback() verdict {
	q.provider, q.spare = 0, 2
	text, key := q.text(60), stand.Key
	if q.number%2 == 0 {
		key = narrowKey
	}
	body := chatBody("ha", text, false)
	return q.judge(q.polite(false, append(head(chatPath, key, len(body)), body...)), want{text: text})
}

func (q *ask) short() verdict {
	l, err := q.run.clients.dial(false, 0)
	if err != nil {
		return cannot("connect", err)
	}
	defer l.Close()
	text := q.text(60)
	return q.judge(l.exchange(post(chatPath, chatBody(q.model("", "chat?echo"), text, false), "Connection: close")), want{text: text})
}

func (q *ask) secureChat() verdict {
	text := q.text(60)
	return q.judge(q.polite(true, post(chatPath, chatBody(q.model("", "chat?echo"), text, false))), want{text: text})
}

func (q *ask) freshTLS() verdict {
	l, err := q.run.clients.dial(true, 0)
	if err != nil {
		return cannot("connect over TLS", err)
	}
	defer l.Close()
	text := q.text(60)
	return q.judge(l.exchange(post(chatPath, chatBody(q.model("", "chat?echo"), text, false))), want{text: text})
}

var prompt = strings.Repeat("A long document about bicycles, wheels and chains. ", 256<<10/51+1)

func (q *ask) large() verdict {
	text := q.text(60)
	body := strings.Replace(chatBody(q.model("", "chat?echo"), text, false), "Say it again.", prompt, 1)
	return q.judge(q.polite(false, post(chatPath, body)), want{text: text})
}

func (q *ask) messages() verdict {
	text := q.text(80)
	return q.judge(q.polite(false, post(claudePath, claudeBody(q.model("claude-", "chat?echo"), text, false))), want{claude: true, text: text})
}

// embeddings asks for a number of floats of its own, which stands in for a text of its own.
func (q *ask) embeddings() verdict {
	floats := 8 + q.rng.IntN(400)
	body := `{"model":"` + q.model("", "embed?dims="+itoa(floats)) + `","input":"` + q.text(60) + `"}`
	a := q.polite(false, post(embedPath, body))
	v := q.judge(a, want{raw: true})
	if v.what != "ok" {
		return v
	}
	_, list, found := bytes.Cut(a.body, []byte(`"embedding":[`))
	list, _, closed := bytes.Cut(list, []byte("]"))
	if n := bytes.Count(list, []byte(",")) + 1; !found || !closed || n != floats {
		return fault("%d floats, want %d: %q", n, floats, clip(a.body))
	}
	return v
}

func (q *ask) models() verdict {
	a := q.polite(false, []byte("GET /v1/models HTTP/1.1\r\nHost: soak\r\nAuthorization: Bearer "+stand.Key+"\r\n\r\n"))
	v := q.judge(a, want{raw: true})
	if v.what == "ok" && !bytes.Contains(a.body, []byte(`"id":"ha"`)) {
		return fault("a list of models without the model: %q", clip(a.body))
	}
	return v
}

func (q *ask) stream() verdict {
	text := q.text(40 + q.rng.IntN(200))
	return q.judge(q.polite(false, post(chatPath, chatBody(q.model("", "chat?echo"), text, true))), want{stream: true, text: text})
}

func (q *ask) messageStream() verdict {
	text := q.text(40 + q.rng.IntN(100))
	a := q.polite(false, post(claudePath, claudeBody(q.model("claude-", "chat?echo"), text, true)))
	return q.judge(a, want{claude: true, stream: true, text: text})
}

func (q *ask) secureStream() verdict {
	text := q.text(40 + q.rng.IntN(200))
	return q.judge(q.polite(true, post(chatPath, chatBody(q.model("", "chat?echo"), text, true))), want{stream: true, text: text})
}

// long is a stream of a hundred tokens, twenty a second.
func (q *ask) long() verdict {
	text := q.text(400)
	return q.judge(q.polite(false, post(chatPath, chatBody(q.model("", "chat?echo&tps=20&ttft=100ms"), text, true))), want{stream: true, text: text})
}

// pipelined sends three requests at once and wants three answers in order.
func (q *ask) pipelined() verdict {
	l, err := q.run.clients.take(false)
	if err != nil {
		return cannot("connect", err)
	}
	defer l.Close()
	var texts [3]string
	var send []byte
	for i := range texts {
		texts[i] = q.text(60)
		send = append(send, post(chatPath, chatBody(q.model("", "chat?echo"), texts[i], i == 1))...)
	}
	_ = l.SetDeadline(time.Now().Add(hangTime))
	if _, err := l.Write(send); err != nil {
		return cannot("send", err)
	}
	worst := fine("ok")
	for i, text := range texts {
		a := readAnswer(l.in)
		v := q.judge(a, want{stream: i == 1, text: text})
		if v.what != "ok" {
			worst = v
		}
		if v.fault != "" || a.err != nil || a.closes {
			break // what follows cannot be read
		}
	}
	return worst
}

// slowSender dribbles its request over about two seconds, well within every timer.
func (q *ask) slowSender() verdict {
	l, err := q.run.clients.dial(false, 0)
	if err != nil {
		return cannot("connect", err)
	}
	defer l.Close()
	text := q.text(400)
	send := post(chatPath, chatBody(q.model("", "chat?echo"), text, false))
	for len(send) > 60 {
		n := 1 + q.rng.IntN(60)
		if _, err := l.Write(send[:n]); err != nil {
			return cannot("send slowly", err)
		}
		send = send[n:]
		time.Sleep(time.Duration(q.rng.IntN(120)) * time.Millisecond)
	}
	return q.judge(l.exchange(send), want{text: text})
}

// slowly is a connection whose reader takes its time.
type slowly struct{ *line }

func (s slowly) Read(b []byte) (int, error) {
	time.Sleep(20 * time.Millisecond)
	return s.Conn.Read(b[:min(len(b), 16<<10)])
}

// slowReader takes an answer of 800 KB in two seconds or so.
func (q *ask) slowReader() verdict {
	const tokens, size = 200, 4000
	l, err := q.run.clients.dial(false, 16<<10)
	if err != nil {
		return cannot("connect", err)
	}
	defer l.Close()
	l.in.Reset(slowly{l})
	body := chatBody(q.model("", "chat?tokens=200&bytes=4000"), q.text(60), true)
	return q.judge(l.exchange(post(chatPath, body)), want{stream: true, length: tokens * size})
}
