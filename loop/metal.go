package loop

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"golang.org/x/sys/unix"
)

// Config of an Engine.
type Config struct {
	Loops       int           // number of loops; at least 1
	CPUs        []int         // the core that loop i is pinned to is CPUs[i%len]; empty: not pinned
	ReadBytes   int           // size of a loop's read buffer; 0 means 64 KiB
	BatchEvents int           // events taken from one poll at most; 0 means 256
	Spin        time.Duration // how long to poll without sleeping before each sleep
	RawWait     time.Duration // how long to sleep in a raw system call before giving the P away; 0 means 5 ms
	Connections int           // bound of accepted connections per loop; 0 means derived from RLIMIT_NOFILE, which bounds all of them in any case
	Options     Options
}

// Engine is the set of loops of a process.
type Engine struct {
	loops []*metal
	done  sync.WaitGroup
	base  time.Time
	cfg   Config
}

// metal is one loop on gnet's poller. The poller holds the set of descriptors; the waiting and the connections are ours. gnet's
// connection has no bound on output, no pause and no word when output has drained, and its accept ends the loop when descriptors
// run out; its wait goes through the scheduler and cannot say where a poll batch ends.
type metal struct {
	loop    *Loop
	engine  *Engine
	poller  *netpoll.Poller
	epfd    int // gnet's epoll descriptor
	mailFD  int // eventfd: something is in the mailbox
	probeFD int // eventfd: stands at the end of the queue of events, to see how long it is
	probeAt int64
	buf     []byte
	ready   []unix.EpollEvent
	conns   []*Conn // by descriptor
	again   []*Conn // have more to read than one turn allows, or were resumed
	listens map[int]*listener
	clients int // accepted and open, handshakes included
	most    int // of clients
	files   int // of all connections: what the limit on descriptors allows
	// TLS handshakes of clients; at most half of most, so that they cannot take every place there is.
	shaking handshakes
	stopped bool
	parking *parking
	hold    Timer // accepting rests until it fires
}

// Start makes the loops and runs them. setup is called for each loop on its own thread before its first event.
func Start(cfg Config, setup func(*Loop)) (*Engine, error) {
	if cfg.ReadBytes == 0 {
		cfg.ReadBytes = 64 << 10
	}
	if cfg.BatchEvents == 0 {
		cfg.BatchEvents = 256
	}
	if cfg.RawWait == 0 {
		cfg.RawWait = 5 * time.Millisecond
	}
	e := &Engine{base: time.Now(), cfg: cfg}
	files := descriptorBound(cfg.Loops)
	most := cfg.Connections
	if most == 0 {
		most = files
	}
	for i := range cfg.Loops {
		m := &metal{
			engine: e, buf: make([]byte, cfg.ReadBytes), ready: make([]unix.EpollEvent, cfg.BatchEvents),
			listens: map[int]*listener{}, most: most, files: files, shaking: handshakes{max: max(min(handshakesMax, most/2, files/2), 1)},
		}
		if err := m.open(); err != nil {
			return nil, fmt.Errorf("cannot open loop %d: %w", i, err)
		}
		m.loop = New(i, m, e.clock(), time.Now().UnixNano(), cfg.Options)
		m.hold.Init(m)
		e.loops = append(e.loops, m)
	}
	ready := make(chan struct{})
	for i, m := range e.loops {
		e.done.Add(1)
		cpu := -1
		if len(cfg.CPUs) > 0 {
			cpu = cfg.CPUs[i%len(cfg.CPUs)]
		}
		go m.run(cpu, setup, ready)
		<-ready
	}
	return e, nil
}

// Loops returns the engine's loops. Safe on every thread; what they offer is not.
func (e *Engine) Loops() []*Loop {
	ls := make([]*Loop, len(e.loops))
	for i, m := range e.loops {
		ls[i] = m.loop
	}
	return ls
}

// StopOffLoop ends every loop: connections are aborted, their OnClose runs, threads end. It waits for them.
func (e *Engine) StopOffLoop() {
	for _, m := range e.loops {
		m.loop.PostOffLoop(func() { m.stopped = true })
	}
	e.done.Wait()
}

func (e *Engine) clock() int64 { return int64(time.Since(e.base)) }

func (m *metal) open() (err error) {
	if m.poller, err = netpoll.OpenPoller(); err != nil {
		return err
	}
	if m.mailFD, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	if err = m.poller.AddRead(&netpoll.PollAttachment{FD: m.mailFD}, true); err != nil {
		return err
	}
	if m.probeFD, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	if err = m.poller.AddRead(&netpoll.PollAttachment{FD: m.probeFD}, true); err != nil {
		return err
	}
	if m.epfd = findEpoll(m.mailFD); m.epfd < 0 {
		return errors.New("cannot find the poller's descriptor under /proc/self/fdinfo: is /proc mounted?")
	}
	m.parking, err = newParking(m)
	return err
}

// findEpoll returns the epoll descriptor of this process that watches fd, or -1. gnet keeps it to itself, and the loop wants
// to sleep on it by its own system call.
func findEpoll(fd int) int {
	dir, err := os.ReadDir("/proc/self/fdinfo")
	if err != nil {
		return -1
	}
	for _, d := range dir {
		text, err := os.ReadFile("/proc/self/fdinfo/" + d.Name())
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > 1 && f[0] == "tfd:" && f[1] == strconv.Itoa(fd) {
				n, err := strconv.Atoi(d.Name())
				if err != nil {
					return -1
				}
				return n
			}
		}
	}
	return -1
}

func (m *metal) run(cpu int, setup func(*Loop), ready chan<- struct{}) {
	defer m.engine.done.Done()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if cpu >= 0 {
		var set unix.CPUSet
		set.Set(cpu)
		_ = unix.SchedSetaffinity(0, &set)
	}
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 20_000, 0, 0, 0)
	l := m.loop
	l.Enter(m.engine.clock())
	func() {
		defer l.confine("setup", nil)
		setup(l)
	}()
	ready <- struct{}{}
	m.drive()
	m.shutdown()
}

// Wake implements Backend; any thread.
func (m *metal) Wake() {
	m.signal(m.mailFD)
}

// signal makes an eventfd ready.
func (m *metal) signal(fd int) {
	one := [8]byte{0: 1}
	_ = rawWrite(fd, one[:])
}

// drive is the life of the loop, a poll batch a round: events, timers, mailbox, flush, wait.
func (m *metal) drive() {
	l := m.loop
	start, n := m.engine.clock(), 0
	for {
		waited := m.probe(n, start)
		l.Enter(start)
		for i := range n {
			m.event(int(m.ready[i].Fd), m.ready[i].Events)
		}
		l.Tick()
		again := m.readAgain()
		l.Leave()
		if m.stopped {
			return
		}
		end := m.engine.clock()
		if n+again > 0 {
			l.CountBatch(n+again, end-start, max(waited, end-start))
		}
		n = m.wait(end)
		start = m.engine.clock()
		l.CountSleep(start - end)
	}
}

// probe says how long the events of a batch have waited before it. A batch that is not full has taken all there were. Behind a full one
// more may wait, and how long that queue is only the kernel knows: an event of our own, put at its end, tells when its turn comes.
func (m *metal) probe(n int, now int64) int64 {
	if m.probeAt == 0 {
		if n == len(m.ready) {
			m.probeAt = now
			m.signal(m.probeFD)
		}
		return 0
	}
	waited := now - m.probeAt
	for i := range n {
		if int(m.ready[i].Fd) == m.probeFD {
			m.probeAt = 0
			break
		}
	}
	return waited
}

// event handles one descriptor that is ready.
func (m *metal) event(fd int, ev uint32) {
	if fd < len(m.conns) {
		if c := m.conns[fd]; c != nil {
			m.serve(c, ev)
			return
		}
	}
	if ln := m.listens[fd]; ln != nil {
		m.accept(ln)
	}
	// Otherwise it is the mailbox, which every batch looks at, or a connection that has just been closed.
}

// wait returns how many events are ready, after having slept until there are some or a timer is due.
func (m *metal) wait(now int64) int {
	l := m.loop
	if len(m.again) > 0 || l.MailWaiting() {
		return max(m.poll(0), 0)
	}
	wait := int64(-1)
	if d := l.NextDeadline(); d >= 0 {
		wait = max(d-now, 0)
	}
	if spin := int64(m.engine.cfg.Spin); spin > 0 {
		if wait >= 0 && spin > wait {
			spin = wait
		}
		for end := now + spin; m.engine.clock() < end; {
			if n := m.poll(0); n != 0 {
				return max(n, 0)
			}
		}
	}
	// A raw wait keeps the P, so waking up costs no scheduler; bounded, because another thread's collection of garbage may
	// want this one to stop. A long silence is slept through in the runtime's poller.
	raw := int64(m.engine.cfg.RawWait)
	if wait >= 0 && wait <= raw {
		return max(m.poll(wait), 0)
	}
	if n := m.poll(raw); n != 0 {
		return max(n, 0)
	}
	if wait > 0 {
		wait -= raw
	}
	return m.parking.wait(wait)
}

// poll waits up to ns nanoseconds for events, without the scheduler's knowledge. It returns -1 on a signal: the scheduler asks for
// the P, and gets it at the next call.
func (m *metal) poll(ns int64) int { return epollWait(m.epfd, m.ready, ns) }

// OnTimer takes up accepting again. For the loop.
func (m *metal) OnTimer(*Timer) {
	for _, ln := range m.listens {
		m.resumeListener(ln)
	}
}

func (m *metal) shutdown() {
	m.loop.Enter(m.engine.clock())
	for fd := range m.listens {
		_ = unix.Close(fd)
	}
	for _, c := range m.conns {
		if c != nil && c.state < stateEnded {
			c.Abort()
		}
	}
	m.loop.Leave()
	m.parking.close()
	_ = unix.Close(m.probeFD)
	_ = m.poller.Close()
	_ = unix.Close(m.mailFD)
}
