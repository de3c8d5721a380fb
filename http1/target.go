package http1

import "bytes"

// span is a part of the head, in bytes from its start.
type span struct{ from, to int }

func (s span) of(b []byte) []byte { return b[s.from:s.to:s.to] }

// requestLine is where the parts of a request line are. It is kept as offsets, because the bytes may move before the rest of the
// head is there.
type requestLine struct {
	method, target, path, query, authority span
	form                                   form
	minor                                  int
}

// form is how the target names what is asked for (RFC 9112 §3.2).
type form uint8

const (
	originForm form = iota
	absoluteForm
	absoluteRoot     // absolute-form without a path: "/"
	absoluteAsterisk // the same in OPTIONS: "*"
	authorityForm
	asteriskForm
)

var (
	root     = []byte("/")
	asterisk = []byte("*")
)

// check finds the parts of the target and refuses one that does not fit the method.
func (l *requestLine) check(b []byte) *Error {
	method, target := l.method.of(b), l.target.of(b)
	switch connect := string(method) == "CONNECT"; {
	case connect:
		if target[0] == '/' || !validAuthority(target, true) {
			return badTargetForm.at(l.target.from)
		}
		l.form, l.authority = authorityForm, l.target
		return nil
	case target[0] == '/':
		l.form = originForm
		return l.cutPath(b, l.target)
	case len(target) == 1 && target[0] == '*':
		if string(method) != "OPTIONS" {
			return badTargetForm.at(l.target.from)
		}
		l.form, l.path = asteriskForm, l.target
		return nil
	}
	return l.checkAbsolute(b)
}

func (l *requestLine) checkAbsolute(b []byte) *Error {
	target := l.target.of(b)
	scheme := 0
	switch {
	case len(target) > 7 && equalFold(target[:7], "http://"):
		scheme = 7
	case len(target) > 8 && equalFold(target[:8], "https://"):
		scheme = 8
	default:
		return badTargetForm.at(l.target.from)
	}
	from := l.target.from + scheme
	l.authority = span{from, l.target.to}
	if n := bytes.IndexAny(target[scheme:], "/?"); n >= 0 {
		l.authority.to = from + n
	}
	// The authority of an http URI has a host and no user (RFC 9110 §4.2.1, §4.2.4).
	if !validAuthority(l.authority.of(b), false) {
		return badAuthority.at(from)
	}
	if l.authority.to < l.target.to && b[l.authority.to] == '/' {
		l.form = absoluteForm
		return l.cutPath(b, span{l.authority.to, l.target.to})
	}
	l.form = absoluteRoot
	if l.authority.to < l.target.to {
		l.query = span{l.authority.to + 1, l.target.to}
	} else if string(l.method.of(b)) == "OPTIONS" {
		l.form = absoluteAsterisk
	}
	return nil
}

// cutPath splits s, which begins with '/', and checks the percent-encoding of the path: a NUL or half an escape in it means one
// thing here and another at whoever decodes it. A query is passed on as it is.
func (l *requestLine) cutPath(b []byte, s span) *Error {
	l.path = s
	if n := bytes.IndexByte(s.of(b), '?'); n >= 0 {
		l.path.to = s.from + n
		l.query = span{l.path.to + 1, s.to}
	}
	path := l.path.of(b)
	for i := bytes.IndexByte(path, '%'); i >= 0 && i < len(path); i++ {
		if path[i] == '%' && (!validEscape(path[i:]) || path[i+1] == '0' && path[i+2] == '0') {
			return badEscape.at(l.path.from + i)
		}
	}
	return nil
}

// show fills in what the request line says.
func (l *requestLine) show(b []byte, h *Head) {
	h.Method, h.Target, h.Minor = l.method.of(b), l.target.of(b), l.minor
	h.Path, h.Query, h.Host = nil, nil, nil
	switch l.form {
	case absoluteRoot:
		h.Path = root
	case absoluteAsterisk:
		h.Path = asterisk
	case originForm, absoluteForm, asteriskForm:
		h.Path = l.path.of(b)
	}
	if l.query.to > 0 {
		h.Query = l.query.of(b)
	}
	if l.authority.to > 0 {
		h.Host = l.authority.of(b)
	}
}

// validEscape says whether b begins with a percent sign and two hex digits.
func validEscape(b []byte) bool {
	return len(b) > 2 && class[b[1]]&isHex != 0 && class[b[2]]&isHex != 0
}

// validAuthority checks host [":" port] of RFC 3986 §3.2 without a user, and with a host that is not empty. Of the IP literals
// only IPv6 addresses count: no other version was ever defined.
func validAuthority(a []byte, needPort bool) bool {
	end := 0
	if len(a) > 0 && a[0] == '[' {
		end = bytes.IndexByte(a, ']')
		if end < 0 || !validIPv6(a[1:end]) {
			return false
		}
		end++
	} else {
		for end < len(a) && a[end] != ':' {
			switch {
			case class[a[end]]&isHost != 0:
				end++
			case a[end] == '%' && validEscape(a[end:]):
				end += 3
			default:
				return false
			}
		}
		if end == 0 {
			return false
		}
	}
	port := a[end:]
	if len(port) == 0 {
		return !needPort
	}
	return port[0] == ':' && validPort(port[1:]) && (len(port) > 1 || !needPort)
}

func validPort(port []byte) bool {
	n := 0
	for _, c := range port {
		if c < '0' || c > '9' {
			return false
		}
		if n = n*10 + int(c-'0'); n > 65535 {
			return false
		}
	}
	return true
}

// validIPv6 checks IPv6address of RFC 3986 §3.2.2; zones have no place in it.
func validIPv6(s []byte) bool {
	groups, elided, i := 0, false, 0
	if len(s) >= 2 && s[0] == ':' && s[1] == ':' {
		elided, i = true, 2
	}
	for i < len(s) {
		from := i
		for i < len(s) && i-from < 4 && class[s[i]]&isHex != 0 {
			i++
		}
		if i == from {
			return false
		}
		if i < len(s) && s[i] == '.' {
			groups += 2
			return validIPv4(s[from:]) && (groups == 8 || elided && groups < 8)
		}
		groups++
		if i == len(s) {
			break
		}
		if s[i] != ':' || i+1 == len(s) {
			return false
		}
		i++
		if s[i] == ':' {
			if elided {
				return false
			}
			elided = true
			i++
		}
	}
	if elided {
		return groups < 8
	}
	return groups == 8
}

// validIPv4 checks IPv4address of RFC 3986 §3.2.2: four numbers up to 255 without leading zeros.
func validIPv4(s []byte) bool {
	octets := 0
	for octets < 4 {
		n, from := 0, 0
		for from < len(s) && s[from] >= '0' && s[from] <= '9' && n <= 255 {
			n = n*10 + int(s[from]-'0')
			from++
		}
		if from == 0 || n > 255 || from > 1 && s[0] == '0' {
			return false
		}
		s = s[from:]
		octets++
		if octets < 4 {
			if len(s) == 0 || s[0] != '.' {
				return false
			}
			s = s[1:]
		}
	}
	return len(s) == 0
}
