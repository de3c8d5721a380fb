package e2e

import (
	"strings"
	"testing"
)

const bearer = "Authorization: Bearer " + clientKey + "\r\n"

// badInput is one request that no provider may see.
type badInput struct {
	name  string
	send  string
	line  string // status line of the answer
	want  complaint
	field string // "Name: value" that the answer has
	keep  bool   // the connection serves the next request
}

const (
	badRequest = "HTTP/1.1 400 Bad Request"
	inChat     = "POST /v1/chat/completions HTTP/1.1\r\n"
	inMessages = "POST /v1/messages HTTP/1.1\r\n"
)

func badInputs() []badInput {
	malformed := openAI("invalid_request_error", "bad_request", "")
	chat := func(body string, fields ...string) string {
		return request("POST", "/v1/chat/completions", body, fields...)
	}
	messages := func(body string, fields ...string) string {
		return request("POST", "/v1/messages", body, append(fields, "anthropic-version: 2023-06-01")...)
	}
	invalid := func(code, param string) complaint { return openAI("invalid_request_error", code, param) }
	const fine = `{"model":"fast","messages":[]}`
	return []badInput{
		// Malformed HTTP, one for each form; the table of raw requests has the rest (rawcases_test.go).
		{name: "two hosts", send: "GET /v1/models HTTP/1.1\r\nHost: x\r\nHost: y\r\n" + bearer + "\r\n", line: badRequest, want: malformed},
		{
			name: "two hosts, Anthropic's path", send: inMessages + "Host: x\r\nHost: y\r\n\r\n",
			line: badRequest, want: anthropic("invalid_request_error"),
		},
		{
			name: "coding that nobody knows", send: inChat + "Host: x\r\n" + bearer + "Transfer-Encoding: snappy, chunked\r\n\r\n0\r\n\r\n",
			line: "HTTP/1.1 501 Not Implemented", want: openAI("server_error", "bad_request", ""),
		},
		{
			name: "method that nobody knows", send: request("BREW", "/v1/models", ""),
			line: "HTTP/1.1 501 Not Implemented", want: openAI("server_error", "method_not_implemented", ""), keep: true,
		},

		// Too much of everything.
		{
			name: "head", send: "GET /v1/models HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 9<<10) + "\r\n\r\n",
			line: "HTTP/1.1 431 Request Header Fields Too Large", want: malformed,
		},
		{
			name: "fields", send: "GET /v1/models HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", 60) + "\r\n",
			line: "HTTP/1.1 431 Request Header Fields Too Large", want: malformed,
		},
		{
			name: "target", send: "GET /" + strings.Repeat("a", 9<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n",
			line: "HTTP/1.1 414 URI Too Long", want: malformed,
		},
		{
			name: "body, announced", send: inChat + "Host: x\r\n" + bearer + "Content-Length: 70000\r\n\r\n{",
			line: "HTTP/1.1 413 Content Too Large", want: invalid("request_too_large", ""),
		},
		{
			name: "body, announced and expected", send: inChat + "Host: x\r\n" + bearer + "Content-Length: 70000\r\nExpect: 100-continue\r\n\r\n",
			line: "HTTP/1.1 413 Content Too Large", want: invalid("request_too_large", ""),
		},
		{
			name: "body, in chunks",
			send: inChat + "Host: x\r\n" + bearer + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("3e8\r\n"+strings.Repeat("x", 1000)+"\r\n", 70),
			line: "HTTP/1.1 413 Content Too Large", want: invalid("request_too_large", ""),
		},
		{
			name: "body, announced by a chunk", send: inChat + "Host: x\r\n" + bearer + "Transfer-Encoding: chunked\r\n\r\n10001\r\n",
			line: "HTTP/1.1 413 Content Too Large", want: invalid("request_too_large", ""),
		},
		{
			name: "body, Anthropic's path", send: inMessages + "Host: x\r\n" + bearer + "Content-Length: 70000\r\n\r\n{",
			line: "HTTP/1.1 413 Content Too Large", want: anthropic("request_too_large"),
		},

		// Who asks.
		{
			name: "no key", send: strings.Replace(chat(fine), bearer, "", 1),
			line: "HTTP/1.1 401 Unauthorized", want: invalid("missing_api_key", ""), field: "WWW-Authenticate: Bearer", keep: true,
		},
		{
			name: "wrong key", send: strings.Replace(chat(fine), clientKey, unknownKey, 1),
			line: "HTTP/1.1 401 Unauthorized", want: invalid("invalid_api_key", ""), keep: true,
		},
		{
			name: "key that is right but for its end", send: strings.Replace(chat(fine), clientKey, clientKey+"0", 1),
			line: "HTTP/1.1 401 Unauthorized", want: invalid("invalid_api_key", ""), keep: true,
		},
		{
			name: "provider's key", send: strings.Replace(chat(fine), clientKey, openAIProviderKey, 1),
			line: "HTTP/1.1 401 Unauthorized", want: invalid("invalid_api_key", ""), keep: true,
		},
		{
			name: "basic credentials", send: strings.Replace(chat(fine), "Bearer "+clientKey, "Basic dGVhbTp0ZWFt", 1),
			line: "HTTP/1.1 401 Unauthorized", want: invalid("missing_api_key", ""), keep: true,
		},
		{
			name: "no key, Anthropic's path", send: strings.Replace(messages(fine), bearer, "", 1),
			line: "HTTP/1.1 401 Unauthorized", want: anthropic("authentication_error"), keep: true,
		},
		{
			name: "wrong key, Anthropic's path", send: strings.Replace(messages(fine), bearer, "x-api-key: "+unknownKey+"\r\n", 1),
			line: "HTTP/1.1 401 Unauthorized", want: anthropic("authentication_error"), keep: true,
		},
		{
			name: "key without this model",
			send: strings.Replace(chat(`{"model":"oai/chat","messages":[]}`), clientKey, narrowKey, 1),
			line: "HTTP/1.1 403 Forbidden", want: openAI("permission_error", "model_not_allowed", "model"), keep: true,
		},

		// What for.
		{
			name: "unknown path", send: request("POST", "/v1/chat/completion", "{}"),
			line: "HTTP/1.1 404 Not Found", want: invalid("unknown_url", ""), keep: true,
		},
		{
			name: "unknown path, Anthropic's", send: request("POST", "/v1/messages/none", "{}"),
			line: "HTTP/1.1 404 Not Found", want: anthropic("not_found_error"), keep: true,
		},
		{
			name: "unknown path, Anthropic's client", send: request("GET", "/none", "", "anthropic-version: 2026-10-21"),
			line: "HTTP/1.1 404 Not Found", want: anthropic("not_found_error"), keep: true,
		},
		{
			name: "wrong method", send: request("GET", "/v1/chat/completions", ""),
			line: "HTTP/1.1 405 Method Not Allowed", want: invalid("method_not_allowed", ""), field: "Allow: POST", keep: true,
		},
		{
			name: "wrong method with a body", send: request("POST", "/v1/models", `{"a":1}`),
			line: "HTTP/1.1 405 Method Not Allowed", want: invalid("method_not_allowed", ""), field: "Allow: GET, HEAD", keep: true,
		},
		{
			name: "wrong method, Anthropic's path", send: request("GET", "/v1/messages", ""),
			line: "HTTP/1.1 405 Method Not Allowed", want: anthropic("invalid_request_error"), field: "Allow: POST", keep: true,
		},
		{
			name: "encoded body", send: chat(fine, "Content-Encoding: gzip"),
			line: "HTTP/1.1 415 Unsupported Media Type", want: invalid("unsupported_content_encoding", ""), keep: true,
		},

		// JSON.
		{name: "no body", send: chat(""), line: badRequest, want: invalid("invalid_body", ""), keep: true},
		{name: "no JSON", send: chat("model=fast"), line: badRequest, want: invalid("invalid_body", ""), keep: true},
		{name: "half of it", send: chat(`{"model":"fast","messages":[`), line: badRequest, want: invalid("invalid_body", ""), keep: true},
		{name: "more than one", send: chat(fine + fine), line: badRequest, want: invalid("invalid_body", ""), keep: true},
		{name: "a list", send: chat("[" + fine + "]"), line: badRequest, want: invalid("invalid_body", ""), keep: true},
		{name: "null", send: chat("null"), line: badRequest, want: invalid("invalid_body", ""), keep: true},
		{name: "broken escape", send: chat(`{"model":"f\qst"}`), line: badRequest, want: invalid("invalid_body", "model"), keep: true},
		{
			name: "nesting without end", send: chat(`{"model":"fast","messages":` + strings.Repeat("[", 30_000)),
			line: badRequest, want: invalid("invalid_body", ""), keep: true,
		},
		{
			name: "half of it, Anthropic's path", send: messages(`{"model":"fast"`),
			line: badRequest, want: anthropic("invalid_request_error"), keep: true,
		},
		{
			name: "half of it, in chunks",
			send: inChat + "Host: x\r\n" + bearer + "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"m\r\n0\r\n\r\n",
			line: badRequest, want: invalid("invalid_body", ""), keep: true,
		},
		{
			name: "no model", send: chat(`{"messages":[]}`),
			line: badRequest, want: invalid("missing_required_parameter", "model"), keep: true,
		},
		{
			name: "empty model", send: chat(`{"model":"","messages":[]}`),
			line: badRequest, want: invalid("missing_required_parameter", "model"), keep: true,
		},
		{
			name: "no model, Anthropic's path", send: messages(`{"messages":[]}`),
			line: badRequest, want: anthropic("invalid_request_error"), keep: true,
		},
		{
			name: "model that is a number", send: chat(`{"model":5,"messages":[]}`),
			line: badRequest, want: invalid("invalid_body", "model"), keep: true,
		},
		{
			name: "unknown model", send: chat(`{"model":"gpt-none","messages":[]}`),
			line: "HTTP/1.1 404 Not Found", want: invalid("model_not_found", "model"), keep: true,
		},
		{
			name: "unknown provider", send: chat(`{"model":"nobody/chat","messages":[]}`),
			line: "HTTP/1.1 404 Not Found", want: invalid("model_not_found", "model"), keep: true,
		},
		{
			name: "unknown model, Anthropic's path", send: messages(`{"model":"none","max_tokens":1,"messages":[]}`),
			line: "HTTP/1.1 404 Not Found", want: anthropic("not_found_error"), keep: true,
		},
		{
			name: "unknown model in the path", send: request("GET", "/v1/models/none", ""),
			line: "HTTP/1.1 404 Not Found", want: invalid("model_not_found", "model"), keep: true,
		},
		{
			name: "form without a boundary", send: strings.Replace(request("POST", "/v1/audio/transcriptions", "--x\r\n"), "application/json", "multipart/form-data", 1),
			line: badRequest, want: invalid("invalid_body", ""), keep: true,
		},
	}
}

// TestBadInput: each fault gets one answer in its API's form, the right status, the right fate of the connection, and no provider
// hears of it.
func TestBadInput(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	g := startGateway(t, m.config(h2c, "bounds: {head: 8KiB, headers: 40, body: 64KiB}\n"))
	for _, in := range badInputs() {
		t.Run(in.name, func(t *testing.T) {
			w := dial(t, g.url)
			w.send(in.send)
			method, _, _ := strings.Cut(in.send, " ")
			a := w.answer(method)
			a.wantComplaint(t, in.line, in.want)
			if name, value, ok := strings.Cut(in.field, ": "); ok && a.header.Get(name) != value {
				t.Errorf("%s is %q, want %q", name, a.header.Get(name), value)
			}
			if in.keep {
				if a.closes {
					t.Error("the answer says that the connection ends")
				}
				w.wantOpen()
				return
			}
			if !a.closes {
				t.Error("the answer does not say that the connection ends")
			}
			w.wantEnd()
		})
	}
	if n := m.stats(t).Requests; n != 0 {
		t.Errorf("the provider saw %d requests", n)
	}
}
