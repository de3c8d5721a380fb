package loop

import "time"

const (
	// outRoomBytes is how much room Conn.Buffer guarantees without growing.
	outRoomBytes = 32 << 10

	// unsentBytes bounds what the kernel holds for one client beyond what is on the wire (TCP_NOTSENT_LOWAT). Most answers are smaller.
	unsentBytes = 256 << 10

	// firstOutBytes is the size of a connection's first write batch: an answer of the usual size with its head.
	firstOutBytes = 4 << 10

	// lingerSilence and lingerTime bound how long a connection that was closed with unread input stays half open, so that the peer
	// can read the answer before the reset that the kernel sends for unread bytes (RFC 9112 §9.6): many clients write their
	// whole request before they read.
	lingerSilence = 2 * time.Second
	lingerTime    = 20 * time.Second

	// lingerBytes bounds what is read and thrown away meanwhile; beyond it the kernel's window holds the peer back.
	lingerBytes = 64 << 20

	// closeFlushTime bounds how long a closing connection may take none of its remaining output, closeFlushLimit how long it
	// may take over all of it.
	closeFlushTime  = 10 * time.Second
	closeFlushLimit = 5 * time.Minute

	// acceptsPerEvent bounds how many connections one event accepts before others get their turn.
	acceptsPerEvent = 64

	// lastAccepts bounds how many connections are taken from a queue that ends: the largest backlog of the profiles. A host that
	// connects without end must not keep the socket open.
	lastAccepts = 16 << 10

	// acceptPause is how long accepting rests after the process or the host ran out of descriptors or memory.
	acceptPause = 100 * time.Millisecond

	// handshakeTime is how long a client's TLS handshake may take where the listener does not say.
	handshakeTime = 5 * time.Second

	// owedBytes bounds the answers to a peer's requests for new keys that it has not taken: each costs it as much as us to send, but
	// only us to keep. Hundreds of them; peers ask once in many gigabytes.
	owedBytes = 16 << 10

	// handshakesMax bounds the TLS handshakes in progress on a loop; another one ends the oldest. At about 50 KiB each (goroutine,
	// record buffers, transcript) they hold 25 MiB, and with two round trips of 50 ms there is room for 5,000 a second, which is
	// more than a core can sign.
	handshakesMax = 512

	// failedLingerBytes bounds what is read of a client after it was told why its handshake failed.
	failedLingerBytes = 256 << 10

	// readsPerEvent bounds how many full read buffers one connection may take before others get their turn.
	readsPerEvent = 4

	// descriptorMargin is kept free below RLIMIT_NOFILE for upstream connections, files and the admin port.
	descriptorMargin = 128
)
