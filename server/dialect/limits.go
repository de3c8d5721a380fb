package dialect

const (
	// depthLimit bounds nesting in a request body. Real bodies, tool schemas included, stay below 64; the providers' own
	// decoders refuse somewhere between 500 and 10,000. The top-level object counts as 1.
	depthLimit = 512

	// modelLimitBytes bounds a model's name. The longest seen, fully qualified (Vertex, Bedrock ARNs), are about 200 bytes.
	modelLimitBytes = 256

	// detailLimitBytes bounds what of a client's own text is repeated to it in an error.
	detailLimitBytes = 256

	// boundaryLimitBytes is the longest multipart boundary (RFC 2046 §5.1.1).
	boundaryLimitBytes = 70

	// partHeadLimitBytes bounds the head of one multipart part: a file name and two or three short fields.
	partHeadLimitBytes = 8 << 10

	// partLimit bounds the parts of one form. images/edits takes 16 images and a dozen fields.
	partLimit = 1000

	// usageLimitBytes bounds a usage object that spans pieces of a response. The largest seen are about 1 KiB.
	usageLimitBytes = 4 << 10

	// lineHeadBytes is how much of an SSE line is kept where it is cut off: enough for the event's name and type.
	lineHeadBytes = 96

	// lineStepBytes is how far both line ends are looked for at once: about what the line of an ordinary chunk takes.
	lineStepBytes = 512

	// eventLimitBytes bounds an SSE event that is held back until it is complete.
	eventLimitBytes = 64 << 10

	// holdKeepBytes is how much room for held events a Stripper keeps between exchanges.
	holdKeepBytes = 4 << 10
)
