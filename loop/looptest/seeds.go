package looptest

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// The environment of a simulation test, which `make sim` and `make soak-sim` set.
const (
	seedVariable     = "PENSTOCK_SIM_SEED"     // replay this one, with a trace
	trimVariable     = "PENSTOCK_SIM_TRIM"     // of that one, leave these parts out
	countVariable    = "PENSTOCK_SIM_COUNT"    // run so many
	durationVariable = "PENSTOCK_SIM_DURATION" // run ever new ones for so long
)

// Trims is how many parts of a schedule can be left out one by one.
const Trims = 64

// Run is one run of one schedule.
type Run struct {
	Seed uint64
	// Trim has a bit for each part of the schedule that is left out; what the parts are is the test's affair, and a bit that stands
	// for nothing does nothing.
	Trim uint64
	// Trace, where set, wants to know what happens, one line a call.
	Trace func(format string, args ...any)
}

// Without says that part i is left out.
func (r *Run) Without(i int) bool { return i < Trims && r.Trim>>i&1 != 0 }

// A Violation is an error that knows what it has in common with the same violation in another schedule.
type Violation interface {
	error
	Rule() string
}

// ruleOf is what two errors have in common if they are the same failure.
func ruleOf(err error) string {
	if v, ok := err.(Violation); ok {
		return v.Rule()
	}
	return err.Error()
}

// Seeds runs f once for each seed: the kept ones, which failed once, then count ones from 1 on, or what the environment asks for, on as
// many cores as there are. f is called from several goroutines, each time for a world of its own. The first failure ends the test:
// parts of its schedule are left out for as long as it fails in the same way, and the command is printed that replays the rest.
func Seeds(t *testing.T, count int, kept []uint64, f func(*Run) error) {
	t.Helper()
	if text := os.Getenv(seedVariable); text != "" {
		replay(t, text, f)
		return
	}
	if text := os.Getenv(durationVariable); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			t.Fatalf("%s=%q is no duration", durationVariable, text)
		}
		// Ever new ones: where the last soak began is not where this one does.
		from, end := uint64(time.Now().UnixNano())&^(1<<32-1), time.Now().Add(d)
		t.Logf("seeds from %d on for %v", from, d)
		s := &shards{f: f, seed: func(i uint64) (uint64, bool) { return from + i, time.Now().Before(end) }}
		stop := s.report(t)
		defer stop()
		s.run(t)
		return
	}
	n, err := Count(count)
	if err != nil {
		t.Fatal(err)
	}
	s := &shards{f: f, seed: func(i uint64) (uint64, bool) {
		if i < uint64(len(kept)) {
			return kept[i], true
		}
		return i - uint64(len(kept)) + 1, i < uint64(len(kept)+n)
	}}
	s.run(t)
}

// shards is a test that runs seeds side by side.
type shards struct {
	f      func(*Run) error
	seed   func(i uint64) (uint64, bool) // the i-th one, while there is one
	next   atomic.Uint64
	failed atomic.Bool
}

func (s *shards) run(t *testing.T) {
	t.Run("seeds", func(t *testing.T) {
		for i := range runtime.GOMAXPROCS(0) {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				s.shard(t)
			})
		}
	})
}

func (s *shards) shard(t *testing.T) {
	for !s.failed.Load() {
		seed, ok := s.seed(s.next.Add(1) - 1)
		if !ok {
			return
		}
		r := &Run{Seed: seed}
		err := safely(s.f, r)
		if err == nil {
			continue
		}
		s.failed.Store(true)
		trim, least := shrink(s.f, r, err)
		command := fmt.Sprintf("make sim SEED=%d", seed)
		if trim != 0 {
			command += fmt.Sprintf(" TRIM=%#x", trim)
		}
		t.Errorf("seed %d: %v\nwithout all that this takes not: %v\nreplay: %s", seed, err, least, command)
	}
}

// report says once a minute how far it is; the result ends that.
func (s *shards) report(t *testing.T) func() {
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(time.Minute)
		defer tick.Stop()
		for minutes := 1; ; minutes++ {
			select {
			case <-tick.C:
				t.Logf("%d min: %d schedules", minutes, s.next.Load())
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-gone }
}

// shrink leaves out parts one after the other and keeps to what still fails in the same way.
func shrink(f func(*Run) error, r *Run, err error) (trim uint64, least error) {
	least = err
	for again := true; again; {
		again = false
		for i := range Trims {
			bit := uint64(1) << i
			if trim&bit != 0 {
				continue
			}
			if e := safely(f, &Run{Seed: r.Seed, Trim: trim | bit}); e != nil && ruleOf(e) == ruleOf(err) {
				trim, least = trim|bit, e
				again = again || i > 0 // an earlier part may be of no use any more
			}
		}
		if trim == 1<<Trims-1 {
			break
		}
	}
	return trim, least
}

// safely turns a panic of the run into its failure.
func safely(f func(*Run) error, r *Run) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v\n%s", reason, debug.Stack())
		}
	}()
	return f(r)
}

// replay runs one seed and shows what happens.
func replay(t *testing.T, text string, f func(*Run) error) {
	t.Helper()
	r := &Run{Trace: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }}
	var err error
	if r.Seed, err = strconv.ParseUint(text, 10, 64); err != nil {
		t.Fatalf("%s=%q: %v", seedVariable, text, err)
	}
	if text = os.Getenv(trimVariable); text != "" {
		if r.Trim, err = strconv.ParseUint(text, 0, 64); err != nil {
			t.Fatalf("%s=%q: %v", trimVariable, text, err)
		}
	}
	if err := safely(f, r); err != nil {
		t.Fatalf("seed %d: %v", r.Seed, err)
	}
}

// Replaying says that the environment asks for one seed, so that figures about many mean nothing.
func Replaying() bool { return os.Getenv(seedVariable) != "" }

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
