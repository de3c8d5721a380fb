package main

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"penstock/server/config"
)

// exposed refuses to let everyone in on an address that others can reach. The configuration was checked for that; addresses from the
// command line and sockets from a service manager were not.
func (p *process) exposed() error {
	s := p.snap
	for _, ln := range p.listens {
		if s.Auth == config.AuthNone && !s.AuthInsecure && !onlyThisHost(ln.sockets.Addr()) {
			return fmt.Errorf("others can reach %s, and no key is asked for: list keys, or write auth: none with auth_insecure: true", ln.sockets.Addr())
		}
	}
	if !s.AdminOff && s.AdminToken.IsZero() && !onlyThisHost(s.Admin) {
		return fmt.Errorf("others can reach the admin port at %s: set admin.token, or an address of this host alone", s.Admin)
	}
	return nil
}

func onlyThisHost(address string) bool {
	if strings.HasPrefix(address, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}
