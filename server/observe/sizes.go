package observe

import "math/bits"

// Sizes counts how large things were (events of a batch, not durations) by power of two. Its zero value is empty and
// ready. Not safe for concurrent use; copied by assignment.
type Sizes struct {
	counts [sizeBuckets]uint64
	count  uint64
	sum    uint64
}

// Record counts one size; a negative one counts as zero.
func (s *Sizes) Record(n int) {
	v := uint64(max(n, 0))
	i := 0
	if v > 1 {
		i = min(bits.Len64(v-1), sizeBuckets-1)
	}
	s.counts[i]++
	s.count++
	s.sum += v
}

// Merge adds what o counted; o stays as it is.
func (s *Sizes) Merge(o *Sizes) {
	for i := range s.counts {
		s.counts[i] += o.counts[i]
	}
	s.count += o.count
	s.sum += o.sum
}

// Count is the number of sizes recorded.
func (s *Sizes) Count() uint64 { return s.count }

// Sum is the sum of the sizes recorded.
func (s *Sizes) Sum() uint64 { return s.sum }

// Quantile returns the power of two at or above the size below which the share q (0 to 1) of the recorded ones lies.
func (s *Sizes) Quantile(q float64) int64 {
	rank := min(max(q, 0), 1) * float64(s.count)
	var below float64
	for i, c := range s.counts {
		below += float64(c)
		if c != 0 && below >= rank {
			return 1 << min(i, sizeBuckets-2)
		}
	}
	return 0
}

// Buckets returns the upper bounds of all buckets but the last, and how many sizes were at most that large.
func (s *Sizes) Buckets() (bounds []float64, counts []uint64) {
	var below uint64
	for i := range sizeBuckets - 1 {
		below += s.counts[i]
		bounds = append(bounds, float64(uint64(1)<<i))
		counts = append(counts, below)
	}
	return bounds, counts
}
