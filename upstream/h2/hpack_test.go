package h2

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestDecoderExamples is RFC 7541 Appendix C.5 and C.6: responses with a table of 256 bytes, so that entries are evicted.
func TestDecoderExamples(t *testing.T) {
	const date1, date2 = "Mon, 21 Oct 2013 20:13:21 GMT", "Mon, 21 Oct 2013 20:13:22 GMT"
	const cookie = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"
	want := []string{
		":status=302 cache-control=private date=" + date1 + " location=https://www.example.com",
		":status=307 cache-control=private date=" + date1 + " location=https://www.example.com",
		":status=200 cache-control=private date=" + date2 + " location=https://www.example.com content-encoding=gzip set-cookie=" + cookie,
	}
	sizes := []int{222, 222, 215}
	for name, blocks := range map[string][]string{
		"plain": {
			"\x48\x03302\x58\x07private\x61\x1d" + date1 + "\x6e\x17https://www.example.com",
			"\x48\x03307\xc1\xc0\xbf",
			"\x88\xc1\x61\x1d" + date2 + "\xc0\x5a\x04gzip\x77\x38" + cookie,
		},
		"Huffman": {
			"\x48\x82\x64\x02\x58\x85\xae\xc3\x77\x1a\x4b\x61\x96\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66" +
				"\xe0\x82\xa6\x2d\x1b\xff\x6e\x91\x9d\x29\xad\x17\x18\x63\xc7\x8f\x0b\x97\xc8\xe9\xae\x82\xae\x43\xd3",
			"\x48\x83\x64\x0e\xff\xc1\xc0\xbf",
			"\x88\xc1\x61\x96\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x84\xa6\x2d\x1b\xff\xc0\x5a\x83" +
				"\x9b\xd9\xab\x77\xad\x94\xe7\x82\x1d\xd7\xf2\xe6\xc7\xb3\x35\xdf\xdf\xcd\x5b\x39\x60\xd5\xaf\x27\x08\x7f\x36\x72\xc1" +
				"\xab\x27\x0f\xb5\x29\x1f\x95\x87\x31\x60\x65\xc0\x03\xed\x4e\xe5\xb1\x06\x3d\x50\x07",
		},
	} {
		d := NewDecoder(256)
		for i, block := range blocks {
			got := decodeAll(t, d, block)
			if got != want[i] || d.size != sizes[i] {
				t.Errorf("%s, block %d: %q, table of %d", name, i, got, d.size)
			}
		}
	}
}

func decodeAll(t *testing.T, d *Decoder, block string) string {
	t.Helper()
	var got []string
	err := d.Decode([]byte(block), 1<<20, func(name, value []byte) error {
		got = append(got, string(name)+"="+string(value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(got, " ")
}

func TestDecoderList(t *testing.T) {
	const block = "\x40\x01a\x01A\x40\x01b\x01B\x40\x01c\x01C"
	var got []string
	emit := func(name, _ []byte) error {
		got = append(got, string(name))
		return nil
	}
	d := NewDecoder(4096)
	if err := d.Decode([]byte(block), 2*34, emit); !errors.Is(err, ErrListTooLarge) {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != "[a b]" {
		t.Fatal(got)
	}
	// The table has all three all the same.
	if s := decodeAll(t, d, "\xc0\xbf\xbe"); s != "a=A b=B c=C" {
		t.Fatal(s)
	}
	calls := 0
	stop := errors.New("stop")
	err := d.Decode([]byte(block), 1000, func(_, _ []byte) error {
		calls++
		return stop
	})
	if calls != 1 || !errors.Is(err, stop) {
		t.Fatal(calls, err)
	}
	if s := decodeAll(t, d, "\xc3\xbe"); s != "a=A c=C" {
		t.Fatal(s)
	}
}

// TestDecoderRing inserts entries of all sizes for a long time: whatever is in the table comes out as it went in.
func TestDecoderRing(t *testing.T) {
	for _, limit := range []int{0, 31, 32, 40, 256, 1000, 4096} {
		d := NewDecoder(limit)
		var table []string // newest first
		size := 0
		x := uint32(7)
		for i := range 400 + 1600*256/(256+limit) {
			x = x*1664525 + 1013904223
			name := fmt.Sprintf("n%d", i)
			value := strings.Repeat(string(rune('a'+i%26)), int(x>>10)%200)
			if i%17 == 0 {
				value = strings.Repeat("L", int(x>>10)%(limit+50))
			}
			block := []byte{0x40}
			if len(table) > 0 && i%3 == 0 {
				// The name of the oldest entry, which may be evicted for this one.
				name, _, _ = strings.Cut(table[len(table)-1], "=")
				block = appendInt(nil, 0x40, 6, staticEntries+len(table))
			} else {
				block = appendRaw(block, []byte(name))
			}
			block = appendRaw(block, []byte(value))
			if got := decodeAll(t, d, string(block)); got != name+"="+value {
				t.Fatalf("limit %d, field %d: %q", limit, i, got)
			}
			if n := fieldBytes(name, value); n > limit {
				table, size = nil, 0
			} else {
				table = append([]string{name + "=" + value}, table...)
				for size += n; size > limit; {
					last := len(table) - 1
					size -= len(table[last]) - 1 + tableEntryExtraBytes
					table = table[:last]
				}
			}
			var all []byte
			for j := range table {
				all = appendInt(all, 0x80, 7, staticEntries+1+j)
			}
			if got := decodeAll(t, d, string(all)); got != strings.Join(table, " ") || d.size != size {
				t.Fatalf("limit %d, after %d: %q, want %q", limit, i, got, table)
			}
		}
	}
}

func TestStaticTable(t *testing.T) {
	d := NewDecoder(0)
	for i := 1; i <= staticEntries; i++ {
		f := staticTable[i]
		if got := decodeAll(t, d, string([]byte{0x80 | byte(i)})); got != f.name+"="+f.value {
			t.Fatal(i, got)
		}
		first := staticName(f.name)
		if first == 0 || first > i || staticTable[first].name != f.name || staticTable[first-1].name == f.name {
			t.Fatalf("%s: index %d", f.name, first)
		}
	}
	for _, name := range []string{"", "x", "authorizatiom", strings.Repeat("a", 100)} {
		if staticName(name) != 0 {
			t.Fatal(name)
		}
	}
}

func TestErrorTexts(t *testing.T) {
	for want, err := range map[string]error{
		"http2 connection error FRAME_SIZE_ERROR: reason": &ConnError{ErrCodeFrameSize, "reason"},
		"http2 stream error PROTOCOL_ERROR: reason":       malformed("reason"),
		"http2 GOAWAY code 99":                            &GoAwayError{Code: 99},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
}
