package http1

import (
	"bytes"
	"math"
)

// readFraming reads the fields that say where the request ends and what becomes of the connection. It runs once the whole head
// is known to be well formed. lines is where the field lines begin in b.
func (h *Head) readFraming(b []byte, lines int) *Error {
	h.ContentLength, h.Chunked, h.Expect100, h.Upgrade = -1, false, false, false
	hosts, lengths, codings, expectation := 0, 0, -1, -1
	closes, keeps := false, false
	h.plainConnection = true

	for k := range h.Fields {
		f := &h.Fields[k]
		switch len(f.Name) {
		case len("host"):
			if !equalFold(f.Name, "host") {
				continue
			}
			if hosts++; hosts > 1 {
				return manyHosts.at(lineOffset(b, lines, k))
			}
			// An empty Host is what RFC 9112 §3.2 prescribes for a target without authority.
			if len(f.Value) > 0 && !validAuthority(f.Value, false) {
				return badHost.at(lineOffset(b, lines, k))
			}
			if h.Host == nil {
				h.Host = f.Value
			}
		case len("expect"):
			if !equalFold(f.Name, "expect") {
				continue
			}
			for list := f.Value; len(list) > 0; {
				var element []byte
				if element, list = nextElement(list); len(element) > 0 && (expectation < 0 || h.Expect100) {
					expectation, h.Expect100 = k, equalFold(element, "100-continue")
				}
			}
		case len("upgrade"):
			h.Upgrade = h.Upgrade || h.Minor == 1 && equalFold(f.Name, "upgrade")
		case len("connection"):
			if !equalFold(f.Name, "connection") {
				continue
			}
			for list := f.Value; len(list) > 0; {
				var option []byte
				option, list = nextElement(list)
				switch {
				case equalFold(option, "keep-alive"):
					keeps = true
				case equalFold(option, "close"):
					closes = true
				default:
					h.plainConnection = false
				}
			}
		case len("content-length"):
			if !equalFold(f.Name, "content-length") {
				continue
			}
			// Equal copies may be merged by RFC 9112 §6.3; a client that sends them is not one to guess with.
			if lengths++; lengths > 1 {
				return manyLengths.at(lineOffset(b, lines, k))
			}
			n, ok := parseLength(f.Value)
			if !ok {
				return badLength.at(lineOffset(b, lines, k))
			}
			h.ContentLength = n
		case len("transfer-encoding"):
			if !equalFold(f.Name, "transfer-encoding") {
				continue
			}
			if codings >= 0 {
				return manyCodings.at(lineOffset(b, lines, k))
			}
			codings = k
		}
	}

	if hosts == 0 && h.Minor == 1 {
		return noHost.at(0)
	}
	if codings >= 0 {
		at := lineOffset(b, lines, codings)
		switch {
		case h.Minor == 0:
			return codingOn10.at(at)
		case lengths > 0:
			return lengthAndCoding.at(at)
		}
		if value := h.Fields[codings].Value; !equalFold(value, "chunked") {
			return wrongCoding(value).at(at)
		}
		h.Chunked = true
	}
	if h.Minor == 0 {
		h.Expect100 = false // RFC 9110 §10.1.1: ignored
	} else if expectation >= 0 && !h.Expect100 {
		return badExpectation.at(lineOffset(b, lines, expectation))
	}
	h.Expect100 = h.Expect100 && (h.Chunked || h.ContentLength > 0)
	h.KeepAlive = !closes && (h.Minor == 1 || keeps)
	return nil
}

// parseLength reads 1*DIGIT up to the largest int64.
func parseLength(b []byte) (int64, bool) {
	n := int64(0)
	for _, c := range b {
		d := int64(c) - '0'
		if d < 0 || d > 9 || n > (math.MaxInt64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, len(b) > 0
}

// wrongCoding tells codings that we do not know, before a final chunked, from a body whose end cannot be found. Wherever
// anything but a plain list of codings stands, it is the latter: leniency here is how requests are smuggled.
func wrongCoding(list []byte) fault {
	final := list[bytes.LastIndexByte(list, ',')+1:]
	if len(final) == len(list) || !equalFold(trim(final), "chunked") {
		return badCoding
	}
	for list = list[:len(list)-len(final)-1]; ; {
		coding := list
		more := bytes.IndexByte(list, ',')
		if more >= 0 {
			coding = list[:more]
		}
		coding = trim(coding)
		end := 0
		for end < len(coding) && class[coding[end]]&isToken != 0 {
			end++
		}
		rest := trim(coding[end:])
		if end == 0 || len(rest) > 0 && rest[0] != ';' || equalFold(coding[:end], "chunked") {
			return badCoding
		}
		if more < 0 {
			return unknownCoding
		}
		list = list[more+1:]
	}
}

// nextElement cuts the first element off a comma-separated list (RFC 9110 §5.6.1); it may be empty.
func nextElement(list []byte) (element, rest []byte) {
	if n := bytes.IndexByte(list, ','); n >= 0 {
		return trim(list[:n]), list[n+1:]
	}
	return trim(list), nil
}

// lineOffset returns where field line k begins. Only refusals ask.
func lineOffset(b []byte, lines, k int) int {
	for ; k > 0; k-- {
		lines += bytes.IndexByte(b[lines:], '\n') + 1
	}
	return lines
}
