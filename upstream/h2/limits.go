package h2

// Numbers of the protocol.
const (
	maxStreamID = 1<<31 - 1
	maxWindow   = 1<<31 - 1 // RFC 9113 §6.9.1

	initialWindowBytes    = 65535 // of streams and connection before SETTINGS and WINDOW_UPDATE say otherwise, §6.9.2
	initialFrameBytes     = 16384 // SETTINGS_MAX_FRAME_SIZE, §6.5.2: ours is never changed, so no frame we take is larger
	maxFrameBytes         = 1<<24 - 1
	initialTableBytes     = 4096 // SETTINGS_HEADER_TABLE_SIZE, §6.5.2
	tableEntryExtraBytes  = 32   // RFC 7541 §4.1, also counted by SETTINGS_MAX_HEADER_LIST_SIZE
	maxTableEntries       = initialTableBytes / tableEntryExtraBytes
	maxContentLengthBytes = 1<<53 - 1 // what every JSON reader of a log can still hold
)

// Defaults of Config.
const (
	// A reply of a chat model fits into it whole, and at 100 ms round trip it still allows 2.5 MB/s on one stream, far beyond
	// what tokens need; a slow client holds at most this much.
	defaultStreamWindowBytes = 256 << 10
	// 64 full stream windows: one slow client cannot starve the connection.
	defaultConnWindowBytes = 16 << 20
	// Above what providers send by two orders (about 1 KiB).
	defaultMaxHeaderListBytes = 64 << 10
	// What the large providers announce lies between 100 and 250.
	defaultMaxConcurrent = 250
)

// Bounds on the work one header block can cause. A list beyond MaxHeaderListBytes fails its stream alone, since the block is
// still decoded to keep the table in step; beyond these bounds the connection ends (CONTINUATION flood, CVE-2024-27316).
const (
	blockBytesPerListByte = 4 // encoded bytes taken at most, per byte of MaxHeaderListBytes
	workBytesPerListByte  = 4 // bytes of literals decoded at most: two bytes of block can copy a name of 4 KiB
	maxContinuations      = 64
	maxInterimHeads       = 16 // 1xx of one stream; 103 may come a few times

	keepBlockBytes = 32 << 10 // scratch above this is given back after the block that needed it
)

// Bounds of what a Conn keeps.
const (
	maxCachedBlocks = 32  // encoded stream.Blocks; a connection serves one provider with a few endpoints and keys
	closedMemory    = 256 // ended streams whose end is remembered, a power of two; older ones count as reset by us
	keepFreeStreams = 512
	maxDebugBytes   = 128 // of GOAWAY's debug data

	// maxBacklogBytes is how much of the output may wait for the transport while bodies are added to it: some frames, so that a
	// transport that is free again finds work. Windows alone do not bound it, a server may open them wide and then not read.
	maxBacklogBytes = 256 << 10
)

// Floods is how many frames of a kind the server may send between two Ticks before the connection ends with
// ENHANCE_YOUR_CALM (CVE-2019-9512, 9514, 9515, 9517, 9518). Progress gives a part back, so that a busy connection needs no
// Tick. Zero values mean the defaults.
type Floods struct {
	Ping         int // each costs us an answer of 17 bytes; default 512
	Settings     int // each costs us an answer, and may touch every stream; default 64
	Reset        int // RST_STREAM for streams that are not open; default 1024
	EmptyData    int // DATA without data and without END_STREAM; default 1024
	WindowUpdate int // default 8192; sending DATA gives some back
	Other        int // PRIORITY, unknown types, frames of streams we gave up; default 32768
}

func (f *Floods) setDefaults() {
	setDefault(&f.Ping, 512)
	setDefault(&f.Settings, 64)
	setDefault(&f.Reset, 1024)
	setDefault(&f.EmptyData, 1024)
	setDefault(&f.WindowUpdate, 8192)
	setDefault(&f.Other, 32768)
}

func setDefault(v *int, d int) {
	if *v == 0 {
		*v = d
	}
}

// refill gives back 1/64 of every budget: one answered request pays for that much chatter.
func (f *Floods) refill(full *Floods) {
	f.Ping = min(f.Ping+full.Ping>>6, full.Ping)
	f.Settings = min(f.Settings+full.Settings>>6, full.Settings)
	f.Reset = min(f.Reset+full.Reset>>6, full.Reset)
	f.EmptyData = min(f.EmptyData+full.EmptyData>>6, full.EmptyData)
	f.WindowUpdate = min(f.WindowUpdate+full.WindowUpdate>>6, full.WindowUpdate)
	f.Other = min(f.Other+full.Other>>6, full.Other)
}
