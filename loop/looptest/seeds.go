package looptest

import (
	"fmt"
	"os"
	"strconv"
	"testing"
)

// The environment of a simulation test, which `make sim` sets.
const (
	seedVariable  = "PENSTOCK_SIM_SEED"  // replay this one
	countVariable = "PENSTOCK_SIM_COUNT" // run so many
)

// Seeds runs f once for each seed: the kept ones, which failed once, then count ones from 1 on, or what the environment asks for. A seed
// that fails is printed with the command that replays it, and ends the test.
func Seeds(t *testing.T, count int, kept []uint64, f func(seed uint64) error) {
	t.Helper()
	run := func(seed uint64) {
		t.Helper()
		defer func() {
			if r := recover(); r != nil {
				t.Fatalf("seed %d panicked; replay: make sim SEED=%d\n%v", seed, seed, r)
			}
		}()
		if err := f(seed); err != nil {
			t.Fatalf("seed %d: %v\nreplay: make sim SEED=%d", seed, err, seed)
		}
	}
	if text := os.Getenv(seedVariable); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s=%q: %v", seedVariable, text, err)
		}
		run(seed)
		return
	}
	n, err := Count(count)
	if err != nil {
		t.Fatal(err)
	}
	for _, seed := range kept {
		run(seed)
	}
	for seed := range uint64(n) {
		run(seed + 1)
	}
}

// Count is how many seeds to run: usual, or what the environment asks for.
func Count(usual int) (int, error) {
	text := os.Getenv(countVariable)
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s=%q is not a positive number", countVariable, text)
	}
	return n, nil
}
