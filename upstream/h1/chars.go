package h1

// lowerToken maps each byte of a token (RFC 9110 §5.6.2) to its lower case, and every other byte to 0.
var lowerToken = func() (t [256]byte) {
	for _, c := range "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz" {
		t[c] = byte(c)
	}
	for c := 'A'; c <= 'Z'; c++ {
		t[c] = byte(c) | 0x20
	}
	return t
}()

// notValue marks the bytes that no field value, reason phrase or chunk extension holds: all controls but HTAB (RFC 9110 §5.5).
var notValue = func() (t [256]bool) {
	for c := range 0x20 {
		t[c] = c != '\t'
	}
	t[0x7f] = true
	return t
}()

// inTarget marks the bytes of a request target in origin form: visible ASCII without the fragment's mark (RFC 9112 §3.2.1).
var inTarget = func() (t [256]bool) {
	for c := 0x21; c < 0x7f; c++ {
		t[c] = c != '#'
	}
	return t
}()

// notHex is what hexDigit holds for a byte that is no hexadecimal digit.
const notHex = 0xff

var hexDigit = func() (t [256]byte) {
	for c := range t {
		switch {
		case c >= '0' && c <= '9':
			t[c] = byte(c - '0')
		case c >= 'a' && c <= 'f':
			t[c] = byte(c - 'a' + 10)
		case c >= 'A' && c <= 'F':
			t[c] = byte(c - 'A' + 10)
		default:
			t[c] = notHex
		}
	}
	return t
}()

func isToken[T []byte | string](s T) bool {
	for i := range len(s) {
		if lowerToken[s[i]] == 0 {
			return false
		}
	}
	return len(s) > 0
}

func isValue[T []byte | string](s T) bool {
	for i := range len(s) {
		if notValue[s[i]] {
			return false
		}
	}
	return true
}

// isPath says that s is a path with an optional query, or the asterisk of OPTIONS.
func isPath[T []byte | string](s T) bool {
	for i := range len(s) {
		if !inTarget[s[i]] {
			return false
		}
	}
	return len(s) > 0 && (s[0] == '/' || len(s) == 1 && s[0] == '*')
}

// isAuthority says that s can stand in Host: no blank, no control, nothing that starts a path or ends user information.
func isAuthority(s string) bool {
	for i := range len(s) {
		if !inTarget[s[i]] || s[i] == '/' || s[i] == '?' || s[i] == '@' || s[i] == '\\' {
			return false
		}
	}
	return s != ""
}

// equalFold says that token is name (in lower case), whatever the case of its letters.
func equalFold[T []byte | string](token []byte, name T) bool {
	if len(token) != len(name) {
		return false
	}
	for i := range token {
		if lowerToken[token[i]] != name[i] {
			return false
		}
	}
	return true
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// trim takes the blanks off both ends (OWS, RFC 9110 §5.6.3). It returns a view.
func trim(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}
