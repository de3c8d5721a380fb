package sim

import (
	"os"
	"sort"
	"strings"
	"testing"
)

func fixture(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// paths lists the members of a value by path, with the kind of what they hold; all elements of an array share one path.
func paths(v any, at string, into map[string]map[string]bool) {
	kind := "null"
	switch x := v.(type) {
	case map[string]any:
		kind = "object"
		for k, e := range x {
			paths(e, at+"."+k, into)
		}
	case []any:
		kind = "array"
		for _, e := range x {
			paths(e, at+"[]", into)
		}
	case string:
		kind = "string"
	case float64:
		kind = "number"
	case bool:
		kind = "bool"
	}
	if into[at] == nil {
		into[at] = map[string]bool{}
	}
	into[at][kind] = true
}

// sameShape checks that an answer has the members that the vendor's has, and no others, each with a kind of value that
// the vendor's has or may be null. Paths that contain one of except are left out.
func sameShape(t *testing.T, what string, got, want []any, except ...string) {
	t.Helper()
	g, w := map[string]map[string]bool{}, map[string]map[string]bool{}
	for _, v := range got {
		paths(v, "", g)
	}
	for _, v := range want {
		paths(v, "", w)
	}
	skip := func(path string) bool {
		for _, e := range except {
			if strings.Contains(path, e) {
				return true
			}
		}
		return false
	}
	var problems []string
	for path, kinds := range w {
		if g[path] == nil {
			if !skip(path) {
				problems = append(problems, path+" is missing")
			}
			continue
		}
		for kind := range g[path] {
			if !kinds[kind] && kind != "null" && !kinds["null"] && !skip(path) {
				problems = append(problems, path+" is a "+kind)
			}
		}
	}
	for path := range g {
		if w[path] == nil && !skip(path) {
			problems = append(problems, path+" is not the vendor's")
		}
	}
	sort.Strings(problems)
	for _, p := range problems {
		t.Errorf("%s: %s", what, p)
	}
}

func values(t testing.TB, events []event) (all []any) {
	t.Helper()
	for _, e := range events {
		if e.data != "[DONE]" {
			all = append(all, parseJSON(t, e.data).v)
		}
	}
	return all
}

// names are the names of a stream's events without repetitions in a row.
func names(events []event) string {
	var list []string
	for _, e := range events {
		if n := len(list); n == 0 || list[n-1] != e.name {
			list = append(list, e.name)
		}
	}
	return strings.Join(list, " ")
}

const weatherTool = `{"type":"function","function":{"name":"get_weather","parameters":{"type":"object",` +
	`"properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}}}`

func TestShapesOfOpenAI(t *testing.T) {
	w := newWorld(t, Options{})
	whole := func(what, request, name string, except ...string) {
		t.Helper()
		r := w.ask(request)
		if r.status != 200 || r.fields["content-type"] != "application/json" || !r.ended {
			t.Fatalf("%s: %+v", what, r)
		}
		sameShape(t, what, []any{parseJSON(t, r.body).v}, []any{parseJSON(t, fixture(t, name)).v}, except...)
	}
	stream := func(what, request, name string, except ...string) {
		t.Helper()
		r := w.ask(request)
		if r.status != 200 || r.fields["content-type"] != "text/event-stream; charset=utf-8" || !r.ended {
			t.Fatalf("%s: %+v", what, r)
		}
		got, want := readEvents(t, r.body), readEvents(t, fixture(t, name))
		sameShape(t, what, values(t, got), values(t, want), except...)
		if g, w := names(got), names(want); g != w && !strings.Contains(name, "responses") {
			t.Errorf("%s: events %s, want %s", what, g, w)
		}
		if (want[len(want)-1].data == "[DONE]") != (got[len(got)-1].data == "[DONE]") {
			t.Errorf("%s: ends with %v", what, got[len(got)-1])
		}
	}
	whole("chat", chat("chat", ""), "chat-basic.response.json", "cache_write_tokens")
	whole("chat with tools", chat("chat", `,"tools":[`+weatherTool+`]`), "chat-tools.response.json",
		"service_tier", "system_fingerprint", "annotations", "_tokens")
	stream("chat stream", chat("chat", `,"stream":true,"stream_options":{"include_usage":true}`), "chat-stream.sse", "obfuscation")
	stream("chat stream with tools", chat("chat", `,"stream":true,"stream_options":{"include_usage":true},"tools":[`+weatherTool+`]`),
		"chat-tools-stream.sse", "service_tier", "system_fingerprint", "_tokens")
	whole("embeddings", post("/v1/embeddings", fixture(t, "embeddings-base64.request.json")), "embeddings-base64.response.json")
	whole("models", "GET /v1/models HTTP/1.1\r\nHost: sim\r\n\r\n", "models.response.json", "shutdown_date")
	responses := []string{"reasoning", "obfuscation", "access_programs", "summary", "encrypted_content", "phase", "verbosity"}
	whole("response", post("/v1/responses",
		strings.Replace(fixture(t, "responses-tools.request.json"), `"stream": true`, `"stream": false`, 1)),
		"responses-tools.response.json", responses...)
	r := w.ask(post("/v1/responses", `{"model":"chat","input":"Weather in Oslo?","stream":true,"tools":[{"type":"function","name":"f"}]}`))
	text := w.ask(post("/v1/responses", `{"model":"chat","input":"Hello","stream":true}`))
	got := append(values(t, readEvents(t, r.body)), values(t, readEvents(t, text.body))...)
	sameShape(t, "response stream", got, values(t, readEvents(t, fixture(t, "responses-stream.sse"))),
		append(responses, "completed_at", "prompt_cache_key", "safety_identifier", "max_tool_calls", "top_logprobs", "user", "tools[]")...)
}

func TestShapesOfAnthropic(t *testing.T) {
	w := newWorld(t, Options{})
	for _, version := range []string{"2023-06-01", "2026-10-21"} {
		ask := func(path, body string) reply {
			t.Helper()
			r := w.ask(post(path, body, "x-api-key", "k", "anthropic-version", version))
			if r.status != 200 || r.fields["request-id"] == "" {
				t.Fatalf("%+v", r)
			}
			return r
		}
		except := []string{"thinking", "signature", "output_tokens_details", "cache_creation"}
		r := ask("/v1/messages", fixture(t, "messages-basic.request.json"))
		sameShape(t, "message", []any{parseJSON(t, r.body).v}, []any{parseJSON(t, fixture(t, "messages-basic.response.json")).v}, except...)
		r = ask("/v1/messages", fixture(t, "messages-tools.request.json"))
		sameShape(t, "message with tools", []any{parseJSON(t, r.body).v}, []any{parseJSON(t, fixture(t, "messages-tools.response.json")).v}, except...)
		r = ask("/v1/messages/count_tokens", fixture(t, "count-tokens.request.json"))
		sameShape(t, "count", []any{parseJSON(t, r.body).v}, []any{parseJSON(t, fixture(t, "count-tokens.response.json")).v})

		r = ask("/v1/messages", `{"stream":true,`+fixture(t, "messages-basic.request.json")[1:])
		got, want := readEvents(t, r.body), readEvents(t, fixture(t, "message-text.sse"))
		sameShape(t, "message stream", values(t, got), values(t, want), except...)
		if names(got) != names(want) {
			t.Errorf("events %s, want %s", names(got), names(want))
		}
		for _, e := range got {
			if parseJSON(t, e.data).at("type") != e.name {
				t.Errorf("event %s holds %s", e.name, e.data)
			}
		}
		r = ask("/v1/messages", `{"stream":true,`+fixture(t, "messages-tools.request.json")[1:])
		sameShape(t, "message stream with tools", values(t, readEvents(t, r.body)), values(t, readEvents(t, fixture(t, "message-tools.sse"))),
			append(except, "text", "citations")...)
	}
}

func TestShapesOfErrors(t *testing.T) {
	w := newWorld(t, Options{})
	check := func(name string, r reply, fields ...string) {
		t.Helper()
		want := parseJSON(t, fixture(t, name))
		if float64(r.status) != want.at("status") {
			t.Errorf("%s: status %d", name, r.status)
		}
		sameShape(t, name, []any{parseJSON(t, r.body).v}, []any{want.at("body")})
		for _, f := range fields {
			if r.fields[f] == "" {
				t.Errorf("%s: no %s", name, f)
			}
		}
		if g, w := parseJSON(t, r.body).at("error.type"), want.at("body.error.type"); g != w && !(g == "requests" && w == "tokens") {
			t.Errorf("%s: type %v, want %v", name, g, w)
		}
	}
	check("openai-429.json", w.ask(chat("chat?error=429", "")), "retry-after", "x-request-id", "x-ratelimit-limit-requests",
		"x-ratelimit-remaining-requests", "x-ratelimit-reset-requests", "x-ratelimit-limit-tokens")
	message := func(model string) string {
		return post("/v1/messages", `{"model":"`+model+`","max_tokens":9,"messages":[{"role":"user","content":"x"}]}`, "anthropic-version", "2023-06-01")
	}
	r := w.ask(message("sim/chat?error=429"))
	check("anthropic-429.json", r, "retry-after", "request-id", "anthropic-ratelimit-requests-limit")
	if parseJSON(t, r.body).at("request_id") != r.fields["request-id"] {
		t.Error("two request ids")
	}
	check("anthropic-529.json", w.ask(message("chat?error=529")), "request-id", "x-should-retry")
}
