//go:build invariants

package h2

import "penstock/upstream/stream"

// checkCredit panics where a consumer credits bytes that it never got.
func checkCredit(n, unread int) {
	if n > unread {
		panic("h2: credit for more than was delivered")
	}
}

// checkRequest panics where a request breaks the promises of stream.Request.
func checkRequest(r *stream.Request) {
	sum := int64(0)
	for _, p := range r.Body {
		sum += int64(len(p))
	}
	if sum != max(r.BodyBytes, 0) {
		panic("h2: BodyBytes is not the sum of the body's pieces")
	}
	for i := range r.Extra {
		if !validName(r.Extra[i].Name) || !validValue(r.Extra[i].Value) {
			panic("h2: field of a request is not valid")
		}
	}
}

// spoil overwrites what was lent to a sink.
func spoil(b []byte) {
	for i := range b {
		b[i] = 0xDB
	}
}
