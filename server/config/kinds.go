package config

import "strings"

// AuthMode is how clients identify themselves.
type AuthMode uint8

// The modes of authentication.
const (
	AuthKeys AuthMode = iota // one of Snapshot.Keys is needed
	AuthNone                 // everyone may ask
)

var authModeNames = []string{AuthKeys: "keys", AuthNone: "none"}

// String gives the mode's name in the file.
func (m AuthMode) String() string { return nameOf(authModeNames, int(m)) }

// ClientAuth is what a TLS listener asks of its clients' certificates.
type ClientAuth uint8

// The forms of client authentication by certificate.
const (
	ClientAuthNone    ClientAuth = iota // clients present no certificate
	ClientAuthRequest                   // one that is presented must be of ClientCA
	ClientAuthRequire                   // one of ClientCA must be presented
)

var clientAuthNames = []string{ClientAuthNone: "none", ClientAuthRequest: "request", ClientAuthRequire: "require"}

// String gives the form's name in the file.
func (a ClientAuth) String() string { return nameOf(clientAuthNames, int(a)) }

// Kind is the API form of a provider.
type Kind uint8

// The kinds of provider.
const (
	KindOpenAI Kind = iota // OpenAI and everything compatible with it
	KindAnthropic
	KindGemini
	KindVertex
	KindAzure
	KindBedrock
	KindSim // simulated, inside the binary
)

var kindNames = []string{
	KindOpenAI: "openai", KindAnthropic: "anthropic", KindGemini: "gemini", KindVertex: "vertex", KindAzure: "azure",
	KindBedrock: "bedrock", KindSim: "sim",
}

// baseURLs holds the address of a kind where it has one for everybody. Vertex, Azure and Bedrock put a region, project or
// resource into theirs.
var baseURLs = [...]string{
	KindOpenAI: "https://api.openai.com/v1", KindAnthropic: "https://api.anthropic.com",
	KindGemini: "https://generativelanguage.googleapis.com", KindSim: "",
}

var kindDialects = [...]Dialects{
	KindOpenAI: DialectOpenAI, KindAnthropic: DialectAnthropic, KindGemini: DialectGemini, KindVertex: DialectGemini,
	KindAzure: DialectOpenAI, KindBedrock: 0, KindSim: DialectOpenAI | DialectAnthropic,
}

// String gives the kind's name in the file.
func (k Kind) String() string { return nameOf(kindNames, int(k)) }

// Dialects is a set of API forms that a provider understands as they are, without translation.
type Dialects uint8

// The dialects.
const (
	DialectOpenAI Dialects = 1 << iota
	DialectAnthropic
	DialectGemini
)

// Has reports whether all of d are in the set.
func (s Dialects) Has(d Dialects) bool { return s&d == d }

// String lists the set, as in "openai|anthropic".
func (s Dialects) String() string {
	var names []string
	for i, name := range []string{"openai", "anthropic", "gemini"} {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "|")
}

// HTTPMode is the protocol spoken to a provider.
type HTTPMode uint8

// The protocols.
const (
	HTTPAuto HTTPMode = iota // what ALPN agrees on, else HTTP/1.1
	HTTP2                    // HTTP/2 over TLS, or nothing
	HTTP2C                   // HTTP/2 in clear text by prior knowledge (RFC 9113 §3.3)
	HTTP1
)

var httpModeNames = []string{HTTPAuto: "auto", HTTP2: "h2", HTTP2C: "h2c", HTTP1: "http1"}

// String gives the protocol's name in the file.
func (m HTTPMode) String() string { return nameOf(httpModeNames, int(m)) }

// Strategy is how a model's targets are put in order for one request.
type Strategy uint8

// The strategies.
const (
	Weighted    Strategy = iota // by chance, in proportion to the weights
	Ordered                     // as listed
	LeastLoaded                 // fewest requests running
	Latency                     // quickest first byte lately
	Affinity                    // the same conversation to the same target, for its prompt cache
	Cost                        // cheapest
)

var strategyNames = []string{
	Weighted: "weighted", Ordered: "ordered", LeastLoaded: "least_loaded", Latency: "latency", Affinity: "affinity",
	Cost: "cost",
}

// String gives the strategy's name in the file.
func (s Strategy) String() string { return nameOf(strategyNames, int(s)) }

func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "unknown"
}
