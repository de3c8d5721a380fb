package main

import (
	"crypto/rand"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"penstock/loop"
	"penstock/server/admin"
	"penstock/server/config"
	"penstock/server/gateway"
	"penstock/server/observe"
	"penstock/tuning"
	"penstock/upstream"
)

// process is a running gateway.
type process struct {
	path    string
	snap    *config.Snapshot
	builder *builder
	policy  *gateway.Policy
	profile *tuning.Profile

	log      *observe.Logger
	lines    *observe.LogWriter
	dialer   *upstream.NetDialer
	engine   *loop.Engine
	gateways []*gateway.Gateway // by loop; touched on its loop only, once Start has returned
	listens  []*listening
	simulate *simulation
	admin    *admin.Server
	gatherer *observe.Gatherer
	state    state
	stderr   io.Writer

	program     string           // path to start for an upgrade
	pidFile     string           // "" for none
	in          *inheritance     // what was passed to this process
	listened    []config.Listen  // that listens were made from
	adminSocket *net.TCPListener // nil without an admin port
	heir        *heir            // has taken over
}

// serve runs the gateway until a signal ends it: load, check, build, listen, wait, drain.
func serve(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("penstock serve", flag.ContinueOnError)
	fs.SetOutput(stderr)
	path := fs.String("config", "", "configuration file; none takes providers from the environment")
	listen := fs.String("listen", "", "listen on this address instead of the configuration's")
	adminAddr := fs.String("admin", "", "admin port on this address instead of the configuration's; off for none")
	pidFile := fs.String("pid-file", "", "write the process id into this file")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	if fs.NArg() > 0 {
		fmt.Fprintf(stderr, "penstock serve: unexpected argument %q\n", fs.Arg(0))
		return 2
	}
	signal.Ignore(syscall.SIGPIPE) // a reader of the log that goes away must not take the gateway with it
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	in, err := inherit()
	if err != nil {
		in.failed(err)
		fmt.Fprintf(stderr, "penstock: %v\n", err)
		return 1
	}
	snap, err := load(*path)
	if err != nil {
		printFaults(stderr, err)
		in.failed(err)
		return 1
	}
	p := &process{path: *path, snap: override(snap, *listen, *adminAddr), builder: newBuilder(), stderr: stderr, pidFile: *pidFile, in: in}
	if err := p.start(); err != nil {
		fmt.Fprintf(stderr, "penstock: %v\n", err)
		p.disown()
		in.failed(err)
		p.stop()
		return 1
	}
	p.begin(stdout)
	p.wait(signals)
	p.drain(signals)
	p.stop()
	return 0
}

// begin says that this process serves: to the one that it replaces, which tells the service manager, or to that itself.
func (p *process) begin(stdout io.Writer) {
	for _, address := range p.in.left() {
		p.log.Slog().Warn("a socket was passed to this process and nothing listens on its address", "address", address)
	}
	if p.in.from != 0 {
		p.log.Slog().Info("took over", "from", p.in.from, "pid", os.Getpid(), "version", version, "loops", len(p.gateways))
		p.in.ready()
		return
	}
	notify("READY=1")
	p.banner(stdout)
}

// override puts addresses given on the command line in the place of the configuration's.
func override(s *config.Snapshot, listen, adminAddr string) *config.Snapshot {
	c := *s
	if listen != "" {
		c.Listen = []config.Listen{{Network: "tcp", Address: listen}}
		if path, ok := strings.CutPrefix(listen, "unix:"); ok {
			c.Listen = []config.Listen{{Network: "unix", Address: path}}
		}
	}
	switch adminAddr {
	case "":
	case "off":
		c.AdminOff = true
	default:
		c.Admin, c.AdminOff = adminAddr, false
	}
	return &c
}

// start brings everything up; on an error, what is up is left for stop.
func (p *process) start() error {
	s := p.snap
	p.log = observe.NewLogger(p.stderr, logLevel(s.Log.Level), observe.FormatJSON)
	for _, w := range append(inactive(s), s.Warnings...) {
		p.log.Slog().Warn(w)
	}
	if err := p.startSim(); err != nil {
		return err
	}
	var err error
	if p.policy, err = p.builder.build(s); err != nil {
		return err
	}
	if s.Log.Access != observe.LogOff {
		p.lines = observe.NewLogWriter(logOptions(s))
		if err := p.lines.Start(nil); err != nil {
			return err
		}
	}
	cpus := allowedCPUs()
	loops := loopsOf(s)
	if !s.Pin {
		cpus = nil
	}
	profile, ok := tuning.ByName(s.Profile)
	if !ok {
		return fmt.Errorf("there is no profile %q", s.Profile)
	}
	p.profile = profile
	// A loop that sleeps with its P leaves none to the workers, hence one more.
	runtime.GOMAXPROCS(loops + profile.Flags.ProcsAboveLoops)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(profile.Flags.GOGC)
	}
	if n, err := tuning.MemoryLimitBytes(profile, tuning.ThisHost()); err == nil && n > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(n)
	}
	if p.program, err = ownPath(); err != nil {
		return err
	}
	if err := p.bind(loops); err != nil {
		return err
	}
	if err := p.exposed(); err != nil {
		return err
	}
	if err := p.bindAdmin(); err != nil {
		return err
	}
	if err := p.startLoops(loops, cpus); err != nil {
		return err
	}
	if err := writePID(p.pidFile); err != nil {
		return err
	}
	return p.accept()
}

func (p *process) startLoops(loops int, cpus []int) error {
	s, f := p.snap, p.profile.Flags
	p.dialer = &upstream.NetDialer{Resolver: &upstream.Resolver{}}
	p.gateways = make([]*gateway.Gateway, loops)
	connections := 0
	if s.Bounds.Connections > 0 {
		connections = max(s.Bounds.Connections/loops, 1)
	}
	base := time.Now()
	cfg := loop.Config{
		Loops: loops, CPUs: cpus, ReadBytes: f.ReadBufferBytes, BatchEvents: f.BatchEvents, Connections: connections,
		Spin: time.Duration(f.SpinMicros) * time.Microsecond, RawWait: max(time.Duration(f.RawWaitMillis)*time.Millisecond, 1),
		Options: loop.Options{OnPanic: p.panicked},
	}
	engine, err := loop.Start(cfg, func(l *loop.Loop) {
		d := gateway.Deps{Dialer: p.dialer, Lookups: p.lookups, Clock: func() int64 { return int64(time.Since(base)) }, Seed: seed()}
		if p.lines != nil {
			d.Lane = p.lines.Lane()
		}
		p.gateways[l.ID()] = gateway.New(l, p.policy, d)
	})
	if err != nil {
		return err
	}
	p.engine = engine
	ls := engine.Loops()
	p.gatherer = observe.NewGatherer(loops, p.policy.Dims, func(i int, run func(*observe.Loop)) bool {
		ls[i].PostOffLoop(func() {
			p.gateways[i].Gauges()
			run(p.gateways[i].Counters)
		})
		return true
	})
	return nil
}

// lookups reads the resolver's counters. Safe on every thread.
func (p *process) lookups() (asked, failed uint64) {
	s := p.dialer.Resolver.Stats()
	return s.Lookups, s.Failures
}

func (p *process) panicked(where string, reason any, stack []byte) {
	p.log.LogOffLoop(slog.LevelError, "panic on a loop", slog.String("where", where), slog.Any("reason", fmt.Sprint(reason)), slog.String("stack", string(stack)))
}

func seed() (s [2]uint64) {
	var b [16]byte
	_, _ = rand.Read(b[:])
	s[0], s[1] = binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])
	return s
}

func logLevel(name string) slog.Level {
	var l slog.Level
	_ = l.UnmarshalText([]byte(name))
	return l
}

func logOptions(s *config.Snapshot) observe.LogOptions {
	o := observe.LogOptions{Destination: s.Log.Access, Sample: s.Log.Sample}
	if s.Log.Format == "text" {
		o.Format = observe.FormatText
	}
	return o
}

// allowedCPUs lists the cores that the process may run on.
func allowedCPUs() []int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return nil
	}
	var out []int
	for i := range 1024 {
		if set.IsSet(i) {
			out = append(out, i)
		}
	}
	return out
}

// banner tells a person how to begin. It goes to standard error where standard output carries the access log.
func (p *process) banner(w io.Writer) {
	if p.snap.Log.Access == observe.LogStdout && p.lines != nil {
		w = p.stderr
	}
	url := p.listens[0].url()
	names := make([]string, len(p.snap.Providers))
	model := ""
	for i, pr := range p.snap.Providers {
		names[i] = pr.Name
		if pr.Sim {
			model = pr.Name + "/chat"
		}
	}
	if model == "" && len(p.policy.Names) > 0 {
		model = p.policy.Names[0]
	}
	fmt.Fprintf(w, "penstock %s listens on %s with %d loops; providers: %s\n", version, url, len(p.gateways), strings.Join(names, ", "))
	if p.admin != nil {
		fmt.Fprintf(w, "metrics, health and profiles: http://%s\n", p.admin.Addr())
	}
	if model == "" {
		model = "MODEL"
	}
	key := ""
	if p.policy.Auth != nil {
		key = " -H 'Authorization: Bearer KEY'"
	}
	curl := "curl -N " + url
	if path, ok := strings.CutPrefix(url, "unix:"); ok {
		curl = "curl -N --unix-socket " + path + " http://localhost"
	}
	fmt.Fprintf(w, "\ntry it:\n  %s/v1/chat/completions%s -H 'Content-Type: application/json' -d '{\"model\":\"%s\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}'\n\n", curl, key, model)
}

// listenAddress is the address of a listener as Bind wants it.
func listenAddress(l *config.Listen) string {
	if l.Network == "unix" {
		return "unix:" + l.Address
	}
	if host, port, err := net.SplitHostPort(l.Address); err == nil && host == "*" {
		return net.JoinHostPort("", port)
	}
	return l.Address
}
