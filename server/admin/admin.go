package admin

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"

	"penstock/server/observe"
)

// Source is the running process as this package sees it. Its methods are called off the loops, from several goroutines.
type Source interface {
	// Gather asks every loop for its counters through its mailbox and waits for a bounded time. The caller owns the Snapshot.
	Gather() *observe.Snapshot
	// Ready says whether new requests are welcome, and why not where they are not.
	Ready() (bool, string)
	// Config returns the configuration in force as YAML, secrets masked.
	Config() []byte
	// Upstreams returns the state of the providers, to be shown as JSON.
	Upstreams() any
	// Loops returns the state of the loops, to be shown as JSON.
	Loops() any
	// Reload reads the configuration anew and puts it in force; on an error the old one stays.
	Reload() error
}

// Options of the admin port.
type Options struct {
	// Token is the bearer token that every request but the health checks must carry; without one, only requests that name
	// this host in their Host field are answered.
	Token string
	// Version is shown by /api/version and penstock_build_info.
	Version string
	// Listener is where the port is to be answered, taken by New; nil has New listen on its addr.
	Listener net.Listener
	// Hosts are further names under which the port may be asked without a token, such as that of a service.
	Hosts []string
	// MutexFraction is how many mutex contentions there are per one in the profile, and BlockRateNS the nanoseconds of blocking
	// per sample (runtime.SetMutexProfileFraction, runtime.SetBlockProfileRate); 0 leaves them off.
	MutexFraction, BlockRateNS int
	// Log takes what goes wrong here; nil means slog.Default().
	Log *slog.Logger
}

// Server is the admin port.
type Server struct {
	source   Source
	version  string
	token    *[sha256.Size]byte // nil without a token
	hosts    hosts
	listener net.Listener
	http     *http.Server
	routes   map[string]route
	origin   *http.CrossOriginProtection

	reload sync.Mutex // one at a time
}

// New listens on addr, "host:port" or "unix:/path", or takes a listener that is bound to it; Serve answers.
func New(addr string, source Source, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Server{source: source, version: o.Version, origin: http.NewCrossOriginProtection()}
	if o.Token != "" {
		sum := sha256.Sum256([]byte(o.Token))
		s.token = &sum
	}
	var err error
	if s.hosts, err = newHosts(addr, o.Hosts); err != nil {
		return nil, fmt.Errorf("cannot use admin address %q: %w", addr, err)
	}
	metrics, err := metricsHandler(source, o)
	if err != nil {
		return nil, fmt.Errorf("cannot register metrics: %w", err)
	}
	s.routes = s.newRoutes(metrics)
	l := o.Listener
	if l == nil {
		if l, err = listen(addr); err != nil {
			return nil, fmt.Errorf("cannot listen for admin: %w", err)
		}
	}
	s.listener = netutil.LimitListener(l, connections)
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headLimitBytes,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
	}
	if o.MutexFraction > 0 {
		runtime.SetMutexProfileFraction(o.MutexFraction)
	}
	if o.BlockRateNS > 0 {
		runtime.SetBlockProfileRate(o.BlockRateNS)
	}
	return s, nil
}

func listen(addr string) (net.Listener, error) {
	path, ok := strings.CutPrefix(addr, "unix:")
	if !ok {
		return net.Listen("tcp", addr)
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	return net.Listen("unix", path)
}

// removeStale takes away a socket that nobody listens on, as a process leaves that was killed.
func removeStale(path string) error {
	if fi, err := os.Lstat(path); err != nil || fi.Mode()&os.ModeSocket == 0 {
		return nil // Listen says what is wrong
	}
	c, err := net.DialTimeout("unix", path, staleTime)
	if err == nil {
		_ = c.Close()
		return fmt.Errorf("somebody listens on %s", path)
	}
	return os.Remove(path)
}

// Addr is the address that the port listens on, with the real port where 0 was asked for.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers until Shutdown, and returns nil then.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin port failed: %w", err)
	}
	return nil
}

// Shutdown stops listening and waits for answers in progress; when ctx ends first, their connections are closed.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	// Where Serve was never called, the server does not know of the listener.
	if e := s.listener.Close(); err == nil && e != nil && !errors.Is(e, net.ErrClosed) {
		err = e
	}
	if err != nil {
		return errors.Join(fmt.Errorf("cannot shut the admin port down cleanly: %w", err), s.http.Close())
	}
	return nil
}

func metricsHandler(source Source, o Options) (http.Handler, error) {
	registry := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		newCollector(source, o.Version),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewGoCollector(),
	} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelError),
		// One metric that cannot be shown must not take the others along.
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: scrapes,
	}), nil
}
