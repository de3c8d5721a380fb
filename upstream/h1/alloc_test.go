//go:build !race

package h1

import (
	"testing"

	"penstock/upstream/stream"
)

// TestAllocations counts a whole exchange, not its pieces.
func TestAllocations(t *testing.T) {
	check := func(name string, request int, response []byte, piece int) {
		t.Helper()
		e := newExchanger(request)
		n := testing.AllocsPerRun(200, func() {
			if err := e.run(response, piece); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 || e.sink.ends != 201 {
			t.Errorf("%s: %v allocations, %d ends", name, n, e.sink.ends)
		}
	}
	check("sized", 1<<10, sizedResponse(1<<10), 64<<10)
	check("large", 100<<10, sizedResponse(100<<10), 16<<10)
	check("events", 1<<10, eventResponse(100, 250), 16<<10)
	check("cut", 0, eventResponse(3, 20), 7)
	check("trailers", 0, []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\n\r\n"), 9)
	check("interim", 0, []byte("HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 204 \r\n\r\n"), 11)
}

// TestAllocationsOfBlocks goes round more blocks than the cache keeps: their memory has to be used again.
func TestAllocationsOfBlocks(t *testing.T) {
	e := newExchanger(0)
	blocks := make([]stream.Block, 2*blockEntries)
	for i := range blocks {
		blocks[i] = *postBlock
	}
	response := []byte(okEmpty)
	round := func() {
		for i := range blocks {
			e.req.Block = &blocks[i]
			if err := e.run(response, 1<<10); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := testing.AllocsPerRun(20, round); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
