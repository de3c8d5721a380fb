package stand

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Key is what the clients of the stand present.
const Key = "sk-stand-0123456789abcdef0123456789abcdef"

// Options say how the stand is built.
type Options struct {
	Binary       string   // penstock; empty: built from the checkout that the program runs in
	HTTP         string   // between gateway and provider: h2c or http1; empty: h2c
	GatewayCPUs  string   // as taskset takes them; empty: any
	ProviderCPUs string   // likewise
	Loops        int      // of the gateway; 0: one per core
	ProviderArgs []string // further flags of penstock mock
	Replaced     bool     // the gateway will be replaced by Upgrade: what drains has all the time it needs
	// Configuration is appended to the gateway's.
	Configuration string
}

// Stand is a gateway with everything on (keys, metrics, access log) and a simulated provider behind it.
type Stand struct {
	Gateway, Provider     *Process
	Address               string // the gateway's, host:port
	AdminURL, ProviderURL string
	folder                string
	binary                string
	pidFile               string // where the gateway can be replaced
}

// configuration is what the gateway of the stand runs with: what an operator would have on, nothing off for the sake of figures.
// The bound of connections is as high as it goes because over HTTP/1.1 it is that of requests in flight.
const configuration = `listen: %s
admin: %s
auth: keys
loops: %d
providers:
  - name: mock
    kind: openai
    base_url: %s/v1
    http: %s
    keys: [sk-provider-0123456789abcdef]
    serves: ["*"]
    connections: {max: 1000}
keys:
  - name: load
    value: %s
    models: ["mock", "mock*", "chat*"]
timeouts: {drain: %s}
log: {access: %s}
`

// Start builds what is missing, starts provider and gateway, and waits until both are ready. Whoever starts a stand stops it.
func Start(o Options) (_ *Stand, err error) {
	folder, err := os.MkdirTemp("", "penstock-stand-")
	if err != nil {
		return nil, err
	}
	s := &Stand{folder: folder}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	binary := o.Binary
	if binary == "" {
		if binary, err = Build(folder); err != nil {
			return s, err
		}
	}
	if o.HTTP == "" {
		o.HTTP = "h2c"
	}
	s.binary = binary
	drain, args := "1s", []string{"serve", "--config", filepath.Join(folder, "penstock.yaml")}
	if o.Replaced {
		s.pidFile = filepath.Join(folder, "pid")
		drain, args = "10m", append(args, "--pid-file", s.pidFile)
	}
	ports, err := freePorts(3)
	if err != nil {
		return s, err
	}
	s.Address, s.AdminURL, s.ProviderURL = ports[0], "http://"+ports[1], "http://"+ports[2]
	s.Provider, err = start(folder, "provider", o.ProviderCPUs, binary, append([]string{"mock", "--listen", ports[2]}, o.ProviderArgs...)...)
	if err != nil {
		return s, err
	}
	if err := Wait(s.Provider, s.ProviderURL+"/sim/stats"); err != nil {
		return s, err
	}
	file := filepath.Join(folder, "penstock.yaml")
	text := fmt.Sprintf(configuration, s.Address, ports[1], o.Loops, s.ProviderURL, o.HTTP, Key, drain, filepath.Join(folder, "access.log")) + o.Configuration
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return s, err
	}
	if s.Gateway, err = start(folder, "gateway", o.GatewayCPUs, binary, args...); err != nil {
		return s, err
	}
	return s, Wait(s.Gateway, s.AdminURL+"/readyz")
}

// Stop ends both processes and removes what they wrote. The error says what had to be forced.
func (s *Stand) Stop() error {
	var faults []error
	for _, p := range []*Process{s.Gateway, s.Provider} {
		if p != nil {
			faults = append(faults, p.Stop())
		}
	}
	return errors.Join(append(faults, os.RemoveAll(s.folder))...)
}

// Alive says whether both processes still run.
func (s *Stand) Alive() error { return errors.Join(s.Gateway.Alive(), s.Provider.Alive()) }

// Build compiles the command of this checkout, as make build does, into folder and returns the program's name.
func Build(folder string) (string, error) {
	binary := filepath.Join(folder, "penstock")
	command := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "penstock/server/penstock")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build penstock (run this inside the checkout, or name a binary): %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return binary, nil
}

// freePorts returns loopback addresses on which nobody listens. Somebody else may take one before it is used; the process that
// wanted it says so then.
func freePorts(n int) ([]string, error) {
	var addresses []string
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close()
		addresses = append(addresses, ln.Addr().String())
	}
	return addresses, nil
}

// Wait returns once url answers with status 200; the error says that it did not within some seconds, or that the process ended.
func Wait(p *Process, url string) error {
	for deadline := time.Now().Add(readyTimeout); ; time.Sleep(20 * time.Millisecond) {
		page, err := get(url)
		if err == nil {
			return page.Close()
		}
		if ended := p.Alive(); ended != nil {
			return ended
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is not ready after %v: %w; it printed: %s", p.name, readyTimeout, err, p.printed())
		}
	}
}
