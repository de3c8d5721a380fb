//go:build invariants

package http1

// checkField panics on a field that would break the response apart.
func checkField[T string | []byte](name, value T) {
	for i := range len(name) {
		if class[name[i]]&isToken == 0 {
			panic("http1: invalid response field name " + string(name))
		}
	}
	for i := range len(value) {
		if class[value[i]]&isValue == 0 {
			panic("http1: invalid value of response field " + string(name))
		}
	}
	if len(name) == 0 {
		panic("http1: empty response field name")
	}
}
