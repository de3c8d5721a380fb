package gateway

import (
	"time"

	"penstock/http1"
	"penstock/server/auth"
	"penstock/server/dialect"
	"penstock/server/observe"
	"penstock/server/route"
	"penstock/upstream"
	"penstock/upstream/stream"
)

// Policy is everything that the configuration decides for an exchange. Immutable; an exchange keeps the one it began under.
type Policy struct {
	Auth      *auth.Table // nil: no keys are asked for
	Routes    *route.Table
	Providers []*Provider // by the index that routes use
	Names     []string    // models to list
	Created   int64       // what the list says they were created at, Unix s
	// OwnFields are the names, in lower case, of fields that the configuration adds for some provider: those of clients by the same
	// name do not pass, or a client could say what the operator says.
	OwnFields map[string]bool

	Head      http1.Limits
	BodyBytes int64

	ResponseBufferBytes int
	RequestsPerLoop     int   // 0: no bound
	MemoryPerLoop       int64 // bytes that requests in flight may hold on one loop; 0: no bound

	HeadTimeout, BodyTimeout, IdleTimeout          time.Duration
	FirstByteTimeout, BetweenTimeout, TotalTimeout time.Duration
	KeepAlive                                      time.Duration // of event streams; 0: none

	Retry Retry
	Dims  observe.Dims
}

// Retry says what is tried again, and how often.
type Retry struct {
	Attempts       int
	Connect, Reset bool
	Timeout        bool // also where the provider fell silent before the response was committed
	Statuses       []int
}

func (r *Retry) onStatus(status int) bool {
	for _, s := range r.Statuses {
		if s == status {
			return true
		}
	}
	return false
}

// Provider is one provider as an exchange sees it. Immutable.
type Provider struct {
	Name          string
	Up            *upstream.Provider
	Speaks        [3]bool // by dialect.API
	UsageInStream bool
	Index         int // in Dims.Providers
	// Replicas are the provider's base URLs where there are several; requests take turns.
	Replicas []*Provider

	// blocks holds the constant part of the request head by endpoint and provider key; bare the same without the path, for
	// requests that bring a query or a path of their own.
	blocks, bare [][]*stream.Block
	turns        []int  // provider keys in the order in which they take turns, by weight
	openAIPrefix string // before the paths of OpenAI's dialect
}

// Credential is one of a provider's keys.
type Credential struct {
	Secret string
	Weight int
}

// NewProvider prepares the request heads for every endpoint and key. headers are added to each request; openAIPrefix stands
// before the paths of OpenAI's dialect where the base URL does not hold it.
func NewProvider(up *upstream.Provider, speaks [3]bool, keys []Credential, headers []stream.BlockField, openAIPrefix string) *Provider {
	p := &Provider{Name: up.Name, Up: up, Speaks: speaks, Index: up.Index, UsageInStream: true, openAIPrefix: openAIPrefix}
	if len(keys) == 0 {
		keys = []Credential{{Weight: 1}}
	}
	p.turns = turns(keys)
	for _, ep := range dialect.Endpoints() {
		full, bare := make([]*stream.Block, len(keys)), make([]*stream.Block, len(keys))
		for i, k := range keys {
			full[i] = p.newBlock(ep, k.Secret, headers)
			b := *full[i]
			b.Path = ""
			bare[i] = &b
		}
		p.blocks, p.bare = append(p.blocks, full), append(p.bare, bare)
	}
	return p
}

// turns spreads each key over one round in proportion to its weight.
func turns(keys []Credential) []int {
	total := 0
	for _, k := range keys {
		total += k.Weight
	}
	credit := make([]int, len(keys))
	var out []int
	for range min(total, 1000) {
		best := 0
		for i, k := range keys {
			credit[i] += k.Weight
			if credit[i] > credit[best] {
				best = i
			}
		}
		credit[best] -= total
		out = append(out, best)
	}
	return out
}

func (p *Provider) newBlock(ep *dialect.Endpoint, secret string, headers []stream.BlockField) *stream.Block {
	b := &stream.Block{Method: ep.Method, Scheme: p.Up.Scheme, Authority: p.Up.Authority, Path: p.path(ep)}
	add := func(name, value string) { b.Fields = append(b.Fields, stream.BlockField{Name: name, Value: value}) }
	add("user-agent", "penstock")
	if ep.Body == dialect.BodyJSON {
		add("content-type", "application/json")
	}
	if secret != "" {
		switch ep.API {
		case dialect.APIAnthropic:
			add("x-api-key", secret)
		default:
			add("authorization", "Bearer "+secret)
		}
	}
	b.Fields = append(b.Fields, headers...)
	return b
}

func isPrefix(ep *dialect.Endpoint) bool { return ep.Path[len(ep.Path)-1] == '/' }

// path is the provider's path of an endpoint, without what a prefix endpoint has after it.
func (p *Provider) path(ep *dialect.Endpoint) string {
	if ep.API == dialect.APIOpenAI {
		return p.Up.BasePath + p.openAIPrefix + ep.Upstream
	}
	return p.Up.BasePath + ep.Upstream
}

// keyIndex is the number under which the key's figures are counted.
func (p *Policy) keyIndex(k *auth.Key) int {
	if k == nil {
		return -1
	}
	return k.ID
}
