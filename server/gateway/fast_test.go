package gateway_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"

	"penstock/loop/looptest"
)

// fast is a gateway between a client and an HTTP/2 provider that allocate nothing once they run.
type fast struct {
	r        *rig
	provider *fastProvider
	client   *fastClient
	end      *looptest.End
	request  []byte
	done     func() bool
}

func newFast() *fast {
	r := newRig(1, nil)
	r.calm = true
	f := &fast{r: r, provider: new(fastProvider), client: new(fastClient)}
	r.d.targets["alpha"].accept = f.provider.accept
	r.w.Pass(50 * time.Millisecond)
	body := `{"model":"m-alpha","messages":[{"role":"system","content":"You are helpful."},{"role":"user","content":"` +
		strings.Repeat("how now ", 128) + `"}],"temperature":0.2,"max_tokens":100}`
	f.request = fmt.Appendf(nil, "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway.test\r\nAccept: */*\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nUser-Agent: client/1.0\r\nContent-Length: %d\r\n\r\n%s", goodKey, len(body), body)
	f.end = r.connect(looptest.Link{}, f.client)
	r.w.Pass(time.Millisecond)
	f.done = func() bool { return f.client.answers == f.client.asked }
	return f
}

func (f *fast) exchange(t testing.TB) {
	f.client.asked++
	f.end.Write(f.request)
	if !f.r.w.Run(time.Second, f.done) {
		t.Fatalf("no answer: %q", f.client.seen)
	}
	f.r.w.Pass(0)
}

// fastClient counts the answers by their last bytes.
type fastClient struct {
	asked, answers int
	seen           [16]byte
}

var fastEnd = []byte(`"total_tokens":300}}`)

func (c *fastClient) OnBytes(_ *looptest.End, b []byte) {
	copy(c.seen[:], b)
	if bytes.HasPrefix(b, []byte("HTTP/1.1 200 OK\r\n")) && bytes.HasSuffix(b, fastEnd) {
		c.answers++
	}
}

func (c *fastClient) OnEnd(*looptest.End, error) {}

// fastProvider answers each HTTP/2 request with the same frames, but for the stream's id.
type fastProvider struct {
	in      []byte
	out     []byte
	answer  []byte
	preface bool
	unused  int // bytes received and not yet granted again
}

func (p *fastProvider) accept(e *looptest.End) {
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	enc.SetMaxDynamicTableSize(0) // the block is the same each time
	body := `{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"` +
		strings.Repeat("brown cow ", 100) + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":200,"completion_tokens":100,` + string(fastEnd)
	for _, f := range []hpack.HeaderField{
		{Name: ":status", Value: "200"},
		{Name: "content-type", Value: "application/json"},
		{Name: "content-length", Value: fmt.Sprint(len(body))},
		{Name: "x-request-id", Value: "req_0123456789abcdef", Sensitive: true},
	} {
		_ = enc.WriteField(f)
	}
	p.answer = appendFrame(nil, frameHeaders, flagEndHeaders, 0, block.Bytes())
	p.answer = appendFrame(p.answer, frameData, flagEndStream, 0, []byte(body))
	e.Play(p)
	e.Write(appendFrame(nil, frameSettings, 0, 0, nil))
}

func (p *fastProvider) OnBytes(e *looptest.End, b []byte) {
	p.in = append(p.in, b...)
	in := p.in
	if !p.preface {
		if len(in) < len(clientPreface) {
			return
		}
		p.preface, in = true, in[len(clientPreface):]
	}
	p.out = p.out[:0]
	for len(in) >= 9 {
		n := 9 + int(binary.BigEndian.Uint32(in)>>8)
		if len(in) < n {
			break
		}
		typ, flags, id := in[3], in[4], binary.BigEndian.Uint32(in[5:])
		switch {
		case typ == frameSettings && flags&flagAck == 0:
			p.out = appendFrame(p.out, frameSettings, flagAck, 0, nil)
		case typ == framePing && flags&flagAck == 0:
			p.out = appendFrame(p.out, framePing, flagAck, 0, in[9:n])
		case typ == frameData:
			if p.unused += n - 9; p.unused > 16<<10 {
				var size [4]byte
				binary.BigEndian.PutUint32(size[:], uint32(p.unused))
				p.out = appendFrame(p.out, frameWindowUpdate, 0, 0, size[:])
				p.unused = 0
			}
			if flags&flagEndStream != 0 {
				at := len(p.out)
				p.out = append(p.out, p.answer...)
				head := 9 + int(binary.BigEndian.Uint32(p.out[at:])>>8)
				binary.BigEndian.PutUint32(p.out[at+5:], id)
				binary.BigEndian.PutUint32(p.out[at+head+5:], id)
			}
		}
		in = in[n:]
	}
	p.in = p.in[:copy(p.in, in)]
	if len(p.out) > 0 {
		e.Write(p.out)
	}
}

func (p *fastProvider) OnEnd(*looptest.End, error) {}
