package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Mode says how a provider is spoken to.
type Mode uint8

// The modes of config.md.
const (
	ModeAuto  Mode = iota // ALPN over TLS, HTTP/1.1 without
	ModeH2                // HTTP/2 over TLS
	ModeH2C               // HTTP/2 by prior knowledge
	ModeHTTP1             // HTTP/1.1, over TLS or not
)

// Protocol is what a connection speaks.
type Protocol uint8

// The protocols.
const (
	HTTP1 Protocol = iota
	HTTP2
)

// Settings describe one provider.
type Settings struct {
	Index               int
	Name                string
	BaseURL             string
	Mode                Mode
	Warm, Max           int
	CA                  string // PEM of the authorities to trust, "" for the system's; their text, so that other ones make another provider
	Insecure            bool
	Connect, Handshake  time.Duration
	StreamWindowBytes   int
	ResponseBufferBytes int
	// Network overrides how BaseURL's host is reached: "unix" with the socket's path in Address.
	Network, Address string
}

// Provider is one provider as all loops share it.
type Provider struct {
	Settings
	Scheme    string
	Authority string // for Host and :authority
	Host      string // to resolve
	Port      string
	BasePath  string // without a slash at the end

	tls   *tls.Config
	tls1  *tls.Config  // the same without HTTP/2
	conns atomic.Int32 // open or being made, over all loops
	last  atomic.Int32 // Protocol of the last connection plus 1, 0 before the first

	streams atomic.Int32 // what its last HTTP/2 connection allowed at once, 0 before the first

	only1 atomic.Bool // it wants HTTP/1.1 although it agreed to HTTP/2

	full, resumed atomic.Uint64 // TLS handshakes
}

// Handshakes returns how many TLS handshakes over all loops were full and how many resumed a session. Safe on every thread.
func (p *Provider) Handshakes() (full, resumed uint64) { return p.full.Load(), p.resumed.Load() }

// NewProvider checks the settings.
func NewProvider(s Settings) (*Provider, error) {
	u, err := url.Parse(s.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("cannot use base URL of provider %s: %w", s.Name, err)
	}
	p := &Provider{Settings: s, Scheme: u.Scheme, Authority: u.Host, Host: u.Hostname(), Port: u.Port(), BasePath: trimSlash(u.EscapedPath())}
	if p.Max <= 0 {
		p.Max = 100
	}
	if p.Port == "" {
		p.Port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if u.Scheme != "https" {
		return p, nil
	}
	p.tls = &tls.Config{
		ServerName: p.Host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: s.Insecure,
		ClientSessionCache: newSessionCache(), NextProtos: []string{"h2", "http/1.1"},
	}
	switch s.Mode {
	case ModeH2:
		p.tls.NextProtos = []string{"h2"}
	case ModeHTTP1:
		p.tls.NextProtos = []string{"http/1.1"}
	}
	if s.CA != "" {
		p.tls.RootCAs = x509.NewCertPool()
		if !p.tls.RootCAs.AppendCertsFromPEM([]byte(s.CA)) {
			return nil, fmt.Errorf("CA file of provider %s holds no certificate", s.Name)
		}
	}
	p.tls1 = p.tls.Clone()
	p.tls1.NextProtos = []string{"http/1.1"}
	p.tls1.ClientSessionCache = newSessionCache()
	return p, nil
}

func trimSlash(s string) string {
	for s != "" && s[len(s)-1] == '/' {
		s = s[:len(s)-1]
	}
	return s
}

// Connections is how many connections are open or being made over all loops. Safe on every thread.
func (p *Provider) Connections() int { return int(p.conns.Load()) }

// canFallBack says whether HTTP/1.1 may be spoken where HTTP/2 was agreed on.
func (p *Provider) canFallBack() bool { return p.Mode == ModeAuto && p.tls != nil }

// fallBack has every connection from here on speak HTTP/1.1.
func (p *Provider) fallBack() {
	p.only1.Store(true)
	p.last.Store(int32(HTTP1) + 1)
}

// secure is how a new connection's handshake is done.
func (p *Provider) secure() *tls.Config {
	if p.only1.Load() {
		return p.tls1
	}
	return p.tls
}

// expected is the protocol that the next connection will probably speak.
func (p *Provider) expected() Protocol {
	switch {
	case p.Mode == ModeH2 || p.Mode == ModeH2C:
		return HTTP2
	case p.Mode == ModeHTTP1 || p.Scheme == "http":
		return HTTP1
	}
	if last := p.last.Load(); last > 0 {
		return Protocol(last - 1)
	}
	return HTTP2
}

// streamsAtOnce is how many streams a new connection probably takes; one until SETTINGS have said more.
func (p *Provider) streamsAtOnce() int { return max(1, int(p.streams.Load())) }

// negotiated is the protocol of a connection after its handshake.
func (p *Provider) negotiated(alpn string) (Protocol, error) {
	switch {
	case p.Mode == ModeH2C || alpn == "h2":
		return HTTP2, nil
	case p.Mode == ModeH2:
		return HTTP1, fmt.Errorf("provider %s did not agree to HTTP/2", p.Name)
	}
	return HTTP1, nil
}

func (p *Provider) address() (network, address string) {
	if p.Network != "" {
		return p.Network, p.Address
	}
	return "tcp", net.JoinHostPort(p.Host, p.Port)
}

// sessionCache keeps TLS sessions of one provider for a bounded time.
type sessionCache struct {
	lru tls.ClientSessionCache
	mu  sync.Mutex
	put map[string]time.Time
}

func newSessionCache() *sessionCache {
	return &sessionCache{lru: tls.NewLRUClientSessionCache(32), put: map[string]time.Time{}}
}

// Get implements tls.ClientSessionCache.
func (c *sessionCache) Get(key string) (*tls.ClientSessionState, bool) {
	c.mu.Lock()
	at, ok := c.put[key]
	c.mu.Unlock()
	if !ok || time.Since(at) > sessionFor {
		return nil, false
	}
	return c.lru.Get(key)
}

// Put implements tls.ClientSessionCache.
func (c *sessionCache) Put(key string, s *tls.ClientSessionState) {
	c.mu.Lock()
	c.put[key] = time.Now()
	c.mu.Unlock()
	c.lru.Put(key, s)
}
