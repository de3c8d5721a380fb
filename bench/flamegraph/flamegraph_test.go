package main

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"io"
	"runtime/pprof"
	"strings"
	"testing"
)

// message builds protocol buffers for the test: numbers and byte strings by field.
type message []byte

func (m message) number(field int, v uint64) message {
	return binary.AppendUvarint(binary.AppendUvarint(m, uint64(field)<<3), v)
}

func (m message) bytes(field int, v []byte) message {
	m = binary.AppendUvarint(m, uint64(field)<<3|2)
	return append(binary.AppendUvarint(m, uint64(len(v))), v...)
}

// twoStacks is main calling work, which inlines step and takes 30 of 40 in it.
func twoStacks() message {
	var m message
	m = m.bytes(1, message{}.number(1, 5).number(2, 6))
	m = m.bytes(2, message{}.number(1, 2).number(1, 1).number(2, 7).number(2, 30)) // not packed
	m = m.bytes(2, message{}.bytes(1, []byte{1}).bytes(2, []byte{3, 10}))          // packed
	m = m.bytes(4, message{}.number(1, 1).bytes(4, message{}.number(1, 1)))
	m = m.bytes(4, message{}.number(1, 2).bytes(4, message{}.number(1, 3)).bytes(4, message{}.number(1, 2)))
	for i := range 3 {
		m = m.bytes(5, message{}.number(1, uint64(i+1)).number(2, uint64(i+1)))
	}
	for _, text := range []string{"", "main.main", "penstock/loop.(*Loop).work", "penstock/loop.step[penstock/pool.Slab]", "x", "cpu", "nanoseconds"} {
		m = m.bytes(6, []byte(text))
	}
	return m
}

func TestFold(t *testing.T) {
	p, err := readProfile(twoStacks())
	if err != nil {
		t.Fatal(err)
	}
	root := p.fold()
	outer := root.children["main.main"]
	if p.unit != "nanoseconds" || root.value != 40 || outer == nil || outer.value != 40 {
		t.Fatalf("%+v of %s", root, p.unit)
	}
	work := outer.children["loop.(*Loop).work"]
	if work == nil || work.value != 30 || work.children["loop.step[penstock/pool.Slab]"] == nil {
		t.Fatalf("%+v", outer)
	}
}

func TestSVG(t *testing.T) {
	p, err := readProfile(twoStacks())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := writeSVG(&out, p.fold(), p.unit); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"main.main: 0s, 100.00 %", "loop.(*Loop).work: 0s, 75.00 %"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in the drawing", want)
		}
	}
	for d := xml.NewDecoder(&out); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("not XML: %v", err)
		}
	}
}

// TestRealProfile reads what the runtime writes, gzip and all.
func TestRealProfile(t *testing.T) {
	var raw bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&raw, 0); err != nil {
		t.Fatal(err)
	}
	p, err := readProfile(raw.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var walk func(*frame)
	walk = func(f *frame) {
		names = append(names, f.name)
		for _, c := range f.children {
			walk(c)
		}
	}
	walk(p.fold())
	if all := strings.Join(names, " "); !strings.Contains(all, "testing.tRunner") || !strings.Contains(all, "flamegraph.TestRealProfile") {
		t.Errorf("this test is not in its own profile: %s", all)
	}
}

func TestShort(t *testing.T) {
	for long, want := range map[string]string{
		"main.main": "main.main", "golang.org/x/net/http2.(*Framer).Read": "http2.(*Framer).Read", "a/b.F[c/d.T]": "b.F[c/d.T]", "": "",
	} {
		if got := short(long); got != want {
			t.Errorf("%q becomes %q, want %q", long, got, want)
		}
	}
}

func FuzzProfile(f *testing.F) {
	f.Add([]byte(twoStacks()))
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(_ *testing.T, raw []byte) {
		if p, err := readProfile(raw); err == nil {
			_ = writeSVG(io.Discard, p.fold(), p.unit)
		}
	})
}
