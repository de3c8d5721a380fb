package sim

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math"
	"mime/multipart"
	"strconv"
	"strings"
	"testing"
)

func TestChatText(t *testing.T) {
	w := newWorld(t, Options{})
	o := parseJSON(t, w.ask(chat("sim/chat?tokens=5", "")).body)
	o.want("model", "sim/chat")
	o.want("object", "chat.completion")
	o.want("created", float64(startWall/1e9))
	o.want("choices.0.message.content", "This is the simulated provider")
	o.want("choices.0.finish_reason", "stop")
	o.want("usage.completion_tokens", 5.0)
	o.want("usage.prompt_tokens", float64((len(`[{"role":"user","content":"Hello"}]`)+3)/4))

	o = parseJSON(t, w.ask(chat("chat", `,"max_completion_tokens":3,"n":2`)).body)
	o.want("choices.1.message.content", "This is the")
	o.want("choices.1.finish_reason", "length")
	o.want("usage.completion_tokens", 6.0)

	// An encoder may escape the ampersand and the slash.
	o = parseJSON(t, w.ask(chat(`sim\/chat?tokens=2\u0026bytes=4`, "")).body)
	o.want("model", "sim/chat")
	o.want("choices.0.message.content", "This is.")

	said := "A \"quoted\" line\nand 🌍 \\"
	body := `{"model":"chat?echo","messages":[{"role":"user","content":[{"type":"text","text":"` + string(appendEscaped(nil, said)) + `"}]}]`
	parseJSON(t, w.ask(post("/v1/chat/completions", body+`}`)).body).want("choices.0.message.content", said)
	if got := contentOf(t, w.ask(post("/v1/chat/completions", body+`,"stream":true}`)).body); got != said {
		t.Errorf("streamed echo is %q", got)
	}
	for n := range 3 * len(words) {
		joined := ""
		for i := range n {
			joined += string(appendToken(nil, i, 0))
		}
		if joined != wholeText(n) {
			t.Fatalf("%d tokens: %q, want %q", n, wholeText(n), joined)
		}
	}
	w.idle()
}

func TestChatStream(t *testing.T) {
	w := newWorld(t, Options{})
	for _, more := range []string{``, `,"stream_options":{"include_usage":true}`, `,"stream_options":{"include_usage":false}`, `,"n":3`} {
		usage, choices := strings.Contains(more, "true"), 1
		if strings.Contains(more, `"n"`) {
			choices = 3
		}
		r := w.ask(chat("chat?tokens=40", `,"stream":true`+more))
		events := readEvents(t, r.body)
		text := make([]string, choices)
		finished, usages := 0, 0
		for i, e := range events[:len(events)-1] {
			o := parseJSON(t, e.data)
			if o.has("usage") != usage {
				t.Fatalf("%s: %s", more, e.data)
			}
			if o.at("usage") != nil {
				usages++
				if i != len(events)-2 || len(o.at("choices").([]any)) != 0 {
					t.Errorf("usage in event %d: %s", i, e.data)
				}
				o.want("usage.completion_tokens", 40.0)
				continue
			}
			index := int(o.at("choices.0.index").(float64))
			if s, ok := o.at("choices.0.delta.content").(string); ok {
				text[index] += s
			}
			if o.at("choices.0.finish_reason") == "stop" {
				finished++
			}
		}
		for i := range text {
			if text[i] != wholeText(40) {
				t.Errorf("%s: choice %d: %q", more, i, text[i])
			}
		}
		if finished != choices || (usages == 1) != usage || events[len(events)-1].data != "[DONE]" {
			t.Errorf("%s: %d finished, %d usages", more, finished, usages)
		}
	}
	w.idle()
}

func TestToolCalls(t *testing.T) {
	w := newWorld(t, Options{})
	two := `,{"type":"function","function":{"name":"other","parameters":{}}}`
	ask := func(messages, more string) object {
		t.Helper()
		return parseJSON(t, w.ask(post("/v1/chat/completions", `{"model":"chat","messages":[`+messages+`],"tools":[`+weatherTool+two+`]`+more+`}`)).body)
	}
	user := `{"role":"user","content":"Weather in Paris and Tokyo?"}`
	o := ask(user, "")
	o.want("choices.0.finish_reason", "tool_calls")
	o.want("choices.0.message.content", nil)
	o.want("choices.0.message.tool_calls.0.function.name", "get_weather")
	o.want("choices.0.message.tool_calls.0.function.arguments", `{"city":"Paris"}`)
	o.want("choices.0.message.tool_calls.1.function.arguments", `{"city":"Tokyo"}`)
	if o.at("choices.0.message.tool_calls.0.id") == o.at("choices.0.message.tool_calls.1.id") {
		t.Error("both calls have one id")
	}
	o = ask(user, `,"parallel_tool_calls":false`)
	o.want("choices.0.message.tool_calls.1", nil)
	o = ask(user, `,"tool_choice":{"type":"function","function":{"name":"other"}}`)
	o.want("choices.0.message.tool_calls.0.function.name", "other")
	o.want("choices.0.message.tool_calls.0.function.arguments", "{}")
	o = ask(user, `,"tool_choice":"none"`)
	o.want("choices.0.finish_reason", "stop")
	o = ask(user, `,"tool_choice":{"type":"function","function":{"name":"third"}}`)
	o.want("error.param", "tool_choice")
	call := `,{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"get_weather","arguments":"{}"}}]}`
	o = ask(user+call+`,{"role":"tool","tool_call_id":"c","content":"24 C"}`, "")
	o.want("choices.0.finish_reason", "stop")
	o = parseJSON(t, w.ask(chat("chat?tool=2", "")).body)
	o.want("choices.0.message.tool_calls.1.function.arguments", `{"city":"Nairobi"}`)
	o = parseJSON(t, w.ask(chat("chat?tool=0", `,"tools":[`+weatherTool+`]`)).body)
	o.want("choices.0.finish_reason", "stop")

	// The pieces of a stream make the same arguments.
	arguments := map[float64]string{}
	for _, e := range readEvents(t, w.ask(post("/v1/chat/completions", `{"model":"chat","stream":true,"messages":[`+user+`],"tools":[`+weatherTool+`]}`)).body) {
		if e.data == "[DONE]" {
			continue
		}
		o := parseJSON(t, e.data)
		if s, ok := o.at("choices.0.delta.tool_calls.0.function.arguments").(string); ok {
			arguments[o.at("choices.0.delta.tool_calls.0.index").(float64)] += s
		}
	}
	if arguments[0] != `{"city":"Paris"}` || arguments[1] != `{"city":"Tokyo"}` {
		t.Errorf("streamed arguments are %v", arguments)
	}
	w.idle()
}

func TestMessagesToolCalls(t *testing.T) {
	w := newWorld(t, Options{})
	ask := func(content, more string) reply {
		t.Helper()
		return w.ask(post("/v1/messages", `{"model":"m","max_tokens":100,"messages":[{"role":"user","content":`+content+`}],"tools":[{"name":"get_weather",`+
			`"input_schema":{"type":"object","properties":{"city":{"type":"string"}}}},{"name":"list","input_schema":{"type":"object"}}]`+more+`}`,
			"anthropic-version", "2026-10-21"))
	}
	o := parseJSON(t, ask(`"Is it warm in Rome or Oslo?"`, "").body)
	o.want("stop_reason", "tool_use")
	o.want("content.0.input.city", "Rome")
	o.want("content.1.input.city", "Oslo")
	o = parseJSON(t, ask(`"Is it warm in Rome or Oslo?"`, `,"tool_choice":{"type":"auto","disable_parallel_tool_use":true}`).body)
	o.want("content.1", nil)
	o = parseJSON(t, ask(`"x"`, `,"tool_choice":{"type":"none"}`).body)
	o.want("stop_reason", "end_turn")
	o = parseJSON(t, ask(`[{"type":"tool_result","tool_use_id":"t","content":"24 C"}]`, "").body)
	o.want("content.0.text", wholeText(defaultTokens))
	o = parseJSON(t, ask(`[{"type":"tool_result","tool_use_id":"t","content":"24 C"},{"type":"text","text":"Again."}]`, "").body)
	o.want("stop_reason", "tool_use")

	r := ask(`"Is it warm in Rome or Oslo?"`, `,"stream":true`)
	inputs, open := map[float64]string{}, -1.0
	for _, e := range readEvents(t, r.body) {
		o := parseJSON(t, e.data)
		switch e.name {
		case "content_block_start":
			if open != -1 {
				t.Error("a block starts within another")
			}
			open = o.at("index").(float64)
		case "content_block_delta":
			o.want("index", open)
			inputs[open] += o.at("delta.partial_json").(string)
		case "content_block_stop":
			o.want("index", open)
			open = -1
		}
	}
	if inputs[0] != `{"city":"Rome"}` || inputs[1] != `{"city":"Oslo"}` {
		t.Errorf("inputs are %v", inputs)
	}
	r = ask(`"x"`, `,"stream":true,"tool_choice":{"type":"tool","name":"list"}`)
	if countOf(r.body, "partial_json") != 1 || countOf(r.body, `"partial_json":""`) != 1 {
		t.Errorf("a call without arguments: %s", r.body)
	}
}

func TestResponsesStream(t *testing.T) {
	w := newWorld(t, Options{})
	check := func(body, order string) []event {
		t.Helper()
		r := w.ask(post("/v1/responses", body))
		events := readEvents(t, r.body)
		for i, e := range events {
			o := parseJSON(t, e.data)
			o.want("type", e.name)
			o.want("sequence_number", float64(i))
		}
		if got := names(events); got != order {
			t.Errorf("%s:\n got %s\nwant %s", body, got, order)
		}
		return events
	}
	const start = "response.created response.in_progress "
	const text = "response.output_item.added response.content_part.added response.output_text.delta response.output_text.done " +
		"response.content_part.done response.output_item.done "
	const call = "response.output_item.added response.function_call_arguments.delta response.function_call_arguments.done response.output_item.done "
	events := check(`{"model":"chat?tokens=4","input":"Hi","stream":true}`, start+text+"response.completed")
	last := parseJSON(t, events[len(events)-1].data)
	last.want("response.output.0.content.0.text", wholeText(4))
	last.want("response.usage.output_tokens", 4.0)
	last.want("response.id", parseJSON(t, events[0].data).at("response.id"))
	events = check(`{"model":"chat","input":[{"role":"user","content":"Hi"}],"stream":true,"max_output_tokens":2}`, start+text+"response.incomplete")
	parseJSON(t, events[len(events)-1].data).want("response.incomplete_details.reason", "max_output_tokens")
	tools := `,"tools":[{"type":"web_search"},{"type":"function","name":"f","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}]`
	events = check(`{"model":"chat","input":[{"role":"user","content":[{"type":"input_text","text":"Rome and Oslo?"}]}],"stream":true`+tools+`}`,
		start+call+call+"response.completed")
	last = parseJSON(t, events[len(events)-1].data)
	last.want("response.output.1.arguments", `{"city":"Oslo"}`)
	last.want("response.output.1.type", "function_call")
	check(`{"model":"chat","input":[{"type":"function_call_output","call_id":"c","output":"24 C"}],"stream":true`+tools+`}`, start+text+"response.completed")
	events = check(`{"model":"chat?fail=1","input":"Hi","stream":true`+`}`, start+
		"response.output_item.added response.content_part.added response.output_text.delta error")
	parseJSON(t, events[len(events)-1].data).want("code", "server_is_overloaded")
	check(`{"model":"chat?fail=2","input":"Oslo?","stream":true`+tools+`}`, start+"response.output_item.added response.function_call_arguments.delta error")
}

func TestStructuredOutput(t *testing.T) {
	w := newWorld(t, Options{})
	schema := `{"type":"object","properties":{"name":{"type":"string"},"population":{"type":"integer"}},"required":["name","population"]}`
	want := `{"name":"simulated","population":1}`
	o := parseJSON(t, w.ask(chat("c", `,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":`+schema+`}}`)).body)
	o.want("choices.0.message.content", want)
	if got := contentOf(t, w.ask(chat("c", `,"stream":true,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":`+schema+`}}`)).body); got != want {
		t.Errorf("streamed %q", got)
	}
	parseJSON(t, w.ask(chat("c", `,"response_format":{"type":"json_object"}`)).body).want("choices.0.message.content", `{"answer":"simulated"}`)
	o = parseJSON(t, w.ask(post("/v1/responses", `{"model":"c","input":"x","text":{"format":{"type":"json_schema","name":"x","schema":`+schema+`}}}`)).body)
	o.want("output.0.content.0.text", want)
	o = parseJSON(t, w.ask(post("/v1/messages", `{"model":"c","max_tokens":99,"messages":[{"role":"user","content":"x"}],"output_config":{"format":`+
		`{"type":"json_schema","schema":`+schema+`}}}`, "anthropic-version", "2026-10-21")).body)
	o.want("content.0.text", want)
}

func TestCompletions(t *testing.T) {
	w := newWorld(t, Options{})
	o := parseJSON(t, w.ask(post("/v1/completions", `{"model":"c?tokens=3","prompt":"Say","n":2}`)).body)
	o.want("object", "text_completion")
	o.want("choices.1.text", wholeText(3))
	r := w.ask(post("/v1/completions", `{"model":"c?tokens=3","prompt":"Say","stream":true,"stream_options":{"include_usage":true}}`))
	text := ""
	events := readEvents(t, r.body)
	for _, e := range events[:len(events)-1] {
		if s, ok := parseJSON(t, e.data).at("choices.0.text").(string); ok {
			text += s
		}
	}
	if text != wholeText(3) || countOf(r.body, `"completion_tokens":3`) != 1 || countOf(r.body, `"usage":null`) != 4 {
		t.Errorf("%s", r.body)
	}
}

func TestEmbeddings(t *testing.T) {
	w := newWorld(t, Options{})
	ask := func(body string) object {
		t.Helper()
		return parseJSON(t, w.ask(post("/v1/embeddings", body)).body)
	}
	floats := ask(`{"model":"e","input":["one","two"],"dimensions":64}`)
	packed := ask(`{"model":"e","input":"two","dimensions":64,"encoding_format":"base64"}`)
	raw, err := base64.StdEncoding.DecodeString(packed.at("data.0.embedding").(string))
	if err != nil || len(raw) != 4*64 {
		t.Fatal(len(raw), err)
	}
	var sum float64
	for i := range 64 {
		v := math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		if got := floats.at("data.1.embedding." + strconv.Itoa(i)).(float64); float32(got) != v {
			t.Fatalf("component %d is %v as a number and %v in base64", i, got, v)
		}
		sum += float64(v) * float64(v)
	}
	if math.Abs(sum-1) > 0.001 {
		t.Errorf("length %v", math.Sqrt(sum))
	}
	if floats.at("data.0.embedding.0") == floats.at("data.1.embedding.0") {
		t.Error("two inputs have one vector")
	}
	if n := len(ask(`{"model":"e?dims=5","input":[1,2,3]}`).at("data").([]any)); n != 1 {
		t.Errorf("%d vectors for one list of tokens", n)
	}
	if n := len(ask(`{"model":"e","input":[[1],[2,3]]}`).at("data.1.embedding").([]any)); n != defaultDimensions {
		t.Errorf("%d dimensions", n)
	}
	ask(`{"model":"e","input":[]}`).want("error.param", "input")
	ask(`{"model":"e","input":"x","encoding_format":"hex"}`).want("error.param", "encoding_format")
	ask(`{"model":"e","input":"x","dimensions":0}`).want("error.param", "dimensions")
	ask(`{"model":"e"}`).want("error.param", "input")
	w.idle()
}

func multipartForm(path string, parts ...string) string {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		if parts[i] == "file" {
			f, _ := m.CreateFormFile("file", "a.wav")
			_, _ = f.Write([]byte(parts[i+1]))
		} else {
			_ = m.WriteField(parts[i], parts[i+1])
		}
	}
	_ = m.Close()
	return "POST " + path + " HTTP/1.1\r\nHost: sim\r\nContent-Type: " + m.FormDataContentType() + "\r\nContent-Length: " +
		strconv.Itoa(b.Len()) + "\r\n\r\n" + b.String()
}

func TestMedia(t *testing.T) {
	w := newWorld(t, Options{})
	o := parseJSON(t, w.ask(post("/v1/images/generations", `{"prompt":"x","n":2}`)).body)
	if png, err := base64.StdEncoding.DecodeString(o.at("data.1.b64_json").(string)); err != nil || !bytes.HasPrefix(png, []byte("\x89PNG\r\n\x1a\n")) {
		t.Errorf("%q %v", png, err)
	}
	r := w.ask(post("/v1/audio/speech", `{"model":"tts","input":"x","voice":"v"}`))
	if r.fields["content-type"] != "audio/wav" || !strings.HasPrefix(r.body, "RIFF") || len(r.body) != 44+waveSamples ||
		int(binary.LittleEndian.Uint32([]byte(r.body[4:])))+8 != len(r.body) {
		t.Errorf("%q", r.body[:44])
	}
	sound := strings.Repeat("\r\n--", 5000)
	parseJSON(t, w.ask(multipartForm("/v1/audio/transcriptions", "file", sound, "model", "whisper?tokens=3")).body).want("text", wholeText(3))
	r = w.ask(multipartForm("/v1/audio/transcriptions", "model", "whisper?tokens=3", "response_format", "text", "file", sound))
	if r.body != wholeText(3)+"\n" || r.fields["content-type"] != "text/plain; charset=utf-8" {
		t.Errorf("%+v", r)
	}
	r = w.ask(multipartForm("/v1/audio/transcriptions", "model", "whisper?tokens=3", "stream", "true", "file", sound))
	events := readEvents(t, r.body)
	parseJSON(t, events[len(events)-1].data).want("text", wholeText(3))
	if len(events) != 4 {
		t.Errorf("%d events", len(events))
	}
	for _, request := range []string{
		multipartForm("/v1/audio/transcriptions", "model", "m"), multipartForm("/v1/audio/transcriptions", "file", "x"),
		post("/v1/audio/transcriptions", "{}"), multipartForm("/v1/files", "purpose", "x"),
	} {
		if r := w.ask(request); r.status != 400 {
			t.Errorf("status %d for %q", r.status, request)
		}
	}
	o = parseJSON(t, w.ask(multipartForm("/v1/files", "purpose", "user_data", "file", sound)).body)
	o.want("bytes", float64(len(sound)))
	o.want("filename", "a.wav")
	get := func(line string) reply { return w.ask(line + " HTTP/1.1\r\nHost: sim\r\n\r\n") }
	parseJSON(t, get("GET /v1/files/file-1").body).want("id", "file-1")
	parseJSON(t, get("DELETE /v1/files/file-1").body).want("deleted", true)
	if r := get("GET /v1/files/file-1/content"); r.body != wordsText {
		t.Errorf("%+v", r)
	}
	parseJSON(t, get("GET /v1/models/sim/chat").body).want("id", "sim/chat")
	parseJSON(t, w.ask("GET /v1/models HTTP/1.1\r\nHost: s\r\nanthropic-version: 2023-06-01\r\n\r\n").body).want("data.0.type", "model")
	o = parseJSON(t, w.ask(post("/v1/moderations", `{"input":["a","b"]}`)).body)
	o.want("results.1.categories.self-harm/intent", false)
	if r := get("GET /v1/responses/resp_1"); r.status != 404 {
		t.Errorf("%+v", r)
	}
	parseJSON(t, w.ask(post("/v1/responses/input_tokens", `{"model":"c","input":"12345678"}`)).body).want("input_tokens", 3.0)
	w.idle()
}
