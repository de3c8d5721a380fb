package gateway_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// kind is a kind of request.
type kind = *requestKind

type requestKind struct {
	name   string
	weight int
	op     string // what a provider is asked; "" where the gateway answers by itself
	stream bool
	usage  bool // the client asks for the usage of the stream
	want   int  // the status where nothing goes wrong behind the gateway; 0 is 200
	large  bool // not for links that carry single bytes
	last   bool // the gateway closes the connection after its answer
	write  func(w *wire)
}

// wire is a request before it becomes bytes.
type wire struct {
	method, target, version string
	key                     string
	fields                  []string
	body                    []byte
	framing                 framing
	raw                     []byte // instead of all that
}

type framing uint8

const (
	framingLength framing = iota
	framingChunked
	framingExpect // Content-Length, and the body after 100 (Continue)
	framingNone
)

// requestKinds are all kinds of requests by weight; a new one is an entry here.
var requestKinds = []*requestKind{
	{name: "chat", weight: 30, op: "chat"},
	{name: "stream", weight: 30, op: "chat", stream: true},
	{name: "stream with usage", weight: 8, op: "chat", stream: true, usage: true},
	{name: "stream with options", weight: 4, op: "chat", stream: true},
	{name: "completions", weight: 3, op: "completions"},
	{name: "completions stream", weight: 4, op: "completions", stream: true},
	{name: "responses", weight: 8, op: "responses"},
	{name: "responses stream", weight: 12, op: "responses", stream: true},
	{name: "messages", weight: 10, op: "messages"},
	{name: "messages stream", weight: 14, op: "messages", stream: true},
	{name: "count tokens", weight: 2, op: "count tokens"},
	{name: "embeddings", weight: 5, op: "embeddings"},
	{name: "moderations", weight: 2, op: "moderations"},
	{name: "speech", weight: 3, op: "speech"},
	{name: "speech stream", weight: 3, op: "speech", stream: true},
	{name: "images stream", weight: 2, op: "images", stream: true},
	{name: "image edits", weight: 2, op: "image edits"},
	{name: "image edits stream", weight: 2, op: "image edits", stream: true},
	{name: "transcriptions", weight: 4, op: "transcriptions"},
	{name: "transcriptions stream", weight: 3, op: "transcriptions", stream: true},
	{name: "files create", weight: 4, op: "files create"},
	{name: "files list", weight: 2, op: "files list"},
	{name: "files get", weight: 2, op: "files get"},
	{name: "files content", weight: 4, op: "files content"},
	{name: "files delete", weight: 2, op: "files delete"},
	{name: "responses get", weight: 2, op: "responses get"},
	{name: "responses get stream", weight: 2, op: "responses get", stream: true, write: func(w *wire) { w.target += "?stream=true" }},
	{name: "responses cancel", weight: 2, op: "responses cancel"},
	{name: "chunked", weight: 8, op: "chat", write: func(w *wire) { w.framing = framingChunked }},
	{name: "chunked form", weight: 3, op: "files create", write: func(w *wire) { w.framing = framingChunked }},
	{name: "expect", weight: 6, op: "chat", write: func(w *wire) { w.framing = framingExpect }},
	{name: "expect stream", weight: 3, op: "messages", stream: true, write: func(w *wire) { w.framing = framingExpect }},
	{name: "1.0", weight: 4, op: "chat", last: true, write: func(w *wire) { w.version = "1.0" }},
	{name: "1.0 stream", weight: 4, op: "chat", stream: true, last: true, write: func(w *wire) { w.version = "1.0" }},
	{name: "1.0 keep-alive", weight: 4, op: "chat", write: func(w *wire) {
		w.version = "1.0"
		w.fields = append(w.fields, "Connection: keep-alive")
	}},
	{name: "connection close", weight: 3, op: "chat", last: true, write: func(w *wire) { w.fields = append(w.fields, "Connection: close") }},
	{name: "connection close stream", weight: 3, op: "responses", stream: true, last: true, write: func(w *wire) { w.fields = append(w.fields, "Connection: close") }},

	{name: "models", weight: 4, write: get("/v1/models")},
	{name: "model", weight: 3, write: get("/v1/models/both")},
	{name: "head", weight: 3, write: func(w *wire) { get("/v1/models")(w); w.method = "HEAD" }},
	{name: "head of a post", weight: 2, want: 405, write: func(w *wire) { get("/v1/chat/completions")(w); w.method = "HEAD" }},

	{name: "wrong key", weight: 2, want: 401, write: func(w *wire) { w.key = "sk-somebody-else" }},
	{name: "no key", weight: 2, want: 401, write: func(w *wire) { w.key = "" }},
	{name: "wrong key, expect", weight: 2, want: 401, last: true, write: func(w *wire) { w.key, w.framing = "sk-somebody-else", framingExpect }},
	{name: "wrong key, chunked", weight: 2, want: 401, last: true, write: func(w *wire) { w.key, w.framing = "sk-somebody-else", framingChunked }},
	{name: "wrong key, messages", weight: 2, want: 401, write: func(w *wire) { w.key, w.target = "sk-somebody-else", "/v1/messages" }},
	{name: "key twice", weight: 2, want: 400, write: func(w *wire) { w.fields = append(w.fields, "Authorization: Bearer "+goodKey) }},
	{name: "unknown model", weight: 3, want: 404, write: func(w *wire) { w.body = bytes.Replace(w.body, []byte(`"model":"`), []byte(`"model":"no`), 1) }},
	{name: "not found", weight: 2, want: 404, write: func(w *wire) { w.target = "/v1/nothing/here" }},
	{name: "unknown provider", weight: 2, want: 404, write: func(w *wire) {
		get("/v1/files/file-1")(w)
		w.fields = append(w.fields, "Penstock-Provider: nobody")
	}},
	{name: "method", weight: 2, want: 405, write: func(w *wire) { get("/v1/chat/completions")(w); w.method = "DELETE" }},
	{name: "half a JSON", weight: 2, want: 400, write: func(w *wire) { w.body = w.body[:len(w.body)/2] }},
	{name: "model twice", weight: 2, want: 400, write: func(w *wire) { w.body = append(w.body[:len(w.body)-1], `,"model":"both"}`...) }},
	{name: "no model", weight: 2, want: 400, write: func(w *wire) { w.body = []byte(`{"user":"nobody"}`) }},
	{name: "half a form", weight: 2, want: 400, write: func(w *wire) {
		w.target, w.fields = "/v1/files", append(w.fields, "Content-Type: multipart/form-data; boundary=b")
		w.body = []byte("--b\r\ncontent-disposition: form-data; name=file\r\n\r\nno end")
	}},
	{name: "encoded", weight: 2, want: 415, write: func(w *wire) { w.fields = append(w.fields, "Content-Encoding: gzip") }},
	{name: "too large", weight: 2, want: 413, large: true, last: true, write: func(w *wire) { w.body = bytes.Repeat([]byte("x"), bodyLimit+1) }},
	{name: "too large, chunked", weight: 2, want: 413, large: true, last: true, write: func(w *wire) {
		w.body, w.framing = bytes.Repeat([]byte("x"), bodyLimit+1), framingChunked
	}},
	{name: "malformed", weight: 2, want: 400, last: true, write: func(w *wire) { w.fields = append(w.fields, "content-length: 1", "bad header line") }},
	{name: "two lengths", weight: 2, want: 400, last: true, write: func(w *wire) { w.fields = append(w.fields, "Content-Length: 1") }},
	{name: "length and coding", weight: 2, want: 400, last: true, write: func(w *wire) { w.fields = append(w.fields, "Transfer-Encoding: chunked") }},
	{name: "bad chunk", weight: 2, want: 400, last: true, write: func(w *wire) {
		w.raw = []byte("POST /v1/chat/completions HTTP/1.1\r\nHost: gateway.test\r\nAuthorization: Bearer " + goodKey + "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"mod\r\nzz\r\n")
	}},
	{name: "unknown coding", weight: 2, want: 501, last: true, write: func(w *wire) {
		w.framing, w.body = framingNone, nil
		w.fields = append(w.fields, "Transfer-Encoding: gzip, chunked")
	}},
	{name: "unknown expectation", weight: 2, want: 417, last: true, write: func(w *wire) { w.fields = append(w.fields, "Expect: miracles") }},
	{name: "version", weight: 2, want: 505, last: true, write: func(w *wire) { w.version = "2.0" }},
	{name: "no host", weight: 2, want: 400, last: true, write: func(w *wire) {
		w.raw = []byte("GET /v1/models HTTP/1.1\r\nAuthorization: Bearer " + goodKey + "\r\n\r\n")
	}},
	{name: "no HTTP", weight: 2, want: 400, last: true, write: func(w *wire) { w.raw = []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n") }},
	{name: "many fields", weight: 2, want: 431, large: true, last: true, write: func(w *wire) {
		for i := range 120 {
			w.fields = append(w.fields, "x-"+strconv.Itoa(i)+": y")
		}
	}},
}

func get(target string) func(*wire) {
	return func(w *wire) {
		w.method, w.target, w.body, w.framing = "GET", target, nil, framingNone
	}
}

// kindNamed finds a kind for a test that needs this one.
func kindNamed(name string) kind {
	for _, k := range requestKinds {
		if k.name == name {
			return k
		}
	}
	panic("no kind of request " + name)
}

// Kinds that tests ask for by name.
var (
	kindChat        = kindNamed("chat")
	kindStream      = kindNamed("stream")
	kindStreamUsage = kindNamed("stream with usage")
	kindMessages    = kindNamed("messages")
	kindChunked     = kindNamed("chunked")
	kindModels      = kindNamed("models")
)

func (k *requestKind) String() string { return k.name }

// request is one request of a client.
type request struct {
	kind  kind
	op    *operation // nil where the gateway answers by itself
	model string
	token string
	body  []byte // as the client sends it, without framing
	wire  []byte
	after []byte // of framingExpect: the body, which is sent after 100 (Continue)
	noEnd bool   // HEAD
	api   string // whose form a refusal has
	old   bool   // HTTP/1.0
}

// want is the status that the request gets where nothing goes wrong behind the gateway.
func (q *request) want() int {
	if q.kind.want != 0 {
		return q.kind.want
	}
	return 200
}

// asks says that a provider answers.
func (q *request) asks() bool { return q.op != nil }

const boundary = "simulated-boundary"

func newRequest(k kind, model, token string) *request {
	q := &request{kind: k, model: model, token: token, op: operationsByName[k.op]}
	w := &wire{method: "POST", target: "/v1/chat/completions", version: "1.1", key: goodKey}
	filling := strings.Repeat("it ", tokenNumber(token)%200)
	if op := q.op; op != nil {
		w.method, w.target = op.method, strings.Replace(op.path, "%s", token, 1)
		switch op.form {
		case formNone:
			w.framing = framingNone
		case formMultipart:
			w.fields = append(w.fields, "Content-Type: multipart/form-data; boundary="+boundary)
			w.body = formBody(q, filling)
		}
		if op.api == "anthropic" {
			w.fields = append(w.fields, "anthropic-version: 2023-06-01")
		}
	}
	if q.op == nil || q.op.form == formJSON {
		w.body = fmt.Appendf(nil, `{"model":%q,"user":%q,"messages":[{"role":"user","content":"say %s\u00e9 \"quoted\" é"}],"temperature":1e0 }`, model, token, filling)
		more := ""
		if k.stream {
			more += `,"stream":true`
		}
		if k.usage {
			more += `,"stream_options":{"include_usage":true}`
		} else if k.name == "stream with options" {
			more += `,"stream_options":{"more":[1]}`
		}
		w.body = append(append(w.body[:len(w.body)-1], more...), '}')
	}
	if k.write != nil {
		k.write(w)
	}
	q.body, q.old, q.noEnd = w.body, w.version == "1.0", w.method == "HEAD"
	q.api = "openai"
	if strings.HasPrefix(w.target, "/v1/messages") {
		q.api = "anthropic"
	}
	q.wire = w.bytes(q)
	return q
}

// formBody is a form with the model, a field of every byte, and the token.
func formBody(q *request, filling string) []byte {
	var b []byte
	part := func(head, content string) {
		b = fmt.Appendf(b, "--%s\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n", boundary, head, content)
	}
	part(`name="purpose"`, "say "+filling)
	if q.op.named {
		part(`name="model"`, q.model)
	}
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	part("name=\"file\"; filename=\"x.bin\"\r\nContent-Type: application/octet-stream", q.token+string(every))
	if q.kind.stream {
		part(`name="stream"`, "true")
	}
	return append(b, "--"+boundary+"--\r\n"...)
}

// bytes is the request as it goes over the wire.
func (w *wire) bytes(q *request) []byte {
	if w.raw != nil {
		return w.raw
	}
	b := fmt.Appendf(nil, "%s %s HTTP/%s\r\nHost: gateway.test\r\nX-Pass: %s\r\n", w.method, w.target, w.version, q.token)
	if w.key != "" {
		b = fmt.Appendf(b, "Authorization: Bearer %s\r\n", w.key)
	}
	for _, f := range w.fields {
		b = append(append(b, f...), "\r\n"...)
	}
	switch w.framing {
	case framingNone:
		return append(b, "\r\n"...)
	case framingExpect:
		q.after = w.body
		return fmt.Appendf(b, "Expect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(w.body))
	case framingChunked:
		b = append(b, "Transfer-Encoding: chunked\r\n\r\n"...)
		for body := w.body; len(body) > 0; {
			n := min(len(body), 1+len(body)/2)
			b = fmt.Appendf(b, "%x;x=y\r\n%s\r\n", n, body[:n])
			body = body[n:]
		}
		return append(b, "0\r\nx-sum: 1\r\n\r\n"...)
	}
	return fmt.Appendf(b, "Content-Length: %d\r\n\r\n%s", len(w.body), w.body)
}

// atProvider is the body as a provider has to get it: the model is its own, the usage of a stream asked for, every other byte as it was.
func (q *request) atProvider(provider string) []byte {
	b := bytes.Clone(q.body)
	switch {
	case q.op.form == formMultipart && q.op.named:
		return bytes.Replace(b, []byte("\r\n\r\n"+q.model+"\r\n"), []byte("\r\n\r\nm-"+provider+"\r\n"), 1)
	case q.op.form != formJSON:
		return b
	}
	b = bytes.Replace(b, []byte(`"model":"`+q.model+`"`), []byte(`"model":"m-`+provider+`"`), 1)
	if q.op.adds && q.kind.stream && !q.kind.usage {
		if bytes.Contains(b, []byte(`"stream_options":{`)) {
			return bytes.Replace(b, []byte(`"stream_options":{`), []byte(`"stream_options":{"include_usage":true,`), 1)
		}
		b = append(b[:len(b)-1], `,"stream_options":{"include_usage":true}}`...)
	}
	return b
}
