package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"penstock/server/config"
)

// firstInherited is the first descriptor of socket activation (sd_listen_fds(3)).
const firstInherited = 3

// adminSocket is the name (FileDescriptorName=) that makes a socket of systemd the admin port's.
const adminSocket = "admin"

// inheritance is what whoever started this process passed to it: sockets of systemd, or those of the process that it replaces.
type inheritance struct {
	groups []*inherited
	admin  *inherited
	from   int      // the process to be replaced; 0: there is none
	report *os.File // where that one waits for the verdict; nil without one
}

// inherited are listening sockets of one address.
type inherited struct {
	asked string // as the configuration of the process before had it; "" where systemd opened them
	bound string
	fds   []int
	own   bool // nobody else holds them once the process before has gone
	taken bool
}

// inherit reads the environment and takes out of it what is meant for this process alone.
func inherit() (*inheritance, error) {
	text, handed := os.LookupEnv(handoverVariable)
	if handed {
		_ = os.Unsetenv(handoverVariable)
		return fromHandover(text)
	}
	return fromSystemd()
}

func fromHandover(text string) (*inheritance, error) {
	var h handover
	if err := json.Unmarshal([]byte(text), &h); err != nil {
		return &inheritance{}, fmt.Errorf("cannot read %s: %w", handoverVariable, err)
	}
	unix.CloseOnExec(h.Report)
	in := &inheritance{from: h.From, report: os.NewFile(uintptr(h.Report), "report")}
	take := func(s handedSockets) (*inherited, error) {
		g := &inherited{asked: s.Address, fds: s.FDs, own: s.Own}
		for _, fd := range s.FDs {
			unix.CloseOnExec(fd)
			var err error
			if g.bound, err = boundAddress(fd); err != nil {
				return nil, err
			}
		}
		return g, nil
	}
	for _, s := range h.Listen {
		g, err := take(s)
		if err != nil {
			return in, err
		}
		in.groups = append(in.groups, g)
	}
	if h.Admin != nil {
		var err error
		if in.admin, err = take(*h.Admin); err != nil {
			return in, err
		}
	}
	return in, nil
}

// fromSystemd takes the sockets of socket activation. Several of one address (ReusePort=) belong together.
func fromSystemd() (*inheritance, error) {
	in := &inheritance{}
	pid, n := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS")
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for _, v := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		_ = os.Unsetenv(v)
	}
	count, err := strconv.Atoi(n)
	if err != nil || pid != strconv.Itoa(os.Getpid()) {
		return in, nil // meant for another process
	}
	for i := range count {
		fd := firstInherited + i
		unix.CloseOnExec(fd)
		bound, err := boundAddress(fd)
		if err != nil {
			return in, fmt.Errorf("socket %d of LISTEN_FDS: %w", i, err)
		}
		if i < len(names) && names[i] == adminSocket {
			in.admin = &inherited{bound: bound, fds: []int{fd}}
			continue
		}
		at := slices.IndexFunc(in.groups, func(g *inherited) bool { return g.bound == bound })
		if at < 0 {
			at = len(in.groups)
			in.groups = append(in.groups, &inherited{bound: bound})
		}
		in.groups[at].fds = append(in.groups[at].fds, fd)
	}
	return in, nil
}

// boundAddress is the address of a listening socket, "host:port" or "unix:/path".
func boundAddress(fd int) (string, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return "", os.NewSyscallError("getsockname", err)
	}
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return net.JoinHostPort(net.IP(a.Addr[:]).String(), strconv.Itoa(a.Port)), nil
	case *unix.SockaddrInet6:
		return net.JoinHostPort(net.IP(a.Addr[:]).String(), strconv.Itoa(a.Port)), nil
	case *unix.SockaddrUnix:
		return "unix:" + a.Name, nil
	}
	return "", fmt.Errorf("descriptor %d is of no known address family", fd)
}

// assign finds for each address of the configuration the sockets that belong to it, nil where there are none. What systemd passed
// under another address goes in the order of both lists to the addresses that are left: ListenStream=8080 says the same as
// `listen: 0.0.0.0:8080`, and is written in another way.
func (in *inheritance) assign(listens []config.Listen) []*inherited {
	out := make([]*inherited, len(listens))
	claim := func(fits func(g *inherited, address string) bool) {
		for i := range listens {
			for _, g := range in.groups {
				if out[i] == nil && !g.taken && fits(g, listenAddress(&listens[i])) {
					out[i], g.taken = g, true
				}
			}
		}
	}
	claim(func(g *inherited, address string) bool { return g.asked == address })
	claim(func(g *inherited, address string) bool { return sameAddress(address, g.bound) })
	if in.from == 0 {
		claim(func(*inherited, string) bool { return true })
	}
	return out
}

// forAdmin is the admin port's inherited socket where it is the one that the configuration asks for, else nil.
func (in *inheritance) forAdmin(address string) *inherited {
	if a := in.admin; a != nil && (in.from == 0 || a.asked == address || sameAddress(address, a.bound)) {
		a.taken = true
		return a
	}
	return nil
}

// sameAddress compares an address of the configuration with one that a socket is bound to.
func sameAddress(configured, bound string) bool {
	host, port, err := net.SplitHostPort(configured)
	if err != nil || port == "0" || strings.HasPrefix(configured, "unix:") {
		return configured == bound
	}
	switch host {
	case "":
		host = "::"
	case "localhost":
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port) == bound
}

// left closes what nobody took, and names it. Sockets of a process that is replaced are still open there, and it serves what waits
// in their queues.
func (in *inheritance) left() (addresses []string) {
	all := in.groups
	if in.admin != nil {
		all = append(all[:len(all):len(all)], in.admin)
	}
	for _, g := range all {
		if g.taken {
			continue
		}
		addresses = append(addresses, g.bound)
		for _, fd := range g.fds {
			_ = unix.Close(fd)
		}
	}
	return addresses
}

// ready tells the process before that this one accepts connections, and which of its sockets it has.
func (in *inheritance) ready() {
	v := verdict{Ready: true, Taken: []int{}}
	for i, g := range in.groups {
		if g.taken {
			v.Taken = append(v.Taken, i)
		}
	}
	in.tell(v)
}

// failed tells it why this one will not come up.
func (in *inheritance) failed(err error) { in.tell(verdict{Reason: err.Error()}) }

// tell reports once. Where nobody listens any more the process before has ended, and this one serves in its place.
func (in *inheritance) tell(v verdict) {
	if in.report == nil {
		return
	}
	_ = json.NewEncoder(in.report).Encode(v)
	_ = in.report.Close()
	in.report = nil
}
