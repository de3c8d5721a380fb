package dialect

import (
	"strings"
	"testing"
)

func usageOf(api API, pieces ...[]byte) Usage {
	var s UsageScanner
	s.Reset(api)
	for _, p := range pieces {
		s.Feed(p)
	}
	return s.Usage()
}

func TestUsageFixtures(t *testing.T) {
	want := map[string]Usage{
		"openai/chat-basic.response.json":            {Input: 1061, CachedInput: 1024, Output: 40, Reasoning: 32, Total: 1101, Seen: true},
		"openai/chat-tools.response.json":            {Input: 240, CachedInput: 128, Output: 18, Total: 258, Seen: true},
		"openai/embeddings-base64.response.json":     {Input: 9, Total: 9, Seen: true},
		"openai/models.response.json":                {},
		"openai/responses-tools.response.json":       {Input: 301, CachedInput: 256, Output: 44, Reasoning: 30, Total: 345, Seen: true},
		"openai/chat-stream.sse":                     {Input: 23, Output: 9, Total: 32, Seen: true},
		"openai/chat-tools-stream.sse":               {Input: 88, Output: 41, Total: 129, Seen: true},
		"openai/chat-refusal-stream.sse":             {},
		"openai/chat-n2-logprobs-stream.sse":         {},
		"openai/chat-midstream-error.sse":            {},
		"openai/compat-reasoning-content-stream.sse": {Input: 12, Output: 9, Reasoning: 6, Total: 21, Seen: true},
		"openai/compat-reasoning-crlf-stream.sse":    {Input: 5, Output: 3, Total: 8, Seen: true},
		"openai/responses-stream-error.sse":          {},
		"anthropic/count-tokens.response.json":       {},
		"anthropic/messages-basic.response.json":     {Input: 37, CachedInput: 1024, Output: 40, Reasoning: 32, Total: 1101, Seen: true},
		"anthropic/messages-tools.response.json":     {Input: 112, CachedInput: 128, Output: 48, Reasoning: 20, Total: 288, Seen: true},
		"anthropic/stream-tools-thinking.sse":        {Input: 64, CachedInput: 1024, Output: 121, Reasoning: 31, Total: 1209, Seen: true},
		"anthropic/stream-server-tool-citations.sse": {Input: 2400, Output: 60, Total: 2460, Seen: true},
	}
	all := fixtures(t, ".sse")
	for name, b := range fixtures(t, ".response.json") {
		all[name] = b
	}
	for name, b := range all {
		api := APIOpenAI
		if strings.HasPrefix(name, "anthropic") {
			api = APIAnthropic
		}
		whole := usageOf(api, b)
		if w, ok := want[name]; ok && whole != w {
			t.Errorf("%s: %+v, want %+v", name, whole, w)
		}
		if strings.Contains(strings.ReplaceAll(string(b), " ", ""), `"usage":{`) != whole.Seen && !strings.Contains(name, "embeddings") {
			t.Errorf("%s: %+v", name, whole)
		}
		splits(b, func(pieces [][]byte) {
			if got := usageOf(api, pieces...); got != whole {
				t.Fatalf("%s in %d pieces, the first %d bytes: %+v, want %+v", name, len(pieces), len(pieces[0]), got, whole)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	is := func(api API, body string, want Usage) {
		t.Helper()
		splits([]byte(body), func(pieces [][]byte) {
			t.Helper()
			if got := usageOf(api, pieces...); got != want {
				t.Fatalf("%s\nin %d pieces, the first %d bytes:\ngot  %+v\nwant %+v", body, len(pieces), len(pieces[0]), got, want)
			}
		})
	}
	five := Usage{Input: 5, Output: 2, Total: 7, Seen: true}
	// Wherever it stands.
	is(APIOpenAI, `{"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}`, five)
	is(APIOpenAI, "\n\n\n"+` { "usage" : { "prompt_tokens" : 5 , "completion_tokens" : 2 , "x" : [ { } ] } } `, five)
	is(APIOpenAI, `[{"usage":{"prompt_tokens":5,"completion_tokens":2}}]`, five)
	is(APIOpenAI, string(sse(`data: {"choices":[{"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}]}`, "data: [DONE]")), five)
	is(APIOpenAI, string(sse(`data: {"x_groq":{"id":"r","usage":{"queue_time":0.1,"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}}`)), five)
	is(APIOpenAI, string(sse(`data: {"usage":{"prompt_tokens":5,"completion_tokens":1}}`, `data: {"usage":{"completion_tokens":2,"prompt_tokens":null,"total_tokens":7}}`, `data: {"usage":null}`)), five)
	// Numbers.
	is(APIOpenAI, `{"usage":{"prompt_tokens":5.0,"completion_tokens":2.9,"total_tokens":0.7e1}}`, five)
	is(APIOpenAI, `{"usage":{"prompt_tokens":-5,"completion_tokens":"2","total_tokens":[7]}}`, Usage{})
	is(APIOpenAI, `{"usage":{"prompt_tokens":99999999999999999999,"total_tokens":1e99}}`, Usage{Input: 1 << 52, Total: 1 << 52, Seen: true})
	// Details.
	is(APIOpenAI, `{"usage":{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":3,"cache_write_tokens":1,"x":{"cached_tokens":9}},"completion_tokens":2,"completion_tokens_details":null}}`,
		Usage{Input: 5, CachedInput: 3, CacheWrite: 1, Output: 2, Total: 7, Seen: true})
	is(APIOpenAI, `{"usage":{"prompt_tokens":5,"completion_tokens":2,"prompt_cache_hit_tokens":3}}`, Usage{Input: 5, CachedInput: 3, Output: 2, Total: 7, Seen: true})
	is(APIAnthropic, `{"usage":{"input_tokens":1,"cache_creation_input_tokens":2,"cache_read_input_tokens":3,"cache_creation":{"input_tokens":9},"output_tokens":4,"iterations":[{"input_tokens":8}]}}`,
		Usage{Input: 1, CacheWrite: 2, CachedInput: 3, Output: 4, Total: 10, Seen: true})
	// What looks like usage and is not.
	is(APIOpenAI, `{"content":"say \"usage\":{\"prompt_tokens\":9} and \"usage","usage":{"prompt_tokens":5,"completion_tokens":2}}`, five)
	is(APIOpenAI, `{"a\"usage":{"prompt_tokens":9},"type":"usage","x":["usage"],"usage_x":{"prompt_tokens":9},"usage":"none","xusage":{"total_tokens":1}}`, Usage{})
	is(APIOpenAI, `{"a":"\\"usage":{"prompt_tokens":9}}`, Usage{})
	is(APIOpenAI, `{"tools":[{"parameters":{"properties":{"usage":{"type":"object","properties":{"prompt_tokens":{"type":"integer"}}}}}}]}`, Usage{})
	is(APIOpenAI, `{"usage":{"type":"duration","seconds":3}}`, Usage{})
	// A tool's input is JSON of the model's making.
	is(APIAnthropic, `{"content":[{"type":"tool_use","input":{"usage":{"input_tokens":900,"cache_read_input_tokens":9,"output_tokens":1}}}],"usage":{"input_tokens":5,"output_tokens":2}}`, five)
	is(APIAnthropic, string(sse("event: message_start\n"+`data: {"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1}}}`,
		"event: content_block_start\n"+`data: {"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","input":{"usage":{"input_tokens":0,"output_tokens":0}}}}`,
		"event: message_delta\n"+`data: {"type":"message_delta","delta":{},"usage":{"input_tokens":null,"output_tokens":2}}`)), five)
	is(APIOpenAI, string(sse(`data: {"usage":{"input_tokens":5,"output_tokens":2}}`,
		"event: response.output_item.done\n"+`data: {"type":"response.output_item.done","item":{"tools":[{"usage":{"input_tokens":0}}]}}`)), five)
	// Broken and large objects are passed over, whatever the split; what follows counts.
	is(APIOpenAI, string(sse(`data: {"usage":{"prompt_tokens":9`, `data: {"usage":{"prompt_tokens":5,"completion_tokens":2}}`)), five)
	is(APIOpenAI, string(sse(`data: {"usage":{prompt_tokens:9,"usage":{"prompt_tokens":1}}`, `data: {"usage":{"prompt_tokens":5,"completion_tokens":2}}`)), five)
	is(APIOpenAI, `{"usage":{"prompt_tokens":5 "x":1},"a":{"usage":{"prompt_tokens":5,"completion_tokens":2}}}`, five)
	large := []byte(`{"usage":{"prompt_tokens":9,"x":"` + strings.Repeat(`}\"`, usageLimitBytes/3) +
		`"},"a":{"usage":{"prompt_tokens":5,"completion_tokens":2}}}`)
	for _, seed := range [][]byte{nil, {0}, {63}, {1, 40, 7}} {
		if got := usageOf(APIOpenAI, cut(large, seed)...); got != five {
			t.Errorf("large object cut by %v: %+v", seed, got)
		}
	}
	// A text full of the rare byte is searched to its end as well.
	is(APIOpenAI, `{"content":"`+strings.Repeat("g", 2*rareMisses)+`","usage":{"prompt_tokens":5,"completion_tokens":2}}`, five)
}

func FuzzUsage(f *testing.F) {
	for _, suffix := range []string{".sse", ".response.json"} {
		for _, b := range fixtures(f, suffix) {
			f.Add(b, []byte{3, 17, 0}, uint8(0))
		}
	}
	f.Add([]byte(`{"usage":{"prompt_tokens":5.5e,"usage":{"total_tokens":1}}`), []byte{0}, uint8(1))
	f.Add([]byte("data: {\"usage\":{\"total_tokens\":\n1}}"), []byte{0}, uint8(1))
	f.Add([]byte(`"usage"usage":{"input_tokens":1}`), []byte{6, 0}, uint8(1))
	f.Fuzz(func(t *testing.T, b, seed []byte, api uint8) {
		want := usageOf(API(api%2), b)
		if got := usageOf(API(api%2), cut(b, seed)...); got != want {
			t.Fatalf("%q: %+v, in one piece %+v", b, got, want)
		}
		if u := want; u.Input < 0 || u.Output < 0 || u.Total < 0 || u.CachedInput < 0 || u.CacheWrite < 0 || u.Reasoning < 0 {
			t.Fatalf("%q: %+v", b, u)
		}
	})
}
