package observe

import (
	"bytes"
	"strconv"
	"strings"
)

// Entry is one exchange as the access log shows it. Append borrows all of it. There is no field for a header, a key or a body, so no
// secret can get into the log; of Path only what stands before the query is written, because Gemini's clients put
// their key into the query.
type Entry struct {
	UnixNano      int64  // end of the exchange
	RequestID     []byte // the gateway's id of the exchange
	Method        []byte
	Path          []byte
	Remote        []byte // address of the client
	Model         []byte // as the client asked for it
	UpstreamModel []byte // as the provider was asked for it
	Endpoint      string
	Provider      string // the target that answered, or the last one tried
	KeyName       string // the name of the client's key, never its value
	Outcome       string // ok, client_gone, upstream_failed, refused …
	Error         string // what went wrong, for the operator
	Status        int
	Attempts      int
	DurationNS    int64
	UpstreamNS    int64 // request sent → response head; 0 where there was none
	TTFTNS        int64 // request sent → first token; 0 where there was none
	BytesIn       int64 // of the request, head included
	BytesOut      int64 // of the response, head included
	Input         int64 // tokens, Cached included
	Cached        int64
	Output        int64
	Stream        bool
}

// failed says that an operator wants to see the line whatever the sampling says.
func (e *Entry) failed() bool {
	return e.Status >= 500 || e.Status < 100 || e.Error != "" && e.Status < 400
}

// Format is the form of log lines.
type Format uint8

// The forms of log lines.
const (
	FormatJSON Format = iota // one JSON object per line
	FormatText               // key=value pairs
)

// appendEntry appends e as one line; stamp is its time as RFC 3339 has it. Fields without a value are left out.
func appendEntry(dst []byte, e *Entry, stamp []byte, format Format) []byte {
	text := format == FormatText
	if text {
		dst = append(dst, "time="...)
		dst = append(dst, stamp...)
	} else {
		dst = append(dst, `{"time":"`...)
		dst = append(dst, stamp...)
		dst = append(dst, '"')
	}
	dst = appendString(dst, `,"id":"`, e.RequestID, idLimitBytes, text)
	dst = appendString(dst, `,"remote":"`, e.Remote, remoteLimitBytes, text)
	dst = appendString(dst, `,"method":"`, e.Method, methodLimitBytes, text)
	dst = appendString(dst, `,"path":"`, pathOf(e.Path), pathLimitBytes, text)
	dst = appendString(dst, `,"endpoint":"`, view(e.Endpoint), nameLimitBytes, text)
	dst = appendNumber(dst, `,"status":`, int64(e.Status), text)
	dst = appendString(dst, `,"outcome":"`, view(e.Outcome), outcomeLimitBytes, text)
	dst = appendString(dst, `,"key":"`, view(e.KeyName), nameLimitBytes, text)
	dst = appendString(dst, `,"model":"`, e.Model, modelLimitBytes, text)
	dst = appendString(dst, `,"provider":"`, view(e.Provider), nameLimitBytes, text)
	dst = appendString(dst, `,"upstream_model":"`, e.UpstreamModel, modelLimitBytes, text)
	if e.Stream {
		dst = append(appendKey(dst, `,"stream":`, text), "true"...)
	}
	dst = appendNumber(dst, `,"attempts":`, int64(e.Attempts), text)
	dst = appendMillis(dst, `,"duration_ms":`, e.DurationNS, text)
	dst = appendMillis(dst, `,"upstream_ms":`, e.UpstreamNS, text)
	dst = appendMillis(dst, `,"ttft_ms":`, e.TTFTNS, text)
	dst = appendNumber(dst, `,"bytes_in":`, e.BytesIn, text)
	dst = appendNumber(dst, `,"bytes_out":`, e.BytesOut, text)
	dst = appendNumber(dst, `,"input_tokens":`, e.Input, text)
	dst = appendNumber(dst, `,"cached_tokens":`, e.Cached, text)
	dst = appendNumber(dst, `,"output_tokens":`, e.Output, text)
	dst = appendString(dst, `,"error":"`, view(e.Error), errorLimitBytes, text)
	if !text {
		dst = append(dst, '}')
	}
	return append(dst, '\n')
}

// appendKey begins a field. key is written as JSON has it, ready to be appended; text takes the name out of it.
func appendKey(dst []byte, key string, text bool) []byte {
	if !text {
		return append(dst, key...)
	}
	dst = append(dst, ' ')
	dst = append(dst, key[2:strings.LastIndexByte(key, ':')-1]...)
	return append(dst, '=')
}

// appendString appends a field whose key ends with the value's opening quote.
func appendString(dst []byte, key string, v []byte, limitBytes int, text bool) []byte {
	if len(v) == 0 {
		return dst
	}
	dst = appendKey(dst, key, text)
	if text {
		return appendText(dst, v, limitBytes)
	}
	if len(v) <= limitBytes && isPlain(v) {
		dst = append(dst, v...)
	} else {
		dst = appendEscaped(dst, v, limitBytes)
	}
	return append(dst, '"')
}

func appendNumber(dst []byte, key string, v int64, text bool) []byte {
	if v == 0 {
		return dst
	}
	return strconv.AppendInt(appendKey(dst, key, text), v, 10)
}

// appendMillis appends nanoseconds as milliseconds with three decimals.
func appendMillis(dst []byte, key string, ns int64, text bool) []byte {
	if ns <= 0 {
		return dst
	}
	us := ns / 1000
	dst = strconv.AppendInt(appendKey(dst, key, text), us/1000, 10)
	f := us % 1000
	return append(dst, '.', byte('0'+f/100), byte('0'+f/10%10), byte('0'+f%10))
}

// pathOf is the path of a request target without query and fragment, and without the authority of an absolute form, which
// can hold a password.
func pathOf(target []byte) []byte {
	if len(target) > 0 && target[0] != '/' {
		target = afterAuthority(target)
	}
	for i, c := range target {
		if c == '?' || c == '#' {
			return target[:i]
		}
	}
	return target
}

// afterAuthority is the path of an absolute form (RFC 9112 §3.2.2); of any other form that does not begin with a slash
// (RFC 9112 §3.2.3, §3.2.4) it is what follows the user information.
func afterAuthority(target []byte) []byte {
	end := bytes.IndexAny(target, "/?#")
	if end > 0 && bytes.HasPrefix(target[end-1:], []byte("://")) {
		rest := target[end+2:]
		if at := bytes.IndexAny(rest, "/?#"); at >= 0 {
			return rest[at:]
		}
		return nil
	}
	if end < 0 {
		end = len(target)
	}
	return target[bytes.LastIndexByte(target[:end], '@')+1:]
}
