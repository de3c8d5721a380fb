package h1

import (
	"fmt"
	"strings"
	"testing"

	"penstock/upstream/stream"
)

// quietSink does what the gateway's does as far as this package can see: it credits.
type quietSink struct {
	stream stream.Stream
	bytes  int
	ends   int
}

func (s *quietSink) OnSent()                           {}
func (s *quietSink) OnHead(int, []stream.Field, int64) {}
func (s *quietSink) OnBody(b []byte)                   { s.bytes += len(b); s.stream.Credit(len(b)) }
func (s *quietSink) OnEnd([]stream.Field)              { s.ends++ }
func (s *quietSink) OnFail(stream.Failure)             {}

// plainBatch is an Output with room, emptied by its user.
type plainBatch struct{ buf []byte }

func (o *plainBatch) Buffer(int) *[]byte { return &o.buf }

// providerHead is what a provider behind a CDN sends; %s is the framing.
const providerHead = "HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 19:00:00 GMT\r\nContent-Type: application/json\r\n%s\r\n" +
	"Connection: keep-alive\r\nOpenAI-Organization: org-abcdefgh\r\nOpenAI-Processing-Ms: 412\r\nOpenAI-Version: 2020-10-01\r\n" +
	"X-RateLimit-Limit-Requests: 10000\r\nX-RateLimit-Limit-Tokens: 2000000\r\nX-RateLimit-Remaining-Requests: 9999\r\n" +
	"X-RateLimit-Remaining-Tokens: 1999000\r\nX-Request-Id: req_0123456789abcdef0123456789abcdef\r\n" +
	"Strict-Transport-Security: max-age=31536000; includeSubDomains; preload\r\nServer: cloudflare\r\nCF-Ray: 8e0000000000-FRA\r\n\r\n"

func sizedResponse(n int) []byte {
	return fmt.Appendf(nil, providerHead+"%s", fmt.Sprintf("Content-Length: %d", n), strings.Repeat("x", n))
}

func eventResponse(events, n int) []byte {
	var s strings.Builder
	fmt.Fprintf(&s, providerHead, "Transfer-Encoding: chunked")
	for range events {
		fmt.Fprintf(&s, "%x\r\n%s\r\n", n, strings.Repeat("x", n))
	}
	s.WriteString("0\r\n\r\n")
	return []byte(s.String())
}

// exchanger runs one exchange after the other on a connection, the response in pieces of at most n bytes.
type exchanger struct {
	out  plainBatch
	conn *Conn
	sink quietSink
	req  stream.Request
}

func newExchanger(bodyBytes int) *exchanger {
	e := &exchanger{}
	e.out.buf = make([]byte, 0, 1<<20)
	e.conn = New(Config{Output: &e.out})
	e.req = stream.Request{
		Block: postBlock,
		Extra: []stream.Field{
			{Name: []byte("traceparent"), Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")},
			{Name: []byte("user-agent"), Value: []byte("client/1.0")},
		},
		Body:      [][]byte{make([]byte, bodyBytes/2), make([]byte, bodyBytes-bodyBytes/2)},
		BodyBytes: int64(bodyBytes),
	}
	return e
}

func (e *exchanger) run(response []byte, n int) error {
	e.out.buf = e.out.buf[:0]
	s, err := e.conn.Open(&e.req, &e.sink)
	if err != nil {
		return err
	}
	e.sink.stream = s
	for len(response) > 0 {
		k := min(n, len(response))
		if err := e.conn.Feed(response[:k]); err != nil {
			return err
		}
		response = response[k:]
	}
	return nil
}

func benchmarkExchange(b *testing.B, request int, response []byte, piece int) {
	e := newExchanger(request)
	b.ReportAllocs()
	b.SetBytes(int64(len(response)))
	for b.Loop() {
		if err := e.run(response, piece); err != nil {
			b.Fatal(err)
		}
	}
	if e.sink.ends == 0 {
		b.Fatal("no exchange was completed")
	}
}

func BenchmarkExchangeSized1K(b *testing.B) {
	benchmarkExchange(b, 1<<10, sizedResponse(1<<10), 64<<10)
}

func BenchmarkExchangeSized64K(b *testing.B) {
	benchmarkExchange(b, 1<<10, sizedResponse(64<<10), 64<<10)
}

func BenchmarkExchangeEvents100(b *testing.B) {
	benchmarkExchange(b, 1<<10, eventResponse(100, 250), 16<<10)
}

func BenchmarkExchangeCutHead(b *testing.B) { benchmarkExchange(b, 1<<10, sizedResponse(1<<10), 100) }

func BenchmarkRequest64K(b *testing.B) { benchmarkExchange(b, 64<<10, sizedResponse(2), 64<<10) }
