package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// profile is what a flame graph needs of a pprof file (github.com/google/pprof, proto/profile.proto; the field numbers below are
// that file's).
type profile struct {
	strings   []string
	samples   []sample
	locations map[uint64][]uint64 // id of a location → ids of its functions, the innermost first
	functions map[uint64]int64    // id of a function → its name in strings
	unit      string              // of the values that are drawn
}

type sample struct {
	locations []uint64 // leaf first
	value     int64    // the last of the sample's values: for CPU the time, for a heap what is in use
}

var errProfile = errors.New("not a pprof profile")

// profileLimitBytes bounds what a file unfolds to.
const profileLimitBytes = 256 << 20

func readProfile(raw []byte) (*profile, error) {
	if bytes.HasPrefix(raw, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return nil, err
		}
		if raw, err = io.ReadAll(io.LimitReader(z, profileLimitBytes)); err != nil {
			return nil, err
		}
	}
	p := &profile{locations: map[uint64][]uint64{}, functions: map[uint64]int64{}}
	var unit int64
	err := fields(raw, func(number int, value uint64, data []byte) error {
		switch number {
		case 1: // sample_type: the last one's unit is that of the last value
			unit = 0
			return fields(data, func(number int, value uint64, _ []byte) error {
				if number == 2 {
					unit = int64(value)
				}
				return nil
			})
		case 2:
			s, err := readSample(data)
			p.samples = append(p.samples, s)
			return err
		case 4:
			return p.readLocation(data)
		case 5:
			return p.readFunction(data)
		case 6:
			p.strings = append(p.strings, string(data))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(p.strings) == 0 {
		return nil, errProfile
	}
	p.unit = p.text(unit)
	return p, nil
}

func readSample(data []byte) (s sample, err error) {
	err = fields(data, func(number int, value uint64, data []byte) error {
		switch number {
		case 1:
			return numbers(value, data, func(v uint64) { s.locations = append(s.locations, v) })
		case 2:
			return numbers(value, data, func(v uint64) { s.value = int64(v) })
		}
		return nil
	})
	return s, err
}

func (p *profile) readLocation(data []byte) error {
	var id uint64
	var functions []uint64
	err := fields(data, func(number int, value uint64, data []byte) error {
		switch number {
		case 1:
			id = value
		case 4: // line
			return fields(data, func(number int, value uint64, _ []byte) error {
				if number == 1 {
					functions = append(functions, value)
				}
				return nil
			})
		}
		return nil
	})
	p.locations[id] = functions
	return err
}

func (p *profile) readFunction(data []byte) error {
	var id, name uint64
	err := fields(data, func(number int, value uint64, _ []byte) error {
		switch number {
		case 1:
			id = value
		case 2:
			name = value
		}
		return nil
	})
	p.functions[id] = int64(name)
	return err
}

func (p *profile) text(at int64) string {
	if at < 0 || at >= int64(len(p.strings)) {
		return "?"
	}
	return p.strings[at]
}

// fields walks a message of protocol buffers. value is set for numbers, data for what has a length; a packed list is the latter.
func fields(b []byte, visit func(number int, value uint64, data []byte) error) error {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return errProfile
		}
		b = b[n:]
		var value uint64
		var data []byte
		switch tag & 7 {
		case 0:
			if value, n = binary.Uvarint(b); n <= 0 {
				return errProfile
			}
		case 1:
			n = 8
		case 2:
			size, head := binary.Uvarint(b)
			if head <= 0 || size > uint64(len(b)-head) {
				return errProfile
			}
			n = head + int(size)
			data = b[head:n]
		case 5:
			n = 4
		default:
			return fmt.Errorf("%w: wire type %d", errProfile, tag&7)
		}
		if n > len(b) {
			return errProfile
		}
		b = b[n:]
		if err := visit(int(tag>>3), value, data); err != nil {
			return err
		}
	}
	return nil
}

// numbers gives each number of a repeated field, packed or not.
func numbers(value uint64, data []byte, take func(uint64)) error {
	if data == nil {
		take(value)
		return nil
	}
	for len(data) > 0 {
		v, n := binary.Uvarint(data)
		if n <= 0 {
			return errProfile
		}
		take(v)
		data = data[n:]
	}
	return nil
}

// frame is a function as called along one path, with what it and all below it cost.
type frame struct {
	name     string
	value    int64
	children map[string]*frame
}

func (f *frame) child(name string) *frame {
	c := f.children[name]
	if c == nil {
		c = &frame{name: name}
		if f.children == nil {
			f.children = map[string]*frame{}
		}
		f.children[name] = c
	}
	return c
}

// fold puts the samples together by their stacks, outermost function first.
func (p *profile) fold() *frame {
	root := &frame{name: "all"}
	for _, s := range p.samples {
		at := root
		at.value += s.value
		for i := len(s.locations) - 1; i >= 0; i-- {
			functions := p.locations[s.locations[i]]
			if len(functions) == 0 {
				at = at.child("?")
				at.value += s.value
			}
			for k := len(functions) - 1; k >= 0; k-- {
				at = at.child(short(p.text(p.functions[functions[k]])))
				at.value += s.value
			}
		}
	}
	return root
}

// short leaves the path of a package away, of which its last part says enough.
func short(name string) string {
	end := len(name)
	if i := strings.IndexAny(name, "[("); i >= 0 { // type arguments and receivers may hold paths of their own
		end = i
	}
	return name[strings.LastIndexByte(name[:end], '/')+1:]
}
