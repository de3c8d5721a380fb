package observe

import (
	"context"
	"hash/maphash"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Logger is the process's own log: levelled, one record per line. Off the loops use Slog; on a loop LogOffLoop.
type Logger struct {
	level   slog.LevelVar
	out     slog.Handler
	now     func() time.Time
	queue   chan record
	closing chan struct{}
	ended   chan struct{}
	once    sync.Once
	seed    maphash.Seed
	dropped atomic.Uint64

	// repeats holds, for the messages that hash to a slot, the second and how many were logged in it: second<<repeatBits | count.
	repeats [logRepeatSlots]atomic.Uint64
}

const repeatBits = 24

// record is a message on its way from a loop to the writer.
type record struct {
	time       time.Time
	level      slog.Level
	message    string
	attrs      [logAttrsPerRecord]slog.Attr
	count      int
	suppressed uint64
}

// NewLogger returns a Logger that writes records of at least this level to w, which is written to by one goroutine at a
// time. Close ends the goroutine that writes for the loops.
func NewLogger(w io.Writer, level slog.Level, format Format) *Logger {
	l := &Logger{
		now:     time.Now,
		queue:   make(chan record, logQueueRecords),
		closing: make(chan struct{}),
		ended:   make(chan struct{}),
		seed:    maphash.MakeSeed(),
	}
	l.level.Set(level)
	o := &slog.HandlerOptions{Level: &l.level}
	if format == FormatText {
		l.out = slog.NewTextHandler(w, o)
	} else {
		l.out = slog.NewJSONHandler(w, o)
	}
	go l.run()
	return l
}

// Slog returns the logger for everything off the loops; it writes before it returns.
func (l *Logger) Slog() *slog.Logger { return slog.New(l.out) }

// SetLevel changes the least level that is logged. Safe on every thread.
func (l *Logger) SetLevel(level slog.Level) { l.level.Set(level) }

// LogOffLoop logs from any thread, loops included: it queues the record and never waits. Where the queue is full the record
// is dropped and counted. One message is logged ten times a second at most (messages that share a slot share that bound);
// the next one after that says how many were suppressed. Message and attributes are kept until they are written: they may
// not point into a loop's memory. Attributes beyond the sixth are left out.
func (l *Logger) LogOffLoop(level slog.Level, message string, attrs ...slog.Attr) {
	if level < l.level.Level() {
		return
	}
	now := l.now()
	suppressed, ok := l.admit(message, now.Unix())
	if !ok {
		return
	}
	r := record{time: now, level: level, message: message, suppressed: suppressed}
	r.count = copy(r.attrs[:], attrs)
	select {
	case l.queue <- r:
	default:
		l.dropped.Add(1)
	}
}

// DroppedOffLoop is how many records were lost because the queue was full. Safe on every thread.
func (l *Logger) DroppedOffLoop() uint64 { return l.dropped.Load() }

// Close writes what is queued and ends the writing goroutine; it gives up after 5 s where w takes no bytes. Slog works on.
func (l *Logger) Close() {
	l.once.Do(func() { close(l.closing) })
	limit := time.NewTimer(drainWait)
	defer limit.Stop()
	select {
	case <-l.ended:
	case <-limit.C:
	}
}

// admit counts a message in its slot. It reports whether it is to be logged, and how many were suppressed in the last
// second that had any.
func (l *Logger) admit(message string, second int64) (suppressed uint64, ok bool) {
	const countMask = 1<<repeatBits - 1
	slot := &l.repeats[maphash.String(l.seed, message)%logRepeatSlots]
	for {
		old := slot.Load()
		count := old & countMask
		if old>>repeatBits != uint64(second) {
			if slot.CompareAndSwap(old, uint64(second)<<repeatBits|1) {
				return count - min(count, logRepeatsPerSec), true
			}
			continue
		}
		if count == countMask {
			return 0, false
		}
		if slot.CompareAndSwap(old, old+1) {
			return 0, count < logRepeatsPerSec
		}
	}
}

func (l *Logger) run() {
	defer close(l.ended)
	for {
		select {
		case r := <-l.queue:
			l.write(&r)
		case <-l.closing:
			for {
				select {
				case r := <-l.queue:
					l.write(&r)
				default:
					return
				}
			}
		}
	}
}

func (l *Logger) write(r *record) {
	s := slog.NewRecord(r.time, r.level, r.message, 0)
	s.AddAttrs(r.attrs[:r.count]...)
	if r.suppressed > 0 {
		s.AddAttrs(slog.Uint64("suppressed", r.suppressed))
	}
	// The error of a log that cannot be written has nowhere to go but the count.
	if err := l.out.Handle(context.Background(), s); err != nil {
		l.dropped.Add(1)
	}
}
