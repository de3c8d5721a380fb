package http1

import "time"

// DateCache keeps the Date field of the current second. The zero value is ready.
type DateCache struct {
	second int64
	line   []byte
}

// Append appends "Date: …\r\n" in the form of RFC 9110 §5.6.7 for a time in seconds since 1970. The caller brings the time; it
// is written out again only when the second has changed.
func (d *DateCache) Append(dst []byte, unixSeconds int64) []byte {
	if d.line == nil || d.second != unixSeconds {
		d.second = unixSeconds
		d.line = append(d.line[:0], "Date: "...)
		d.line = time.Unix(unixSeconds, 0).UTC().AppendFormat(d.line, "Mon, 02 Jan 2006 15:04:05 GMT")
		d.line = append(d.line, "\r\n"...)
	}
	return append(dst, d.line...)
}
