package rawcases

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Request is one request as a provider gets it.
type Request struct {
	Method, Target string
	Fields         []Field
	Content        string
}

// Origin reads the requests of one connection by the grammar of the RFCs and forgives nothing: whatever a proxy sends on has to be valid,
// however invalid it came (RFC 9110 §2.2).
type Origin struct {
	Requests []Request
	Fault    string // what is no valid request; nothing is read after it
	Waits    bool   // a request asks for 100 (Continue), and its body is not complete

	in []byte
}

const tchar = "!#$%&'*+.^_`|~0-9A-Za-z-"

var (
	// Targets may hold what clients built on the WHATWG's URLs send; that hides no boundary.
	requestLine = regexp.MustCompile(`^([` + tchar + `]+) ([!"$-~]+) HTTP/1\.[0-9]$`)
	statusLine  = regexp.MustCompile(`^HTTP/1\.([01]) ([1-5][0-9][0-9]) [\t -~]*$`)
	fieldLine   = regexp.MustCompile(`(?s)^([` + tchar + `]+):[ \t]*(.*?)[ \t]*$`)
	badPercent  = regexp.MustCompile(`%($|.$|[^0-9A-Fa-f]|.[^0-9A-Fa-f])`)
	chunkLine   = regexp.MustCompile(`^([0-9A-Fa-f]{1,16})([ \t]*;.*)?$`)
	lengthValue = regexp.MustCompile(`^[0-9]+$`)
	hostValue   = regexp.MustCompile(`^([-._~!$&'()*+,;=%0-9A-Za-z]*|\[[0-9A-Fa-f:.]+(%25[-._~0-9A-Za-z]+)?\])(:[0-9]*)?$`)
)

// cutFields reads field lines. Other control characters than CR, LF and NUL may be passed on (RFC 9110 §5.5).
func cutFields(lines []string, ofResponse bool) (fields []Field, fault string) {
	for _, l := range lines {
		m := fieldLine.FindStringSubmatch(l)
		if m == nil || strings.ContainsAny(m[2], "\r\n\x00") {
			return nil, fmt.Sprintf("field line %q", l)
		}
		for _, f := range fields {
			if !ofResponse && strings.EqualFold(f.Name, m[1]) && strings.Contains(" host content-length transfer-encoding ", " "+strings.ToLower(m[1])+" ") {
				return nil, m[1] + " twice"
			}
		}
		fields = append(fields, Field{m[1], m[2]})
	}
	return fields, ""
}

// cutChunks reads a chunked body. used is 0 where it is not complete.
func cutChunks(b []byte) (content string, used int, fault string) {
	var all []byte
	for {
		line, rest, ok := bytes.Cut(b[used:], []byte("\r\n"))
		if !ok {
			return "", 0, ""
		}
		m := chunkLine.FindSubmatch(line)
		if m == nil || bytes.ContainsAny(line, "\r\n\x00") {
			return "", 0, fmt.Sprintf("chunk line %q", line)
		}
		size, err := strconv.ParseInt(string(m[1]), 16, 63)
		if err != nil {
			return "", 0, fmt.Sprintf("chunk size %q", m[1])
		}
		used += len(line) + 2
		if size == 0 {
			break
		}
		if int64(len(rest)) < size+2 {
			return "", 0, ""
		}
		if string(rest[size:size+2]) != "\r\n" {
			return "", 0, "no CRLF after a chunk"
		}
		all = append(all, rest[:size]...)
		used += int(size) + 2
	}
	for {
		line, _, ok := bytes.Cut(b[used:], []byte("\r\n"))
		if !ok {
			return "", 0, ""
		}
		used += len(line) + 2
		if len(line) == 0 {
			return string(all), used, ""
		}
		if _, fault := cutFields([]string{string(line)}, false); fault != "" {
			return "", 0, "trailer: " + fault
		}
	}
}

// Feed takes bytes, which it borrows.
func (o *Origin) Feed(b []byte) {
	o.in = append(o.in, b...)
	for o.Fault == "" && len(o.in) > 0 {
		n := o.read()
		if n == 0 {
			return
		}
		o.in = o.in[n:]
	}
}

// read takes one request; it returns 0 where more bytes have to come, or with a fault.
func (o *Origin) read() int {
	head, rest, whole := bytes.Cut(o.in, []byte("\r\n\r\n"))
	if !whole {
		return 0
	}
	lines := strings.Split(string(head), "\r\n")
	m := requestLine.FindStringSubmatch(lines[0])
	if m == nil || badPercent.MatchString(strings.SplitN(m[2], "?", 2)[0]) {
		o.Fault = fmt.Sprintf("request line %q", lines[0])
		return 0
	}
	r := Request{Method: m[1], Target: m[2]}
	if r.Fields, o.Fault = cutFields(lines[1:], false); o.Fault != "" {
		return 0
	}
	if h := find(r.Fields, "host"); !hostValue.MatchString(h) {
		o.Fault = fmt.Sprintf("host %q", h)
		return 0
	}
	length, coding := find(r.Fields, "content-length"), find(r.Fields, "transfer-encoding")
	used := len(head) + 4
	switch {
	case length != "" && coding != "":
		o.Fault = "both a length and a coding"
		return 0
	case coding != "":
		if list := strings.Split(coding, ","); !strings.EqualFold(strings.TrimSpace(list[len(list)-1]), "chunked") {
			o.Fault = fmt.Sprintf("coding %q", coding)
			return 0
		}
		content, n, fault := cutChunks(rest)
		if o.Fault = fault; n == 0 {
			o.Waits = fault == "" && find(r.Fields, "expect") != ""
			return 0
		}
		r.Content = content
		used += n
	case length != "":
		if !lengthValue.MatchString(length) {
			o.Fault = fmt.Sprintf("length %q", length)
			return 0
		}
		n, err := strconv.Atoi(length)
		if err != nil || len(rest) < n { // no number is too large to be valid
			o.Waits = find(r.Fields, "expect") != ""
			return 0
		}
		r.Content = string(rest[:n])
		used += n
	}
	o.Waits = false
	o.Requests = append(o.Requests, r)
	return used
}
