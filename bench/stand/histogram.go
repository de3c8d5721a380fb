package stand

import (
	"math"
	"math/bits"
	"time"
)

// Histogram counts durations in buckets of at most 1.6 % of their value, from 1 ns to 2^63 ns, in constant memory: an hour of
// requests costs as much as a second. The zero value is ready.
type Histogram struct {
	counts [64 * subBuckets]int64
	count  int64
	max    time.Duration
}

// subBuckets is how many buckets a power of two has.
const subBuckets = 64

// Record counts one duration; a negative one counts as 0.
func (h *Histogram) Record(d time.Duration) {
	d = max(d, 0)
	h.counts[bucketOf(uint64(d))]++
	h.count++
	h.max = max(h.max, d)
}

// bucketOf is exact below subBuckets; above, the leading bits behind the highest one choose within its power of two.
func bucketOf(v uint64) int {
	if v < subBuckets {
		return int(v)
	}
	shift := bits.Len64(v) - bits.Len64(subBuckets)
	return shift*subBuckets + int(v>>shift)
}

// upperBound is the largest value that falls into a bucket.
func upperBound(bucket int) uint64 {
	if bucket < subBuckets {
		return uint64(bucket)
	}
	shift := bucket/subBuckets - 1
	return (uint64(bucket-shift*subBuckets)+1)<<shift - 1
}

// Count is how many durations were recorded.
func (h *Histogram) Count() int64 { return h.count }

// Max is the longest one.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile returns the duration that a share q of all does not exceed, to the bucket's upper bound; 0 where there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.count == 0 {
		return 0
	}
	rank := max(int64(math.Ceil(q*float64(h.count))), 1)
	for bucket, n := range &h.counts {
		if rank -= n; rank <= 0 {
			return min(time.Duration(upperBound(bucket)), h.max)
		}
	}
	return h.max
}

// Reset forgets everything.
func (h *Histogram) Reset() { *h = Histogram{} }
