// Command aborts has clients go away from a gateway in every way and at every moment, and measures how soon the provider hears of it:
//
//	go run ./bench/aborts -count 100000 -out bench/results/aborts.md
//
// Clients leave before the provider's head, after it, and in mid-stream, with a FIN or a reset, in clear text or over TLS; the gateway
// speaks HTTP/2 in clear text, over TLS, and HTTP/1.1 to the provider, which is net/http in this program. Every request that a client
// left must have been cancelled, counted and billed once, and nothing of it may stay behind.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"penstock/bench/stand"
)

const (
	patience = 30 * time.Second // of a client that waits for its moment
	promised = 100 * time.Millisecond
	rest     = 20 * time.Second // until the gateway is quiet after the last client left
	warmUp   = 2000             // aborts before anything is counted
)

var speeches = []string{"h2c", "h2", "http1"}

// result is one run.
type result struct {
	when    time.Time
	count   int
	clients int // at once
	seed    uint64
	took    time.Duration
	cpu     time.Duration // of the gateway
	failed  atomic.Int64
	first   atomic.Pointer[error]

	provider *provider
	leavers  []leaver
	states   []state // before, at a tenth, at a half, at the end
	faults   []string
}

func main() {
	count := flag.Int("count", 100_000, "clients that leave")
	clients := flag.Int("clients", 48, "of them at once")
	seed := flag.Uint64("seed", 1, "of what each of them does")
	binary := flag.String("bin", os.Getenv("PENSTOCK_BIN"), "penstock to measure; empty: built from this checkout")
	out := flag.String("out", "", "file for the report, Markdown; empty: standard output")
	flag.Parse()
	if *count < 100 || *clients < 1 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "aborts: -count is 100 at least, -clients 1 at least, and there are no arguments")
		os.Exit(2)
	}
	stand.RaiseFileLimit()
	r := &result{when: time.Now().UTC(), count: *count, clients: *clients, seed: *seed}
	err := r.whole(*binary)
	if err == nil {
		err = r.write(*out)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "aborts: %v\n", err)
		os.Exit(1)
	}
	if len(r.faults) > 0 {
		fmt.Fprintf(os.Stderr, "aborts: %d faults\n", len(r.faults))
		os.Exit(1)
	}
}

// stage is the gateway with everything on, and where it is.
type stage struct {
	gateway                     *stand.Process
	folder                      string
	plain, secure, admin, roots string
	trust                       *x509.CertPool
}

func (r *result) whole(binary string) (err error) {
	folder, err := os.MkdirTemp("", "penstock-aborts-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if binary == "" {
		if binary, err = stand.Build(folder); err != nil {
			return err
		}
	}
	// An address of our own, so that no port is taken by somebody else's connection.
	host := fmt.Sprintf("127.%d.%d.1", 128+os.Getpid()>>8&63, os.Getpid()&255)
	s := &stage{folder: folder, plain: host + ":18080", secure: host + ":18081", admin: host + ":18082", roots: filepath.Join(folder, "cert.pem")}
	if s.trust, err = stand.Certify(folder, host); err != nil {
		return err
	}
	// The warm-up's numbers come after the others'.
	r.provider = &provider{records: make([]record, r.count+warmUp)}
	if err := r.provider.serve(host+":18083", host+":18084", s.roots, filepath.Join(folder, "key.pem")); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.provider.close()) }()
	file := filepath.Join(folder, "penstock.yaml")
	if err := os.WriteFile(file, []byte(s.configuration(host)), 0o600); err != nil {
		return err
	}
	if s.gateway, err = stand.StartProcess(folder, "gateway", binary, "serve", "--config", file); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.gateway.Stop()) }()
	if err := stand.Wait(s.gateway, "http://"+s.admin+"/readyz"); err != nil {
		return err
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	ended := make(chan error, 1)
	go func() { ended <- r.measure(s) }()
	select {
	case err = <-ended:
	case <-interrupted:
		err = errors.New("interrupted")
	}
	return err
}

func (s *stage) configuration(host string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "listen:\n  - %s\n  - {address: \"%s\", tls: {cert: %s, key: %s}}\nadmin: %s\nauth: keys\npin: false\nlog: {access: %s}\n",
		s.plain, s.secure, s.roots, filepath.Join(s.folder, "key.pem"), s.admin, filepath.Join(s.folder, "access.log"))
	fmt.Fprintf(&b, "timeouts: {drain: 1s}\nkeys:\n  - {name: aborts, value: %s}\nproviders:\n", stand.Key)
	for _, speech := range speeches {
		url := "http://" + host + ":18083"
		if speech == "h2" {
			url = "https://" + host + ":18084"
		}
		for _, p := range [][3]string{{"", "openai", "/v1"}, {"claude-", "anthropic", ""}} {
			fmt.Fprintf(&b, "  - name: %s%s\n    kind: %s\n    base_url: %s%s\n    http: %s\n    keys: [sk-provider-0123456789abcdef]\n    connections: {max: 1000}\n",
				p[0], speech, p[1], url, p[2], speech)
			if speech == "h2" {
				fmt.Fprintf(&b, "    tls: {ca: %s}\n", s.roots)
			}
		}
	}
	return b.String()
}

// measure warms up, has everybody leave, and looks at the gateway before, on the way, and at the end.
func (r *result) measure(s *stage) error {
	r.leavers = make([]leaver, r.count+warmUp)
	for i := range r.leavers {
		r.leavers[i] = newLeaver(r.seed, i)
	}
	look := func(done int) error {
		at, err := s.look(done)
		r.states = append(r.states, at)
		return err
	}
	r.leave(s, r.count, r.count+warmUp)
	if err := look(0); err != nil {
		return err
	}
	start, used, from := time.Now(), s.gateway.CPU(), 0
	for _, to := range []int{r.count / 10, r.count / 2, r.count} {
		r.leave(s, from, to)
		if err := look(to); err != nil {
			return err
		}
		from = to
	}
	r.took, r.cpu = time.Since(start), s.gateway.CPU()-used
	r.judge()
	return s.gateway.Alive()
}

// leave has the clients from..to come and go, some at once.
func (r *result) leave(s *stage, from, to int) {
	config := &tls.Config{RootCAs: s.trust, ServerName: s.secure[:strings.IndexByte(s.secure, ':')], ClientSessionCache: tls.NewLRUClientSessionCache(64), MinVersion: tls.VersionTLS12}
	next := atomic.Int64{}
	next.Store(int64(from))
	var all sync.WaitGroup
	for range r.clients {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < to; i = int(next.Add(1)) - 1 {
				if err := r.leavers[i].run(s.plain, s.secure, config, r.provider); err != nil {
					r.failed.Add(1)
					r.first.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	all.Wait()
	for end := time.Now().Add(rest); r.provider.open.Load() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}
