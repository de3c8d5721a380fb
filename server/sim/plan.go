package sim

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Options are what every answer starts from; a model's name may override all but RateLimit, ErrorRate and Seed. The
// zero value answers at once with 32 tokens, which is what a benchmark wants.
type Options struct {
	Latency         time.Duration // from a request to the head of its answer
	TTFT            time.Duration // from a request to the first token; a whole answer waits for its last token
	TokensPerSecond float64       // of each answer; 0: as fast as the client reads
	Tokens          int           // of each answer; 0: 32
	ErrorRate       float64       // share of requests, 0 to 1, answered with status 500; which ones follows from Seed
	RateLimit       int           // requests per minute, over all loops; the rest get status 429; 0: none
	Seed            uint64        // of identifiers and of ErrorRate
}

// Demo returns what the gateway's own sim provider is started with: a first token after 150 ms, then 40 a second, so
// that a person who tries it sees a stream.
func Demo() Options {
	return Options{TTFT: 150 * time.Millisecond, TokensPerSecond: 40, Tokens: defaultTokens}
}

const (
	defaultTokens     = 32
	defaultDimensions = 1536 // of the vendor's smaller embedding model
)

// ending is how an answer ends.
type ending uint8

const (
	endWhole ending = iota
	endReset        // the connection (HTTP/1.1) or the stream (HTTP/2) is reset
	endClose        // the connection is closed in good order in the middle of the answer
	endStall        // nothing more comes, and nothing ends
	endCut          // the body ends in good order, without the vendor's own end of the answer
	endFail         // the vendor's error event, then the body ends
)

// plan is what one request gets.
type plan struct {
	latency, ttft time.Duration
	interval      time.Duration // between tokens
	tokens        int
	tokenBytes    int // each token is filled up to as many bytes
	status        int // an error to answer with, or 0
	retryAfter    int // seconds, on 429 and 5xx; 0: the default of the status
	end           ending
	after         int // chunks before end
	calls         int // tool calls; -1: as the request suggests
	dimensions    int
	quota         bool // the 429 is one that waiting does not help
	badJSON       bool
	last          bool // the connection takes no further request
	echo          bool
	stamp         bool
}

func (o *Options) plan() plan {
	p := plan{latency: o.Latency, ttft: o.TTFT, tokens: o.Tokens, calls: -1, dimensions: defaultDimensions}
	if p.tokens == 0 {
		p.tokens = defaultTokens
	}
	p.tokens = min(max(p.tokens, 0), tokensLimit)
	p.interval = interval(o.TokensPerSecond)
	return p
}

func interval(perSecond float64) time.Duration {
	if perSecond <= 0 {
		return 0
	}
	return time.Duration(min(float64(time.Second)/perSecond, float64(delayLimit)))
}

// Usage is the text that `penstock mock -h` prints below its flags: the knobs of a model's name.
func Usage() string {
	return `Knobs by model name, per request, as in "sim/chat?ttft=50ms&tokens=200" (the prefix may be missing):
  latency=20ms   time to the head of the answer
  ttft=50ms      time to the first token
  tps=100        tokens per second; 0: as fast as the client reads
  tokens=200     tokens of the answer
  bytes=1000     fill each token up to as many bytes
  error=429      answer with that status; error=quota: a 429 that waiting does not help
  retry=2        seconds in retry-after
  reset=5        reset after 5 chunks (HTTP/2: RST_STREAM); reset=0: before the answer
  close=3        close the connection after 3 chunks
  stall=3        go silent after 3 chunks, for ever
  cut=3          end the body after 3 chunks as if that were all
  fail=3         error event after 3 chunks
  badjson        the first chunk, or the whole answer, is not JSON
  goaway         the connection's last answer (HTTP/2: GOAWAY; HTTP/1.1: Connection: close)
  tool=1         call a tool even if none was offered; tool=0: never; tool=2: two calls
  echo           answer with the text of the last user message
  stamp          each chunk carries "@@" and the time it was made, Unix ns in 19 digits
  dims=256       floats of an embedding
Of an answer that does not stream, half comes before reset, close, stall and cut.
Names with "nonexistent" or "unknown" are not found; credentials with "invalid" are refused.
GET /sim/stats has counters as JSON, POST /sim/reset clears them.
`
}

var errKnob = errors.New("sim: no such knob, or a value that does not fit")

// apply reads the knobs of a model's name, what follows its '?'. It borrows them.
func (p *plan) apply(knobs string) error {
	for knobs != "" {
		var knob string
		knob, knobs, _ = strings.Cut(knobs, "&")
		if knob == "" {
			continue
		}
		name, value, given := strings.Cut(knob, "=")
		if !given {
			value = "1"
		}
		if err := p.turn(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) turn(name, value string) (err error) {
	switch name {
	case "latency":
		p.latency, err = knobDuration(value)
	case "ttft":
		p.ttft, err = knobDuration(value)
	case "tps":
		var perSecond float64
		if perSecond, err = strconv.ParseFloat(value, 64); err != nil || perSecond != perSecond || perSecond < 0 {
			return errKnob
		}
		p.interval = interval(perSecond)
	case "tokens":
		p.tokens, err = knobNumber(value, tokensLimit)
	case "bytes":
		p.tokenBytes, err = knobNumber(value, tokenBytesLimit)
	case "error":
		if value == "quota" {
			p.status, p.quota = 429, true
			return nil
		}
		if p.status, err = knobNumber(value, 599); p.status < 400 {
			return errKnob
		}
	case "retry":
		p.retryAfter, err = knobNumber(value, 1<<20)
	case "reset":
		p.end = endReset
		p.after, err = knobNumber(value, tokensLimit)
	case "close":
		p.end = endClose
		p.after, err = knobNumber(value, tokensLimit)
	case "stall":
		p.end = endStall
		p.after, err = knobNumber(value, tokensLimit)
	case "cut":
		p.end = endCut
		p.after, err = knobNumber(value, tokensLimit)
	case "fail":
		p.end = endFail
		p.after, err = knobNumber(value, tokensLimit)
	case "tool", "tools":
		p.calls, err = knobNumber(value, callsLimit)
	case "dims":
		if p.dimensions, err = knobNumber(value, dimensionsLimit); p.dimensions == 0 {
			return errKnob
		}
	case "badjson":
		p.badJSON = value != "0"
	case "goaway":
		p.last = value != "0"
	case "echo":
		p.echo = value != "0"
	case "stamp":
		p.stamp = value != "0"
	default:
		return errKnob
	}
	return err
}

func knobNumber(value string, most int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > most {
		return 0, errKnob
	}
	return n, nil
}

func knobDuration(value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 || d > delayLimit {
		return 0, errKnob
	}
	return d, nil
}
