package sim

import "time"

// Bounds on what a client can make us hold.
const (
	// bodyLimitBytes is what the strictest of the vendors takes (Anthropic, 32 MB); beyond it 413.
	bodyLimitBytes = 32 << 20
	// modelLimitBytes bounds a model's name with its knobs.
	modelLimitBytes = 1 << 10
	// queueLimitBytes of output may wait for a client's socket before an answer stops growing.
	queueLimitBytes = 256 << 10
	// floodLimitBytes of output may wait before nothing more is read: above queueLimitBytes only answers to PING and SETTINGS
	// add to it.
	floodLimitBytes = 2 * queueLimitBytes
	// pipelineLimitBytes of a next request are held while an answer is on its way.
	pipelineLimitBytes = 64 << 10
	// pieceBytes is how much of a stream is made at a time: it fits into one HTTP/2 frame of the smallest maximum.
	pieceBytes = 12 << 10
	// turnBytes is how much of one stream is sent before other connections get their turn.
	turnBytes = 128 << 10
	// keepBytes is how much memory an exchange or a lane keeps for the next request.
	keepBytes = 64 << 10
	// gatherFirstBytes is the first slab of a body whose length is not known.
	gatherFirstBytes = 4 << 10
	// gatherMostBytes is the first slab of one whose length is known: what more it claims it has to send first.
	gatherMostBytes = 1 << 20
)

// Bounds on what a request can ask for.
const (
	tokensLimit      = 1_000_000
	tokenBytesLimit  = 8 << 10
	choicesLimit     = 128  // vendor's bound of n
	embeddingsLimit  = 2048 // vendor's bound of inputs
	dimensionsLimit  = 16384
	embeddingBytes   = 64 << 20 // bound of one embeddings answer
	imagesLimit      = 10
	callsLimit       = 16
	delayLimit       = 24 * time.Hour
	schemaDepthLimit = 24
	schemaStepsLimit = 10_000
	schemaBytesLimit = 256 << 10 // of the arguments made from one schema
	jsonDepthLimit   = 512
)

// HTTP/2 settings of this side.
const (
	maxStreams        = 1000
	streamWindowBytes = 1 << 20
	connWindowBytes   = 16 << 20
	headerListBytes   = 64 << 10
	headerTableBytes  = 4096
	headerBlockBytes  = 2 * headerListBytes // encoded, over all CONTINUATION frames
	continuationLimit = 64
	closedMemory      = 64 // streams reset by us whose late frames are ignored
)

const (
	frameLimitBytes = 16384 // SETTINGS_MAX_FRAME_SIZE of both sides: ours is not raised, a larger one is not used
	initialWindow   = 65535
	maxWindow       = 1<<31 - 1
	shutdownTime    = 5 * time.Second // for answers on their way when `penstock mock` is told to end
	handshakeTime   = 10 * time.Second
)
