package observe

import "time"

// Histogram shape. Eight linear steps per power of two put a value into a bucket at most 1/8 of its size wide, so a
// quantile read from the middle is at most 1/16 off; 2^10 ns is about the cost of one system call, and 2^40 ns (18 min) is
// above the default total timeout of 15 min.
const (
	minShift  = 10
	maxShift  = 40
	stepShift = 3
	steps     = 1 << stepShift
	buckets   = (maxShift-minShift)*steps + 2 // one below, one above
)

// sizeBuckets is the shape of Sizes: powers of two up to 2^16, the most events that one poll can bring, and one above.
const sizeBuckets = 18

// What one loop keeps names for. A provider costs some 6 KiB in every loop, and a scrape copies all of them on the loop
// (256 of them: 1.5 MiB, about 0.15 ms); an endpoint costs 6 KiB, a client key 80 bytes. Names beyond the bound are counted
// together under NoneName.
const (
	maxProviders = 256
	maxEndpoints = 64
	maxKeys      = 4096
)

// maxKinds bounds the kinds of upstream failure; upstream/stream has twelve.
const maxKinds = 16

// Access log. A buffer is 64 KiB, so that one write carries some 150 lines; 64 of them may wait (4 MiB), which is two seconds
// of 5,000 lines each at a destination that stands still. A Flush comes every 100 ms, the age at which an operator following the log
// still takes it for live.
const (
	bufferBytes   = 64 << 10
	queueBuffers  = 64
	FlushInterval = 100 * time.Millisecond

	// drainWait bounds Close where the destination takes no bytes.
	drainWait = 5 * time.Second
)

// What of a field of the access log is written, in bytes before escaping; the rest becomes "…". Escaping makes six bytes of
// one at worst, and maxLineBytes holds a line with every field full of such bytes.
const (
	idLimitBytes      = 128
	methodLimitBytes  = 16
	pathLimitBytes    = 512
	nameLimitBytes    = 128 // endpoint, provider, key
	modelLimitBytes   = 128
	outcomeLimitBytes = 32
	errorLimitBytes   = 256
	remoteLimitBytes  = 64

	maxLineBytes = 12 << 10
)

// Process log. 256 records wait for the writer; one message may be logged ten times in a second, which shows a pattern without
// hiding other messages behind it.
const (
	logQueueRecords   = 256
	logRepeatsPerSec  = 10
	logRepeatSlots    = 256
	logAttrsPerRecord = 6
)
