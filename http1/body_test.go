package http1

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"testing"

	"penstock/http1/rawcases"
)

const end = "0\r\n\r\n"

type bodyOutcome struct {
	text string // content|rest, status and reason, or "more"
	err  Error
}

// decode feeds in up to each of the ends in turn, the way a connection does: what was not used comes again, in other memory.
func decode(t *testing.T, in []byte, h *Head, l *Limits, ends ...int) bodyOutcome {
	t.Helper()
	var d Body
	d.Start(h, l)
	var content []byte
	used := 0
	for _, stop := range ends {
		b := bytes.Clone(in[used:stop])
		for !d.Done() {
			data, n, err := d.Next(b)
			content = append(content, data...)
			if e := (*Error)(nil); errors.As(err, &e) {
				if _, again, err := d.Next(b[n:]); again != 0 || !errors.Is(err, e) {
					t.Errorf("%q: after a refusal Next gave %d, %v", in, again, err)
				}
				if len(data) > 0 || d.Done() {
					t.Errorf("%q: refused with content or done", in)
				}
				return bodyOutcome{strconv.Itoa(e.Status) + " " + e.Reason, *e}
			}
			if n == 0 {
				if len(data) > 0 || len(b) > 0 {
					t.Errorf("%q: Next used nothing of %q", in, b)
				}
				break
			}
			used += n
			b = b[n:]
		}
		if d.Done() {
			if data, n, err := d.Next(in[used:]); len(data) > 0 || n != 0 || err != nil {
				t.Errorf("%q: after the end Next gave %q, %d, %v", in, data, n, err)
			}
			return bodyOutcome{text: string(content) + "|" + string(in[used:])}
		}
	}
	return bodyOutcome{text: "more"}
}

func everyByte(n int) []int {
	ends := make([]int, n)
	for i := range ends {
		ends[i] = i + 1
	}
	return ends
}

var chunkedHead = Head{Chunked: true, ContentLength: -1}

func TestBodyCases(t *testing.T) {
	for _, c := range rawcases.Bodies {
		in := []byte(c.In)
		whole := decode(t, in, &chunkedHead, nil, len(in))
		if whole.text != c.Want {
			t.Errorf("%s: got %q, want %q", c.Name, whole.text, c.Want)
			continue
		}
		if whole.err.Status != 0 && whole.err.Section != c.Section {
			t.Errorf("%s: cites %s, want %s", c.Name, whole.err.Section, c.Section)
		}
		if got := decode(t, in, &chunkedHead, nil, everyByte(len(in))...); got != whole {
			t.Errorf("%s: byte by byte %+v, whole %+v", c.Name, got, whole)
		}
		step := max(1, len(in)/200) // every byte, but for the few bodies of 400 bytes and more
		for split := 0; split < len(in); split += step {
			if got := decode(t, in, &chunkedHead, nil, split, len(in)); got != whole {
				t.Errorf("%s: split at %d %+v, whole %+v", c.Name, split, got, whole)
			}
		}
	}
}

func TestBodyByLength(t *testing.T) {
	in := []byte("hello\r\n0\r\n\r\n")
	for _, c := range []struct {
		length int64
		want   string
	}{
		{-1, "|hello\r\n0\r\n\r\n"},
		{0, "|hello\r\n0\r\n\r\n"},
		{5, "hello|\r\n0\r\n\r\n"},
		{12, "hello\r\n0\r\n\r\n|"},
		{13, "more"},
		{math.MaxInt64, "more"},
	} {
		h := Head{ContentLength: c.length}
		for split := range in {
			if got := decode(t, in, &h, nil, split, len(in)); got.text != c.want {
				t.Errorf("length %d, split at %d: %q, want %q", c.length, split, got.text, c.want)
			}
		}
		if got := decode(t, in, &h, nil, everyByte(len(in))...); got.text != c.want {
			t.Errorf("length %d, byte by byte: %q, want %q", c.length, got.text, c.want)
		}
	}
}

// Content is not copied, a piece is as long as the bytes at hand allow, and it cannot be appended to.
func TestBodyGivesViews(t *testing.T) {
	in := []byte("5\r\nhello\r\n" + end)
	var d Body
	d.Start(&chunkedHead, nil)
	data, n, err := d.Next(in)
	if string(data) != "hello" || n != 8 || err != nil {
		t.Fatalf("%q, %d, %v", data, n, err)
	}
	if &data[0] != &in[3] || cap(data) != len(data) {
		t.Error("content is not a capped view")
	}
	if data, n, err = d.Next(in[n:]); len(data) != 0 || n != 7 || err != nil || !d.Done() {
		t.Errorf("%q, %d, %v, done %v", data, n, err, d.Done())
	}
}

func TestBodyOffsetAndReuse(t *testing.T) {
	var d Body
	d.Start(&chunkedHead, nil)
	var e *Error
	in := []byte("5\r\nhelloX")
	if _, n, err := d.Next(in); n != 8 || err != nil {
		t.Fatal(n, err)
	}
	if _, _, err := d.Next(in[8:]); !errors.As(err, &e) || e.Offset != 8 {
		t.Errorf("%v, want offset 8", err)
	}
	d.Start(&Head{ContentLength: 1}, nil)
	if data, n, err := d.Next([]byte("xy")); string(data) != "x" || n != 1 || err != nil || !d.Done() {
		t.Errorf("after Start: %q, %d, %v", data, n, err)
	}
}

func TestBodyLimits(t *testing.T) {
	limits := &Limits{ChunkLineBytes: 4, TrailerBytes: 8, Fields: 1}
	for _, c := range []struct{ in, want string }{
		{"0005\r\nhello\r\n" + end, "hello|"},
		{"00005\r\nhello\r\n" + end, "400 chunk line is too long"},
		{"5;ab\r\nhello\r\n5;cd\r\nhello\r\n" + end, "hellohello|"},
		{"5;abc\r\nhello\r\n" + end, "400 chunk line is too long"},
		{"0\r\nA:b\r\n\r\n", "|"},
		{"0\r\nA: bc\r\n\r\n", "431 trailer section is too large"},
		{"0\r\nA:\r\nB:\r\n\r\n", "431 trailer section is too large"},
	} {
		if got := decode(t, []byte(c.in), &chunkedHead, limits, len(c.in)); got.text != c.want {
			t.Errorf("%q: %q, want %q", c.in, got.text, c.want)
		}
	}
}

// Every fault that the codec knows is earned by at least one case, and is complete.
func TestEveryFaultHasACase(t *testing.T) {
	hit := map[string]bool{}
	for _, c := range headCases() {
		hit[c.Want] = true
	}
	for _, c := range rawcases.Bodies {
		hit[c.Want] = true
	}
	hit["414 request target is too long"] = true // TestHeadLimits, with these two
	hit["431 request head is too large"] = true
	for f := range faults {
		e := f.at(0)
		if e.Status == 0 || e.Reason == "" || e.Section == "" {
			t.Errorf("fault %d is not in the table", f)
		}
		if !hit[strconv.Itoa(e.Status)+" "+e.Reason] {
			t.Errorf("no case earns %q", e.Reason)
		}
	}
	if got, want := foldedLine.at(7).Error(), "http1: 400 header line starts with white space (RFC 9112 §5.2) at byte 7"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
