package upstream

import "time"

const (
	// idleTimeout closes a connection beyond the warm ones that carries nothing. The common self-hosted servers close theirs
	// after 5 s, which the retry of a reused connection covers.
	idleTimeout = 60 * time.Second

	// ageLimit retires a connection so that a provider's DNS changes and rollouts are followed.
	ageLimit = time.Hour

	// pingEvery is how long an HTTP/2 connection may be silent before it is asked for a sign of life; pingWait how long the
	// answer may take.
	pingEvery = 20 * time.Second
	pingWait  = 10 * time.Second

	// doubtAfter is how long a provider has to have been silent for a request that is given up to cast doubt on its HTTP/2
	// connection: longer than a round trip on any path in use, shorter than any timer of requests. doubtWait is how long such a
	// connection has for showing that it is alive; requests go elsewhere meanwhile.
	doubtAfter = 500 * time.Millisecond
	doubtWait  = 3 * time.Second

	// takeWait is how long an HTTP/2 connection may refuse output without taking a byte of it. What we owe a provider that still speaks
	// (answers to its PINGs and SETTINGS) would pile up, and requests behind it would wait for their timers. It is no shorter than
	// what a PING has, since a provider may be slow in reading for the same reasons.
	takeWait = 10 * time.Second

	// checkEvery is how often a connection looks at its idle, age and ping limits, and refills what a provider may flood it with.
	checkEvery = time.Second

	// redialWait keeps a provider that refuses connections from being dialled once per request: within it, requests get the last
	// dial's failure.
	redialWait = 100 * time.Millisecond

	// warmBackoffStart and warmBackoffMax bound the growing pauses between attempts to restore a warm connection.
	warmBackoffStart = time.Second
	warmBackoffMax   = 30 * time.Second

	// queueLimit bounds the requests of one loop that wait for a connection to one provider.
	queueLimit = 4096

	// freshFor is how long a DNS answer is used without asking again; staleFor how long a stale one stands in while asking fails.
	freshFor = 5 * time.Minute
	staleFor = 24 * time.Hour

	// sessionFor is how long a TLS session ticket is offered again.
	sessionFor = time.Hour

	// connWindowStreams is how many stream windows an HTTP/2 connection's window holds: as many as streams are opened on one.
	connWindowStreams = 256

	// streamsPerDial is how many waiting requests one more HTTP/2 connection in the making is expected to serve.
	streamsPerDial = 100
)
