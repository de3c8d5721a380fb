package dialect

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fixtures returns the files whose name ends in suffix, by name.
func fixtures(t testing.TB, suffix string) map[string][]byte {
	t.Helper()
	m := map[string][]byte{}
	for _, vendor := range []string{"openai", "anthropic"} {
		list, err := filepath.Glob(filepath.Join("testdata", vendor, "*"+suffix))
		if err != nil || len(list) == 0 {
			t.Fatal("no fixtures", vendor, suffix, err)
		}
		for _, p := range list {
			name := vendor + "/" + filepath.Base(p)
			m[name] = fixture(t, name)
		}
	}
	return m
}

// splits calls f with b cut in two at every place, in single bytes, and in one piece.
func splits(b []byte, f func(pieces [][]byte)) {
	f([][]byte{b})
	for i := 1; i < len(b); i++ {
		f([][]byte{b[:i:i], b[i:]})
	}
	single := make([][]byte, len(b))
	for i := range b {
		single[i] = b[i : i+1 : i+1]
	}
	f(single)
}

// cut cuts b into pieces whose lengths are those of seed, over and over.
func cut(b, seed []byte) (pieces [][]byte) {
	for i := 0; len(b) > 0; i++ {
		n := len(b)
		if len(seed) > 0 {
			n = min(n, int(seed[i%len(seed)])%64+1)
		}
		pieces, b = append(pieces, b[:n:n]), b[n:]
	}
	return pieces
}

func decode(t testing.TB, b []byte) (v map[string]any) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, b)
	}
	return v
}

func sse(events ...string) []byte { return []byte(strings.Join(events, "\n\n") + "\n\n") }

func join(pieces [][]byte) []byte { return bytes.Join(pieces, nil) }
