package dialect

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/bytedance/sonic"
	"github.com/bytedance/sonic/ast"
	"github.com/bytedance/sonic/encoder"
)

// chatBody is a chat request of 1.2 KB, the body that the load scenarios send.
func chatBody(stream bool) []byte {
	m := map[string]any{
		"model": "mock", "temperature": 0.7, "max_tokens": 256,
		"messages": []map[string]string{
			{"role": "system", "content": strings.Repeat("You are a patient assistant of a shop that sells lamps. ", 10)},
			{"role": "user", "content": "I ordered two lamps on Monday and only one of them has arrived. The parcel note says \"1 of 2\". " +
				strings.Repeat("Thank you for your help. ", 14)},
		},
	}
	if stream {
		m["stream"] = true
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}

func largeBody(content string) []byte {
	return []byte(`{"messages":[{"role":"user","content":"` + content + `"}],"model":"gpt-6-luna","stream":true}`)
}

func toolsBody() []byte {
	tool := `{"type":"function","function":{"name":"get_weather","description":"Current weather of a city","parameters":{"type":"object",` +
		`"properties":{"city":{"type":"string"},"days":{"type":"integer","minimum":1,"maximum":14}},"required":["city"],"additionalProperties":false},"strict":true}}`
	return []byte(`{"model":"gpt-6-luna","messages":[],"tools":[` + strings.Repeat(tool+",", 199) + tool + `]}`)
}

var bodies = []struct {
	name string
	body []byte
}{
	{"chat-1KB", chatBody(false)},
	{"prose-256KB", largeBody(strings.Repeat("The quick brown fox jumps over the lazy dog. ", 5800))},
	{"escaped-256KB", largeBody(strings.Repeat(`He said \"no\" and left.\n`, 10200))},
	{"umlauts-256KB", largeBody(strings.Repeat("Grüße aus Zürich 🌍. ", 11000))},
	{"tools-64KB", toolsBody()},
	{"tokens-64KB", []byte(`{"model":"m","input":[` + strings.Repeat("12345,", 11000) + `1]}`)},
}

func BenchmarkScan(b *testing.B) {
	for _, c := range bodies {
		b.Run(c.name, func(b *testing.B) {
			s := new(Scan)
			b.ReportAllocs()
			b.SetBytes(int64(len(c.body)))
			for b.Loop() {
				if err := s.JSON(c.body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSonic(b *testing.B) {
	for _, c := range bodies {
		text := string(c.body)
		b.Run("Valid/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.body)))
			for b.Loop() {
				if !sonic.Valid(c.body) {
					b.Fatal("invalid")
				}
			}
		})
		b.Run("encoderValid/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.body)))
			for b.Loop() {
				if ok, _ := encoder.Valid(c.body); !ok {
					b.Fatal("invalid")
				}
			}
		})
		b.Run("search/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.body)))
			for b.Loop() {
				for _, key := range []string{"model", "stream"} {
					searcher := ast.NewSearcher(text)
					searcher.CopyReturn = false
					_, _ = searcher.GetByPath(key)
				}
			}
		})
	}
}

const chatResponse = `{"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion","created":1741569952,"model":"mock-2025-04-14","choices":[{"index":0,"message":{"role":"assistant","content":"The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. ","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":219,"completion_tokens":110,"total_tokens":329,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default","system_fingerprint":"fp_44709d6fcb"}`

const chatChunk = `data: {"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion.chunk","created":1741569952,"model":"mock-2025-04-14","service_tier":"default","system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":{"content":"@@17414"},"logprobs":null,"finish_reason":null}]}` + "\n\n"

var chatChunkUsage = strings.Replace(chatChunk, `}]}`, `}],"usage":null}`, 1)

func BenchmarkUsage(b *testing.B) {
	for _, c := range []struct{ name, piece string }{
		{"body-1KB", chatResponse},
		{"chunk", chatChunk},
		{"chunk-null", chatChunkUsage},
		{"base64-64KB", `{"data":[{"b64_json":"` + strings.Repeat("iVBORw0KGgoAAAANSUhEUgAAAAUA", 2340)},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := new(UsageScanner)
			piece := []byte(c.piece)
			s.Reset(APIOpenAI)
			b.ReportAllocs()
			b.SetBytes(int64(len(piece)))
			for b.Loop() {
				s.Feed(piece)
			}
		})
	}
}

func BenchmarkStripper(b *testing.B) {
	for _, c := range []struct{ name, piece string }{{"chunk", chatChunk}, {"chunk-null", chatChunkUsage}} {
		b.Run(c.name, func(b *testing.B) {
			s := new(Stripper)
			piece, dst := []byte(c.piece), make([]byte, 0, 4096)
			b.ReportAllocs()
			b.SetBytes(int64(len(piece)))
			for b.Loop() {
				dst = s.Feed(dst[:0], piece)
			}
		})
	}
}

func BenchmarkEndScanner(b *testing.B) {
	responses := "event: response.output_text.delta\n" + `data: {"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_11","output_index":0,"content_index":0,"delta":"Once upon","logprobs":[]}` + "\n\n"
	messages := "event: content_block_delta\n" + `data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello there"}}` + "\n\n"
	for _, c := range []struct {
		name, piece string
		id          int
	}{{"chat", chatChunk, idChat}, {"responses", responses, idResponses}, {"messages", messages, idMessages}} {
		b.Run(c.name, func(b *testing.B) {
			s := new(EndScanner)
			s.Reset(&table[c.id])
			piece := []byte(c.piece)
			b.ReportAllocs()
			b.SetBytes(int64(len(piece)))
			for b.Loop() {
				s.Feed(piece)
			}
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	method := []byte("POST")
	paths := [][]byte{[]byte("/v1/chat/completions"), []byte("/v1/messages"), []byte("/v1/responses/resp_1/cancel"), []byte("/v1/none")}
	b.ReportAllocs()
	for b.Loop() {
		for _, p := range paths {
			Lookup(method, p)
		}
	}
}

func BenchmarkPatch(b *testing.B) {
	s, body := new(Scan), chatBody(true)
	if err := s.JSON(body); err != nil {
		b.Fatal(err)
	}
	pieces, model := make([][]byte, 0, MaxPieces), []byte(`"gpt-6-luna"`)
	b.ReportAllocs()
	for b.Loop() {
		pieces, _ = s.Patch(pieces[:0], body, model, true)
	}
}

func BenchmarkError(b *testing.B) {
	f := &Fault{Status: 404, Message: "the model %s does not exist", Detail: []byte("gpt-unknown")}
	dst, id := make([]byte, 0, 1024), []byte("req_0123456789")
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendError(dst[:0], APIOpenAI, f, id)
	}
}

func BenchmarkMultipart(b *testing.B) {
	file := strings.Repeat("\x00\xff\r\n-binary", 20000)
	body := []byte("--xYzZY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n" + file +
		"\r\n--xYzZY\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--xYzZY--\r\n")
	contentType := []byte("multipart/form-data; boundary=xYzZY")
	f := new(Form)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if err := f.Multipart(contentType, body); err != nil || !bytes.Equal(f.Model, []byte("whisper-1")) {
			b.Fatal(err)
		}
	}
}
