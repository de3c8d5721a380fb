package gateway

import "time"

const (
	// arenaFirstBytes is the first slab of an exchange's arena: path, passed-on fields, a patched model name.
	arenaFirstBytes = 1 << 10

	// bodyFirstBytes is the most that a body's memory starts with, whatever Content-Length promises: a client that sends nothing
	// after its head should not hold more.
	bodyFirstBytes = 64 << 10

	// pipelineBytes is how much of later requests is kept while one is being answered; beyond it reading pauses.
	pipelineBytes = 64 << 10

	// drainBodyBytes is how much of a refused request's body is read and thrown away to keep the connection.
	drainBodyBytes = 64 << 10

	// earlyErrorBytes bounds a provider's error body that has to become an event, because the stream was begun by a keep-alive.
	earlyErrorBytes = 64 << 10

	// holdBytes and holdTime bound how much of a plain answer, and for how long, is kept until its end before it is the client's: most
	// are smaller and come in one piece. What is slower passes as it comes.
	holdBytes = 64 << 10
	holdTime  = time.Second

	// reservePart: keys with less than their share may go beyond the bound of requests in flight by this part of it.
	reservePart = 8

	// demandPeriod: what a key had in flight at most is remembered for one to two of these, so that a place is still there for its next
	// request, as clients in a loop and tools between two turns send it. Longer would leave places empty that nobody comes back for.
	demandPeriod = time.Second

	// lagLimit is how long an event may wait on a loop before requests are refused for it, where it lasts for lagPatience. It is far
	// above what a loop at its limit shows with some thousand busy connections: those are better served late than refused.
	lagLimit    = 250 * time.Millisecond
	lagPatience = 100 * time.Millisecond

	// shedStep is how fast the part of requests that a late loop refuses moves, shedLimit where it ends: refusing one in six
	// still leaves nine tenths of the loop's time to requests that are served. shedDebt bounds what is made up for later.
	shedStep  = 1.0 / 48
	shedLimit = 1.0 / 6
	shedDebt  = 4

	// retryAfterSeconds is what a refusal for the moment asks the client to wait.
	retryAfterSeconds = "1"

	// redialPause is how long a request waits before the only provider that it can go to is dialled again, or asked again after
	// ENHANCE_YOUR_CALM, the first time; four times as long each further time, for redialSteps times.
	redialPause = 200 * time.Millisecond
	redialSteps = 3

	// stageSample: one exchange in so many has its stages timed, since reading the clock costs as much as some stages do.
	stageSample = 16

	// staleLimit bounds how often a request may meet a connection that was closed just then without that counting as an attempt.
	staleLimit = 8

	// drainGrace is how long every idle connection stays open once draining has begun: requests that are on their way are answered,
	// with a word that the connection closes.
	drainGrace = time.Second

	// drainSilence is how long a connection must have been idle before draining closes it. Clients that use a connection more often
	// hear from an answer that it closes; the rarer its use, the less likely is a request just now. Idle times of clients' pools are
	// a minute and more, so that shorter waits would find busy clients between two requests.
	drainSilence = 5 * time.Second

	// requestIDBytes is the length of an id: "req_" and 24 hexadecimal digits.
	requestIDBytes = 28

	// sweepEvery is how often a loop hands its access log over and looks at what drains.
	sweepEvery = 100 * time.Millisecond
)
