package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"penstock/bench/stand"
)

func itoa(n int) string { return strconv.Itoa(n) }

// ask is one request of the mix, about to be made. It belongs to the goroutine that makes it.
type ask struct {
	run      *run
	number   uint64 // of all requests of the run
	rng      *rand.Rand
	provider int // index into speeches
	spare    int // the provider that may stand in, or -1
	from     time.Time
}

func (r *run) newAsk(number uint64) *ask {
	rng := rand.New(rand.NewPCG(r.seed, number))
	return &ask{run: r, number: number, rng: rng, provider: rng.IntN(len(speeches)), spare: -1, from: time.Now()}
}

// trouble says whether an event touched what the request depends on since it began.
func (q *ask) trouble() bool {
	c := q.run.chaos
	return c.touched(q.provider, q.from) || q.spare >= 0 && c.touched(q.spare, q.from)
}

func (q *ask) judge(a *answer, w want) verdict { return judge(a, w, q.trouble) }

// text is n bytes or a little more that no other request has.
func (q *ask) text(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	b := fmt.Appendf(make([]byte, 0, n+32), "soak-%016x-", q.rng.Uint64()^q.number<<32)
	for len(b) < n {
		b = append(b, letters[q.rng.IntN(len(letters))])
	}
	return string(b)
}

// model is a name that goes to the request's provider; clan is "", "bad-" or "claude-".
func (q *ask) model(clan, name string) string { return clan + speeches[q.provider] + "/" + name }

func chatBody(model, text string, stream bool) string {
	streams := ""
	if stream {
		streams = `"stream":true,`
	}
	return `{"model":"` + model + `",` + streams + `"temperature":0.7,"messages":[{"role":"system","content":"Say it again."},{"role":"user","content":"` + text + `"}]}`
}

func claudeBody(model, text string, stream bool) string {
	return `{"model":"` + model + `","max_tokens":4096,"stream":` + strconv.FormatBool(stream) + `,"messages":[{"role":"user","content":"` + text + `"}]}`
}

const (
	chatPath   = "/v1/chat/completions"
	claudePath = "/v1/messages"
	embedPath  = "/v1/embeddings"
)

// head is a POST's head with the usual fields.
func head(path, key string, length int, fields ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: soak\r\nAccept: application/json\r\nContent-Type: application/json\r\nUser-Agent: OpenAI/Python 1.99.0\r\n", path)
	if path == claudePath {
		fmt.Fprintf(&b, "x-api-key: %s\r\nanthropic-version: 2023-06-01\r\n", key)
	} else {
		fmt.Fprintf(&b, "Authorization: Bearer %s\r\n", key)
	}
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", length)
	return b.Bytes()
}

func post(path, body string, fields ...string) []byte {
	return append(head(path, stand.Key, len(body), fields...), body...)
}

// polite sends a request on a connection that others used before and will use after it, and reads the answer.
func (q *ask) polite(secure bool, send []byte) *answer {
	l, err := q.run.clients.take(secure)
	if err != nil {
		return &answer{err: fmt.Errorf("cannot connect: %w", err)}
	}
	a := l.exchange(send)
	if a.err == nil && !a.closes {
		q.run.clients.give(l)
	} else {
		_ = l.Close()
	}
	return a
}

// exchange sends a request and reads the answer to it.
func (l *line) exchange(send []byte) *answer {
	_ = l.SetDeadline(time.Now().Add(hangTime))
	_, written := l.Write(send)
	a := readAnswer(l.in)
	if !a.began && written != nil {
		a.err = written
	}
	return a
}

// A kind is one sort of request.
type kind struct {
	name   string
	weight int // of a thousand, about
	make   func(*ask) verdict
}

var kinds = []kind{
	{"chat", 360, (*ask).chat},
	{"chat with a fallback", 60, (*ask).fallback},
	{"chat on a short connection", 50, (*ask).short},
	{"chat over TLS", 40, (*ask).secureChat},
	{"chat over fresh TLS", 10, (*ask).freshTLS},
	{"chat, 256 KiB of prompt", 5, (*ask).large},
	{"messages", 60, (*ask).messages},
	{"embeddings", 80, (*ask).embeddings},
	{"list of models", 20, (*ask).models},
	{"stream", 110, (*ask).stream},
	{"stream of messages", 30, (*ask).messageStream},
	{"stream over TLS", 15, (*ask).secureStream},
	{"stream of 5 s", 15, (*ask).long},
	{"pipelined", 20, (*ask).pipelined},
	{"bad request", 40, (*ask).bad},
	{"wrong key", 40, (*ask).wrongKey},
	{"slow sender", 3, (*ask).slowSender},
	{"slow reader", 2, (*ask).slowReader},
	{"half close", 6, (*ask).halfClose},
	{"left before the answer", 10, (*ask).leaveEarly},
	{"left in mid-stream", 10, (*ask).leaveLate},
	{"provider: error status", 8, (*ask).errorStatus},
	{"provider: breaks a stream", 5, (*ask).breakStream},
	{"provider: breaks an answer", 5, (*ask).breakAnswer},
	{"provider: last on its connection", 3, (*ask).lastOnConnection},
	{"provider: slow to begin", 2, (*ask).slowStart},
	{"provider: falls silent", 1, (*ask).stall},
}

// chooser draws kinds by their weights.
func chooser(seed uint64) func() *kind {
	total := 0
	for i := range kinds {
		total += kinds[i].weight
	}
	rng := rand.New(rand.NewPCG(seed, 0x50a4))
	return func() *kind {
		at := rng.IntN(total)
		for i := range kinds {
			if at -= kinds[i].weight; at < 0 {
				return &kinds[i]
			}
		}
		return &kinds[0]
	}
}
