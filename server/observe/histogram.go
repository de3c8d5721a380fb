package observe

import "math/bits"

// Histogram counts durations in log-linear buckets: eight linear steps in each power of two, from 1 µs to 18 min, of fixed
// size. Its zero value is empty and ready. Not safe for concurrent use; copied by assignment.
type Histogram struct {
	counts [buckets]uint64
	count  uint64
	sumNS  uint64
}

// bucketOf is the bucket of a duration: 0 below 2^minShift, the last from 2^maxShift on.
func bucketOf(ns uint64) int {
	if ns < 1<<minShift {
		return 0
	}
	if ns >= 1<<maxShift {
		return buckets - 1
	}
	e := uint(bits.Len64(ns)) - 1
	return int(e-minShift)<<stepShift + int(ns>>((e-stepShift)&63)) - steps + 1
}

// bucketLow is the smallest duration of bucket i; bucketLow(i+1) is the first one beyond it.
func bucketLow(i int) uint64 {
	if i == 0 {
		return 0
	}
	i--
	return uint64(steps+i&(steps-1)) << (i>>stepShift + minShift - stepShift)
}

// Record counts one duration in nanoseconds; a negative one (a clock that was set back) counts as zero.
func (h *Histogram) Record(ns int64) {
	v := uint64(max(ns, 0))
	h.counts[bucketOf(v)]++
	h.count++
	h.sumNS += v
}

// Merge adds what o counted; o stays as it is.
func (h *Histogram) Merge(o *Histogram) {
	if o.count == 0 {
		return
	}
	for i := range h.counts {
		h.counts[i] += o.counts[i]
	}
	h.count += o.count
	h.sumNS += o.sumNS
}

// Count is the number of durations recorded.
func (h *Histogram) Count() uint64 { return h.count }

// SumNS is the sum of the durations recorded, in nanoseconds.
func (h *Histogram) SumNS() uint64 { return h.sumNS }

// Quantile returns the duration in nanoseconds below which the share q (0 to 1) of the recorded ones lies, interpolated
// within its bucket; 0 where nothing was recorded. Durations beyond the last bucket read as its lower bound.
func (h *Histogram) Quantile(q float64) int64 {
	if h.count == 0 {
		return 0
	}
	rank := min(max(q, 0), 1) * float64(h.count)
	var below float64
	for i, c := range h.counts {
		if c == 0 {
			continue
		}
		n := float64(c)
		if below+n >= rank {
			low := bucketLow(i)
			if i == buckets-1 {
				return int64(low)
			}
			width := float64(bucketLow(i+1) - low)
			return int64(low) + int64(width*max(rank-below, 0)/n)
		}
		below += n
	}
	return int64(bucketLow(buckets - 1))
}

// Buckets returns, for each of the ascending bounds in seconds, how many durations were at most that long. A bound that falls
// into a bucket takes the share of it that lies below (rounded down), so the counts rise with the bounds and never fall over time.
func (h *Histogram) Buckets(bounds []float64) []uint64 {
	out := make([]uint64, len(bounds))
	var below uint64
	i := 0
	for k, bound := range bounds {
		ns := bound * 1e9
		for i < buckets-1 && float64(bucketLow(i+1)) <= ns {
			below += h.counts[i]
			i++
		}
		out[k] = below
		if low := float64(bucketLow(i)); i < buckets-1 && ns > low {
			out[k] += uint64(float64(h.counts[i]) * (ns - low) / (float64(bucketLow(i+1)) - low))
		}
	}
	return out
}
