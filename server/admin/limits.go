package admin

import "time"

// The port serves a few operators and scrapers, so its bounds are small: they hold off whoever sends slowly or much.
const (
	headTimeout  = 5 * time.Second
	readTimeout  = 10 * time.Second
	writeTimeout = 30 * time.Second // pprof moves it by the length of a profile
	idleTimeout  = 60 * time.Second

	headLimitBytes = 16 << 10
	bodyLimitBytes = 4 << 10 // no route reads a body; clients may send an empty object
	connections    = 64
	staleTime      = time.Second // for whoever listens on a Unix socket that is there already
	scrapes        = 4           // at a time; each asks every loop

	// profileLimit bounds ?seconds= of a profile: pprof's default is 30 s, and five minutes show what comes once a minute.
	profileLimit = 300 * time.Second
)

// Bounds of the duration histograms in seconds. Request bounds hold the service-level figures (45, 120 and 350 ms), which
// alert rules ask for by name; the long ones are for streams.
var (
	requestBounds = []float64{
		0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.045, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.35, 0.5, 0.75, 1, 2.5, 5, 10, 30, 60, 120,
		300, 900,
	}
	chunkBounds = []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30}
	// Stage ceilings run from 50 µs (routing) to 2 ms (cache in Redis); waits for a provider are in the last ones.
	stageBounds = []float64{
		0.000002, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.0002, 0.00025, 0.0003, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
		0.25, 0.5, 1, 5, 30, 120,
	}
	lagBounds = []float64{0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1}
)
