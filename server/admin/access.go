package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// hosts are the Host fields that a request without a token may carry. A page of the web can make a browser on this network
// ask any address under a name of the page's own (DNS rebinding), and read the answer; the name then stands in Host.
type hosts struct {
	names map[string]bool
	// anyAddress: the port listens on all addresses, so any literal address may be this host's. A literal cannot be rebound.
	anyAddress bool
}

func newHosts(addr string, more []string) (hosts, error) {
	h := hosts{names: map[string]bool{"localhost": true}}
	if strings.HasPrefix(addr, "unix:") {
		return h, nil // no page of the web can ask a Unix socket
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return h, err
	}
	ip, err := netip.ParseAddr(host)
	h.anyAddress = host == "" || err == nil && ip.IsUnspecified()
	for _, name := range append(more, host) {
		if name != "" {
			h.names[canonical(name)] = true
		}
	}
	return h, nil
}

// canonical is a host as names are compared: lower case, no root dot; addresses in their one form.
func canonical(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().WithZone("").String()
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// known says whether a Host field (with or without a port) names this host. HTTP/1.0 checks come without the field, and no
// browser does.
func (h hosts) known(field string) bool {
	if field == "" {
		return true
	}
	host, _, err := net.SplitHostPort(field)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(field, "["), "]")
	}
	if ip, err := netip.ParseAddr(host); err == nil && (h.anyAddress || ip.Unmap().IsLoopback()) {
		return true
	}
	return h.names[canonical(host)]
}

// authorised decides whether a request may be answered, and answers it where it may not.
func (s *Server) authorised(w http.ResponseWriter, r *http.Request, open bool) bool {
	if s.token != nil && s.tokenMatches(r.Header.Get("Authorization")) {
		return true
	}
	if !s.hosts.known(r.Host) {
		refuse(w, http.StatusForbidden, "forbidden", "the Host field does not name this server")
		return false
	}
	if s.token != nil && !open {
		w.Header().Set("WWW-Authenticate", `Bearer realm="penstock"`)
		refuse(w, http.StatusUnauthorized, "unauthorized", "this path needs the admin token as a bearer token")
		return false
	}
	if foreign(r) || s.origin.Check(r) != nil {
		refuse(w, http.StatusForbidden, "forbidden", "requests from pages of other origins are not answered")
		return false
	}
	return true
}

// tokenMatches compares in constant time; the hash makes the lengths equal.
func (s *Server) tokenMatches(authorization string) bool {
	scheme, token, found := strings.Cut(authorization, " ")
	if !found || !strings.EqualFold(scheme, "bearer") {
		return false
	}
	sum := sha256.Sum256([]byte(strings.Trim(token, " ")))
	return subtle.ConstantTimeCompare(sum[:], s.token[:]) == 1
}

// foreign says that a page of another site asks in the background: it could not read the answer, but could have profiles
// taken. A link that somebody follows is not meant.
func foreign(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate"
}
