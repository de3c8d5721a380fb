package observe

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// numbered is an entry that can be told from others.
func numbered(n int) *Entry {
	e := fullEntry()
	e.RequestID = strconv.AppendInt([]byte("n"), int64(n), 10)
	return e
}

func count(s, part string) int { return strings.Count(s, part) }

func TestLanesToOneWriter(t *testing.T) {
	const lanes, each = 4, 2000
	var out bytes.Buffer
	w := NewLogWriter(LogOptions{Sample: 1})
	if err := w.Start(&out); err != nil {
		t.Fatal(err)
	}
	var loops sync.WaitGroup
	for i := range lanes {
		lane := w.Lane()
		loops.Go(func() {
			for n := range each {
				lane.Append(numbered(i*each + n))
				if n%700 == 0 {
					lane.Flush()
				}
			}
		})
	}
	loops.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s := w.Stats()
	if s.Lines+s.Dropped != lanes*each || s.Bytes != uint64(out.Len()) || s.WriteErrors != 0 {
		t.Errorf("%+v, %d bytes", s, out.Len())
	}
	seen := map[string]bool{}
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, `{"time":"`) || !strings.HasSuffix(line, "}\n") || seen[line] {
			t.Fatalf("line %q", line)
		}
		seen[line] = true
	}
	if uint64(len(seen)) != s.Lines {
		t.Errorf("%d lines, counted %d", len(seen), s.Lines)
	}
	if err := w.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// gate is a destination that takes nothing until it is opened.
type gate struct {
	open chan struct{}
	bytes.Buffer
}

func (g *gate) Write(b []byte) (int, error) {
	<-g.open
	return g.Buffer.Write(b)
}

func TestStuckDestinationDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		w := NewLogWriter(LogOptions{Sample: 1})
		if err := w.Start(g); err != nil {
			t.Fatal(err)
		}
		lane := w.Lane()
		appended := 0
		for w.Stats().Dropped == 0 {
			lane.Append(numbered(appended))
			appended++
			if appended%1000 == 0 {
				synctest.Wait() // the writer holds one buffer and waits
			}
			if appended > 100*bufferBytes/100 {
				t.Fatal("nothing was dropped")
			}
		}
		first := w.Stats().Dropped
		if len(lane.buf.B) != 0 || lane.lines != 0 {
			t.Error("dropped lines are still in the lane")
		}
		lane.Append(numbered(appended))
		appended++
		lane.Flush() // no room, but no reason to drop either
		if lane.lines != 1 || w.Stats().Dropped != first {
			t.Errorf("lane holds %d lines after a Flush without room, dropped %d", lane.lines, w.Stats().Dropped)
		}
		begin := time.Now()
		if err := w.Reopen(""); err == nil {
			t.Error("a stuck writer reopened")
		}
		if took := time.Since(begin); took != drainWait {
			t.Errorf("Reopen waited %v, want %v", took, drainWait)
		}
		close(g.open)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		s := w.Stats()
		if s.Lines+s.Dropped != uint64(appended) || s.Dropped != first || count(g.String(), "\n") != int(s.Lines) {
			t.Errorf("%d appended: %+v, %d lines arrived", appended, s, count(g.String(), "\n"))
		}
	})
}

func TestCloseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		w := NewLogWriter(LogOptions{Sample: 1})
		if err := w.Start(g); err != nil {
			t.Fatal(err)
		}
		lane := w.Lane()
		lane.Append(fullEntry())
		lane.Flush()
		begin := time.Now()
		if err := w.Close(); err == nil {
			t.Error("Close reports success though nothing was written")
		}
		if took := time.Since(begin); took != drainWait {
			t.Errorf("Close waited %v, want %v", took, drainWait)
		}
		close(g.open)
		synctest.Wait()
	})
}

// full is a disk with room for some bytes.
type full struct {
	bytes.Buffer
	room int
}

var errFull = errors.New("no space left")

func (f *full) Write(b []byte) (int, error) {
	n := min(len(b), f.room)
	f.room -= n
	f.Buffer.Write(b[:n])
	if n < len(b) {
		return n, errFull
	}
	return n, nil
}

func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := len(render(numbered(0), FormatJSON))
		f := &full{room: 3*line + line/2}
		w := NewLogWriter(LogOptions{Sample: 1})
		if err := w.Start(f); err != nil {
			t.Fatal(err)
		}
		lane := w.Lane()
		send := func() {
			for n := range 5 {
				lane.Append(numbered(n))
			}
			lane.Flush()
			synctest.Wait()
		}
		send()
		if s := w.Stats(); s.Lines != 3 || s.Dropped != 2 || s.WriteErrors != 1 {
			t.Errorf("after a torn write: %+v", s)
		}
		send()
		if s := w.Stats(); s.Lines != 3 || s.Dropped != 7 || s.WriteErrors != 2 {
			t.Errorf("while the disk is full: %+v", s)
		}
		f.room = 1 << 20
		send()
		if s := w.Stats(); s.Lines != 8 || s.Dropped != 7 {
			t.Errorf("with room again: %+v", s)
		}
		if err := w.Close(); err == nil {
			t.Error("Close hides that lines were lost")
		}
		whole := 0
		for l := range strings.Lines(f.String()) {
			if len(l) == line && strings.HasPrefix(l, `{"time"`) {
				whole++
			}
		}
		if whole != 8 {
			t.Errorf("%d whole lines in\n%s", whole, f.String())
		}
	})
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := NewLogWriter(LogOptions{Destination: path, Sample: 1})
	if err := w.Start(nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Start(nil); err == nil {
		t.Error("a second Start succeeded")
	}
	lane := w.Lane()
	lane.Append(numbered(1))
	lane.Flush()
	// The writer takes one thing at a time, so a Reopen that has answered comes either before or after the line; a second
	// one is sure to come after it only when the queue is empty.
	for len(w.queue) > 0 || w.Stats().Lines == 0 {
		if err := w.Reopen(""); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := w.Reopen(""); err != nil {
		t.Fatal(err)
	}
	if err := w.Reopen(filepath.Join(path, "no", "such", "folder")); err == nil {
		t.Error("reopened in a folder that does not exist")
	}
	lane.Append(numbered(2))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if old := readFile(t, path+".1"); !strings.HasPrefix(old, "before\n") || count(old, `"id":"n1"`) != 1 || count(old, "\n") != 2 {
		t.Errorf("old file:\n%s", old)
	}
	if fresh := readFile(t, path); count(fresh, `"id":"n2"`) != 1 || count(fresh, "\n") != 1 {
		t.Errorf("new file:\n%s", fresh)
	}
	if err := w.Reopen(""); err == nil {
		t.Error("reopened after Close")
	}
}

func TestStartCannotOpen(t *testing.T) {
	w := NewLogWriter(LogOptions{Destination: filepath.Join(t.TempDir(), "no", "such", "file")})
	if err := w.Start(nil); err == nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Start: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("Close without Start: %v", err)
	}
}

func TestSampling(t *testing.T) {
	lines := func(o LogOptions, e *Entry, n int) int {
		var out bytes.Buffer
		w := NewLogWriter(o)
		if err := w.Start(&out); err != nil {
			t.Fatal(err)
		}
		lane := w.Lane()
		for range n {
			lane.Append(e)
			lane.Flush()
			for len(w.queue) == cap(w.queue) {
				if err := w.Reopen(""); err != nil { // waits for the writer
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return count(out.String(), "\n")
	}
	ok, failed, refused := fullEntry(), fullEntry(), fullEntry()
	failed.Status = 502
	refused.Status, refused.Error = 401, "no key"
	broken := fullEntry()
	broken.Error = "upstream reset"

	if got := lines(LogOptions{Sample: 0}, ok, 500); got != 0 {
		t.Errorf("sample 0: %d lines", got)
	}
	if got := lines(LogOptions{Sample: 1}, ok, 500); got != 500 {
		t.Errorf("sample 1: %d lines of 500", got)
	}
	// The generator has a fixed seed; a thousand is more than five standard deviations wide of the mark at neither end.
	if got := lines(LogOptions{Sample: 0.1}, ok, 10_000); got < 850 || got > 1150 {
		t.Errorf("sample 0.1: %d lines of 10000", got)
	}
	if got := lines(LogOptions{Sample: 0}, failed, 50); got != 50 {
		t.Errorf("failures: %d lines of 50", got)
	}
	if got := lines(LogOptions{Sample: 0}, broken, 50); got != 50 {
		t.Errorf("responses broken off: %d lines of 50", got)
	}
	if got := lines(LogOptions{Sample: 0}, refused, 50); got != 0 {
		t.Errorf("refusals: %d lines, want 0", got)
	}
	if got := lines(LogOptions{Sample: 1, Destination: LogOff}, failed, 50); got != 0 {
		t.Errorf("off: %d lines", got)
	}
}

func TestApply(t *testing.T) {
	var out bytes.Buffer
	w := NewLogWriter(LogOptions{Sample: 0})
	lane := w.Lane()
	lane.Append(numbered(1))
	lane.Apply(LogOptions{Sample: 1, Format: FormatText})
	lane.Append(numbered(2))
	lane.Apply(LogOptions{Sample: 1, Destination: LogOff})
	lane.Append(numbered(3))
	if err := w.Start(&out); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); count(got, "\n") != 1 || !strings.Contains(got, " id=n2 ") {
		t.Errorf("lines:\n%s", got)
	}
}

// busyLane returns a lane whose writer keeps up, so that no line is dropped in a measurement.
func busyLane(tb testing.TB, f Format) *LogLane {
	w := NewLogWriter(LogOptions{Sample: 1, Format: f})
	if err := w.Start(io.Discard); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = w.Close() })
	return w.Lane()
}

func BenchmarkAppend(b *testing.B) {
	e := fullEntry()
	for name, f := range map[string]Format{"json": FormatJSON, "text": FormatText} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			lane := busyLane(b, f)
			b.SetBytes(int64(len(render(e, f))))
			for b.Loop() {
				e.UnixNano += 1000
				lane.Append(e)
			}
		})
	}
}

func BenchmarkAppendSampledOut(b *testing.B) {
	b.ReportAllocs()
	lane := busyLane(b, FormatJSON)
	lane.Apply(LogOptions{Sample: 0.0001})
	e := fullEntry()
	for b.Loop() {
		lane.Append(e)
	}
}
