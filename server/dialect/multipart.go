package dialect

import "bytes"

// Form is what routing needs of a multipart/form-data body (RFC 7578). A Form is reused; Multipart resets it.
type Form struct {
	Model             []byte // view into the body
	ModelAt, ModelEnd int    // the value in the body
	HasModel          bool
	Stream            bool // field stream is true
	StreamSet         bool

	dash [len("--") + boundaryLimitBytes]byte // the boundary with its dashes
	n    int
	err  ScanError
}

// Multipart reads body, whose boundary is in contentType, the value of the Content-Type field. It borrows both; Model points into
// body. Everything that two readers of forms could take differently is refused: a boundary that does not stand alone on its line,
// bare line feeds, folded heads, a routed field that stands twice or is a file or is encoded. A preamble, an epilogue and blanks
// after a boundary are fine (RFC 2046 §5.1.1). Errors are *ScanError.
func (f *Form) Multipart(contentType, body []byte) error {
	f.Model, f.ModelAt, f.ModelEnd, f.HasModel, f.Stream, f.StreamSet = nil, 0, 0, false, false, false
	if why := f.boundary(contentType); why != "" {
		return f.fail(0, why, "")
	}
	dash := f.dash[:f.n]
	i, err := f.next(body, 0)
	if err != nil {
		return err
	}
	for range partLimit {
		i += len(dash)
		if bytes.HasPrefix(body[i:], []byte("--")) {
			return f.closing(body, i+2)
		}
		i = skipBlanks(body, i)
		if !bytes.HasPrefix(body[i:], []byte("\r\n")) {
			return f.fail(i, "a boundary must stand alone on its line", "")
		}
		i += 2
		var p part
		start, err := f.head(&p, body, i)
		if err != nil {
			return err
		}
		if i, err = f.next(body, start); err != nil {
			return err
		}
		if err := f.field(&p, body, start, i-2); err != nil { // the CRLF before a boundary belongs to it
			return err
		}
	}
	return f.fail(i, "too many parts", "")
}

// Patch appends to pieces the parts of body with the model's value replaced by model, the plain name; nil leaves it alone. A form
// without a model gets none: see HasModel. f must come from a Multipart call on this body that returned nil. n is the length of
// what was appended. Nothing is copied.
func (f *Form) Patch(pieces [][]byte, body, model []byte) (out [][]byte, n int64) {
	p := patch{pieces: pieces, body: body}
	if model != nil && f.HasModel {
		p.replace(f.ModelAt, f.ModelEnd, model)
	}
	p.add(body[p.done:])
	return p.pieces, p.n
}

// next returns where the next boundary begins, its dashes included. The CRLF before it may be the one that ends a part's head.
// After a bare CR or LF only some readers see a boundary, so nobody gets to see one.
func (f *Form) next(body []byte, i int) (int, error) {
	for {
		p := bytes.Index(body[i:], f.dash[:f.n])
		if p < 0 {
			return i, f.fail(len(body), "the body ends without its closing boundary", "")
		}
		i += p
		switch {
		case i == 0, bytes.HasSuffix(body[:i], []byte("\r\n")):
			return i, nil
		case body[i-1] == '\n', body[i-1] == '\r':
			return i, f.fail(i, "lines must end in CRLF", "")
		}
		i++
	}
}

func (f *Form) fail(offset int, why, param string) error {
	f.err = ScanError{Offset: offset, Reason: why, Param: param}
	return &f.err
}

// closing checks the line of the closing boundary, of which i is the end.
func (f *Form) closing(body []byte, i int) error {
	i = skipBlanks(body, i)
	if i < len(body) && !bytes.HasPrefix(body[i:], []byte("\r\n")) {
		return f.fail(i, "a boundary must stand alone on its line", "")
	}
	return nil
}

const formType = "multipart/form-data"

// boundary reads the boundary into f.dash; why is empty where that worked.
func (f *Form) boundary(contentType []byte) (why string) {
	i := skipBlanks(contentType, 0)
	if len(contentType)-i < len(formType) || !foldEqual(contentType[i:i+len(formType)], formType) {
		return "the Content-Type must be multipart/form-data"
	}
	f.n = copy(f.dash[:], "--")
	ps := params{b: contentType, i: i + len(formType)}
	found := false
	for ps.next() {
		if !foldEqual(ps.name, "boundary") {
			continue
		}
		if found {
			return "the Content-Type has two boundaries"
		}
		found = true
		for k := 0; k < len(ps.value); k++ {
			c := ps.value[k]
			if ps.quoted && c == '\\' {
				k++
				c = ps.value[k]
			}
			if !isBoundaryByte(c) || f.n == len(f.dash) {
				return "the boundary is invalid"
			}
			f.dash[f.n] = c
			f.n++
		}
	}
	switch {
	case ps.invalid:
		return "the Content-Type is malformed"
	case f.n == len("--"):
		return "the Content-Type has no boundary"
	case f.dash[f.n-1] == ' ':
		return "the boundary is invalid"
	}
	return ""
}

// isBoundaryByte: bchars of RFC 2046 §5.1.1.
func isBoundaryByte(c byte) bool {
	switch {
	case c-'0' <= 9, c|0x20-'a' <= 'z'-'a':
		return true
	}
	return bytes.IndexByte([]byte(" '()+_,-./:=?"), c) >= 0
}

// part is what a part's head says.
type part struct {
	field    formField
	file     bool // it has a file name
	encoded  bool // it has a transfer encoding that changes bytes
	disposed bool
}

type formField uint8

const (
	formOther formField = iota
	formModel
	formStream
)

var formFieldName = [...]string{formModel: "model", formStream: "stream"}

// head reads a part's head from i on and returns where its content begins.
func (f *Form) head(p *part, body []byte, i int) (int, error) {
	limit := i + partHeadLimitBytes
	for {
		nl := bytes.IndexByte(body[i:min(len(body), limit)], '\n')
		if nl < 0 {
			if len(body) > limit {
				return i, f.fail(i, "a part's head is too large", "")
			}
			return i, f.fail(len(body), "the body ends within a part's head", "")
		}
		if nl == 0 || body[i+nl-1] != '\r' {
			return i, f.fail(i+nl, "lines must end in CRLF", "")
		}
		line := body[i : i+nl-1]
		next := i + nl + 1
		if len(line) == 0 {
			if !p.disposed {
				return i, f.fail(i, "a part has no Content-Disposition", "")
			}
			return next, nil
		}
		if why := p.line(line); why != "" {
			return i, f.fail(i, why, formFieldName[p.field])
		}
		i = next
	}
}

func (p *part) line(line []byte) (why string) {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || !isToken(line[:colon]) || bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, 0) >= 0 {
		return "a part's head is malformed"
	}
	name, value := line[:colon], line[colon+1:]
	switch {
	case foldEqual(name, "content-disposition"):
		if p.disposed {
			return "a part has two Content-Dispositions"
		}
		p.disposed = true
		return p.disposition(value)
	case foldEqual(name, "content-transfer-encoding"):
		value = bytes.Trim(value, " \t")
		p.encoded = p.encoded || !foldEqual(value, "7bit") && !foldEqual(value, "8bit") && !foldEqual(value, "binary")
	}
	return ""
}

func (p *part) disposition(value []byte) (why string) {
	const kind = "form-data"
	i := skipBlanks(value, 0)
	if len(value)-i < len(kind) || !foldEqual(value[i:i+len(kind)], kind) {
		return "a part's Content-Disposition is not form-data"
	}
	ps := params{b: value, i: i + len(kind)}
	named := false
	for ps.next() {
		base := ps.name
		if star := bytes.IndexByte(base, '*'); star >= 0 {
			base = base[:star]
		}
		switch {
		case foldEqual(base, "name"):
			if named || len(base) != len(ps.name) { // RFC 7578 §4.2 has no name*
				return "a part's name is ambiguous"
			}
			named = true
			for id := formModel; id <= formStream; id++ {
				if string(ps.value) == formFieldName[id] {
					p.field = id
				} else if ps.quoted && unquotes(ps.value, formFieldName[id]) {
					return "a part's name is ambiguous"
				}
			}
		case foldEqual(base, "filename"):
			p.file = true
		}
	}
	switch {
	case ps.invalid:
		return "a part's Content-Disposition is malformed"
	case !named:
		return "a part has no name"
	}
	return ""
}

// unquotes says whether value is name for a reader that drops backslashes.
func unquotes(value []byte, name string) bool {
	k := 0
	for i, c := range value {
		if c == '\\' && i+1 < len(value) {
			continue
		}
		if k == len(name) || c != name[k] {
			return false
		}
		k++
	}
	return k == len(name)
}

// field takes the part whose content is body[start:end]; end is before start where there is none.
func (f *Form) field(p *part, body []byte, start, end int) error {
	if p.field == formOther {
		return nil
	}
	param := formFieldName[p.field]
	switch {
	case p.field == formModel && f.HasModel, p.field == formStream && f.StreamSet:
		return f.fail(start, "the field stands twice", param)
	case p.file:
		return f.fail(start, "must be a field, not a file", param)
	case p.encoded:
		return f.fail(start, "must not have a transfer encoding", param)
	case end <= start:
		return f.fail(start, "must not be empty", param)
	}
	value := body[start:end]
	if p.field == formStream {
		f.Stream, f.StreamSet = string(value) == "1" || foldEqual(value, "true"), true
		return nil
	}
	if len(value) > modelLimitBytes {
		return f.fail(start, "must be at most 256 bytes", param)
	}
	f.Model, f.ModelAt, f.ModelEnd, f.HasModel = value, start, end, true
	return nil
}

// params walks the parameters of a header field's value: *( OWS ";" OWS token "=" ( word / quoted-string ) ).
type params struct {
	b           []byte
	i           int
	name, value []byte // of the parameter found; a quoted value is without its quotes, escapes still in it
	quoted      bool
	invalid     bool
}

func (p *params) next() bool {
	p.i = skipBlanks(p.b, p.i)
	if p.i == len(p.b) {
		return false
	}
	if p.b[p.i] != ';' {
		p.invalid = true
		return false
	}
	p.i = skipBlanks(p.b, p.i+1)
	if p.i == len(p.b) { // a trailing ';' is common
		return false
	}
	// An empty parameter is malformed: some readers skip it, others stop there and see no name behind it.
	start := p.i
	for p.i < len(p.b) && tokenByte[p.b[p.i]] {
		p.i++
	}
	p.name = p.b[start:p.i]
	if len(p.name) == 0 || p.i == len(p.b) || p.b[p.i] != '=' {
		p.invalid = true
		return false
	}
	p.i++
	if p.quoted = p.i < len(p.b) && p.b[p.i] == '"'; p.quoted {
		return p.quotedString()
	}
	// Not only a token: boundaries with '=' or '/' come without quotes from some clients, and only one reading is possible.
	start = p.i
	for p.i < len(p.b) && p.b[p.i] > ' ' && p.b[p.i] != ';' && p.b[p.i] != '"' {
		p.i++
	}
	p.value = p.b[start:p.i]
	p.invalid = len(p.value) == 0
	return !p.invalid
}

func (p *params) quotedString() bool {
	start := p.i + 1
	for i := start; i < len(p.b); i++ {
		switch p.b[i] {
		case '\\':
			i++
		case '"':
			p.value, p.i = p.b[start:i], i+1
			return true
		}
	}
	p.invalid = true
	return false
}

func skipBlanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t') {
		i++
	}
	return i
}

func isToken(b []byte) bool {
	for _, c := range b {
		if !tokenByte[c] {
			return false
		}
	}
	return len(b) > 0
}

// tokenByte: tchar of RFC 9110 §5.6.2.
var tokenByte = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-0x20] = true, true
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] = true
	}
	return t
}()
