package main

import (
	"penstock/server/config"
	"penstock/tuning"
)

const (
	// The memory that requests in flight may hold where the configuration says nothing: a part of what the process may use, within
	// limits. Beside it stand connections, garbage and the kernel's socket buffers.
	memoryPart     = 16
	memoryMinBytes = 128 << 20
	memoryMaxBytes = 1 << 30

	// requestBytes is what the bound of requests in flight reckons with for each: an exchange, its stream, and a body of some kilobytes.
	requestBytes = 16 << 10
)

// loopsOf is how many loops a configuration asks for.
func loopsOf(s *config.Snapshot) int {
	if s.Loops > 0 {
		return s.Loops
	}
	return max(len(allowedCPUs()), 1)
}

// perLoop is what one of the loops may hold: bytes of memory, and requests in flight. A body of the greatest size always has room.
func perLoop(s *config.Snapshot) (bytes int64, requests int) {
	total := s.Bounds.Memory
	if total == 0 {
		total = memoryMinBytes
		if n, err := tuning.MemoryBytes(tuning.ThisHost()); err == nil {
			total = min(max(n/memoryPart, memoryMinBytes), memoryMaxBytes)
		}
	}
	bytes = max(total/int64(loopsOf(s)), 2*s.Bounds.Body)
	if requests = s.Bounds.RequestsPerLoop; requests == 0 {
		requests = int(bytes / requestBytes)
	}
	return bytes, requests
}
