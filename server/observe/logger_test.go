package observe

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestLoggerLevels(t *testing.T) {
	out := &lockedBuffer{}
	l := NewLogger(out, slog.LevelInfo, FormatJSON)
	l.LogOffLoop(slog.LevelDebug, "hidden")
	l.LogOffLoop(slog.LevelWarn, "provider \"x\" lost", slog.String("provider", "x\n"), slog.Int("loop", 1))
	l.Slog().Debug("hidden")
	l.Slog().Info("started", "addr", "127.0.0.1:8080")
	l.SetLevel(slog.LevelError)
	l.LogOffLoop(slog.LevelWarn, "hidden")
	l.Slog().Info("hidden")
	l.Close()
	l.Close()
	messages := map[string]map[string]any{}
	for line := range strings.Lines(out.String()) {
		m := map[string]any{}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		messages[m["msg"].(string)] = m
	}
	lost := messages[`provider "x" lost`]
	if len(messages) != 2 || messages["started"] == nil || lost == nil || lost["provider"] != "x\n" || lost["loop"] != 1.0 || lost["level"] != "WARN" {
		t.Errorf("messages %v", messages)
	}
}

func TestLoggerText(t *testing.T) {
	out := &lockedBuffer{}
	l := NewLogger(out, slog.LevelInfo, FormatText)
	var many []slog.Attr
	for range logAttrsPerRecord + 1 {
		many = append(many, slog.Int("n", len(many)))
	}
	l.LogOffLoop(slog.LevelInfo, "many", many...)
	l.Close()
	if got := out.String(); !strings.Contains(got, "msg=many n=0 n=1 n=2 n=3 n=4 n=5\n") {
		t.Errorf("line %s", got)
	}
}

func TestLoggerRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &lockedBuffer{}
		l := NewLogger(out, slog.LevelInfo, FormatText)
		defer l.Close()
		for range 100 {
			l.LogOffLoop(slog.LevelWarn, "again")
		}
		synctest.Wait()
		if got := count(out.String(), "msg=again"); got != logRepeatsPerSec {
			t.Errorf("%d records in a second, want %d", got, logRepeatsPerSec)
		}
		time.Sleep(time.Second) // virtual
		l.LogOffLoop(slog.LevelWarn, "again")
		time.Sleep(time.Second)
		l.LogOffLoop(slog.LevelWarn, "again")
		synctest.Wait()
		got := out.String()
		if count(got, "msg=again") != logRepeatsPerSec+2 || count(got, "suppressed") != 1 || !strings.Contains(got, "msg=again suppressed=90\n") {
			t.Errorf("log:\n%s", got)
		}
		if n := l.DroppedOffLoop(); n != 0 {
			t.Errorf("%d dropped", n)
		}
	})
}

func TestLoggerRepeatsFromManyThreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // time stands still, so all of it is one second
		out := &lockedBuffer{}
		l := NewLogger(out, slog.LevelInfo, FormatText)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 1000 {
					l.LogOffLoop(slog.LevelWarn, "again")
				}
			})
		}
		wg.Wait()
		l.Close()
		if got := count(out.String(), "msg=again"); got != logRepeatsPerSec {
			t.Errorf("%d records, want %d", got, logRepeatsPerSec)
		}
	})
}

func TestLoggerNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		l := NewLogger(g, slog.LevelInfo, FormatText)
		const calls = 3 * logQueueRecords
		for n := range calls {
			l.LogOffLoop(slog.LevelWarn, strings.Repeat("x", n))
		}
		begin := time.Now()
		l.Close()
		if took := time.Since(begin); took != drainWait {
			t.Errorf("Close waited %v, want %v", took, drainWait)
		}
		dropped := l.DroppedOffLoop()
		if dropped == 0 {
			t.Error("nothing was dropped")
		}
		close(g.open)
		synctest.Wait()
		if got := count(g.String(), "msg="); got < logQueueRecords || got+int(dropped) > calls {
			t.Errorf("%d written, %d dropped of %d", got, dropped, calls)
		}
	})
}

func BenchmarkLogOffLoopSuppressed(b *testing.B) {
	b.ReportAllocs()
	l := NewLogger(&lockedBuffer{}, slog.LevelInfo, FormatJSON)
	defer l.Close()
	for b.Loop() {
		l.LogOffLoop(slog.LevelWarn, "again")
	}
}
