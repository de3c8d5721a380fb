package sim

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"time"

	"penstock/loop"
)

// mock is what the flags of `penstock mock` say.
type mock struct {
	options            Options
	listen, listenTLS  string
	cert, key, certOut string
	loops              int
}

// Run is `penstock mock`: it serves until ctx ends, gives the answers on their way a few seconds, and returns the
// process's exit code. It prints the addresses it listens on to stdout, one a line, and what is wrong to stderr.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	m, err := parseFlags(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil {
		err = m.run(ctx, stdout, stderr)
	}
	var bad usageError
	switch {
	case errors.As(err, &bad):
		fmt.Fprintln(stderr, "penstock mock:", err)
		return 2
	case err != nil:
		fmt.Fprintln(stderr, "penstock mock:", err)
		return 1
	}
	return 0
}

// usageError is an error of the command line.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func parseFlags(args []string, stderr io.Writer) (*mock, error) {
	m := &mock{}
	fs := flag.NewFlagSet("penstock mock", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&m.listen, "listen", "127.0.0.1:9100", "address for HTTP/1.1 and for HTTP/2 without TLS; empty for none")
	fs.StringVar(&m.listenTLS, "tls-listen", "", "address for TLS with HTTP/2 and HTTP/1.1; empty for none")
	fs.StringVar(&m.cert, "cert", "", "certificate `file` (PEM); without it one is made and signed by itself")
	fs.StringVar(&m.key, "key", "", "key `file` of -cert (PEM)")
	fs.StringVar(&m.certOut, "cert-out", "", "`file` to write the certificate to that was made (PEM)")
	fs.IntVar(&m.loops, "loops", 1, "event loops")
	fs.DurationVar(&m.options.Latency, "latency", 0, "time to the head of an answer")
	fs.DurationVar(&m.options.TTFT, "ttft", 0, "time to the first token")
	fs.Float64Var(&m.options.TokensPerSecond, "tokens-per-second", 0, "of each answer; 0: as fast as the client reads")
	fs.IntVar(&m.options.Tokens, "tokens", defaultTokens, "of each answer")
	fs.Float64Var(&m.options.ErrorRate, "error-rate", 0, "share of requests, 0 to 1, that get status 500")
	fs.IntVar(&m.options.RateLimit, "rate-limit", 0, "requests a minute, the rest get status 429; 0: no limit")
	fs.Uint64Var(&m.options.Seed, "seed", 1, "of identifiers and of -error-rate")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(stderr, "usage: penstock mock [flags]")
			fs.SetOutput(stderr)
			fs.PrintDefaults()
			fmt.Fprint(stderr, "\n", Usage())
			return nil, err
		}
		return nil, usageError{err.Error()}
	}
	o := &m.options
	switch {
	case fs.NArg() > 0:
		return nil, usageError{"no arguments are taken, got " + fs.Arg(0)}
	case m.listen == "" && m.listenTLS == "":
		return nil, usageError{"neither -listen nor -tls-listen is given"}
	case m.loops < 1 || m.loops > 1024:
		return nil, usageError{"-loops must be 1 to 1024"}
	case o.Latency < 0 || o.Latency > delayLimit || o.TTFT < 0 || o.TTFT > delayLimit:
		return nil, usageError{"-latency and -ttft must be 0 to 24h"}
	case !(o.TokensPerSecond >= 0):
		return nil, usageError{"-tokens-per-second must not be negative"}
	case o.Tokens < 1 || o.Tokens > tokensLimit:
		return nil, usageError{"-tokens must be 1 to 1000000"}
	case !(o.ErrorRate >= 0 && o.ErrorRate <= 1):
		return nil, usageError{"-error-rate must be 0 to 1"}
	case o.RateLimit < 0:
		return nil, usageError{"-rate-limit must not be negative"}
	case (m.cert == "") != (m.key == ""):
		return nil, usageError{"-cert and -key belong together"}
	case m.certOut != "" && (m.cert != "" || m.listenTLS == ""):
		return nil, usageError{"-cert-out needs -tls-listen, and no -cert"}
	}
	return m, nil
}

// run binds, serves until ctx ends, and drains.
func (m *mock) run(ctx context.Context, stdout, stderr io.Writer) error {
	var plain, secure *loop.Listening
	var settings *tls.Config
	var err error
	if m.listenTLS != "" {
		if settings, err = m.tlsConfig(); err != nil {
			return err
		}
		if secure, err = loop.Bind(m.listenTLS, loop.ListenOptions{Loops: m.loops}); err != nil {
			return err
		}
	}
	if m.listen != "" {
		if plain, err = loop.Bind(m.listen, loop.ListenOptions{Loops: m.loops}); err != nil {
			if secure != nil {
				secure.Close()
			}
			return err
		}
	}
	s := New(m.options)
	accept := acceptOf(s)
	failed := make([]error, m.loops)
	onPanic := func(where string, reason any, stack []byte) {
		fmt.Fprintf(stderr, "penstock mock: panic in %s: %v\n%s", where, reason, stack)
	}
	engine, err := loop.Start(loop.Config{Loops: m.loops, Options: loop.Options{OnPanic: onPanic}}, func(l *loop.Loop) {
		if plain != nil {
			failed[l.ID()] = l.AcceptOn(plain, loop.AcceptOptions{}, accept)
		}
		if secure != nil {
			o := loop.AcceptOptions{TLS: func() *tls.Config { return settings }, HandshakeTimeout: handshakeTime}
			failed[l.ID()] = errors.Join(failed[l.ID()], l.AcceptOn(secure, o, accept))
		}
	})
	if err != nil {
		return err
	}
	defer engine.StopOffLoop()
	if err = errors.Join(failed...); err != nil {
		return err
	}
	if plain != nil {
		fmt.Fprintln(stdout, "listening on http://"+plain.Addr())
	}
	if secure != nil {
		fmt.Fprintln(stdout, "listening on https://"+secure.Addr())
	}
	<-ctx.Done()
	s.drainOffLoop(engine)
	return nil
}

func acceptOf(s *Server) func(*loop.Conn, netip.AddrPort) loop.Handler {
	return func(c *loop.Conn, _ netip.AddrPort) loop.Handler { return s.Accept(c) }
}

// drainOffLoop stops accepting and waits for the answers on their way, for a bounded time.
func (s *Server) drainOffLoop(engine *loop.Engine) {
	s.leaving.Store(true)
	for _, l := range engine.Loops() {
		l.PostOffLoop(l.StopAccepting)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range int(shutdownTime / (5 * time.Millisecond)) {
		if s.stats.open.Load() == 0 {
			return
		}
		<-tick.C
	}
}
