package gateway_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// operation is one thing that clients ask of providers: how the request looks, and what a provider answers.
type operation struct {
	name   string
	method string
	path   string // as the client asks; "%s" stands for the token
	form   form
	named  bool // the body names a model
	api    string
	media  string // of a whole answer; "" is JSON
	counts bool   // the gateway reads the usage of answers
	adds   bool   // it asks for the usage of streams where the client did not
	whole  func(x exchanged) []byte
	events func(x exchanged) []event // nil: it does not stream
}

// form is how a request's body is written.
type form uint8

const (
	formJSON form = iota
	formMultipart
	formNone
)

// exchanged is what an answer is made from: the request's token, and the mark of the one request at a provider that it answers.
type exchanged struct{ token, mark string }

// event is one event of a stream.
type event struct {
	bytes  []byte
	finish bool // the answer is whole with this one
	usage  bool // it is there because the usage was asked for
	spare  bool // a comment or the like, which says nothing
}

// operations by name; a new one is an entry here and one or more kinds in kinds_test.go.
var operations = []*operation{
	{name: "chat", path: "/v1/chat/completions", named: true, counts: true, adds: true, whole: wholeChat, events: chatEvents},
	{name: "completions", path: "/v1/completions", named: true, counts: true, adds: true, whole: wholeChat, events: chatEvents},
	{name: "responses", path: "/v1/responses", named: true, counts: true, whole: wholeResponse, events: responseEvents},
	{name: "messages", path: "/v1/messages", named: true, counts: true, api: "anthropic", whole: wholeMessage, events: messageEvents},
	{name: "count tokens", path: "/v1/messages/count_tokens", named: true, api: "anthropic", whole: wholeThing},
	{name: "embeddings", path: "/v1/embeddings", named: true, counts: true, whole: wholeEmbeddings},
	{name: "moderations", path: "/v1/moderations", named: true, whole: wholeThing},
	{name: "speech", path: "/v1/audio/speech", named: true, media: "audio/mpeg", whole: wholeBinary, events: doneEvents("speech.audio")},
	{name: "images", path: "/v1/images/generations", named: true, whole: wholeThing, events: imageEvents},
	{name: "image edits", path: "/v1/images/edits", named: true, form: formMultipart, whole: wholeThing, events: imageEvents},
	{name: "transcriptions", path: "/v1/audio/transcriptions", named: true, form: formMultipart, whole: wholeThing, events: doneEvents("transcript.text")},
	{name: "files create", path: "/v1/files", form: formMultipart, whole: wholeThing},
	{name: "files list", method: "GET", path: "/v1/files?after=%s", form: formNone, whole: wholeThing},
	{name: "files get", method: "GET", path: "/v1/files/%s", form: formNone, whole: wholeThing},
	{name: "files content", method: "GET", path: "/v1/files/%s/content", form: formNone, media: "application/octet-stream", whole: wholeBinary},
	{name: "files delete", method: "DELETE", path: "/v1/files/%s", form: formNone, whole: wholeThing},
	{name: "responses get", method: "GET", path: "/v1/responses/%s", form: formNone, whole: wholeResponse, events: responseEvents},
	{name: "responses cancel", method: "POST", path: "/v1/responses/%s/cancel", form: formNone, whole: wholeResponse},
}

var operationsByName = func() map[string]*operation {
	m := map[string]*operation{}
	for _, op := range operations {
		if op.method == "" {
			op.method = "POST"
		}
		if op.api == "" {
			op.api = "openai"
		}
		if op.media == "" {
			op.media = "application/json"
		}
		m[op.name] = op
	}
	return m
}()

// operationOf finds the operation of a request as a provider sees it: its base URL ends in /v1.
func operationOf(method, path, token string) *operation {
	path = strings.Replace(path, "/v1/v1/", "/v1/", 1)
	path, _, _ = strings.Cut(path, "&")
	if token != "" {
		path = strings.Replace(path, token, "%s", 1)
	}
	path = strings.TrimSuffix(path, "?stream=true")
	for _, op := range operations {
		if op.method == method && op.path == path {
			return op
		}
	}
	return nil
}

// Tokens stand in requests: "tok", a letter for the size of the answer, 8 hex digits, "z". Marks stand in answers: "mrk", 8 hex
// digits, "z".
const (
	tokenBytes = 3 + 1 + 8 + 1
	markBytes  = 3 + 8 + 1
)

func makeToken(size byte, n uint32) string { return fmt.Sprintf("tok%c%08xz", size, n) }
func makeMark(n int) string                { return fmt.Sprintf("mrk%08xz", n) }

// findToken returns the first token in b, or "".
func findToken(b []byte) string { return find(b, "tok", tokenBytes) }

// findMark returns the first mark in b, or "".
func findMark(b []byte) string { return find(b, "mrk", markBytes) }

func find(b []byte, begins string, n int) string {
	for {
		i := bytes.Index(b, []byte(begins))
		if i < 0 || len(b) < i+n {
			return ""
		}
		if b[i+n-1] == 'z' {
			return string(b[i : i+n])
		}
		b = b[i+1:]
	}
}

func tokenNumber(token string) int {
	n, _ := strconv.ParseUint(token[4:12], 16, 32)
	return int(n)
}

// size is how often the token is repeated in its answer.
func size(token string) int {
	switch n := tokenNumber(token); token[3] {
	case 'H':
		return 4000 + n%8000
	case 'B':
		return 1000 + n%1500
	default:
		return n % 24
	}
}

func inputTokens(token string) int  { return 1 + tokenNumber(token)%97 }
func outputTokens(token string) int { return 1 + tokenNumber(token)%89 }

func (x exchanged) text() string { return strings.Repeat(x.token+" ", size(x.token)) }

// wholeAnswer and eventAnswer are what a provider answers that puts no mark in.
func wholeAnswer(token, api string) []byte {
	if api == "anthropic" {
		return wholeMessage(exchanged{token: token})
	}
	return wholeChat(exchanged{token: token})
}

func eventAnswer(token string, usage bool) [][]byte {
	var out [][]byte
	for _, e := range chatEvents(exchanged{token: token}) {
		if usage || !e.usage {
			out = append(out, e.bytes)
		}
	}
	return out
}

func wholeChat(x exchanged) []byte {
	return fmt.Appendf(nil, `{"id":"%s","mark":"%s","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"%s"},"finish_reason":"stop"}],"usage":{"prompt_tokens":%d,"completion_tokens":%d}}`,
		x.token, x.mark, x.text(), inputTokens(x.token), outputTokens(x.token))
}

func wholeMessage(x exchanged) []byte {
	return fmt.Appendf(nil, `{"type":"message","id":"%s","mark":"%s","role":"assistant","content":[{"type":"text","text":"%s"}],"usage":{"input_tokens":%d,"output_tokens":%d}}`,
		x.token, x.mark, x.text(), inputTokens(x.token), outputTokens(x.token))
}

func wholeResponse(x exchanged) []byte {
	return fmt.Appendf(nil, `{"id":"%s","mark":"%s","object":"response","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"%s"}]}],"usage":{"input_tokens":%d,"output_tokens":%d}}`,
		x.token, x.mark, x.text(), inputTokens(x.token), outputTokens(x.token))
}

func wholeEmbeddings(x exchanged) []byte {
	return fmt.Appendf(nil, `{"id":"%s","mark":"%s","data":[{"object":"embedding","embedding":"%s"}],"usage":{"prompt_tokens":%d,"total_tokens":%d}}`,
		x.token, x.mark, x.text(), inputTokens(x.token), inputTokens(x.token))
}

func wholeThing(x exchanged) []byte {
	return fmt.Appendf(nil, `{"id":"%s","mark":"%s","things":"%s"}`, x.token, x.mark, x.text())
}

// wholeBinary is bytes that no parser of text should see.
func wholeBinary(x exchanged) []byte {
	b := []byte(x.token + x.mark)
	n := tokenNumber(x.token)
	for i := range size(x.token) * tokenBytes {
		b = append(b, byte(i*n>>3))
	}
	return b
}

// eventList builds a stream.
type eventList []event

func (l *eventList) add(name, format string, args ...any) *event {
	var b []byte
	if name != "" {
		b = append(append(append(b, "event: "...), name...), '\n')
	}
	b = fmt.Appendf(append(b, "data: "...), format, args...)
	*l = append(*l, event{bytes: append(b, "\n\n"...)})
	return &(*l)[len(*l)-1]
}

func (l *eventList) comment() {
	*l = append(*l, event{bytes: []byte(": the provider is at work\n\n"), spare: true})
}

func chatEvents(x exchanged) []event {
	l := make(eventList, 0, size(x.token)+4)
	head := `{"id":"` + x.token + `","mark":"` + x.mark + `","object":"chat.completion.chunk","choices":[`
	for i := range size(x.token) {
		l.add("", `%s{"index":0,"delta":{"content":"%s#%d"},"finish_reason":null}]}`, head, x.token, i)
		if i == 3 {
			l.comment()
		}
	}
	l.add("", `%s{"index":0,"delta":{},"finish_reason":"stop"}]}`, head).finish = true
	l.add("", `%s],"usage":{"prompt_tokens":%d,"completion_tokens":%d}}`, head, inputTokens(x.token), outputTokens(x.token)).usage = true
	l.add("", "[DONE]")
	return l
}

func responseEvents(x exchanged) []event {
	l := make(eventList, 0, size(x.token)+2)
	l.add("response.created", `{"type":"response.created","sequence_number":0,"id":"%s","mark":"%s"}`, x.token, x.mark)
	for i := range size(x.token) {
		l.add("response.output_text.delta", `{"type":"response.output_text.delta","sequence_number":%d,"mark":"%s","delta":"%s#%d"}`, i+1, x.mark, x.token, i)
	}
	l.add("response.completed", `{"type":"response.completed","sequence_number":%d,"response":{"id":"%s","mark":"%s","usage":{"input_tokens":%d,"output_tokens":%d}}}`,
		size(x.token)+1, x.token, x.mark, inputTokens(x.token), outputTokens(x.token)).finish = true
	return l
}

func messageEvents(x exchanged) []event {
	l := make(eventList, 0, size(x.token)+4)
	l.add("message_start", `{"type":"message_start","message":{"id":"%s","mark":"%s","usage":{"input_tokens":%d,"output_tokens":1}}}`, x.token, x.mark, inputTokens(x.token))
	l.add("ping", `{"type":"ping"}`)
	for i := range size(x.token) {
		l.add("content_block_delta", `{"type":"content_block_delta","index":0,"mark":"%s","delta":{"type":"text_delta","text":"%s#%d"}}`, x.mark, x.token, i)
	}
	l.add("message_delta", `{"type":"message_delta","mark":"%s","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":%d}}`, x.mark, outputTokens(x.token))
	l.add("message_stop", `{"type":"message_stop"}`).finish = true
	return l
}

// doneEvents is a stream of deltas that ends with an event "<name>.done".
func doneEvents(name string) func(exchanged) []event {
	return func(x exchanged) []event {
		l := make(eventList, 0, size(x.token)+1)
		for i := range size(x.token) {
			l.add("", `{"type":"%s.delta","mark":"%s","delta":"%s#%d"}`, name, x.mark, x.token, i)
		}
		l.add("", `{"type":"%s.done","mark":"%s","text":"%s"}`, name, x.mark, x.token).finish = true
		return l
	}
}

func imageEvents(x exchanged) []event {
	l := make(eventList, 0, size(x.token)+1)
	for i := range size(x.token) {
		l.add("image_generation.partial_image", `{"type":"image_generation.partial_image","mark":"%s","b64_json":"%s#%d"}`, x.mark, x.token, i)
	}
	l.add("image_generation.completed", `{"type":"image_generation.completed","mark":"%s","b64_json":"%s"}`, x.mark, x.token).finish = true
	return l
}

// errorAnswer is the body of a provider's own error.
func errorAnswer(x exchanged, api string, status int) []byte {
	if api == "anthropic" {
		return fmt.Appendf(nil, `{"type":"error","error":{"type":"simulated","message":"provider says %d to %s"},"mark":"%s"}`, status, x.token, x.mark)
	}
	return fmt.Appendf(nil, `{"error":{"message":"provider says %d to %s","type":"simulated","code":null,"param":null},"mark":"%s"}`, status, x.token, x.mark)
}

// errorEvent is how a provider ends a stream of this operation that goes wrong.
func errorEvent(x exchanged, op *operation) []byte {
	switch {
	case op.api == "anthropic":
		return fmt.Appendf(nil, "event: error\ndata: %s\n\n", errorAnswer(x, op.api, 529))
	case strings.HasPrefix(op.name, "responses"):
		return fmt.Appendf(nil, "event: error\ndata: {\"type\":\"error\",\"code\":\"simulated\",\"message\":\"provider says 500 to %s\",\"mark\":\"%s\",\"param\":null}\n\n", x.token, x.mark)
	}
	return fmt.Appendf(nil, "data: %s\n\n", errorAnswer(x, op.api, 500))
}
