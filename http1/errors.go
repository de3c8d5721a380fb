package http1

import "strconv"

// Error says why the bytes of a client are no valid request. It is final: answer with Status and close the connection,
// because where the next request would begin is not known.
type Error struct {
	Status  int    // 400, 414, 417, 431, 501 or 505; 413 is for the caller, who knows the bound of bodies
	Reason  string // for the client; constant, holds no byte of the request
	Section string // what was violated, such as "RFC 9112 §3.2"
	Offset  int    // where, in bytes from the start of the head or of the body
}

// Error describes the refusal for logs.
func (e *Error) Error() string {
	return "http1: " + strconv.Itoa(e.Status) + " " + e.Reason + " (" + e.Section + ") at byte " + strconv.Itoa(e.Offset)
}

// fault is one way to be refused.
type fault uint8

const (
	badStart fault = iota
	bareLF
	bareCR
	tooManyEmptyLines
	badMethod
	methodTooLong
	badTarget
	targetTooLong
	badTargetForm
	badEscape
	badAuthority
	badVersion
	versionNotSupported
	headTooLarge
	tooManyFields
	foldedLine
	emptyName
	spaceInName
	noColon
	badName
	badValue
	noHost
	manyHosts
	badHost
	badLength
	manyLengths
	lengthAndCoding
	manyCodings
	codingOn10
	badCoding
	unknownCoding
	badExpectation
	badChunkSize
	chunkTooLarge
	badChunkExt
	chunkLineTooLong
	chunkExtsTooLong
	noChunkEnd
	badTrailerName
	badTrailerValue
	foldedTrailer
	forbiddenTrailer
	trailersTooLarge
	faults
)

var faultTable = [faults]Error{
	badStart:            {Status: 400, Reason: "request does not start with a method", Section: "RFC 9112 §3"},
	bareLF:              {Status: 400, Reason: "line feed without carriage return", Section: "RFC 9112 §2.2"},
	bareCR:              {Status: 400, Reason: "carriage return without line feed", Section: "RFC 9112 §2.2"},
	tooManyEmptyLines:   {Status: 400, Reason: "too many empty lines before the request", Section: "RFC 9112 §2.2"},
	badMethod:           {Status: 400, Reason: "invalid method", Section: "RFC 9110 §9.1"},
	methodTooLong:       {Status: 501, Reason: "method is not implemented", Section: "RFC 9112 §3"},
	badTarget:           {Status: 400, Reason: "invalid character in request target", Section: "RFC 9112 §3.2"},
	targetTooLong:       {Status: 414, Reason: "request target is too long", Section: "RFC 9110 §15.5.15"},
	badTargetForm:       {Status: 400, Reason: "request target does not fit the method", Section: "RFC 9112 §3.2"},
	badEscape:           {Status: 400, Reason: "invalid percent-encoding in request target", Section: "RFC 3986 §2.1"},
	badAuthority:        {Status: 400, Reason: "invalid authority in request target", Section: "RFC 9110 §4.2"},
	badVersion:          {Status: 400, Reason: "invalid protocol version", Section: "RFC 9112 §2.3"},
	versionNotSupported: {Status: 505, Reason: "only HTTP/1.1 and HTTP/1.0 are supported", Section: "RFC 9110 §15.6.6"},
	headTooLarge:        {Status: 431, Reason: "request head is too large", Section: "RFC 6585 §5"},
	tooManyFields:       {Status: 431, Reason: "too many header fields", Section: "RFC 6585 §5"},
	foldedLine:          {Status: 400, Reason: "header line starts with white space", Section: "RFC 9112 §5.2"},
	emptyName:           {Status: 400, Reason: "empty field name", Section: "RFC 9110 §5.1"},
	spaceInName:         {Status: 400, Reason: "white space before colon", Section: "RFC 9112 §5.1"},
	noColon:             {Status: 400, Reason: "header line without colon", Section: "RFC 9112 §5"},
	badName:             {Status: 400, Reason: "invalid character in field name", Section: "RFC 9110 §5.1"},
	badValue:            {Status: 400, Reason: "control character in field value", Section: "RFC 9110 §5.5"},
	noHost:              {Status: 400, Reason: "missing Host field", Section: "RFC 9112 §3.2"},
	manyHosts:           {Status: 400, Reason: "more than one Host field", Section: "RFC 9112 §3.2"},
	badHost:             {Status: 400, Reason: "invalid Host field", Section: "RFC 9112 §3.2"},
	badLength:           {Status: 400, Reason: "invalid Content-Length", Section: "RFC 9112 §6.3"},
	manyLengths:         {Status: 400, Reason: "more than one Content-Length", Section: "RFC 9112 §6.3"},
	lengthAndCoding:     {Status: 400, Reason: "both Transfer-Encoding and Content-Length", Section: "RFC 9112 §6.1"},
	manyCodings:         {Status: 400, Reason: "more than one Transfer-Encoding field", Section: "RFC 9112 §6.1"},
	codingOn10:          {Status: 400, Reason: "Transfer-Encoding in an HTTP/1.0 request", Section: "RFC 9112 §6.1"},
	badCoding:           {Status: 400, Reason: "invalid Transfer-Encoding", Section: "RFC 9112 §6.3"},
	unknownCoding:       {Status: 501, Reason: "transfer coding is not implemented", Section: "RFC 9112 §6.1"},
	badExpectation:      {Status: 417, Reason: "only 100-continue can be expected", Section: "RFC 9110 §10.1.1"},
	badChunkSize:        {Status: 400, Reason: "invalid chunk size", Section: "RFC 9112 §7.1"},
	chunkTooLarge:       {Status: 400, Reason: "chunk size is too large", Section: "RFC 9112 §7.1"},
	badChunkExt:         {Status: 400, Reason: "invalid chunk extension", Section: "RFC 9112 §7.1.1"},
	chunkLineTooLong:    {Status: 400, Reason: "chunk line is too long", Section: "RFC 9112 §7.1.1"},
	chunkExtsTooLong:    {Status: 400, Reason: "chunk extensions are too long", Section: "RFC 9112 §7.1.1"},
	noChunkEnd:          {Status: 400, Reason: "chunk is not followed by CRLF", Section: "RFC 9112 §7.1"},
	badTrailerName:      {Status: 400, Reason: "invalid trailer field name", Section: "RFC 9112 §7.1.2"},
	badTrailerValue:     {Status: 400, Reason: "control character in trailer field value", Section: "RFC 9110 §5.5"},
	foldedTrailer:       {Status: 400, Reason: "trailer line starts with white space", Section: "RFC 9112 §5.2"},
	forbiddenTrailer:    {Status: 400, Reason: "field is not allowed in trailers", Section: "RFC 9110 §6.5.1"},
	trailersTooLarge:    {Status: 431, Reason: "trailer section is too large", Section: "RFC 6585 §5"},
}

func (f fault) at(offset int) *Error {
	e := faultTable[f]
	e.Offset = offset
	return &e
}
