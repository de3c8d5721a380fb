package dialect

import (
	"bytes"
	"math"
	"strconv"
)

// ScanError says why a request body is refused. It belongs to the Scan or Form that returned it, lent until that is used again.
type ScanError struct {
	Offset int    // of the first byte that is wrong
	Reason string // constant text
	Param  string // the field at fault, empty where the body as such is
}

func (e *ScanError) Error() string {
	s := "cannot read the request body at byte " + strconv.Itoa(e.Offset) + ": " + e.Reason
	if e.Param != "" {
		s += " (" + e.Param + ")"
	}
	return s
}

// How fast it is: ns and GB/s of BenchmarkScan and BenchmarkSonic in one run, the least of 100 rounds of 1 ms, on a shared EPYC
// (Zen 4) under load.
//
//	body                      Scan.JSON       sonic's encoder.Valid   its ast search for model and stream
//	chat, 1.2 KB                  332   3.4       169   6.7               258   4.4
//	prose, 256 KB              19,300  13.5     7,260  36              31,900   8.2
//	two-byte characters        21,600  13.2     8,090  35              34,600   8.3
//	an escape every 12 bytes  222,000   1.2    13,300  20              38,400   6.9
//	tool schemas, 54 KB        51,200   1.1    43,000   1.3             3,520  16
//	token numbers, 66 KB      104,500   0.6   138,600   0.5             4,870  13.6
//
// sonic's validation is faster for text but is not used: it takes control characters and invalid escapes in strings, and deeper
// nesting, for valid (TestSonicIsLax), and a search for the keys would come on top.

// Scan is what routing needs of a JSON request body. Only keys of the top-level object count, and include_usage within
// stream_options. A Scan is reused from request to request; JSON resets it.
type Scan struct {
	// Model is the model's name: a view into the body, or into Scratch where the name was written with escapes.
	Model             []byte
	ModelAt, ModelEnd int // the string in the body, quotes included
	HasModel          bool

	Stream    bool // stream is true
	StreamSet bool // stream is there and not null

	HasOptions            bool // stream_options is there, an object or null
	OptionsNull           bool
	OptionsEmpty          bool // {}
	OptionsAt, OptionsEnd int  // its value in the body

	HasInclude            bool // include_usage is there, a bool or null
	IncludeUsage          bool // it is true
	IncludeAt, IncludeEnd int  // its value in the body

	MaxTokens int64 // the largest of max_tokens, max_completion_tokens, max_output_tokens; -1 where none is a whole number

	Scratch [modelLimitBytes]byte

	end   int  // of the top-level object: its closing brace
	empty bool // it has no members
	seen  keySet
	err   ScanError
}

// key is a top-level key that means something here.
type key uint8

const (
	keyOther key = iota
	keyModel
	keyStream
	keyOptions
	keyMaxTokens
	keyInclude
)

type keySet uint8

var keyName = [...]string{
	keyModel: "model", keyStream: "stream", keyOptions: "stream_options", keyInclude: "stream_options.include_usage",
}

// JSON reads body in one pass and fills s. It borrows body; Model points into it. The whole body must be one JSON object by RFC
// 8259 and nothing after it: no byte order mark, no control characters in strings, at most 512 levels. Whether strings are UTF-8
// is left to the provider: nothing here depends on it, and the bytes are passed on as they are.
//
// A routed key (model, stream, stream_options and include_usage in it) that stands twice is refused, because which one counts is
// for each decoder to say, and gateway and provider must mean the same. For the same reason a key that differs from a routed one in
// case alone is refused: some providers' decoders fold it. Keys written with escapes are recognised. Errors are *ScanError.
func (s *Scan) JSON(body []byte) error {
	s.reset()
	i := skipSpace(body, 0)
	switch {
	case i == len(body):
		return s.fail(i, "the body is empty", "")
	case body[i] == 0xEF:
		return s.fail(i, "the body must be JSON without a byte order mark", "")
	case body[i] != '{':
		return s.fail(i, "the body must be a JSON object", "")
	}
	i = skipSpace(body, i+1)
	if i < len(body) && body[i] == '}' {
		s.empty = true
	} else {
		for {
			var err error
			if i, err = s.member(body, i); err != nil {
				return err
			}
			i = skipSpace(body, i)
			if i >= len(body) {
				return s.fail(i, reasonText[jsonTruncated], "")
			}
			if body[i] == '}' {
				break
			}
			if body[i] != ',' {
				return s.fail(i, reasonText[jsonComma], "")
			}
			i = skipSpace(body, i+1)
		}
	}
	if i >= len(body) {
		return s.fail(i, reasonText[jsonTruncated], "")
	}
	s.end = i
	if i = skipSpace(body, i+1); i != len(body) {
		return s.fail(i, "something follows the JSON object", "")
	}
	return nil
}

// reset leaves Scratch as it is: nothing points into it any more.
func (s *Scan) reset() {
	s.Model, s.ModelAt, s.ModelEnd, s.HasModel = nil, 0, 0, false
	s.Stream, s.StreamSet = false, false
	s.HasOptions, s.OptionsNull, s.OptionsEmpty, s.OptionsAt, s.OptionsEnd = false, false, false, 0, 0
	s.HasInclude, s.IncludeUsage, s.IncludeAt, s.IncludeEnd = false, false, 0, 0
	s.MaxTokens = -1
	s.end, s.empty, s.seen = 0, false, 0
}

func (s *Scan) fail(offset int, why, param string) error {
	s.err = ScanError{Offset: offset, Reason: why, Param: param}
	return &s.err
}

// member reads one member of the top-level object, whose key starts at i, and returns the index after its value.
func (s *Scan) member(body []byte, i int) (int, error) {
	start := i
	k, exact, i, err := s.key(body, i, false)
	if err != nil {
		return i, err
	}
	switch k {
	case keyOther:
		return s.skip(body, i, 1, "")
	case keyMaxTokens:
		end, err := s.skip(body, i, 1, "")
		if err == nil {
			s.MaxTokens = max(s.MaxTokens, wholeNumber(body[i:end]))
		}
		return end, err
	}
	if err := s.once(k, exact, start); err != nil {
		return i, err
	}
	switch k {
	case keyModel:
		return s.model(body, i)
	case keyStream:
		v, null, end, err := s.boolean(body, i, keyName[keyStream])
		s.Stream, s.StreamSet = v, !null
		return end, err
	}
	return s.options(body, i)
}

// key reads the key that starts at i and returns it with the index of its value. exact is false where only the case differs.
func (s *Scan) key(body []byte, i int, inOptions bool) (k key, exact bool, value int, err error) {
	if i >= len(body) {
		return 0, false, i, s.fail(i, reasonText[jsonTruncated], "")
	}
	if body[i] != '"' {
		return 0, false, i, s.fail(i, reasonText[jsonKey], "")
	}
	end, escaped, why := skipString(body, i+1)
	if why != jsonOK {
		return 0, false, end, s.fail(end, reasonText[why], "")
	}
	name := body[i+1 : end]
	if escaped {
		k, exact = escapedKey(name, inOptions)
	} else {
		k, exact = keyOf(name, inOptions)
	}
	if value, why = skipColon(body, end+1); why != jsonOK {
		return 0, false, value, s.fail(value, reasonText[why], "")
	}
	return k, exact, value, nil
}

func (s *Scan) once(k key, exact bool, offset int) error {
	if !exact {
		return s.fail(offset, "the key must be in lower case", keyName[k])
	}
	if s.seen&(1<<k) != 0 {
		return s.fail(offset, "the key stands twice", keyName[k])
	}
	s.seen |= 1 << k
	return nil
}

func (s *Scan) skip(body []byte, i, depth int, param string) (int, error) {
	end, why := skipValue(body, i, depth)
	if why != jsonOK {
		return end, s.fail(end, reasonText[why], param)
	}
	return end, nil
}

func (s *Scan) model(body []byte, i int) (int, error) {
	if i < len(body) && body[i] != '"' {
		return i, s.fail(i, "must be a string", "model")
	}
	end, escaped, why := stringAt(body, i)
	if why != jsonOK {
		return end, s.fail(end, reasonText[why], "model")
	}
	raw := body[i+1 : end]
	if escaped {
		n := unescape(s.Scratch[:], raw)
		if n < 0 {
			return i, s.fail(i, "must be at most 256 bytes", "model")
		}
		raw = s.Scratch[:n]
	}
	if len(raw) > modelLimitBytes {
		return i, s.fail(i, "must be at most 256 bytes", "model")
	}
	s.Model, s.ModelAt, s.ModelEnd, s.HasModel = raw, i, end+1, true
	return end + 1, nil
}

// stringAt is skipString from an opening quote that may be missing because the body ends there.
func stringAt(body []byte, i int) (int, bool, reason) {
	if i >= len(body) {
		return len(body), false, jsonTruncated
	}
	return skipString(body, i+1)
}

func (s *Scan) boolean(body []byte, i int, param string) (v, null bool, end int, err error) {
	word := ""
	if i < len(body) {
		switch body[i] {
		case 't':
			word, v = "true", true
		case 'f':
			word = "false"
		case 'n':
			word, null = "null", true
		default:
			return false, false, i, s.fail(i, "must be a boolean", param)
		}
	} else {
		return false, false, i, s.fail(i, reasonText[jsonTruncated], "")
	}
	end, why := skipLiteral(body, i, word)
	if why != jsonOK {
		return false, false, end, s.fail(end, reasonText[why], param)
	}
	return v, null, end, nil
}

func (s *Scan) options(body []byte, i int) (int, error) {
	switch {
	case i >= len(body):
		return i, s.fail(i, reasonText[jsonTruncated], "")
	case body[i] == 'n':
		end, why := skipLiteral(body, i, "null")
		if why != jsonOK {
			return end, s.fail(end, reasonText[why], "stream_options")
		}
		s.HasOptions, s.OptionsNull, s.OptionsAt, s.OptionsEnd = true, true, i, end
		return end, nil
	case body[i] != '{':
		return i, s.fail(i, "must be an object", "stream_options")
	}
	s.HasOptions, s.OptionsAt = true, i
	i = skipSpace(body, i+1)
	if i < len(body) && body[i] == '}' {
		s.OptionsEmpty, s.OptionsEnd = true, i+1
		return i + 1, nil
	}
	for {
		start := i
		k, exact, value, err := s.key(body, i, true)
		if err != nil {
			return value, err
		}
		i = value
		if k == keyInclude {
			if err := s.once(k, exact, start); err != nil {
				return i, err
			}
			var v bool
			if v, _, i, err = s.boolean(body, value, keyName[keyInclude]); err != nil {
				return i, err
			}
			s.HasInclude, s.IncludeUsage, s.IncludeAt, s.IncludeEnd = true, v, value, i
		} else if i, err = s.skip(body, value, 2, "stream_options"); err != nil {
			return i, err
		}
		i = skipSpace(body, i)
		switch {
		case i >= len(body):
			return i, s.fail(i, reasonText[jsonTruncated], "")
		case body[i] == '}':
			s.OptionsEnd = i + 1
			return i + 1, nil
		case body[i] != ',':
			return i, s.fail(i, reasonText[jsonComma], "stream_options")
		}
		i = skipSpace(body, i+1)
	}
}

// keyOf names a key. exact is false where it differs from the name in case alone.
func keyOf(name []byte, inOptions bool) (k key, exact bool) {
	if inOptions {
		if string(name) == "include_usage" {
			return keyInclude, true
		}
		if foldEqual(name, "include_usage") {
			return keyInclude, false
		}
		return keyOther, true
	}
	switch string(name) {
	case "model":
		return keyModel, true
	case "stream":
		return keyStream, true
	case "stream_options":
		return keyOptions, true
	case "max_tokens", "max_completion_tokens", "max_output_tokens":
		return keyMaxTokens, true
	}
	switch {
	case foldEqual(name, "model"):
		return keyModel, false
	case foldEqual(name, "stream"):
		return keyStream, false
	case foldEqual(name, "stream_options"):
		return keyOptions, false
	}
	return keyOther, true
}

func foldEqual(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i := range len(lower) {
		c := name[i]
		if c-'A' <= 'Z'-'A' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func escapedKey(raw []byte, inOptions bool) (k key, exact bool) {
	var buf [len("max_completion_tokens")]byte // the longest key that means something
	n := unescape(buf[:], raw)
	if n < 0 {
		return keyOther, true
	}
	return keyOf(buf[:n], inOptions)
}

// wholeNumber reads digits and nothing else; -1 for any other value. Numbers beyond int64 become the largest.
func wholeNumber(b []byte) int64 {
	if len(b) == 0 || len(bytes.TrimLeft(b, "0123456789")) > 0 {
		return -1
	}
	var v int64
	for _, c := range b {
		d := int64(c - '0')
		if v > (math.MaxInt64-d)/10 {
			return math.MaxInt64
		}
		v = v*10 + d
	}
	return v
}
