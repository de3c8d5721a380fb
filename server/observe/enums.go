package observe

// Stage is a stage of an exchange that has a histogram of its own (requirements 5.x).
type Stage uint8

// The stages of an exchange.
const (
	StageParse        Stage = iota // request head
	StageAuth                      // the client's key
	StageScan                      // the pass over the body that finds model, stream and the ranges to patch
	StageRoute                     // model name → plan
	StageValidate                  // what is checked before anything is sent
	StageTransform                 // from the client's dialect to the provider's
	StageSerialise                 // building the bytes of a body
	StageLimit                     // rate limits and budgets
	StageCache                     // cache lookup
	StageUpstreamWait              // request sent → response head
	StageTotal                     // first byte of the request → last byte of the response
	StageCount        = iota
)

var stageNames = [StageCount]string{
	"parse", "auth", "scan", "route", "validate", "transform", "serialise", "limit", "cache", "upstream_wait", "total",
}

// String is the stage as metrics show it.
func (s Stage) String() string { return nameOf(stageNames[:], int(s)) }

// Reason is why a request was refused before a provider saw it.
type Reason uint8

// The reasons of a refusal.
const (
	RefusedBadRequest       Reason = iota // malformed head, body or JSON
	RefusedAuth                           // no key, or an unknown one
	RefusedForbidden                      // the key may not use the model
	RefusedNotFound                       // no such path
	RefusedMethod                         // the path does not take this method
	RefusedTooLarge                       // head or body beyond its bound
	RefusedTimeout                        // head or body did not come in time
	RefusedUnknownModel                   // no target serves the model
	RefusedNotImplemented                 // the target cannot do what was asked
	RefusedRateLimit                      // requests or tokens per minute
	RefusedConcurrency                    // requests at a time
	RefusedBudget                         // money per day
	RefusedOverload                       // a bound of the gateway itself
	RefusedBreaker                        // every target's breaker is open
	RefusedDraining                       // this process is going down
	RefusedUnsupportedMedia               // content type or encoding
	ReasonCount             = iota
)

var reasonNames = [ReasonCount]string{
	"bad_request", "auth", "forbidden", "not_found", "method", "too_large", "timeout", "unknown_model", "not_implemented",
	"rate_limit", "concurrency", "budget", "overload", "breaker", "draining", "unsupported_media",
}

// String is the reason as metrics show it.
func (r Reason) String() string { return nameOf(reasonNames[:], int(r)) }

// Handshake is how a client's TLS handshake ended.
type Handshake uint8

// The ends of a handshake, in the order of loop.HandshakeResult.
const (
	HandshakeFull    Handshake = iota
	HandshakeResumed           // a session went on
	HandshakeFailed            // an alert, a certificate that was not taken, a connection that broke
	HandshakeTimeout           // not complete in time
	HandshakeNotTLS            // another protocol
	HandshakeCrowded           // given up for a newer one
	HandshakeCount   = iota
)

var handshakeNames = [HandshakeCount]string{"full", "resumed", "failed", "timeout", "not_tls", "crowded_out"}

// String is the end as metrics show it.
func (h Handshake) String() string { return nameOf(handshakeNames[:], int(h)) }

// Outcome is what became of one attempt at a provider.
type Outcome uint8

// The outcomes of an attempt. Those from OutcomeFailed on had no response head, so they have no latency.
const (
	OutcomeOK          Outcome = iota // 1xx to 3xx
	OutcomeRateLimited                // 429
	OutcomeClientError                // any other 4xx
	OutcomeServerError                // 5xx
	OutcomeFailed                     // no response head came
	OutcomeCancelled                  // given up before the response head
	OutcomeCount       = iota
)

var outcomeNames = [OutcomeCount]string{"ok", "rate_limited", "client_error", "server_error", "failed", "cancelled"}

// String is the outcome as metrics show it.
func (o Outcome) String() string { return nameOf(outcomeNames[:], int(o)) }

// OutcomeOf is the outcome of an attempt that was answered with the given status.
func OutcomeOf(status int) Outcome {
	switch {
	case status == 429:
		return OutcomeRateLimited
	case status >= 500:
		return OutcomeServerError
	case status >= 400:
		return OutcomeClientError
	}
	return OutcomeOK
}

// Pool is one of the pools of a loop.
type Pool uint8

// The pools of a loop.
const (
	PoolSlabs       Pool = iota // byte buffers
	PoolExchanges               // exchanges with their arenas
	PoolConnections             // downstream connections
	PoolStreams                 // upstream streams
	PoolCache                   // stored responses
	PoolCount       = iota
)

var poolNames = [PoolCount]string{"slabs", "exchanges", "connections", "streams", "cache"}

// String is the pool as metrics show it.
func (p Pool) String() string { return nameOf(poolNames[:], int(p)) }

func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "unknown"
}
