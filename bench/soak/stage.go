package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"penstock/bench/stand"
)

// Ports of the stage. Its address is its own, so that no port is taken by a connection of somebody else.
const (
	plainPort = 18080 + iota
	securePort
	adminPort
	firstProviderPort
)

// speeches are how the gateway speaks to its providers, one provider for each.
var speeches = []string{"h2c", "h2", "http1"}

const (
	providerKey = "sk-provider-0123456789abcdef"
	narrowKey   = "sk-narrow-0123456789abcdef0123456789abcdef" // may ask for the model "ha" alone
	wrongKey    = "sk-nobody-0123456789abcdef0123456789abcdef"
)

// Timers of the gateway. A busy machine is no fault of the gateway's: they are long beside what the providers take when they are well.
const (
	silence   = 10 * time.Second // first_byte and between_bytes
	wholeTime = 60 * time.Second // total
)

// stage is a gateway and its simulated providers, as processes.
type stage struct {
	folder, binary, host string
	gateway              *stand.Process
	providers            []*provider
	roots                *x509.CertPool
	variant              int // of the configuration
}

// provider is a simulated provider that can be killed and started again.
type provider struct {
	stage   *stage
	speech  string
	address string
	mu      sync.Mutex
	process *stand.Process
}

func newStage(binary string, seed uint64) (_ *stage, err error) {
	folder, err := os.MkdirTemp("", "penstock-soak-")
	if err != nil {
		return nil, err
	}
	s := &stage{folder: folder, binary: binary, host: fmt.Sprintf("127.%d.%d.1", 64+os.Getpid()>>8&63, os.Getpid()&255)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if s.binary == "" {
		if s.binary, err = stand.Build(folder); err != nil {
			return s, err
		}
	}
	if s.roots, err = stand.Certify(folder, s.host); err != nil {
		return s, err
	}
	for i, speech := range speeches {
		p := &provider{stage: s, speech: speech, address: s.at(firstProviderPort + i)}
		s.providers = append(s.providers, p)
		if err := p.start(seed); err != nil {
			return s, err
		}
	}
	if err := s.configure(); err != nil {
		return s, err
	}
	if s.gateway, err = stand.StartProcess(folder, "gateway", s.binary, "serve", "--config", s.file("penstock.yaml")); err != nil {
		return s, err
	}
	return s, stand.Wait(s.gateway, s.admin()+"/readyz")
}

func (s *stage) file(name string) string { return filepath.Join(s.folder, name) }
func (s *stage) at(port int) string      { return fmt.Sprintf("%s:%d", s.host, port) }
func (s *stage) admin() string           { return "http://" + s.at(adminPort) }

// stop ends every process. The error says what had to be forced.
func (s *stage) stop() error {
	var faults []error
	if s.gateway != nil {
		faults = append(faults, s.gateway.Stop())
	}
	for _, p := range s.providers {
		if p.process != nil {
			_ = p.process.Signal(syscall.SIGCONT) // it may have been left stopped
			faults = append(faults, p.process.Stop())
		}
	}
	return errors.Join(append(faults, os.RemoveAll(s.folder))...)
}

// url is the provider's address with the scheme that belongs to its protocol.
func (p *provider) url() string {
	if p.speech == "h2" {
		return "https://" + p.address
	}
	return "http://" + p.address
}

// start runs the provider on its port.
func (p *provider) start(seed uint64) (err error) {
	s := p.stage
	args := []string{"mock", "--listen", p.address, "--seed", fmt.Sprint(seed)}
	if p.speech == "h2" {
		args = []string{"mock", "--listen", "", "--tls-listen", p.address, "--cert", s.file("cert.pem"), "--key", s.file("key.pem")}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process, err = stand.StartProcess(s.folder, "provider-"+p.speech, s.binary, args...); err != nil {
		return err
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", p.address)
		if err == nil {
			return c.Close()
		}
		if ended := p.process.Alive(); ended != nil {
			return ended
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// configure writes the configuration's next variant: sometimes with another key, sometimes with settings that give every provider new
// connections. What clients may do is the same in all of them.
func (s *stage) configure() error {
	v := s.variant
	s.variant++
	var b strings.Builder
	fmt.Fprintf(&b, "listen:\n  - %s\n  - {address: \"%s\", tls: {cert: %s, key: %s}}\n", s.at(plainPort), s.at(securePort), s.file("cert.pem"), s.file("key.pem"))
	fmt.Fprintf(&b, "admin: %s\nauth: keys\npin: false\ntimeouts: {first_byte: %v, between_bytes: %v, total: %v, head: 10s, body: 10s, idle: 60s, connect: %ds, handshake: 15s, drain: 2s}\n",
		s.at(adminPort), silence, silence, wholeTime, 2+v/2%2)
	fmt.Fprintf(&b, "stream: {keepalive: 2s}\nlog: {access: %s}\nproviders:\n", s.file("access.log"))
	for _, p := range s.providers {
		// The same provider under three names has three sets of connections: what a request breaks on purpose breaks no other's.
		for _, name := range []string{"", "bad-"} {
			p.configure(&b, name+p.speech, "openai", "/v1", v)
		}
		p.configure(&b, "claude-"+p.speech, "anthropic", "", v)
	}
	b.WriteString("models:\n  - name: ha\n    strategy: ordered\n    targets: [{provider: h2c, model: \"chat?echo\"}, {provider: http1, model: \"chat?echo\"}]\n")
	fmt.Fprintf(&b, "keys:\n  - {name: soak, value: %s}\n  - {name: narrow, value: %s, models: [ha]}\n", stand.Key, narrowKey)
	if v%2 == 1 {
		fmt.Fprintf(&b, "  - {name: passing, value: sk-passing-%032d}\n", v)
	}
	next := s.file("next.yaml")
	if err := os.WriteFile(next, []byte(b.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(next, s.file("penstock.yaml")) // nobody reads half of it
}

func (p *provider) configure(b *strings.Builder, name, kind, path string, variant int) {
	fmt.Fprintf(b, "  - name: %s\n    kind: %s\n    base_url: %s%s\n    http: %s\n    keys: [%s]\n    connections: {max: 1000}\n", name, kind, p.url(), path,
		p.speech, providerKey)
	if p.speech == "h2" {
		fmt.Fprintf(b, "    tls: {ca: %s}\n", p.stage.file("cert.pem"))
	}
	fmt.Fprintf(b, "    headers: {x-soak-variant: \"%d\"}\n", variant)
}

// tlsConfig is what clients of the gateway use.
func (s *stage) tlsConfig() *tls.Config {
	return &tls.Config{RootCAs: s.roots, ServerName: s.host, ClientSessionCache: tls.NewLRUClientSessionCache(64), MinVersion: tls.VersionTLS12}
}
