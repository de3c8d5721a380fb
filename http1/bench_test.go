package http1

import (
	"strings"
	"testing"
)

// typicalHead is what an official client sends: 10 fields, about 500 bytes.
const typicalHead = "POST /v1/chat/completions HTTP/1.1\r\n" +
	"Host: gateway.internal.example.com:8080\r\n" +
	"Accept: application/json\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Authorization: Bearer sk-proj-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n" +
	"Connection: keep-alive\r\n" +
	"Content-Length: 1187\r\n" +
	"Content-Type: application/json\r\n" +
	"User-Agent: OpenAI/Python 2.9.0\r\n" +
	"X-Stainless-Async: false\r\n" +
	"Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n" +
	"\r\n"

// clientHead is the same with all that the Python client adds: 18 fields.
var clientHead = strings.TrimSuffix(typicalHead, "\r\n") +
	"X-Stainless-Lang: python\r\n" +
	"X-Stainless-Package-Version: 2.9.0\r\n" +
	"X-Stainless-OS: Linux\r\n" +
	"X-Stainless-Arch: x64\r\n" +
	"X-Stainless-Runtime: CPython\r\n" +
	"X-Stainless-Runtime-Version: 3.13.1\r\n" +
	"X-Stainless-Read-Timeout: 600\r\n" +
	"X-Stainless-Retry-Count: 0\r\n" +
	"\r\n"

var (
	smallHead = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
	head1K    = strings.TrimSuffix(clientHead, "\r\n") + "Cookie: session=" + strings.Repeat("0123456789abcdef", 14) + "\r\n\r\n"
	head16K   = strings.TrimSuffix(clientHead, "\r\n") + strings.Repeat("X-Forwarded-Token: "+strings.Repeat("v", 200)+"\r\n", 70) + "\r\n"
)

func benchHead(b *testing.B, head string) {
	var p Parser
	var h Head
	in := []byte(head)
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if n, err := p.Parse(in, &h); n != len(in) || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkHeadSmall(b *testing.B)   { benchHead(b, smallHead) }
func BenchmarkHeadTypical(b *testing.B) { benchHead(b, typicalHead) }
func BenchmarkHeadClient(b *testing.B)  { benchHead(b, clientHead) }
func BenchmarkHead1K(b *testing.B)      { benchHead(b, head1K) }
func BenchmarkHead16K(b *testing.B)     { benchHead(b, head16K) }

func BenchmarkHeadTwoPieces(b *testing.B) {
	var p Parser
	var h Head
	in := []byte(typicalHead)
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if n, err := p.Parse(in[:250], &h); n != 0 || err != nil {
			b.Fatal(n, err)
		}
		if n, err := p.Parse(in, &h); n != len(in) || err != nil {
			b.Fatal(n, err)
		}
	}
}

func benchBody(b *testing.B, h *Head, body []byte) {
	var d Body
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		d.Start(h, nil)
		for rest := body; !d.Done(); {
			_, n, err := d.Next(rest)
			if n == 0 || err != nil {
				b.Fatal(n, err)
			}
			rest = rest[n:]
		}
	}
}

func BenchmarkBodyChunked64K(b *testing.B) {
	var body []byte
	for range 16 {
		body = AppendChunk(body, make([]byte, 4096))
	}
	benchBody(b, &Head{Chunked: true, ContentLength: -1}, append(body, LastChunk...))
}

func BenchmarkBodySmallChunks(b *testing.B) {
	var body []byte
	for range 64 {
		body = AppendChunk(body, make([]byte, 16))
	}
	benchBody(b, &Head{Chunked: true, ContentLength: -1}, append(body, LastChunk...))
}

func BenchmarkBodyLength64K(b *testing.B) {
	body := make([]byte, 64<<10)
	benchBody(b, &Head{ContentLength: int64(len(body))}, body)
}

func BenchmarkGet(b *testing.B) {
	var p Parser
	var h Head
	if _, err := p.Parse([]byte(clientHead), &h); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := h.Get("x-stainless-retry-count"); !ok {
			b.Fatal("not found")
		}
	}
}

func BenchmarkForwardFilter(b *testing.B) {
	var p Parser
	var h Head
	if _, err := p.Parse([]byte(clientHead), &h); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		kept := 0
		for i := range h.Fields {
			if name := h.Fields[i].Name; !HopByHop(name) && !ConnectionLists(&h, name) {
				kept++
			}
		}
		if kept != len(h.Fields)-1 {
			b.Fatal(kept)
		}
	}
}

func BenchmarkResponseHead(b *testing.B) {
	var date DateCache
	out := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		p := AppendStatus(out, 200)
		p = date.Append(p, 1795460000)
		p = AppendFieldString(p, "Content-Type", "application/json")
		p = AppendContentLength(p, 1187)
		p = append(p, "\r\n"...)
		if len(p) < 100 {
			b.Fatal(len(p))
		}
	}
}

func BenchmarkAppendChunk(b *testing.B) {
	out, data := make([]byte, 0, 512), make([]byte, 200)
	b.ReportAllocs()
	b.SetBytes(200)
	for b.Loop() {
		if p := AppendChunk(out, data); len(p) != 206 {
			b.Fatal(len(p))
		}
	}
}
