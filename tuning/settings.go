package tuning

// A Setting is one kernel parameter that a profile wants.
type Setting struct {
	Name    string // as sysctl spells it: net.core.somaxconn
	Want    string // the value that the sysctl file sets; with OneOf, the first of the accepted ones
	Compare Compare
	Why     string
	Cost    string // what a difference costs, with a figure where one is known; says so where it is an estimate
	// Module names the kernel module without which the setting does not exist and need not.
	Module string
}

// Compare says when a value that was read does for the wanted one. Values of several numbers are compared number by number.
type Compare uint8

const (
	AtLeast Compare = iota // no number below the wanted one
	AtMost                 // no number above the wanted one
	Equal                  // the same words
	Range                  // two numbers, a range that includes the wanted range
	OneOf                  // any of the wanted words
)

// settings returns the wanted settings with some values replaced. A name that is not in the list panics: profiles are fixed at
// build time and every test builds them.
func settings(changed map[string]string) []Setting {
	list := append([]Setting(nil), balanced[:]...)
	used := 0
	for i := range list {
		if want, ok := changed[list[i].Name]; ok {
			list[i].Want = want
			used++
		}
	}
	if used != len(changed) {
		panic("tuning: a profile changes a setting that is not in the list")
	}
	return list
}

var balanced = [...]Setting{
	{
		Name: "net.core.somaxconn", Want: "4096", Compare: AtLeast,
		Why: "The kernel cuts every listening socket's backlog to this. It holds the connections that arrive while a loop is busy with a batch.",
		Cost: "A full queue drops the handshake and the client tries again after 1 s, then 3 s (RFC 6298 §2). 128, the default before " +
			"Linux 5.4, is full after 9 ms at 15,000 new connections a second (calculated).",
	},
	{
		Name: "net.ipv4.tcp_max_syn_backlog", Want: "4096", Compare: AtLeast,
		Why: "Half-open connections per listening socket; with many clients far away it fills before the accept queue does.",
		Cost: "Above it SYN cookies answer, which lose window scaling unless timestamps are on, or the SYN is dropped: 1 s. " +
			"256 half-open connections at 100 ms away are 2,560 new connections a second (calculated).",
	},
	{
		Name: "net.ipv4.ip_local_port_range", Want: "10240 65535", Compare: Range,
		Why: "Each upstream connection takes a port per provider address. HTTP/2 needs few; HTTP/1.1 providers need one per request in flight.",
		Cost: "The default 32768–60999 lasts for 470 short connections a second to one address (28,232 ports, 60 s in TIME_WAIT each); " +
			"this range for 921 (calculated). Then connect fails with EADDRNOTAVAIL.",
	},
	{
		Name: "net.ipv4.tcp_tw_reuse", Want: "1", Compare: Equal,
		Why:  "Lets a new upstream connection take a port whose last connection is in TIME_WAIT, told apart by timestamps. The default 2 does so on loopback alone.",
		Cost: "Without it each closed upstream connection holds its port for 60 s: see net.ipv4.ip_local_port_range for the rate at which they run out.",
	},
	{
		Name: "net.ipv4.tcp_fin_timeout", Want: "30", Compare: AtMost,
		Why:  "How long a connection that we closed waits for the other side's FIN. Clients that vanish never send one.",
		Cost: "At the default of 60 s twice as many orphans are held, each some hundred bytes of kernel memory (estimate).",
	},
	{
		Name: "net.ipv4.tcp_rmem", Want: "4096 131072 6291456", Compare: AtLeast,
		Why: "Least, first and greatest receive buffer of a TCP connection. The kernel grows it as needed; the third number is the end of that.",
		Cost: "The greatest window over the round trip is the fastest that one connection can be: 6 MiB at 200 ms are 31 MB/s at the very most " +
			"(calculated), shared by all streams of an HTTP/2 connection.",
	},
	{
		Name: "net.ipv4.tcp_wmem", Want: "4096 16384 4194304", Compare: AtLeast,
		Why:  "The same for sending: prompts on their way to a provider far away.",
		Cost: "4 MiB at 200 ms are 21 MB/s for all prompts of one upstream connection (calculated); 256 KiB would be 1.3 MB/s.",
	},
	{
		Name: "net.core.rmem_max", Want: "212992", Compare: AtLeast,
		Why:  "The bound of SO_RCVBUF. TCP that sizes its own buffers, as ours does, goes by tcp_rmem instead; QUIC and DNS over UDP go by this.",
		Cost: "None for TCP. UDP answers of a resolver may be dropped in a burst (estimate: rare).",
	},
	{
		Name: "net.core.wmem_max", Want: "212992", Compare: AtLeast,
		Why:  "The bound of SO_SNDBUF; see net.core.rmem_max.",
		Cost: "None for TCP that sizes its own buffers.",
	},
	{
		Name: "net.ipv4.tcp_slow_start_after_idle", Want: "0", Compare: Equal,
		Why:  "Upstream connections are kept warm for minutes. With 1 their congestion window falls back to 10 segments after one idle retransmission time.",
		Cost: "A 256 KiB prompt then takes 5 round trips instead of 1: 400 ms more at 100 ms away (calculated from RFC 5681 §4.1 and RFC 6928).",
	},
	{
		Name: "net.ipv4.tcp_notsent_lowat", Want: "131072", Compare: AtMost,
		Why:  "How much unsent data the kernel takes from us before it calls a socket full. What lies there can no longer be held back, counted or cut.",
		Cost: "Without a bound a slow reader holds up to tcp_wmem's third number in the kernel: 4 MiB each, 4 GB for 1,000 of them (calculated).",
	},
	{
		Name: "net.ipv4.tcp_congestion_control", Want: "cubic bbr", Compare: OneOf,
		Why: "Both do for small answers and streams. bbr is the better one where a path loses packets, and costs pacing timers.",
		Cost: "Reno and the data-centre algorithms (dctcp) crawl on long lossy paths: with 1 % loss at 100 ms Reno ends near 1.4 Mbit/s " +
			"(calculated by the usual 1.22·MSS/(RTT·√p)).",
	},
	{
		Name: "net.ipv4.tcp_keepalive_time", Want: "120", Compare: AtMost,
		Why:  "Idle seconds before a socket with SO_KEEPALIVE asks whether the other side lives. Balancers and NATs forget quiet connections after 350 s and less.",
		Cost: "At the default of 7,200 s a stream whose client vanished without a FIN is noticed after two hours, unless data is sent to it.",
	},
	{
		Name: "net.ipv4.tcp_keepalive_intvl", Want: "30", Compare: AtMost,
		Why:  "Seconds between two such questions.",
		Cost: "With time, interval and probes as wanted a dead connection is found after 4 minutes; by the defaults after 2 h 11 min (calculated).",
	},
	{
		Name: "net.ipv4.tcp_keepalive_probes", Want: "4", Compare: AtMost,
		Why:  "Unanswered questions before the connection counts as dead.",
		Cost: "Each one more adds an interval; the default is 9.",
	},
	{
		Name: "net.core.netdev_max_backlog", Want: "4096", Compare: AtLeast,
		Why:  "Packets that wait per core between the card and TCP where RPS steers them, and on loopback.",
		Cost: "Beyond it packets are dropped and sent again: 200 ms at least (the smallest retransmission time). The default is 1,000.",
	},
	{
		Name: "net.core.netdev_budget", Want: "300", Compare: AtLeast,
		Why:  "Packets that one round of the network interrupt may take. Too few, and the card's ring fills; more keeps the core from its loop for longer.",
		Cost: "Counted in the third column of /proc/net/softnet_stat; a round of 300 takes about 0.3 ms (estimate).",
	},
	{
		Name: "net.core.busy_poll", Want: "0", Compare: Equal,
		Why:  "Microseconds that epoll itself asks the card's queue before it sleeps. Worth it only where a request's wait counts more than an idle core.",
		Cost: "Off, a wake-up goes through an interrupt: some 5–20 µs more (estimate). On, the loop's core is never idle, and other loops on it wait.",
	},
	{
		Name: "net.core.busy_read", Want: "0", Compare: Equal,
		Why:  "The same for a read; goes together with net.core.busy_poll.",
		Cost: "See net.core.busy_poll.",
	},
	{
		Name: "fs.file-max", Want: "1048576", Compare: AtLeast,
		Why:  "Open files of the whole host. Each exchange holds a client socket and shares upstream ones.",
		Cost: "At the bound accept fails with ENFILE for everyone on the host; connections wait in the backlog, then time out.",
	},
	{
		Name: "fs.nr_open", Want: "1048576", Compare: AtLeast,
		Why:  "No process can be given a descriptor limit above this.",
		Cost: "LimitNOFILE above it makes systemd refuse to start the service.",
	},
	{
		Name: "vm.swappiness", Want: "10", Compare: AtMost,
		Why:  "How readily the kernel swaps out memory of processes instead of dropping cached files.",
		Cost: "A loop that touches a swapped page stands still with all its streams: about 0.1 ms on NVMe, 10 ms on a disk (estimate).",
	},
	{
		Name: "vm.overcommit_memory", Want: "0 1", Compare: OneOf,
		Why:  "The Go runtime reserves address space far beyond what it uses. Strict accounting (2) counts some of that as used.",
		Cost: "With 2 an allocation can fail while memory is free, and the process ends.",
	},
	{
		Name: "net.netfilter.nf_conntrack_max", Want: "262144", Compare: AtLeast, Module: "nf_conntrack",
		Why:  "Where connection tracking is loaded every connection takes an entry, client side and upstream side, and keeps it for a while after its end.",
		Cost: "A full table drops packets of new connections without a word to either side but the kernel log. An entry takes about 320 bytes (estimate).",
	},
}
