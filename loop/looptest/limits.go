package looptest

import (
	"strings"
	"time"
)

const (
	// defaultBufferBytes is the socket buffer of one direction where a Link names none: what Linux gives a fresh TCP socket is of
	// this order (net.ipv4.tcp_wmem and tcp_rmem).
	defaultBufferBytes = 64 << 10

	// readBytes is the most that one read takes, as on metal.
	readBytes = 64 << 10

	// unbounded is the socket buffer of an end into which a fault is planted.
	unbounded = 1 << 30

	// batchEvents bounds how many events one poll batch gathers.
	batchEvents = 16

	// wallStart is the wall clock at virtual time 0: a fixed date, so that answers are the same in every run.
	wallStart = int64(1_750_000_000) * int64(time.Second)

	// monoStart is the monotonic clock at the start. It is not 0, because 0 stands for "never" in many a field.
	monoStart = int64(time.Hour)
)

// spoiled is what lent bytes are overwritten with, a copy of it after the other: byte by byte that was a third of a benchmark's time.
var spoiled = strings.Repeat("\xdb", 4<<10)
