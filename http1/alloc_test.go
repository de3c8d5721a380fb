//go:build !race

package http1

import "testing"

func TestNoAllocations(t *testing.T) {
	var p Parser
	var h Head
	var d Body
	var date DateCache
	head, body := []byte(typicalHead), []byte("5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n")
	name, value, out := []byte("x-request-id"), []byte("1"), make([]byte, 0, 4096)
	if _, err := p.Parse(head, &h); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"head", func() {
			if n, err := p.Parse(head, &h); n != len(head) || err != nil {
				t.Fatal(n, err)
			}
		}},
		{"head in pieces", func() {
			for n := 0; n < len(head); n += 100 {
				if _, err := p.Parse(head[:n], &h); err != nil {
					t.Fatal(err)
				}
			}
			if n, err := p.Parse(head, &h); n != len(head) || err != nil {
				t.Fatal(n, err)
			}
		}},
		{"fields", func() {
			if _, ok := h.Get("authorization"); !ok || HopByHop(name) || ConnectionLists(&h, name) {
				t.Fatal("wrong answer")
			}
		}},
		{"body", func() {
			h := Head{Chunked: true}
			d.Start(&h, nil)
			for b := body; !d.Done(); {
				_, n, err := d.Next(b)
				if err != nil {
					t.Fatal(err)
				}
				b = b[n:]
			}
		}},
		{"response", func() {
			b := AppendStatus(out, 200)
			b = AppendStatus(b, 299)
			b = date.Append(b, int64(len(b)))
			b = date.Append(b, 1)
			b = AppendField(b, name, value)
			b = AppendFieldString(b, "A", "b")
			b = AppendContentLength(b, 123456)
			b = AppendChunk(b, value)
			if len(b) == 0 {
				t.Fatal("nothing appended")
			}
		}},
		{"reset", func() { h.Reset(); p.Reset() }},
	} {
		if n := testing.AllocsPerRun(100, c.run); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}
