package sim

import "bytes"

// part is one part of a multipart/form-data body (RFC 7578). Views into the body.
type part struct {
	name    []byte // the file's
	content []byte
}

// findPart looks for the part with the given field name. It borrows the body.
func findPart(body, boundary []byte, field string) (part, bool) {
	if len(boundary) == 0 {
		return part{}, false
	}
	mark := make([]byte, 0, len(boundary)+4)
	mark = append(append(mark, "\r\n--"...), boundary...)
	if !bytes.HasPrefix(body, mark[2:]) {
		i := bytes.Index(body, mark)
		if i < 0 {
			return part{}, false
		}
		body = body[i+2:]
	}
	body = body[len(mark)-2:]
	for {
		// Behind the boundary: "--" at the end, else a line break and the part.
		i := bytes.Index(body, mark)
		if i < 0 {
			return part{}, false
		}
		head, content, ok := bytes.Cut(body[:i], []byte("\r\n\r\n"))
		if ok && string(parameter(head, `; name="`)) == field {
			return part{name: parameter(head, `; filename="`), content: content}, true
		}
		body = body[i+len(mark):]
	}
}

// parameter returns what stands between the quotes that open with mark.
func parameter(head []byte, mark string) []byte {
	i := bytes.Index(head, []byte(mark))
	if i < 0 {
		return nil
	}
	value, _, ok := bytes.Cut(head[i+len(mark):], []byte(`"`))
	if !ok {
		return nil
	}
	return value
}
