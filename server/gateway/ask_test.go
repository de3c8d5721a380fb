package gateway_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ask is a request as a provider has seen it, and what it does about it. The token in the request decides the answer, byte for byte, so
// that the client knows what has to come.
type ask struct {
	provider string
	token    string
	api      string
	stream   bool
	usage    bool // include_usage
	over     bool // complete, broken off, or cancelled by the gateway
	cost     bool // the usage has been sent
}

// reply is how a provider answers, whatever the protocol.
type reply interface {
	interim()
	head(status int, media string, length int)
	data(b []byte)
	end()
	reset()   // the stream, or the connection
	refuse()  // REFUSED_STREAM, where there is such a thing
	hangUp()  // close the connection
	goAway()  // take no further requests
	garbage() // break the protocol
}

// Tokens: "tok", a letter for the size of the answer, 8 hex digits, "z".
const tokenBytes = 3 + 1 + 8 + 1

func makeToken(size byte, n uint32) string { return fmt.Sprintf("tok%c%08xz", size, n) }

// findToken returns the token in a request's body, or "".
func findToken(b []byte) string {
	i := bytes.Index(b, []byte("tok"))
	if i < 0 || len(b) < i+tokenBytes || b[i+tokenBytes-1] != 'z' {
		return ""
	}
	return string(b[i : i+tokenBytes])
}

func tokenNumber(token string) int {
	n, _ := strconv.ParseUint(token[4:12], 16, 32)
	return int(n)
}

// size is how often the token is repeated in its answer.
func size(token string) int {
	if token[3] == 'B' {
		return 1000 + tokenNumber(token)%1500
	}
	return tokenNumber(token) % 24
}

func inputTokens(token string) int  { return 1 + tokenNumber(token)%97 }
func outputTokens(token string) int { return 1 + tokenNumber(token)%89 }

// wholeAnswer is the body of an answer that does not stream.
func wholeAnswer(token, api string) []byte {
	text := strings.Repeat(token+" ", size(token))
	if api == "anthropic" {
		return fmt.Appendf(nil, `{"type":"message","id":%q,"role":"assistant","content":[{"type":"text","text":%q}],"usage":{"input_tokens":%d,"output_tokens":%d}}`,
			token, text, inputTokens(token), outputTokens(token))
	}
	return fmt.Appendf(nil, `{"id":%q,"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":%q},"finish_reason":"stop"}],"usage":{"prompt_tokens":%d,"completion_tokens":%d}}`,
		token, text, inputTokens(token), outputTokens(token))
}

// eventAnswer is the events of an answer that streams.
func eventAnswer(token string, usage bool) [][]byte {
	var events [][]byte
	add := func(format string, args ...any) {
		events = append(events, fmt.Appendf(nil, "data: "+format+"\n\n", args...))
	}
	for i := range size(token) {
		add(`{"id":%q,"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"%s#%d"},"finish_reason":null}]}`, token, token, i)
	}
	add(`{"id":%q,"object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`, token)
	if usage {
		add(`{"id":%q,"object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":%d}}`,
			token, inputTokens(token), outputTokens(token))
	}
	add("[DONE]")
	return events
}

// errorAnswer is the body of a provider's own error.
func errorAnswer(token string, status int) []byte {
	return fmt.Appendf(nil, `{"error":{"message":"provider says %d to %s","type":"simulated","code":null,"param":null}}`, status, token)
}

// fate is what a provider does with one request.
type fate uint8

const (
	fateWell fate = iota
	fateStatus
	fateSilent  // no answer, ever
	fateStall   // silent in the middle
	fateReset   // before the head
	fateBreak   // reset in the middle
	fateRefuse  // REFUSED_STREAM or the like
	fateHangUp  // close before the head
	fateCut     // close in the middle
	fateGoAway  // answer well, take no more
	fateLeave   // GOAWAY that leaves the request out
	fateGarbage // break the protocol
	fateShort   // end well framed, but without the finish of a stream
	fates
)

// serve plays the answer to a request that is complete.
func (r *rig) serve(a *ask, to reply) {
	w := r.w
	r.asks = append(r.asks, a)
	f := fateWell
	if !r.calm && w.RNG.Chance(30) {
		f = fate(w.RNG.Intn(int(fates)))
	}
	if r.fateOf != nil {
		f = r.fateOf(a)
	}
	if r.served != nil {
		r.served(a, to)
	}
	var steps []func()
	step := func(fn func()) { steps = append(steps, fn) }
	if r.fateOf == nil && w.RNG.Chance(5) {
		step(to.interim)
	}
	var body []byte
	switch {
	case a.stream:
		body = bytes.Join(eventAnswer(a.token, a.usage), nil)
	default:
		body = wholeAnswer(a.token, a.api)
	}
	if r.planted != nil {
		body = r.planted(a, body)
	}
	head := func(status, n int) {
		media := "application/json"
		if a.stream && status == 200 {
			media, n = "text/event-stream; charset=utf-8", -1
		} else if w.RNG.Chance(30) {
			n = -1
		}
		step(func() { to.head(status, media, n) })
	}
	// pieces sends b in parts, cut without regard to events.
	pieces := func(b []byte) {
		for n := 1 + w.RNG.Intn(6); len(b) > 0; n-- {
			k := len(b)
			if n > 1 {
				k = w.RNG.Between(1, len(b))
			}
			part := b[:k]
			step(func() { to.data(part) })
			b = b[k:]
		}
	}
	over := func(last func()) {
		step(func() { a.over = true; last() })
	}
	switch f {
	case fateWell, fateGoAway:
		if f == fateGoAway {
			step(to.goAway)
		}
		head(200, len(body))
		step(func() { a.cost = true })
		pieces(body)
		over(to.end)
	case fateStatus:
		status := []int{400, 401, 404, 429, 500, 503, 529}[w.RNG.Intn(7)]
		b := errorAnswer(a.token, status)
		head(status, len(b))
		pieces(b)
		over(to.end)
	case fateSilent:
	case fateStall, fateBreak, fateCut, fateShort:
		head(200, len(body))
		step(func() { a.cost = true })
		part := body[:w.RNG.Intn(len(body))]
		pieces(part)
		switch f {
		case fateBreak:
			over(to.reset)
		case fateCut:
			over(to.hangUp)
		case fateShort:
			if a.stream {
				over(to.end)
			} else {
				over(to.reset)
			}
		default:
		}
	case fateReset:
		over(to.reset)
	case fateRefuse:
		over(to.refuse)
	case fateHangUp:
		over(to.hangUp)
	case fateLeave:
		over(func() { to.refuse(); to.goAway() })
	case fateGarbage:
		over(to.garbage)
	default:
	}
	r.play(a, steps)
}

// play runs the steps one after the other, each after a while, until the request is over.
func (r *rig) play(a *ask, steps []func()) {
	if len(steps) == 0 {
		return
	}
	d := time.Duration(0)
	switch {
	case r.calm && !r.timed:
	case r.w.RNG.Chance(50):
		d = r.w.RNG.Duration(0, 2*time.Millisecond)
	case r.w.RNG.Chance(10):
		d = r.w.RNG.Duration(0, 1500*time.Millisecond)
	}
	r.w.After(d, func() {
		if a.over {
			return
		}
		steps[0]()
		r.play(a, steps[1:])
	})
}
