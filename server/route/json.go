package route

const hexDigits = "0123456789abcdef"

// AppendJSON appends s as a quoted JSON string to out and returns it; it takes a Target's ModelView as well. Bytes are copied as
// they are but for those that JSON wants escaped (RFC 8259 §7), so s has to be UTF-8.
func AppendJSON[T []byte | string](out []byte, s T) []byte {
	out = append(out, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c < 0x20:
			out = append(out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}
