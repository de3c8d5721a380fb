package tuning

// A Profile is one consistent set of choices for a host: the process's own flags, the kernel's settings, the limits. Profiles
// are shared and read only.
type Profile struct {
	Name  string // balanced, throughput, latency or streaming
	About string // one sentence: for which load
	Flags Flags
	// Sysctls in the order in which they are checked and written.
	Sysctls []Setting
	Limits  Limits
}

// Flags are the choices that the process makes for itself; the configuration's own keys win over them.
type Flags struct {
	// GOGC: the hot path allocates nothing, so collections are rare and their number hardly shows in the cost per request
	// (9.3 µs at 100, 9.4–10.8 at 400 to 1000, within the noise). It is raised only where a pause must be rare.
	GOGC                int     // percent of the live heap that may grow before a collection
	MemoryLimitFraction float64 // GOMEMLIMIT as a part of what the cgroup or the host has; see MemoryLimitBytes
	// ProcsAboveLoops: a loop that sleeps with its P needs another one for the workers; without raw sleep it only costs
	// (9.4 against 10.2 µs a request at 1 loop).
	ProcsAboveLoops int // GOMAXPROCS minus the number of loops
	// SpinMicros and RawWaitMillis: sleeping and waking is the cost at low load. A raw sleep took a loop from 60 to 12–15 µs a
	// request at 2,000 a second; it holds up each stop of the collector, hence the bound.
	SpinMicros      int // a loop polls with timeout 0 for so long before it sleeps
	RawWaitMillis   int // then it sleeps so long in a raw system call that keeps its P; 0 is the ordinary sleep at once
	ReadBufferBytes int // one per loop, shared by its connections
	BatchEvents     int // at most so many events are taken from one poll
	Backlog         int // of each listening socket; the kernel cuts it to net.core.somaxconn
}

// Limits are what the process must be allowed to have.
type Limits struct {
	NoFile         uint64 // descriptors (RLIMIT_NOFILE), soft and hard: two per exchange and a margin
	OneLoopPerCore bool   // no two loops on the hardware threads of one core
	HugePages      bool   // transparent huge pages may be given without being asked for
	XPS            bool   // sending queues have to be tied to cores
}

// ByName returns the profile of that name, as `profile:` in the configuration spells it.
func ByName(name string) (*Profile, bool) {
	for _, p := range profiles {
		if p.Name == name {
			return p, true
		}
	}
	return nil, false
}

// Profiles returns all profiles, the default one first. The slice is the caller's, the profiles are shared.
func Profiles() []*Profile {
	return append([]*Profile(nil), profiles...)
}

var profiles = []*Profile{
	{
		Name:  "balanced",
		About: "mixed traffic, the default: near the best cost per request at full load, cheap and quiet at low load",
		Flags: Flags{
			GOGC: 100, MemoryLimitFraction: 0.75, ProcsAboveLoops: 1, SpinMicros: 0, RawWaitMillis: 5,
			ReadBufferBytes: 64 << 10, BatchEvents: 256, Backlog: 4096,
		},
		Limits:  Limits{NoFile: 262144},
		Sysctls: settings(nil),
	},
	{
		Name:  "throughput",
		About: "saturated loops, large prompts and embeddings: bigger batches and buffers, no spinning, nothing kept in reserve for latency",
		Flags: Flags{
			GOGC: 200, MemoryLimitFraction: 0.80, ProcsAboveLoops: 0, SpinMicros: 0, RawWaitMillis: 0,
			ReadBufferBytes: 128 << 10, BatchEvents: 512, Backlog: 16384,
		},
		Limits: Limits{NoFile: 262144, HugePages: true, XPS: true},
		Sysctls: settings(map[string]string{
			"net.core.somaxconn":           "16384",
			"net.ipv4.tcp_max_syn_backlog": "16384",
			"net.ipv4.tcp_rmem":            "4096 131072 16777216",
			"net.ipv4.tcp_wmem":            "4096 65536 16777216",
			"net.core.rmem_max":            "16777216",
			"net.core.wmem_max":            "16777216",
			"net.ipv4.tcp_notsent_lowat":   "262144",
			"net.core.netdev_max_backlog":  "16384",
			"net.core.netdev_budget":       "600",
		}),
	},
	{
		Name:  "latency",
		About: "few requests, each of them waited for: a loop spins before it sleeps, small batches, one loop per physical core",
		Flags: Flags{
			GOGC: 400, MemoryLimitFraction: 0.75, ProcsAboveLoops: 1, SpinMicros: 50, RawWaitMillis: 5,
			ReadBufferBytes: 64 << 10, BatchEvents: 64, Backlog: 4096,
		},
		Limits: Limits{NoFile: 262144, OneLoopPerCore: true},
		Sysctls: settings(map[string]string{
			"net.ipv4.tcp_notsent_lowat": "16384",
			"net.core.busy_poll":         "50",
			"net.core.busy_read":         "50",
			"vm.swappiness":              "1",
		}),
	},
	{
		Name:  "streaming",
		About: "tens of thousands of long SSE streams: descriptors, small kernel buffers for slow readers, dead clients found early",
		Flags: Flags{
			GOGC: 100, MemoryLimitFraction: 0.80, ProcsAboveLoops: 1, SpinMicros: 0, RawWaitMillis: 5,
			ReadBufferBytes: 64 << 10, BatchEvents: 1024, Backlog: 16384,
		},
		Limits: Limits{NoFile: 1048576, XPS: true},
		Sysctls: settings(map[string]string{
			"net.core.somaxconn":             "16384",
			"net.ipv4.tcp_max_syn_backlog":   "16384",
			"net.ipv4.tcp_fin_timeout":       "15",
			"net.ipv4.tcp_notsent_lowat":     "16384",
			"net.ipv4.tcp_keepalive_time":    "60",
			"net.ipv4.tcp_keepalive_intvl":   "15",
			"net.core.netdev_max_backlog":    "16384",
			"fs.file-max":                    "4194304",
			"net.netfilter.nf_conntrack_max": "1048576",
		}),
	},
}
