package http1

// Field is one header field line. Both are views into the head's bytes: Name as sent, Value without the white space around it.
type Field struct{ Name, Value []byte }

// Head is one request head. All byte slices are views into the bytes that Parse was given, or constants; they are good as long
// as those bytes stay. A Head is filled by Parse and may be used for any number of requests, one after the other.
type Head struct {
	Method, Target []byte // as sent

	// Path and Query are the target's without the '?' between them, not decoded. Of an absolute-form target they are its
	// path and query; "*" is the Path of an asterisk-form target, and of "OPTIONS http://host" (RFC 9112 §3.2.4). CONNECT
	// has neither.
	Path, Query []byte

	// Host is the authority that is asked for: the target's where it has one, else the Host field's (RFC 9112 §3.2.2).
	// It is valid in syntax and may be empty.
	Host []byte

	Minor  int     // 0 or 1: HTTP/1.0 or HTTP/1.1
	Fields []Field // in the order sent; the array is used again for the next request

	ContentLength int64 // -1 where the request has none
	Chunked       bool  // the body comes in chunks; ContentLength is -1 then
	KeepAlive     bool  // the client lets the connection live on (RFC 9112 §9.3)
	Expect100     bool  // the client waits for Continue before it sends its body; false where there is no body to send
	Upgrade       bool  // there is an Upgrade field, which a server may ignore (RFC 9110 §7.8)

	plainConnection bool // known to have no connection options but close and keep-alive
}

// Get returns the value of the first field with that name, which is given in lower case. The value is a view.
func (h *Head) Get(name string) ([]byte, bool) {
	for i := range h.Fields {
		if f := &h.Fields[i]; equalFold(f.Name, name) {
			return f.Value, true
		}
	}
	return nil, false
}

// Reset forgets the request and lets go of its bytes; the array of Fields is kept.
func (h *Head) Reset() {
	clear(h.Fields)
	*h = Head{Fields: h.Fields[:0], ContentLength: -1}
}
