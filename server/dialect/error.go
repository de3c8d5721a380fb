package dialect

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Fault is an error as the gateway sees it; AppendError writes it in the client's API form. Type, Code and Param are written in
// the words of the API in question; where Type is empty, the status decides it and, unless Code is set, the code as well.
type Fault struct {
	Status int    // HTTP status
	Type   string // OpenAI and Anthropic error.type, Gemini error.status; empty = by status
	Code   string // OpenAI error.code
	Param  string // OpenAI error.param, empty = null

	// Message is constant text. A "%s" in it is replaced by Detail; without one, Detail follows after ": ".
	Message string
	// Detail is an optional piece of the client's own text, such as the model's name: borrowed, cut at 256 bytes, escaped.
	Detail []byte

	// Sequence is the sequence_number of the event that ends a /v1/responses stream (EndScanner.Sequence).
	Sequence int64
}

// AppendError appends the body of an error response in the form of api. requestID is borrowed; only Anthropic's form has it,
// null where it is empty. The result is valid JSON whatever the bytes of Detail and requestID are.
//
// Sources: OpenAI API reference "Error codes"; Anthropic "Errors"; google.rpc.Status as Gemini sends it.
func AppendError(dst []byte, api API, f *Fault, requestID []byte) []byte {
	switch api {
	case APIAnthropic:
		kind := f.Type
		if kind == "" {
			kind = anthropicType(f.Status)
		}
		dst = append(dst, `{"type":"error","error":{"type":`...)
		dst = AppendString(dst, kind)
		dst = append(dst, `,"message":`...)
		dst = appendMessage(dst, f)
		dst = append(dst, `},"request_id":`...)
		if len(requestID) == 0 {
			dst = append(dst, "null"...)
		} else {
			dst = AppendString(dst, requestID)
		}
		return append(dst, '}')
	case APIGemini:
		kind := f.Type
		if kind == "" {
			kind = geminiStatus(f.Status)
		}
		dst = append(dst, `{"error":{"code":`...)
		dst = strconv.AppendInt(dst, int64(f.Status), 10)
		dst = append(dst, `,"message":`...)
		dst = appendMessage(dst, f)
		dst = append(dst, `,"status":`...)
		dst = AppendString(dst, kind)
		return append(dst, `}}`...)
	}
	kind, code := openAIType(f)
	dst = append(dst, `{"error":{"message":`...)
	dst = appendMessage(dst, f)
	dst = append(dst, `,"type":`...)
	dst = AppendString(dst, kind)
	dst = append(dst, `,"param":`...)
	dst = appendStringOrNull(dst, f.Param)
	dst = append(dst, `,"code":`...)
	dst = appendStringOrNull(dst, code)
	return append(dst, `}}`...)
}

// AppendErrorEvent appends the event with which a stream that has begun ends in an error, as the API's own servers do it:
// nothing follows it, no [DONE] either. ep may be nil. Where the stream was cut inside an event (EndScanner.Between is false),
// the caller ends that event with a blank line first.
func AppendErrorEvent(dst []byte, api API, ep *Endpoint, f *Fault, requestID []byte) []byte {
	switch {
	case api == APIAnthropic:
		dst = append(dst, "event: error\ndata: "...)
		dst = AppendError(dst, api, f, requestID)
		return append(dst, "\n\n"...)
	case api == APIGemini:
		dst = append(dst, "data: "...)
		dst = AppendError(dst, api, f, requestID)
		return append(dst, "\r\n\r\n"...)
	case ep != nil && (ep.ID == idResponses || ep.ID == idResponse):
		kind, code := openAIType(f)
		if code == "" {
			code = kind
		}
		dst = append(dst, `event: error`+"\n"+`data: {"type":"error","sequence_number":`...)
		dst = strconv.AppendInt(dst, f.Sequence, 10)
		dst = append(dst, `,"code":`...)
		dst = AppendString(dst, code)
		dst = append(dst, `,"message":`...)
		dst = appendMessage(dst, f)
		dst = append(dst, `,"param":`...)
		dst = appendStringOrNull(dst, f.Param)
		return append(dst, "}\n\n"...)
	}
	dst = append(dst, "data: "...)
	dst = AppendError(dst, api, f, requestID)
	return append(dst, "\n\n"...)
}

// AppendKeepAlive appends an SSE comment, which every client skips (WHATWG HTML §9.2.6). It may stand between events only.
func AppendKeepAlive(dst []byte) []byte { return append(dst, ": keep-alive\n\n"...) }

func appendMessage(dst []byte, f *Fault) []byte {
	dst = append(dst, '"')
	if before, after, found := strings.Cut(f.Message, "%s"); found {
		dst = appendEscaped(dst, before)
		dst = appendDetail(dst, f.Detail)
		dst = appendEscaped(dst, after)
	} else {
		dst = appendEscaped(dst, f.Message)
		if len(f.Detail) > 0 {
			dst = append(dst, ": "...)
			dst = appendDetail(dst, f.Detail)
		}
	}
	return append(dst, '"')
}

// appendDetail escapes what fits of detail, cut before a character rather than within it.
func appendDetail(dst, detail []byte) []byte {
	if len(detail) <= detailLimitBytes {
		return appendEscaped(dst, detail)
	}
	n := detailLimitBytes
	for n > detailLimitBytes-utf8.UTFMax && !utf8.RuneStart(detail[n]) {
		n--
	}
	dst = appendEscaped(dst, detail[:n])
	return append(dst, "…"...)
}

func appendStringOrNull(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return AppendString(dst, s)
}

func openAIType(f *Fault) (kind, code string) {
	if f.Type != "" {
		return f.Type, f.Code
	}
	kind, code = "invalid_request_error", ""
	switch f.Status {
	case 401:
		code = "invalid_api_key"
	case 402:
		kind, code = "insufficient_quota", "insufficient_quota"
	case 403:
		kind = "permission_error"
	case 404:
		code = "model_not_found"
	case 405:
		code = "method_not_supported"
	case 408:
		code = "request_timeout"
	case 409:
		kind = "conflict"
	case 413:
		code = "request_too_large"
	case 415:
		code = "unsupported_content_type"
	case 429:
		kind, code = "requests", "rate_limit_exceeded"
	default:
		if f.Status >= 500 {
			kind = "server_error"
		}
	}
	if f.Code != "" {
		code = f.Code
	}
	return kind, code
}

func anthropicType(status int) string {
	switch status {
	case 401:
		return "authentication_error"
	case 402:
		return "billing_error"
	case 403:
		return "permission_error"
	case 404:
		return "not_found_error"
	case 408, 504:
		return "timeout_error"
	case 409:
		return "conflict_error"
	case 413:
		return "request_too_large"
	case 429:
		return "rate_limit_error"
	case 529:
		return "overloaded_error"
	}
	if status >= 500 {
		return "api_error"
	}
	return "invalid_request_error"
}

func geminiStatus(status int) string {
	switch status {
	case 401:
		return "UNAUTHENTICATED"
	case 403:
		return "PERMISSION_DENIED"
	case 404:
		return "NOT_FOUND"
	case 409:
		return "ABORTED"
	case 429:
		return "RESOURCE_EXHAUSTED"
	case 499:
		return "CANCELLED"
	case 501:
		return "UNIMPLEMENTED"
	case 502, 503, 529:
		return "UNAVAILABLE"
	case 408, 504:
		return "DEADLINE_EXCEEDED"
	}
	if status >= 500 {
		return "INTERNAL"
	}
	return "INVALID_ARGUMENT"
}
