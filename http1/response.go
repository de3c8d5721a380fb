package http1

import "strconv"

const (
	// LastChunk ends a chunked body that has no trailers.
	LastChunk = "0\r\n\r\n"
	// Continue is the whole interim response that a client with Head.Expect100 waits for.
	Continue = "HTTP/1.1 100 Continue\r\n\r\n"
)

// AppendStatus appends a status line. We answer as HTTP/1.1 to every version (RFC 9110 §2.5). A status without a registered
// phrase gets an empty one; one that has not three digits is written as 500, since no client could read it.
func AppendStatus(dst []byte, status int) []byte {
	if status < 100 || status > 999 {
		status = 500
	}
	if status < len(statusLines) && statusLines[status] != "" {
		return append(dst, statusLines[status]...)
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	return append(dst, " \r\n"...)
}

// AppendField appends one field line. The caller answers for a valid name and value: with the build tag invariants others
// panic, because a line break in them would be a response of its own.
func AppendField(dst, name, value []byte) []byte {
	checkField(name, value)
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

// AppendFieldString is AppendField for strings.
func AppendFieldString(dst []byte, name, value string) []byte {
	checkField(name, value)
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

// AppendContentLength appends a Content-Length field of n bytes.
func AppendContentLength(dst []byte, n int64) []byte {
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, n, 10)
	return append(dst, "\r\n"...)
}

// AppendChunkHead appends the size line of a chunk of n > 0 bytes. The caller appends these and a CRLF.
func AppendChunkHead(dst []byte, n int) []byte {
	dst = strconv.AppendInt(dst, int64(n), 16)
	return append(dst, "\r\n"...)
}

// AppendChunk appends data as one chunk, and nothing where data is empty: an empty chunk would end the body.
func AppendChunk(dst, data []byte) []byte {
	if len(data) == 0 {
		return dst
	}
	dst = AppendChunkHead(dst, len(data))
	dst = append(dst, data...)
	return append(dst, "\r\n"...)
}
