package http1

// HopByHop says whether a field belongs to one connection and is not to be forwarded (RFC 9110 §7.6.1), whatever Connection
// lists. The name may be in any case.
func HopByHop(name []byte) bool {
	switch len(name) {
	case len("te"):
		return equalFold(name, "te")
	case len("trailer"):
		return equalFold(name, "trailer") || equalFold(name, "upgrade")
	case len("connection"):
		return equalFold(name, "connection") || equalFold(name, "keep-alive")
	case len("proxy-connection"):
		return equalFold(name, "proxy-connection")
	case len("transfer-encoding"):
		return equalFold(name, "transfer-encoding")
	case len("proxy-authenticate"):
		return equalFold(name, "proxy-authenticate")
	case len("proxy-authorization"):
		return equalFold(name, "proxy-authorization")
	}
	return false
}

// ConnectionLists says whether a Connection field of h names the field, which must not be forwarded then (RFC 9110 §7.6.1).
// The name may be in any case.
func ConnectionLists(h *Head, name []byte) bool {
	if h.plainConnection && len(name) != len("close") && len(name) != len("keep-alive") {
		return false
	}
	for k := range h.Fields {
		if !equalFold(h.Fields[k].Name, "connection") {
			continue
		}
		for list := h.Fields[k].Value; len(list) > 0; {
			var option []byte
			if option, list = nextElement(list); len(name) > 0 && equalNames(option, name) {
				return true
			}
		}
	}
	return false
}

func equalNames(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i, c := range a {
		if lower[c] != lower[b[i]] {
			return false
		}
	}
	return true
}

// forbiddenInTrailers lists what a trailer section may not carry: fields that frame or route the message, belong to the
// connection, or change how content that was already passed on had to be read (RFC 9110 §6.5.1).
var forbiddenInTrailers = [...]string{
	"te", "host", "expect", "cookie", "trailer", "upgrade", "connection", "keep-alive", "content-type", "max-forwards",
	"content-range", "authorization", "content-length", "content-encoding", "proxy-connection", "transfer-encoding",
	"proxy-authorization",
}

// trailerNameBytes is the length of the longest name in forbiddenInTrailers.
const trailerNameBytes = len("proxy-authorization")

// allowedInTrailers takes the name in lower case.
func allowedInTrailers(name []byte) bool {
	for _, f := range forbiddenInTrailers {
		if string(name) == f {
			return false
		}
	}
	return true
}
