package config

import (
	"slices"
	"time"
)

// Snapshot is a whole configuration, checked. It is immutable: nobody changes a field or a slice after Load, Parse or
// FromEnvironment returned it, which makes it safe on every thread without a lock.
type Snapshot struct {
	Listen       []Listen // at least one
	Admin        string   // host:port or unix:/path of the admin port; meaningless when AdminOff
	AdminOff     bool
	AdminToken   Secret // what requests to the admin port must carry; may be zero when only this host can reach it
	Auth         AuthMode
	AuthInsecure bool   // the operator accepts AuthNone on an address that others can reach
	Loops        int    // event loops; 0 = one per core the process may use
	Pin          bool   // each loop's thread stays on its core
	Profile      string // balanced, throughput, latency or streaming

	Bounds   Bounds
	Timeouts Timeouts
	Stream   Stream

	Providers []Provider // names are unique
	Models    []Model    // names are unique
	Keys      []Key      // names and digests are unique

	Retry   Retry
	Breaker Breaker
	Cache   Cache
	Redis   Redis
	State   State
	Log     Log
	Trace   Trace

	// Warnings name what is allowed but probably not meant, one sentence each, without secrets.
	Warnings []string
	// Source is the file's name as given to Load or Parse, or "environment".
	Source string

	files   []string
	literal bool // a secret is written out in the file itself
}

// Files returns the files whose change should lead to a reload: the configuration itself when Load read it, files that hold
// secrets, certificates and their keys. Sorted, without repeats; the slice is the caller's.
func (s *Snapshot) Files() []string { return slices.Clone(s.files) }

// Provider finds a provider by its name; nil when there is none. The result belongs to the snapshot.
func (s *Snapshot) Provider(name string) *Provider {
	for i := range s.Providers {
		if s.Providers[i].Name == name {
			return &s.Providers[i]
		}
	}
	return nil
}

// Listen is one address that clients connect to.
type Listen struct {
	Network string     // "tcp" or "unix"
	Address string     // host:port (port 0: the system picks one), or the socket's path
	TLS     *ServerTLS // nil: clear text
}

// ServerTLS names the PEM files of a listener. All were readable when the snapshot was made, and each certificate had its key.
type ServerTLS struct {
	Cert, Key  string     // the certificate chain for clients that ask for no name that another one has, and its private key
	More       []KeyPair  // certificates for other names
	ClientCA   string     // authorities of the clients' certificates; "" exactly when ClientAuth is ClientAuthNone
	ClientAuth ClientAuth // what is asked of clients
}

// KeyPair names the files of a certificate chain and its private key.
type KeyPair struct {
	Cert, Key string
}

// Bounds are the ceilings on what one client, connection or loop may hold.
type Bounds struct {
	Head            int   // bytes of a request's head
	Headers         int   // header fields of a request
	Body            int64 // bytes of a request's body
	ResponseBuffer  int   // bytes of a response held back for a slow client
	Connections     int   // downstream connections of the process; 0 = derived
	RequestsPerLoop int   // requests at once on one loop; 0 = derived
	Memory          int64 // bytes held by requests in flight, of the process; 0 = derived
}

// Timeouts are all positive.
type Timeouts struct {
	Head         time.Duration // from the first byte of a request to the end of its head
	Body         time.Duration // between two reads of a request's body
	Idle         time.Duration // a kept-alive connection without a request, on both sides
	Connect      time.Duration // TCP connection to a provider
	Handshake    time.Duration // TLS handshake, on both sides
	FirstByte    time.Duration // from the request's last byte to the provider's first
	BetweenBytes time.Duration // between two bytes of a provider's answer
	Total        time.Duration // a whole exchange, retries included
	Drain        time.Duration // from the order to stop until what still runs is cut
}

// Stream is how server-sent events are kept alive.
type Stream struct {
	KeepAlive time.Duration // silence of the provider after which a comment goes to the client; 0 = never
}

// Provider is one place that answers requests, with its replicas.
type Provider struct {
	Name          string   // unique; also the prefix in "name/model"
	Kind          Kind     // which API form it speaks
	Dialects      Dialects // follows from Kind
	Sim           bool     // the simulated provider inside the binary: no BaseURLs, no connections
	BaseURLs      []string // http or https, without query and trailing slash; several are replicas
	Keys          []ProviderKey
	HTTP          HTTPMode
	Serves        []string // patterns of unqualified model names; * stands for any run of characters
	Connections   Connections
	Headers       []Header // added to every request, sorted by name
	TLS           UpstreamTLS
	UsageInStream bool // ask for the token usage at the end of a stream even when the client did not
}

// ProviderKey is one credential of a provider. Weight is at least 0, and one key at least has more.
type ProviderKey struct {
	Value  Secret
	Weight int
}

// Connections bounds the connections to one provider over all loops: 0 ≤ Warm ≤ Max, 1 ≤ Max ≤ 1000.
type Connections struct {
	Warm, Max int
}

// Header is a field that goes with every request to a provider. Name is a token, lower case; Value has no line break.
type Header struct {
	Name  string
	Value Secret
}

// UpstreamTLS is how a provider's certificate is checked.
type UpstreamTLS struct {
	CA       string // PEM file of the authorities to trust; "" = the system's
	Insecure bool   // any certificate will do
}

// Model is a name that clients ask for and the targets that stand behind it.
type Model struct {
	Name     string
	Strategy Strategy
	Targets  []Target // at least one
	Fallback []Target // tried in this order once the targets are exhausted
	Hedge    Hedge
	Cache    ModelCache
}

// Target is one provider's model. Weight is at least 0, and one of a model's targets at least has more.
type Target struct {
	Provider string // name of a provider that exists
	Model    string // the provider's name for it; never empty
	Weight   int
}

// Hedge is when a second request goes to another target while the first is silent. The zero value is off.
type Hedge struct {
	Percentile float64       // of the model's own first-byte latency, 0 < p < 100; 0 when After is set
	After      time.Duration // fixed wait; 0 when Percentile is set
	MaxRatio   float64       // hedged requests per request at most
}

// On reports whether hedging was asked for.
func (h Hedge) On() bool { return h.Percentile > 0 || h.After > 0 }

// ModelCache is what a model does differently from Cache. TTL is the one in force, whichever of the two set it; 0 = no caching.
type ModelCache struct {
	TTL time.Duration
}

// Key is what a client presents. Only its digest is kept.
type Key struct {
	Name   string
	Digest [32]byte // SHA-256 of the key's bytes
	Models []string // patterns of names it may ask for; none = every model
	Limits Limits

	origin string // how Print names it: "${NAME}" or "file:…" of a value that stood alone, "sha256" for a digest, else ""
}

// Limits bounds what one key may use; 0 = no limit.
type Limits struct {
	RPM        int     // requests per minute
	TPM        int     // tokens per minute
	Concurrent int     // requests at once
	USDPerDay  float64 // spend per day, US dollars
}

// Retry is when a request goes to another target or connection.
type Retry struct {
	Attempts int     // tries per request, the first included
	Budget   float64 // retries per request at most, over all requests
	On       RetryOn
}

// RetryOn is the set of failures worth another try.
type RetryOn struct {
	Connect  bool  // the provider could not be reached
	Reset    bool  // the connection or stream broke before the answer began
	Timeout  bool  // the provider was silent for too long before the answer began
	Statuses []int // answers with these status codes, ascending
}

// Breaker is when a failing provider is left alone.
type Breaker struct {
	Window      time.Duration // over which requests are counted
	MinRequests int           // in the window before it may open
	ErrorRatio  float64       // of failed requests from which it opens, 0 < r ≤ 1
	Open        time.Duration // until it lets a probe through
}

// Cache is the response cache.
type Cache struct {
	Memory int64         // bytes in this process; 0 = none
	TTL    time.Duration // 0 = nothing is cached unless its model says so
	Redis  bool          // shared through Redis as well
}

// Redis is the store that several gateways share.
type Redis struct {
	URL Secret // empty: no Redis. May hold a password, hence a secret
}

// State is the embedded store, used when there is no Redis.
type State struct {
	Dir string
}

// Log is the process's log and the access log.
type Log struct {
	Access string  // stdout, stderr, off, or a file's path
	Format string  // json or text
	Level  string  // debug, info, warn or error
	Sample float64 // share of requests in the access log, 0–1; failures are always there
}

// Trace is the export of OpenTelemetry traces.
type Trace struct {
	OTLP   string  // endpoint, http or https; "" = off
	Sample float64 // share of requests traced, 0–1
}
