package dialect

import (
	"bytes"
	"strconv"
)

// Usage is what a response says it cost, in tokens. Fields that the provider left out are 0.
type Usage struct {
	// Input is prompt_tokens or input_tokens as the vendor reports it: with OpenAI cached and cache-written tokens are in it, with
	// Anthropic they are not (all input is then Input + CachedInput + CacheWrite).
	Input       int64
	CachedInput int64 // read from the provider's cache
	CacheWrite  int64 // written to it
	Output      int64 // with reasoning in it (xAI's chat API leaves it out, see its Total)
	Reasoning   int64
	Total       int64 // as reported; where it is not, the sum of all input and Output
	Seen        bool  // a usage object with at least one number was there
}

var keyUsage = quotedKey{text: `"usage"`, rare: len(`"usa`)}

// UsageScanner reads the usage out of a response as its pieces pass, JSON or event stream, split anywhere. It keeps no copy but of
// a usage object that spans pieces. Objects are found by their key alone, at any depth (top level, message, response, x_groq,
// choices); text cannot contain one, because quotes are escaped there. What a model or a tool may write as JSON itself (Anthropic
// content blocks, items of /v1/responses) does not count while streaming, and is overridden by what follows otherwise.
//
// In a stream later numbers override earlier ones and null keeps them, since Anthropic's message_delta is cumulative and OpenAI
// compatible servers may repeat usage in every chunk. In a JSON body the last object counts alone.
type UsageScanner struct {
	value    [fieldCount]int64
	seen     fieldSet
	api      API
	form     form
	find     keyFinder
	object   bool // within a usage object that began in an earlier piece
	item     bool // it is within an item, and does not count
	tooLarge bool // it does not fit in carry
	inString bool
	escaped  bool
	depth    int
	carry    []byte // the object so far; grown when first needed, then kept
	head     [lineHeadBytes]byte
	headLen  int
}

// form is what the response's first byte tells.
type form uint8

const (
	formUnknown form = iota
	formJSON
	formEvents
)

// Reset makes the scanner ready for a response of api.
func (s *UsageScanner) Reset(api API) {
	s.value, s.seen = [fieldCount]int64{}, 0
	s.api, s.form, s.find = api, formUnknown, keyFinder{}
	s.object, s.item, s.carry, s.headLen = false, false, s.carry[:0], 0
}

// Usage returns what was seen so far.
func (s *UsageScanner) Usage() Usage {
	u := Usage{
		Input: s.value[fieldInput], CachedInput: s.value[fieldCached], CacheWrite: s.value[fieldCacheWrite],
		Output: s.value[fieldOutput], Reasoning: s.value[fieldReasoning], Total: s.value[fieldTotal],
		Seen: s.seen != 0,
	}
	if s.seen&(1<<fieldTotal) == 0 {
		u.Total = u.Input + u.Output
		if s.api == APIAnthropic {
			u.Total += u.CachedInput + u.CacheWrite
		}
	}
	return u
}

// Feed takes the next piece of the response's content, without transfer or content encoding. It borrows b.
func (s *UsageScanner) Feed(b []byte) {
	if s.form == formUnknown {
		i := skipSpace(b, 0)
		if i == len(b) {
			s.find.end(b)
			return
		}
		s.form = formEvents
		if b[i] == '{' || b[i] == '[' {
			s.form = formJSON
		}
	}
	i := 0
	if s.object {
		i = s.resume(b)
	}
	for i < len(b) {
		at, found := s.find.next(b, i, keyUsage)
		if !found {
			break
		}
		i = at
		if b[i] != '{' {
			continue
		}
		var r usageReader
		end, why := r.object(b, i, groupUsage)
		if why == jsonOK && end-i <= usageLimitBytes && !(s.form == formEvents && indexLineEnd(b[i:end]) >= 0) {
			i = end
			s.apply(&r, s.inItem(b, at))
			continue
		}
		// Cut off, malformed or too large. In all three cases it is skipped to its end, however the pieces are split.
		s.object, s.item, s.tooLarge = true, s.inItem(b, at), false
		s.inString, s.escaped, s.depth = false, false, 0
		i += s.resume(b[i:])
	}
	s.find.end(b)
	if s.form == formEvents && len(b) > 0 {
		s.keepHead(b)
	}
}

// resume gathers a usage object that spans pieces and returns how much of b belongs to it.
func (s *UsageScanner) resume(b []byte) int {
	n, end := s.objectEnd(b)
	if s.tooLarge = s.tooLarge || len(s.carry)+n > usageLimitBytes; !s.tooLarge {
		s.carry = append(s.carry, b[:n]...)
	}
	switch {
	case end == objectOpen:
		return n
	case end == objectClosed && !s.tooLarge:
		var r usageReader
		if _, why := r.object(s.carry, 0, groupUsage); why == jsonOK {
			s.apply(&r, s.item)
		}
	}
	s.object, s.carry = false, s.carry[:0]
	return n
}

// objectState is how an object stands at the end of a piece.
type objectState uint8

const (
	objectOpen objectState = iota
	objectClosed
	objectBroken // its line ended before it did
)

// objectEnd looks for the brace that ends the object, each byte once. An object in an event ends with its line at the latest.
func (s *UsageScanner) objectEnd(b []byte) (n int, end objectState) {
	for i, c := range b {
		switch {
		case (c == '\n' || c == '\r') && s.form == formEvents:
			return i, objectBroken
		case s.escaped:
			s.escaped = false
		case s.inString:
			s.escaped, s.inString = c == '\\', c != '"'
		case c == '"':
			s.inString = true
		case c == '{' || c == '[':
			s.depth++
		case c == '}' || c == ']':
			if s.depth--; s.depth == 0 {
				return i + 1, objectClosed
			}
		}
	}
	return len(b), objectOpen
}

func (s *UsageScanner) apply(r *usageReader, item bool) {
	if r.seen == 0 || item {
		return
	}
	if s.form == formJSON {
		s.value, s.seen = r.value, r.seen
		return
	}
	for id, v := range r.value {
		if r.seen>>id&1 != 0 {
			s.value[id] = v
		}
	}
	s.seen |= r.seen
}

// inItem says whether b[at] is in an event that carries what a model or a tool wrote.
func (s *UsageScanner) inItem(b []byte, at int) bool {
	if s.form != formEvents {
		return false
	}
	if end := lastLineEnd(b[:at]); end >= 0 {
		head := b[end+1 : at]
		return isItem(head[:min(len(head), lineHeadBytes)])
	}
	n := copy(s.head[s.headLen:], b[:at])
	return isItem(s.head[:s.headLen+n])
}

var (
	contentBlock = []byte(`"content_block`)
	outputItem   = []byte(`"response.output_item`)
)

func isItem(lineHead []byte) bool {
	return bytes.Contains(lineHead, contentBlock) || bytes.Contains(lineHead, outputItem)
}

// keepHead keeps the beginning of the line that b ends in.
func (s *UsageScanner) keepHead(b []byte) {
	if last := b[len(b)-1]; last == '\n' || last == '\r' {
		s.headLen = 0
		return
	}
	if end := lastLineEnd(b); end >= 0 {
		s.headLen, b = 0, b[end+1:]
	}
	s.headLen += copy(s.head[s.headLen:], b)
}

// lastLineEnd returns where the last CR or LF is, or -1.
func lastLineEnd(b []byte) int {
	end := -1
	if bytes.IndexByte(b, '\n') >= 0 { // that is fast, LastIndexByte is not
		end = bytes.LastIndexByte(b, '\n')
	}
	if rest := b[end+1:]; bytes.IndexByte(rest, '\r') >= 0 {
		end += 1 + bytes.LastIndexByte(rest, '\r')
	}
	return end
}

type field uint8

const (
	fieldNone field = iota
	fieldInput
	fieldCached
	fieldCacheWrite
	fieldOutput
	fieldReasoning
	fieldTotal
	fieldCount
	groupUsage
	groupInput
	groupOutput
)

// fieldSet has a bit per field.
type fieldSet uint8

// usageReader reads one usage object.
type usageReader struct {
	value [fieldCount]int64
	seen  fieldSet
}

// object reads the object at b[i] and returns the index after it.
func (r *usageReader) object(b []byte, i int, group field) (int, reason) {
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, jsonOK
	}
	for {
		if i >= len(b) {
			return i, jsonTruncated
		}
		if b[i] != '"' {
			return i, jsonKey
		}
		start := i + 1
		end := bytes.IndexByte(b[start:], '"')
		if end < 0 {
			return len(b), jsonTruncated
		}
		if end += start; b[end-1] == '\\' { // no key that counts has escapes
			var why reason
			if end, _, why = skipString(b, start); why != jsonOK {
				return end, why
			}
		}
		id := fieldOf(b[start:end], group)
		var why reason
		if i, why = skipColon(b, end+1); why != jsonOK {
			return i, why
		}
		switch {
		case i < len(b) && b[i]-'0' <= 9:
			i, why = r.number(b, i, id)
		case i < len(b) && b[i] == '{' && id > fieldCount:
			i, why = r.object(b, i, id)
		default:
			i, why = skipValue(b, i, 2)
		}
		if why != jsonOK {
			return i, why
		}
		i = skipSpace(b, i)
		if i >= len(b) {
			return i, jsonTruncated
		}
		if b[i] == '}' {
			return i + 1, jsonOK
		}
		if b[i] != ',' {
			return i, jsonComma
		}
		i = skipSpace(b, i+1)
	}
}

// fieldOf names a member of the usage object or, by group, of one of its details. Besides the names of OpenAI's two APIs and
// Anthropic's these are Mistral's and Moonshot's (num_cached_tokens, cached_tokens, prompt_token_details) and DeepSeek's
// (prompt_cache_hit_tokens).
func fieldOf(name []byte, group field) field {
	switch group {
	case groupInput:
		switch string(name) {
		case "cached_tokens":
			return fieldCached
		case "cache_write_tokens":
			return fieldCacheWrite
		}
		return fieldNone
	case groupOutput:
		switch string(name) {
		case "reasoning_tokens", "thinking_tokens":
			return fieldReasoning
		}
		return fieldNone
	}
	switch string(name) {
	case "prompt_tokens", "input_tokens":
		return fieldInput
	case "completion_tokens", "output_tokens":
		return fieldOutput
	case "total_tokens":
		return fieldTotal
	case "cache_read_input_tokens", "cached_tokens", "num_cached_tokens", "prompt_cache_hit_tokens":
		return fieldCached
	case "cache_creation_input_tokens":
		return fieldCacheWrite
	case "reasoning_tokens":
		return fieldReasoning
	case "prompt_tokens_details", "input_tokens_details", "prompt_token_details":
		return groupInput
	case "completion_tokens_details", "output_tokens_details":
		return groupOutput
	}
	return fieldNone
}

// maxTokens bounds one number: sums of a few stay far within int64, and a float64 holds it exactly.
const maxTokens = 1 << 52

// number reads a number that starts with a digit, for a field that may be none. Fractions, which some servers write, are cut off.
func (r *usageReader) number(b []byte, i int, id field) (int, reason) {
	start := i
	var v int64
	for i < len(b) && b[i]-'0' <= 9 {
		v = min(v*10+int64(b[i]-'0'), maxTokens)
		i++
	}
	if i < len(b) && (b[i] == '.' || b[i]|0x20 == 'e') {
		end, why := skipNumber(b, start)
		if why != jsonOK {
			return end, why
		}
		f, err := strconv.ParseFloat(string(b[start:end]), 64)
		if err != nil || f > maxTokens {
			f = maxTokens
		}
		v, i = int64(f), end
	}
	if id > fieldNone && id < fieldCount {
		r.value[id] = v
		r.seen |= 1 << id
	}
	return i, jsonOK
}
