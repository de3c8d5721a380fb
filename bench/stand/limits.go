package stand

import "time"

const (
	// eventsPerWait bounds how many connections one wait reports; a fleet at full load has about as many ready at once.
	eventsPerWait = 512
	// readBytes is one read of one connection: two answers of the largest fixture's size fit.
	readBytes = 256 << 10
	// lineLimitBytes bounds a line of a response head or of a chunk's size.
	lineLimitBytes = 16 << 10
	// timerSlackNS is how late the kernel may wake the driving thread; the default of 50 µs would be in every latency.
	timerSlackNS = 1000

	// filesWanted is for the tens of thousands of connections that the memory scenario holds at once.
	filesWanted = 65536

	readyTimeout = 10 * time.Second // from start until a process answers
	stopTimeout  = 5 * time.Second  // from SIGTERM until SIGKILL
	adminTimeout = 5 * time.Second  // one question to the admin port or to the provider's counters
	tailTimeout  = 10 * time.Second // from the last request due until what is unanswered counts as an error
)
