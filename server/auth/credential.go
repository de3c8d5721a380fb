package auth

// Credential picks what a caller presents among the header fields that the APIs use: x-api-key (Anthropic, for which it wins
// over Authorization where both are there), "Authorization: Bearer" (RFC 6750 §2.1), x-goog-api-key (Gemini), api-key (Azure).
// Fields that are absent are nil. The result is a view of one of the arguments without the blanks around it; nil means that
// there is none, or that the one that counts is malformed: a worse field does not stand in for it then.
func Credential(authorization, xAPIKey, xGoogAPIKey, apiKey []byte) []byte {
	switch {
	case present(xAPIKey):
		return token(xAPIKey)
	case present(authorization):
		return bearer(authorization)
	case present(xGoogAPIKey):
		return token(xGoogAPIKey)
	default:
		return token(apiKey)
	}
}

const scheme = "bearer"

// bearer returns the token of "Bearer token". The scheme's case does not matter (RFC 9110 §11.1).
func bearer(b []byte) []byte {
	b = trim(b)
	if len(b) <= len(scheme) || !isBlank(b[len(scheme)]) {
		return nil
	}
	for i := range len(scheme) {
		if b[i]|0x20 != scheme[i] {
			return nil
		}
	}
	return token(b[len(scheme):])
}

// token returns b without blanks around it, nil where nothing is left or where it is not one word of visible bytes.
func token(b []byte) []byte {
	b = trim(b)
	if len(b) == 0 {
		return nil
	}
	for _, c := range b {
		if c <= ' ' || c == 0x7f {
			return nil
		}
	}
	return b
}

// present says that a field counts: SDKs send a field with an empty value where a key is not set.
func present(b []byte) bool { return len(trim(b)) > 0 }

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func trim(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}
