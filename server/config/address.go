package config

import (
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// address reads host:port or unix:/path. local tells whether only this host can connect.
func (p place) address(text string) (at Listen, local, ok bool) {
	const want = "host:port or unix:/path is needed, such as 127.0.0.1:8080"
	if file, unix := strings.CutPrefix(text, "unix:"); unix {
		if strings.HasPrefix(file, "///") {
			file = file[2:]
		}
		switch {
		case file == "" || strings.HasSuffix(file, "/"):
			p.fault(p.shown()+" names no socket", want)
			return at, true, false
		case len(file) > unixPathLimitBytes:
			p.fault(p.shown()+" is longer than the "+strconv.Itoa(unixPathLimitBytes)+" bytes of a socket's path", "")
			return at, true, false
		}
		return Listen{Network: "unix", Address: file}, true, true
	}
	host, port, ok := splitHostPort(text)
	if !ok {
		p.fault(p.shown()+" is not an address", want)
		return at, true, false
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || port != strconv.FormatUint(n, 10) {
		p.fault(p.shown()+" has no port from 0 to 65535", want)
		return at, true, false
	}
	at = Listen{Network: "tcp", Address: text}
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && ip.Is6() == strings.HasPrefix(host, "[") {
		return at, ip.Unmap().IsLoopback(), true
	}
	if host != "" && !isHostName(host) {
		p.fault(p.shown()+" has neither an IP address nor a host name before its port", want)
		return at, true, false
	}
	return at, strings.EqualFold(host, "localhost"), true
}

// splitHostPort cuts at the last colon; an IPv6 address keeps its brackets and must have them.
func splitHostPort(text string) (host, port string, ok bool) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return "", "", false
	}
	host, port = text[:i], text[i+1:]
	if strings.HasPrefix(host, "[") {
		return host, port, strings.HasSuffix(host, "]")
	}
	return host, port, !strings.Contains(host, ":")
}

// isHostName checks RFC 1123 §2.1, and allows the underscores that container networks use. A name whose last label is a
// number is none: it is an IPv4 address with a slip (RFC 3696 §2).
func isHostName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > 253 {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !isNameByte(c, false) && c != '-' {
				return false
			}
		}
		last = label
	}
	return strings.Trim(last, "0123456789") != ""
}

// samePort reports whether two addresses would take the same port of an address in common.
func samePort(a, b Listen) bool {
	if a.Network != b.Network || a.Network == "unix" {
		return a.Network == b.Network && a.Address == b.Address
	}
	hostA, portA, _ := splitHostPort(a.Address)
	hostB, portB, _ := splitHostPort(b.Address)
	return portA == portB && portA != "0" && (strings.EqualFold(hostA, hostB) || isAnyAddress(hostA) || isAnyAddress(hostB))
}

func isAnyAddress(host string) bool { return host == "" || host == "0.0.0.0" || host == "[::]" }

// baseURL reads a provider's address in its one form: scheme and host in lower case, no slash at the end. It never repeats
// an address that could hold a password.
func (p place) baseURL(text string) (base string, ok bool) {
	const want = "such as https://api.example.com/v1"
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || strings.Trim(text, visible) != "" {
		p.fault(p.shown()+" is not a URL", want)
		return "", false
	}
	switch port := u.Port(); {
	case u.User != nil:
		p.fault("the address has a user name or password in it", "credentials belong under keys")
		return "", false
	case u.Scheme != "http" && u.Scheme != "https":
		p.fault(p.shown()+" is neither http:// nor https://", want)
		return "", false
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#"):
		p.fault("the address has a query or a fragment", want)
		return "", false
	case !isHost(u.Host):
		p.fault(p.shown()+" has no valid host", want)
		return "", false
	case port != "":
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			p.fault(p.shown()+" has no port from 1 to 65535", want)
			return "", false
		}
	}
	file := strings.TrimRight(u.EscapedPath(), "/")
	if file != "" && (path.Clean(file) != file || strings.Contains(file, "%2e") || strings.Contains(file, "%2E")) {
		p.fault(p.shown()+" has a path that is not in its shortest form", want)
		return "", false
	}
	return u.Scheme + "://" + strings.ToLower(u.Host) + file, true
}

// visible is every character that a URL may consist of (RFC 3986 §2).
const visible = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%"

// isHost checks the authority of a URL without user information: an IP address or a name, and maybe a port.
func isHost(authority string) bool {
	host, _, ok := splitHostPort(authority)
	if !ok {
		if host = authority; strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
			return false
		}
	}
	if inside, v6 := strings.CutPrefix(host, "["); v6 {
		ip, err := netip.ParseAddr(strings.TrimSuffix(inside, "]"))
		return err == nil && ip.Is6() && ip.Zone() == ""
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Is4()
	}
	return isHostName(host)
}
