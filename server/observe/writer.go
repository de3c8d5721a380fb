package observe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/bytebufferpool"
)

// Destinations of the access log; any other is the path of a file, which lines are appended to.
const (
	LogStdout = "stdout"
	LogStderr = "stderr"
	LogOff    = "off"
)

// LogOptions says where lines go and which.
type LogOptions struct {
	Destination string // "" means LogStdout
	Format      Format
	// Sample is the share of exchanges that are logged, 0 to 1. Failures (status 5xx, a response broken off) are logged always.
	Sample float64
}

// LogStats counts what became of lines since the start.
type LogStats struct {
	Lines       uint64 // written
	Bytes       uint64 // written
	Dropped     uint64 // lines lost: the queue was full, or the destination failed
	WriteErrors uint64
}

// LogWriter writes the access log's lines, which lanes hand over, on a goroutine of its own.
type LogWriter struct {
	options LogOptions
	queue   chan batch
	reopen  chan reopening
	closing chan struct{}
	ended   chan struct{}
	pool    bytebufferpool.Pool

	mu      sync.Mutex // guards what Start, Lane and Close set
	lanes   []*LogLane
	started bool
	closed  bool

	lines, bytes, dropped, writeErrors atomic.Uint64

	// Writer goroutine only.
	dst         io.Writer
	destination string   // what dst was opened from; "" where Start was given it
	file        *os.File // where dst is a file that we opened
	torn        bool     // the last write ended within a line
}

type batch struct {
	buf   *bytebufferpool.ByteBuffer
	lines int
}

type reopening struct {
	destination string
	result      chan error
}

// NewLogWriter returns a writer that takes lines from now on and writes them once started.
func NewLogWriter(o LogOptions) *LogWriter {
	if o.Destination == "" {
		o.Destination = LogStdout
	}
	return &LogWriter{
		options: o,
		queue:   make(chan batch, queueBuffers),
		reopen:  make(chan reopening),
		closing: make(chan struct{}),
		ended:   make(chan struct{}),
	}
}

// Lane returns a new lane, for one loop.
func (w *LogWriter) Lane() *LogLane {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := &LogLane{w: w, random: 0x9e3779b97f4a7c15 * uint64(len(w.lanes)+1)}
	l.Apply(w.options)
	w.lanes = append(w.lanes, l)
	return l
}

// Start begins to write, to dst, or where dst is nil to the destination of the options. Call it once.
func (w *LogWriter) Start(dst io.Writer) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.started {
		return errors.New("access log has been started before")
	}
	w.dst = dst
	if dst == nil {
		if err := w.open(w.options.Destination); err != nil {
			return err
		}
	}
	w.started = true
	go w.run()
	return nil
}

// Reopen opens the destination anew, for log rotation, or another one where destination is not empty. It waits for the writer,
// so not on a loop; on an error the old destination stays in use.
func (w *LogWriter) Reopen(destination string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.started || w.closed {
		return errors.New("cannot reopen access log: not running")
	}
	r := reopening{destination, make(chan error, 1)}
	limit := time.NewTimer(drainWait)
	defer limit.Stop()
	select {
	case w.reopen <- r:
		return <-r.result
	case <-limit.C:
		return fmt.Errorf("cannot reopen access log within %v: destination takes no bytes", drainWait)
	}
}

// Close writes what lanes have handed over and what they still hold, and ends the writer. Call it after the loops have ended:
// lanes belong to them until then. It gives up after 5 s where the destination takes no bytes.
func (w *LogWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.started || w.closed {
		return nil
	}
	w.closed = true
	close(w.closing)
	limit := time.NewTimer(drainWait)
	defer limit.Stop()
	select {
	case <-w.ended:
	case <-limit.C:
		return fmt.Errorf("cannot drain access log within %v: destination takes no bytes", drainWait)
	}
	if n := w.writeErrors.Load(); n > 0 {
		return fmt.Errorf("access log: %d writes failed, %d lines lost", n, w.dropped.Load())
	}
	return nil
}

// Stats returns the counters. Safe on every thread.
func (w *LogWriter) Stats() LogStats {
	return LogStats{
		Lines: w.lines.Load(), Bytes: w.bytes.Load(), Dropped: w.dropped.Load(), WriteErrors: w.writeErrors.Load(),
	}
}

// buffer returns an empty buffer with room for bufferBytes.
func (w *LogWriter) buffer() *bytebufferpool.ByteBuffer {
	b := w.pool.Get()
	if cap(b.B) < bufferBytes {
		b.B = make([]byte, 0, bufferBytes)
	}
	return b
}

func (w *LogWriter) run() {
	defer close(w.ended)
	defer w.closeFile()
	for {
		select {
		case b := <-w.queue:
			w.write(b)
		case r := <-w.reopen:
			r.result <- w.open(r.destination)
		case <-w.closing:
			w.drain()
			return
		}
	}
}

// drain writes the queue and then what the lanes hold; the loops have ended.
func (w *LogWriter) drain() {
	for {
		select {
		case b := <-w.queue:
			w.write(b)
			continue
		default:
		}
		break
	}
	for _, l := range w.lanes {
		if l.lines > 0 {
			w.write(batch{l.buf, l.lines})
			l.buf, l.lines = nil, 0
		}
	}
}

func (w *LogWriter) write(b batch) {
	if w.torn {
		// Ends the torn line, so that it does not spoil the next one. Where that fails, so will the write below.
		if n, _ := io.WriteString(w.dst, "\n"); n == 1 {
			w.torn = false
		}
	}
	n, err := w.dst.Write(b.buf.B)
	w.bytes.Add(uint64(max(n, 0)))
	if err == nil {
		w.lines.Add(uint64(b.lines))
	} else {
		w.writeErrors.Add(1)
		whole := 0
		for _, c := range b.buf.B[:max(n, 0)] {
			if c == '\n' {
				whole++
			}
		}
		w.lines.Add(uint64(whole))
		w.dropped.Add(uint64(b.lines - whole))
		if n > 0 {
			w.torn = b.buf.B[n-1] != '\n'
		}
	}
	// At its full length, because the pool learns from it which size to keep.
	b.buf.B = b.buf.B[:cap(b.buf.B)]
	w.pool.Put(b.buf)
}

// open makes destination the one to write to; "" means the present one, opened anew.
func (w *LogWriter) open(destination string) error {
	if destination == "" {
		destination = w.destination
	}
	dst, file := w.dst, (*os.File)(nil)
	switch destination {
	case "":
	case LogStdout:
		dst = os.Stdout
	case LogStderr:
		dst = os.Stderr
	case LogOff:
		dst = io.Discard
	default:
		f, err := os.OpenFile(destination, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
		if err != nil {
			return fmt.Errorf("cannot open access log: %w", err)
		}
		dst, file = f, f
	}
	w.closeFile()
	w.torn = w.torn && w.dst == dst
	w.dst, w.file, w.destination = dst, file, destination
	return nil
}

func (w *LogWriter) closeFile() {
	if w.file != nil {
		if err := w.file.Close(); err != nil {
			w.writeErrors.Add(1)
		}
		w.file = nil
	}
}
