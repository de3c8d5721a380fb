package gateway

const hexDigits = "0123456789abcdef"

// ids makes request ids: unique by a counter, not to be guessed by the start value, which the process draws at random.
type ids struct{ a, b uint64 }

func (r *ids) next() (uint64, uint64) {
	r.a += 0x9E3779B97F4A7C15
	return mix(r.a), mix(r.a ^ r.b)
}

// mix is the finalizer of SplitMix64.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

func (r *ids) write(dst *[requestIDBytes]byte) {
	copy(dst[:], "req_")
	hi, lo := r.next()
	for i := 4; i < 20; i++ {
		dst[i] = hexDigits[hi&15]
		hi >>= 4
	}
	for i := 20; i < requestIDBytes; i++ {
		dst[i] = hexDigits[lo&15]
		lo >>= 4
	}
}
