package sim

import (
	"encoding/base64"
	"encoding/binary"
	"math"

	"github.com/bytedance/sonic/ast"
)

// serveEmbeddings answers POST /embeddings: vectors of length one that follow from the input alone.
func (x *exchange) serveEmbeddings(f *fields) *refusal {
	if f.input == nil {
		return errMissing("input")
	}
	dimensions := f.number("dimensions", f.dimensions, x.plan.dimensions, 1, dimensionsLimit)
	form := ""
	if f.encoding != nil {
		form = string(f.encoding)
	}
	if f.bad != "" {
		return errParam(f.bad)
	}
	switch form {
	case "", `"float"`, `"base64"`:
	default:
		return errParam("encoding_format")
	}
	inputs, ok := splitInput(f.input)
	if !ok {
		return errParam("input")
	}
	if len(inputs)*dimensions*12 > embeddingBytes {
		return errManyResults
	}
	b := append(x.lane.scratch[:0], `{"object":"list","data":[`...)
	for i, input := range inputs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"object":"embedding","index":`...)
		b = appendInt(b, i)
		b = append(b, `,"embedding":`...)
		b = appendVector(b, digest(input), dimensions, form == `"base64"`)
		b = append(b, '}')
	}
	b = append(b, `],"model":"`...)
	b = append(b, x.view(x.model)...)
	b = append(b, `","usage":{"prompt_tokens":`...)
	b = appendInt(b, x.prompt)
	b = append(b, `,"total_tokens":`...)
	b = appendInt(b, x.prompt)
	x.reply(append(b, `}}`...))
	return nil
}

// splitInput returns the inputs of an embeddings request: a text, texts, tokens, or lists of tokens.
func splitInput(input []byte) (inputs []string, ok bool) {
	n := parse(input)
	switch typeOf(n) {
	case ast.V_STRING:
		return []string{textOf(n)}, len(input) > 2
	case ast.V_ARRAY:
	default:
		return nil, false
	}
	list := items(n)
	if len(list) == 0 {
		return nil, false
	}
	if typeOf(&list[0]) == ast.V_NUMBER {
		return []string{string(input)}, true
	}
	if len(list) > embeddingsLimit {
		return nil, false
	}
	for i := range list {
		switch item := &list[i]; typeOf(item) {
		case ast.V_STRING:
			inputs = append(inputs, textOf(item))
		case ast.V_ARRAY:
			inputs = append(inputs, string(rawOf(item)))
		default:
			return nil, false
		}
	}
	return inputs, true
}

// digest is FNV-1a, so that a vector is the same in every process.
func digest(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// vectorUnit is the step of a component: seven decimals, which both forms of a vector hold.
const vectorUnit = 10_000_000

func component(seed uint64, i int) float32 {
	return float32(int64(mix(seed+uint64(i)))>>40) / (1 << 23)
}

// appendVector appends a vector of about length one, as numbers or as base64 of little-endian float32.
func appendVector(b []byte, seed uint64, dimensions int, packed bool) []byte {
	var sum float64
	for i := range dimensions {
		c := float64(component(seed, i))
		sum += c * c
	}
	scale := float32(vectorUnit)
	if sum > 0 {
		scale = float32(vectorUnit / math.Sqrt(sum))
	}
	if !packed {
		b = append(b, '[')
		for i := range dimensions {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendUnits(b, int(component(seed, i)*scale))
		}
		return append(b, ']')
	}
	raw := make([]byte, 0, 4*dimensions)
	for i := range dimensions {
		units := int(component(seed, i) * scale)
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(units)/vectorUnit))
	}
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, raw)
	return append(b, '"')
}

// appendUnits appends n units as a decimal fraction; formatting floats would cost more than everything else.
func appendUnits(b []byte, n int) []byte {
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	b = append(b, byte('0'+n/vectorUnit), '.')
	var digits [7]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	return append(b, digits[:]...)
}
