package looptest

import "time"

// RNG is a SplitMix64 generator: the same seed gives the same numbers on every machine and with every version of Go.
type RNG struct{ state uint64 }

// NewRNG returns a generator that starts from seed.
func NewRNG(seed uint64) *RNG { return &RNG{state: seed} }

// Uint64 returns 64 random bits.
func (r *RNG) Uint64() uint64 {
	r.state += 0x9E3779B97F4A7C15
	z := r.state
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// Intn returns a number from 0 to n-1; 0 where n is not positive.
func (r *RNG) Intn(n int) int {
	if n <= 0 {
		return 0
	}
	return int(r.Uint64() % uint64(n))
}

// Between returns a number from lo to hi, both included.
func (r *RNG) Between(lo, hi int) int { return lo + r.Intn(hi-lo+1) }

// Chance is true in percent of a hundred cases.
func (r *RNG) Chance(percent int) bool { return r.Intn(100) < percent }

// Duration returns a time from lo to hi.
func (r *RNG) Duration(lo, hi time.Duration) time.Duration {
	if hi <= lo {
		return lo
	}
	return lo + time.Duration(r.Uint64()%uint64(hi-lo+1))
}
