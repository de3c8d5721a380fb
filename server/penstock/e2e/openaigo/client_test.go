// Package openaigo_test drives a running gateway with OpenAI's client for Go. It is a module of its own, so that the gateway's does
// not depend on the client; the tests one folder up compile it and say by environment where the gateway is.
package openaigo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

const said = "This is the simulated provider of Penstock."

func env(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Fatalf("%s is not set: these tests are run by those of the folder above", name)
	}
	return v
}

func newClient(t *testing.T, more ...option.RequestOption) openai.Client {
	t.Helper()
	all := append([]option.RequestOption{
		option.WithBaseURL(env(t, "PENSTOCK_URL") + "/v1"), option.WithAPIKey(env(t, "PENSTOCK_KEY")), option.WithMaxRetries(0),
	}, more...)
	return openai.NewClient(all...)
}

type counters struct {
	Requests, Cancelled, Open int
}

func stats(t *testing.T) (c counters) {
	t.Helper()
	r, err := http.Get(env(t, "PENSTOCK_STATS"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c
}

func settled(t *testing.T) counters {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if c := stats(t); c.Open == 0 {
			return c
		}
		if time.Now().After(end) {
			t.Fatal("streams stay open at the provider")
		}
	}
}

func chat(model string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Hello")}}
}

func TestChat(t *testing.T) {
	client := newClient(t)
	r, err := client.Chat.Completions.New(t.Context(), chat("oai/chat"))
	if err != nil {
		t.Fatal(err)
	}
	if r.Choices[0].Message.Content != said || r.Choices[0].FinishReason != "stop" || r.Usage.CompletionTokens != 8 {
		t.Errorf("%s", r.RawJSON())
	}
	var raw *http.Response
	if _, err := client.Chat.Completions.New(t.Context(), chat("fast"), option.WithResponseInto(&raw)); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(raw.Header.Get("X-Request-Id"), "req_") {
		t.Errorf("%v", raw.Header)
	}
}

func TestStream(t *testing.T) {
	client := newClient(t)
	for _, asked := range []bool{false, true} {
		params := chat("oai/chat")
		if asked {
			params.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
		}
		s := client.Chat.Completions.NewStreaming(t.Context(), params)
		var all openai.ChatCompletionAccumulator
		usage := int64(0)
		for s.Next() {
			chunk := s.Current()
			if !all.AddChunk(chunk) {
				t.Errorf("a chunk that does not fit: %s", chunk.RawJSON())
			}
			usage += chunk.Usage.CompletionTokens
		}
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
		if all.Choices[0].Message.Content != said || all.Choices[0].FinishReason != "stop" {
			t.Errorf("%+v", all.Choices[0])
		}
		if want := map[bool]int64{false: 0, true: 8}[asked]; usage != want {
			t.Errorf("usage asked for: %v, got %d", asked, usage)
		}
	}
}

func TestManyStreams(t *testing.T) {
	client := newClient(t)
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			s := client.Chat.Completions.NewStreaming(t.Context(), chat("oai/chat?tokens=40&tps=200"))
			chunks := 0
			for s.Next() {
				chunks++
			}
			if err := s.Err(); err != nil || chunks != 42 {
				t.Errorf("%d chunks: %v", chunks, err)
			}
		})
	}
	wg.Wait()
}

var weather = openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
	Name: "weather",
	Parameters: shared.FunctionParameters{
		"type": "object", "required": []string{"city"}, "properties": map[string]any{"city": map[string]string{"type": "string"}},
	},
})

func hasCity(arguments string) bool {
	var v struct{ City *string }
	return json.Unmarshal([]byte(arguments), &v) == nil && v.City != nil
}

func TestTools(t *testing.T) {
	client := newClient(t)
	params := chat("oai/chat?tool=2")
	params.Tools = []openai.ChatCompletionToolUnionParam{weather}
	r, err := client.Chat.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	message := r.Choices[0].Message
	if len(message.ToolCalls) != 2 || message.ToolCalls[0].Function.Name != "weather" || !hasCity(message.ToolCalls[0].Function.Arguments) {
		t.Fatalf("%s", r.RawJSON())
	}
	params.Model = "oai/chat"
	params.Messages = append(params.Messages, message.ToParam())
	for _, c := range message.ToolCalls {
		params.Messages = append(params.Messages, openai.ToolMessage(`{"degrees":24}`, c.ID))
	}
	if r, err = client.Chat.Completions.New(t.Context(), params); err != nil {
		t.Fatal(err)
	}
	if r.Choices[0].Message.Content != said {
		t.Errorf("%s", r.RawJSON())
	}

	params = chat("oai/chat?tool=2")
	params.Tools = []openai.ChatCompletionToolUnionParam{weather}
	s := client.Chat.Completions.NewStreaming(t.Context(), params)
	var all openai.ChatCompletionAccumulator
	finished := 0
	for s.Next() {
		all.AddChunk(s.Current())
		if call, ok := all.JustFinishedToolCall(); ok {
			finished++
			if call.Name != "weather" || !hasCity(call.Arguments) {
				t.Errorf("%+v", call)
			}
		}
	}
	if err := s.Err(); err != nil || finished != 2 || all.Choices[0].FinishReason != "tool_calls" {
		t.Errorf("%d calls, %v, %+v", finished, err, all.Choices)
	}
}

func TestEmbeddings(t *testing.T) {
	client := newClient(t)
	r, err := client.Embeddings.New(t.Context(), openai.EmbeddingNewParams{
		Model: "oai/embed", Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"one", "two"}}, Dimensions: openai.Int(64),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Data) != 2 || len(r.Data[1].Embedding) != 64 || r.Data[0].Embedding[0] == r.Data[1].Embedding[0] {
		t.Errorf("%s", r.RawJSON())
	}
}

func TestModels(t *testing.T) {
	client := newClient(t)
	found := false
	pages := client.Models.ListAutoPaging(t.Context())
	for pages.Next() {
		found = found || pages.Current().ID == "fast"
	}
	if err := pages.Err(); err != nil || !found {
		t.Errorf("fast among the models: %v, %v", found, err)
	}
	for _, name := range []string{"fast", "oai/chat"} {
		if m, err := client.Models.Get(t.Context(), name); err != nil || m.ID != name {
			t.Errorf("%+v %v", m, err)
		}
	}
}

func TestResponses(t *testing.T) {
	client := newClient(t)
	params := responses.ResponseNewParams{Model: "oai/chat", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("Hello")}}
	r, err := client.Responses.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	if r.OutputText() != said {
		t.Errorf("%s", r.RawJSON())
	}
	s := client.Responses.NewStreaming(t.Context(), params)
	text, last := "", ""
	for s.Next() {
		e := s.Current()
		if last = e.Type; e.Type == "response.output_text.delta" {
			text += e.Delta
		}
	}
	if err := s.Err(); err != nil || text != said || last != "response.completed" {
		t.Errorf("%q %q %v", text, last, err)
	}
}

func TestTranscription(t *testing.T) {
	client := newClient(t)
	r, err := client.Audio.Transcriptions.New(t.Context(), openai.AudioTranscriptionNewParams{
		Model: "oai/transcribe", File: openai.File(bytes.NewReader(bytes.Repeat([]byte{7}, 300_000)), "speech.wav", "audio/wav"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Text != said {
		t.Errorf("%s", r.RawJSON())
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		model, key   string
		status       int
		kind, code   string
		param, retry string
	}{
		{"fast", "sk-nobody-0123456789", 401, "invalid_request_error", "invalid_api_key", "", ""},
		{"gpt-none", "", 404, "invalid_request_error", "model_not_found", "model", ""},
		{"oai/nonexistent", "", 404, "invalid_request_error", "model_not_found", "", ""},
		{"oai/chat?error=400", "", 400, "invalid_request_error", "", "", ""},
		{"oai/chat?error=429&retry=7", "", 429, "requests", "rate_limit_exceeded", "", "7"},
		{"oai/chat?error=500", "", 500, "server_error", "", "", ""},
	} {
		var more []option.RequestOption
		if c.key != "" {
			more = append(more, option.WithAPIKey(c.key))
		}
		client := newClient(t, more...)
		_, err := client.Chat.Completions.New(t.Context(), chat(c.model))
		var e *openai.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", c.model, err)
			continue
		}
		if e.StatusCode != c.status || e.Type != c.kind || e.Code != c.code || e.Param != c.param || e.Message == "" ||
			e.Response.Header.Get("Retry-After") != c.retry {
			t.Errorf("%s: %d %q %q %q %q %v", c.model, e.StatusCode, e.Type, e.Code, e.Param, e.Message, e.Response.Header)
		}
	}
}

func TestRetries(t *testing.T) {
	before := stats(t).Requests
	client := newClient(t, option.WithMaxRetries(2))
	_, err := client.Chat.Completions.New(t.Context(), chat("oai/chat?error=500"))
	var e *openai.Error
	if !errors.As(err, &e) || e.StatusCode != 500 {
		t.Errorf("%v", err)
	}
	if n := stats(t).Requests - before; n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

func TestBrokenStream(t *testing.T) {
	client := newClient(t)
	for _, knob := range []string{"reset=3", "fail=3", "cut=3", "close=3"} {
		s := client.Chat.Completions.NewStreaming(t.Context(), chat("oai/chat?"+knob))
		text := ""
		for s.Next() {
			for _, c := range s.Current().Choices {
				text += c.Delta.Content
			}
		}
		if s.Err() == nil || !strings.HasPrefix(said, text) {
			t.Errorf("%s: %q and the error %v", knob, text, s.Err())
		}
	}
}

func TestAbort(t *testing.T) {
	client := newClient(t)
	before := settled(t).Cancelled
	const n = 10
	for range n {
		ctx, cancel := context.WithCancel(t.Context())
		s := client.Chat.Completions.NewStreaming(ctx, chat("oai/chat?tps=50&tokens=1000000"))
		if !s.Next() {
			t.Fatal(s.Err())
		}
		cancel()
		for s.Next() {
		}
		if err := s.Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		_ = s.Close() // the connection is gone
	}
	if got := settled(t).Cancelled - before; got != n {
		t.Errorf("%d streams cancelled, want %d", got, n)
	}
}

func TestLargeBody(t *testing.T) {
	client := newClient(t)
	params := chat("oai/chat")
	params.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage(strings.Repeat("x", 5<<20))}
	if r, err := client.Chat.Completions.New(t.Context(), params); err != nil || r.Choices[0].Message.Content != said {
		t.Errorf("%v", err)
	}
	r, err := client.Audio.Speech.New(t.Context(), openai.AudioSpeechNewParams{Model: "oai/speech", Voice: openai.AudioSpeechNewParamsVoiceUnion{OfString: openai.String("alloy")}, Input: "Hello"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if b, err := io.ReadAll(r.Body); err != nil || !bytes.HasPrefix(b, []byte("RIFF")) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}
