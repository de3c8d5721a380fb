package http1

// Classes of bytes, one bit each.
const (
	isToken  = 1 << iota // tchar, RFC 9110 §5.6.2
	isTarget             // what a request target may hold
	isHost               // reg-name without pct-encoded, RFC 3986 §3.2.2
	isQuoted             // qdtext, RFC 9110 §5.6.4
	isValue              // field-vchar, SP and HTAB, RFC 9110 §5.5
	isHex                // HEXDIG in either case
)

const (
	alphas     = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	digits     = "0123456789"
	unreserved = alphas + digits + "-._~"
	subDelims  = "!$&'()*+,;="
)

var (
	class = makeClass()
	lower = makeLower()
)

func makeClass() (t [256]uint8) {
	set := func(bytes string, bit uint8) {
		for i := range len(bytes) {
			t[bytes[i]] |= bit
		}
	}
	set(alphas+digits+"!#$%&'*+-.^_`|~", isToken)
	set(unreserved+subDelims, isHost)
	set(digits+"ABCDEFabcdef", isHex)
	for c := 0x21; c < 0x7F; c++ {
		// Wider than RFC 3986: clients built on the WHATWG URL standard leave { | } ^ and the like as they are. A fragment
		// never belongs on the wire.
		if c != '#' {
			t[c] |= isTarget
		}
		if c != '"' && c != '\\' {
			t[c] |= isQuoted
		}
		t[c] |= isValue
	}
	for c := 0x80; c <= 0xFF; c++ {
		t[c] |= isQuoted | isValue
	}
	set(" \t", isQuoted|isValue)
	return t
}

func makeLower() (t [256]byte) {
	for c := range t {
		t[c] = byte(c)
		if 'A' <= c && c <= 'Z' {
			t[c] = byte(c) + 'a' - 'A'
		}
	}
	return t
}

// equalFold compares b with s, which is in lower case, over ASCII letters of either case.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if lower[c] != s[i] {
			return false
		}
	}
	return true
}

// trim cuts optional white space (RFC 9110 §5.6.3) from both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

func hexValue(c byte) uint64 {
	if c <= '9' {
		return uint64(c - '0')
	}
	return uint64(c|0x20-'a') + 10
}
