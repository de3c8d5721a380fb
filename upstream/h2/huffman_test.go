package h2

import (
	"bytes"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// checkHuffman compares with x/net for one input.
func checkHuffman(t *testing.T, src []byte) {
	t.Helper()
	want, err := hpack.HuffmanDecodeToString(src)
	got, ok := appendHuffman([]byte("kept:"), src)
	if ok != (err == nil) {
		t.Fatalf("%x: ok %v, x/net says %v", src, ok, err)
	}
	if ok && string(got) != "kept:"+want {
		t.Fatalf("%x: %q, x/net says %q", src, got, want)
	}
}

func TestHuffmanRoundTrip(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for i := range all {
		for j := range all {
			text := []byte{all[i], all[j], 'a', all[i]}
			got, ok := appendHuffman(nil, hpack.AppendHuffmanString(nil, string(text)))
			if !ok || !bytes.Equal(got, text) {
				t.Fatalf("%x: %x %v", text, got, ok)
			}
		}
	}
	got, ok := appendHuffman(nil, hpack.AppendHuffmanString(nil, string(all)))
	if !ok || !bytes.Equal(got, all) {
		t.Fatalf("all symbols: %x %v", got, ok)
	}
}

// TestHuffmanShort tries every string of up to two bytes, and the long codes around EOS.
func TestHuffmanShort(t *testing.T) {
	checkHuffman(t, nil)
	for a := range 256 {
		checkHuffman(t, []byte{byte(a)})
		for b := range 256 {
			checkHuffman(t, []byte{byte(a), byte(b)})
			if a >= 0xc0 {
				checkHuffman(t, []byte{0xff, byte(a), byte(b)})
				checkHuffman(t, []byte{0xff, 0xff, 0xff, byte(a), byte(b)})
				checkHuffman(t, []byte{0xff, 0xff, byte(a), byte(b), 0xff})
			}
		}
	}
}
