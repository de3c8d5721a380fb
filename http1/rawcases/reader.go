package rawcases

import (
	"bytes"
	"strconv"
	"strings"
)

// Field is one field line, the value without white space around it.
type Field struct{ Name, Value string }

// Answer is one response.
type Answer struct {
	Status  int
	Fields  []Field
	Content string
	Close   bool // it says, or its version or framing does, that the connection ends
	Interim int  // how many responses with 1xx came before it
}

// Get returns the value of the first field with a name, in any case.
func (a *Answer) Get(name string) string { return find(a.Fields, name) }

func find(fields []Field, name string) string {
	for _, f := range fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Reader reads the responses of one connection strictly (RFC 9112).
type Reader struct {
	Heads   []bool // which answers, in order, are to HEAD
	Answers []Answer
	Junk    string // what came that is no response, from its first byte on

	in      []byte
	interim int
}

// Feed takes bytes, which it borrows. ended says that the connection has ended behind them.
func (r *Reader) Feed(b []byte, ended bool) {
	r.in = append(r.in, b...)
	for r.Junk == "" && len(r.in) > 0 {
		n, ok := r.read(ended)
		if !ok {
			r.Junk = string(r.in[:min(len(r.in), 200)])
			return
		}
		if n == 0 {
			break
		}
		r.in = r.in[n:]
	}
	if ended && len(r.in) > 0 {
		r.Junk = string(r.in[:min(len(r.in), 200)])
	}
}

// read takes one response; n is 0 where more bytes have to come.
func (r *Reader) read(ended bool) (n int, ok bool) {
	head, rest, whole := bytes.Cut(r.in, []byte("\r\n\r\n"))
	if !whole {
		const form = "HTTP/1."
		return 0, strings.HasPrefix(form, string(r.in[:min(len(r.in), len(form))]))
	}
	lines := strings.Split(string(head), "\r\n")
	m := statusLine.FindStringSubmatch(lines[0])
	if m == nil {
		return 0, false
	}
	a := Answer{Interim: r.interim}
	a.Status, _ = strconv.Atoi(m[2]) // three digits
	fields, fault := cutFields(lines[1:], true)
	if fault != "" {
		return 0, false
	}
	a.Fields = fields
	used := len(head) + 4
	if a.Status < 200 {
		r.interim++
		return used, a.Status != 101
	}
	options := strings.ToLower(find(fields, "connection"))
	a.Close = strings.Contains(options, "close") || m[1] == "0" && !strings.Contains(options, "keep-alive")
	length, coding := find(fields, "content-length"), find(fields, "transfer-encoding")
	isHead := len(r.Answers) < len(r.Heads) && r.Heads[len(r.Answers)]
	switch {
	case isHead, a.Status == 204, a.Status == 304:
	case coding != "":
		content, n, fault := cutChunks(rest)
		if fault != "" || length != "" || !strings.EqualFold(coding, "chunked") {
			return 0, false
		}
		if n == 0 {
			return 0, true
		}
		a.Content = content
		used += n
	case length != "":
		n, err := strconv.Atoi(length)
		if err != nil || n < 0 {
			return 0, false
		}
		if len(rest) < n {
			return 0, true
		}
		a.Content = string(rest[:n])
		used += n
	default:
		if !ended {
			return 0, true
		}
		a.Content, a.Close = string(rest), true
		used += len(rest)
	}
	r.interim = 0
	r.Answers = append(r.Answers, a)
	return used, true
}
