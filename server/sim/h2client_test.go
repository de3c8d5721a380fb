package sim

import (
	"testing"

	"penstock/upstream/h2"
)

// client is a link that speaks HTTP/2, frame by frame.
type client struct {
	*link
	next   uint32
	block  []byte // the head of a POST to /v1/chat/completions
	frames []byte
	dec    *h2.Decoder
}

// frame is a frame that the server sent.
type frame struct {
	h2.FrameHeader
	payload string
}

func newClient(w *world) *client {
	c := &client{link: w.connect(), dec: h2.NewDecoder(headerTableBytes)}
	c.feed(h2.ClientPreface + string(h2.AppendFrameHeader(nil, 0, h2.FrameSettings, 0, 0)))
	c.block = headBlock("POST", "/v1/chat/completions")
	c.next = ^uint32(0) // the first stream is 1
	return c
}

func headBlock(method, path string, fields ...string) (block []byte) {
	all := append([]string{":method", method, ":scheme", "http", ":path", path, ":authority", "sim"}, fields...)
	for i := 0; i < len(all); i += 2 {
		block = h2.AppendLiteral(block, []byte(all[i]), []byte(all[i+1]))
	}
	return block
}

// open returns the frames of a request with a body on the next stream.
func (c *client) open(block []byte, body string) string {
	c.next += 2
	var b []byte
	flags := h2.FlagEndHeaders
	if body == "" {
		flags |= h2.FlagEndStream
	}
	b = h2.AppendFrameHeader(b, len(block), h2.FrameHeaders, flags, c.next)
	b = append(b, block...)
	for body != "" {
		n := min(len(body), frameLimitBytes)
		flags := h2.Flags(0)
		if n == len(body) {
			flags = h2.FlagEndStream
		}
		b = h2.AppendFrameHeader(b, n, h2.FrameData, flags, c.next)
		b = append(b, body[:n]...)
		body = body[n:]
	}
	return string(b)
}

// read takes the frames that the server has written.
func (c *client) read(t testing.TB) (frames []frame) {
	t.Helper()
	b := c.take()
	for len(b) > 0 {
		f := h2.ParseFrameHeader([]byte(b[:9]))
		if f.Length > frameLimitBytes || len(b) < 9+f.Length {
			t.Fatalf("bad frame %+v with %d bytes behind it", f, len(b)-9)
		}
		frames = append(frames, frame{f, b[9 : 9+f.Length]})
		b = b[9+f.Length:]
	}
	return frames
}

// answer2 is what came for one stream.
type answer2 struct {
	status string
	fields map[string]string
	body   string
	ended  bool
	reset  bool
	code   uint32
}

func (c *client) answers(t testing.TB, frames []frame) map[uint32]*answer2 {
	t.Helper()
	all := map[uint32]*answer2{}
	for _, f := range frames {
		a := all[f.StreamID]
		if a == nil {
			a = &answer2{fields: map[string]string{}}
			all[f.StreamID] = a
		}
		switch f.Type {
		case h2.FrameHeaders:
			err := c.dec.Decode([]byte(f.payload), headerListBytes, func(name, value []byte) error {
				if string(name) == ":status" {
					a.status = string(value)
				}
				a.fields[string(name)] = string(value)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		case h2.FrameData:
			a.body += f.payload
			a.ended = a.ended || f.Has(h2.FlagEndStream)
		case h2.FrameRSTStream, h2.FrameGoAway:
			a.reset = true
			a.code = uint32(f.payload[len(f.payload)-1])
		default:
		}
	}
	return all
}
