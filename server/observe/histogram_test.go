package observe

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestBucketsTile(t *testing.T) {
	for i := range buckets {
		low := bucketLow(i)
		if got := bucketOf(low); got != i {
			t.Errorf("bucketOf(bucketLow(%d) = %d) = %d", i, low, got)
		}
		if i > 0 {
			if got := bucketOf(low - 1); got != i-1 {
				t.Errorf("bucketOf(%d) = %d, want %d", low-1, got, i-1)
			}
		}
		if 0 < i && i < buckets-1 {
			if width := bucketLow(i+1) - low; width*steps > low {
				t.Errorf("bucket %d from %d is %d wide, more than 1/%d", i, low, width, steps)
			}
		}
	}
	if got := bucketOf(math.MaxUint64); got != buckets-1 {
		t.Errorf("largest value in bucket %d, want %d", got, buckets-1)
	}
}

// exactQuantile is the smallest value with at least q of all values at or below it.
func exactQuantile(sorted []int64, q float64) int64 {
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}

func TestQuantileAgainstExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	shapes := map[string]func() int64{
		"log-uniform": func() int64 { return int64(math.Exp(rng.Float64()*math.Log(1e12/2000)) * 2000) },
		"normal":      func() int64 { return int64(40e6 + 5e6*rng.NormFloat64()) },
		"bimodal": func() int64 {
			if rng.Float64() < 0.7 {
				return 200_000 + rng.Int64N(50_000)
			}
			return 40e6 + rng.Int64N(20e6)
		},
		"constant": func() int64 { return 123_456_789 },
	}
	for name, next := range shapes {
		var h Histogram
		values := make([]int64, 20_000)
		for i := range values {
			values[i] = next()
			h.Record(values[i])
		}
		slices.Sort(values)
		for _, q := range []float64{0, 0.01, 0.1, 0.5, 0.69, 0.9, 0.95, 0.99, 0.999, 1} {
			want := exactQuantile(values, q)
			got := h.Quantile(q)
			if off := math.Abs(float64(got-want)) / float64(want); off > 1.0/steps {
				t.Errorf("%s: quantile %v = %d, exactly %d: %.1f%% off", name, q, got, want, off*100)
			}
		}
	}
}

func TestQuantileEdges(t *testing.T) {
	var h Histogram
	if got := h.Quantile(0.5); got != 0 {
		t.Errorf("quantile of nothing = %d", got)
	}
	h.Record(-5)
	if h.Count() != 1 || h.SumNS() != 0 || h.Quantile(1) > 1<<minShift {
		t.Errorf("negative value: count %d, sum %d, quantile %d", h.Count(), h.SumNS(), h.Quantile(1))
	}
	var top Histogram
	top.Record(math.MaxInt64)
	if got := top.Quantile(0.5); got != 1<<maxShift {
		t.Errorf("beyond the last bucket: %d, want %d", got, int64(1)<<maxShift)
	}
	for _, q := range []float64{-1, 2, math.NaN()} {
		if got := top.Quantile(q); got < 0 {
			t.Errorf("quantile %v = %d", q, got)
		}
	}
}

func TestHistogramMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var all, merged Histogram
	var parts [3]Histogram
	for i := range 3000 {
		v := rng.Int64N(1 << 42)
		all.Record(v)
		parts[i%3].Record(v)
	}
	for i := range parts {
		before := parts[i]
		merged.Merge(&parts[i])
		if parts[i] != before {
			t.Error("Merge changed its argument")
		}
	}
	merged.Merge(&Histogram{})
	if merged != all {
		t.Error("merged parts differ from the whole")
	}
}

func TestHistogramBuckets(t *testing.T) {
	var h Histogram
	bounds := []float64{0.000001024, 0.001, 0.002, 0.1, 1, 1100, 5000}
	for _, ns := range []int64{500, 1_500_000, 1_500_000, 50e6, 2e9, 1 << 41} {
		h.Record(ns)
	}
	want := []uint64{1, 1, 3, 4, 4, 5, 5}
	if got := h.Buckets(bounds); !slices.Equal(got, want) {
		t.Errorf("Buckets = %v, want %v", got, want)
	}
	if got := h.Buckets(nil); len(got) != 0 {
		t.Errorf("no bounds: %v", got)
	}
}

// Counts may neither fall from bound to bound nor from scrape to scrape, although they are interpolated; and they are never
// further from the truth than the bucket that the bound lies in.
func TestHistogramBucketsNeverFall(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var bounds []float64
	for b := 0.0000005; b < 2000; b *= 1.07 {
		bounds = append(bounds, b)
	}
	var h Histogram
	var values []int64
	last := make([]uint64, len(bounds))
	for range 60 {
		for range 50 {
			v := int64(math.Exp(rng.Float64() * 29))
			values = append(values, v)
			h.Record(v)
		}
		got := h.Buckets(bounds)
		for i, n := range got {
			if n < last[i] || i > 0 && n < got[i-1] || n > h.Count() {
				t.Fatalf("bound %v: %d after %d, below it %d, of %d", bounds[i], n, last[i], got[max(i-1, 0)], h.Count())
			}
		}
		last = got
	}
	for i, b := range bounds {
		k := bucketOf(uint64(b * 1e9))
		low, high := uint64(0), uint64(0)
		for _, v := range values {
			if uint64(v) < bucketLow(k) {
				low++
			}
			if k == buckets-1 || uint64(v) < bucketLow(k+1) {
				high++
			}
		}
		if last[i] < low || last[i] > high {
			t.Errorf("bound %v: %d, want %d to %d", b, last[i], low, high)
		}
	}
}

func TestSizes(t *testing.T) {
	var s, o Sizes
	for _, n := range []int{-1, 0, 1, 2, 3, 4, 5, 8, 9, 65536, 65537, 1 << 30} {
		s.Record(n)
	}
	bounds, counts := s.Buckets()
	at := func(bound float64) uint64 { return counts[slices.Index(bounds, bound)] }
	for bound, want := range map[float64]uint64{1: 3, 2: 4, 4: 6, 8: 8, 16: 9, 32768: 9, 65536: 10} {
		if got := at(bound); got != want {
			t.Errorf("sizes up to %v: %d, want %d", bound, got, want)
		}
	}
	if s.Count() != 12 || s.Sum() != 1+2+3+4+5+8+9+65536+65537+1<<30 {
		t.Errorf("count %d, sum %d", s.Count(), s.Sum())
	}
	if got := s.Quantile(0.5); got != 4 {
		t.Errorf("median %d, want 4", got)
	}
	if got := s.Quantile(1); got != 65536 {
		t.Errorf("largest %d, want 65536", got)
	}
	if got := o.Quantile(0.5); got != 0 {
		t.Errorf("median of nothing %d", got)
	}
	o.Record(7)
	o.Merge(&s)
	if o.Count() != 13 || o.Sum() != s.Sum()+7 {
		t.Errorf("merged: count %d, sum %d", o.Count(), o.Sum())
	}
}

func BenchmarkHistogramRecord(b *testing.B) {
	b.ReportAllocs()
	var h Histogram
	v := int64(1)
	for b.Loop() {
		v = (v*1103515245 + 12345) & (1<<34 - 1)
		h.Record(v)
	}
}
