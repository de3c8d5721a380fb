package config

import (
	"strconv"
	"strings"
)

// listeners reads listen in any of its forms. Public is where the first listener stands that others than this host can reach;
// nil when there is none.
func (p place) listeners() (all []Listen, public *place) {
	at := p.child("listen")
	if !at.given() {
		l, _, _ := at.address(at.b.def)
		return []Listen{l}, nil
	}
	places := []place{at}
	if at.n.form == formList {
		if places = at.items(); len(at.n.items) == 0 {
			at.fault("is an empty list", "one address at least is needed")
		}
	}
	for i := range places {
		l, local, ok := places[i].listener()
		if !ok {
			continue
		}
		for j := range all {
			if samePort(all[j], l) {
				places[i].fault(l.text()+" takes the port of "+all[j].text(), "")
				break
			}
		}
		if !local && public == nil {
			public = &places[i]
		}
		all = append(all, l)
	}
	return all, public
}

func (p place) listener() (l Listen, local, ok bool) {
	at := p
	if p.n.form == formMap {
		at = p.opened().child("address")
		if !at.given() {
			at.fault("is missing", "host:port or unix:/path is needed")
			return l, true, false
		}
	} else {
		at.b = p.b.child("address")
	}
	text, ok := at.scalar()
	if !ok {
		return l, true, false
	}
	if l, local, ok = at.address(text); p.n.form == formMap {
		l.TLS = p.child("tls").serverTLS()
	}
	return l, local, ok
}

// text writes the address as the file has it.
func (l Listen) text() string {
	if l.Network == "unix" {
		return "unix:" + l.Address
	}
	return l.Address
}

// admin reads the admin address, alone or in a map with its token, and keeps it off the clients' ports. Others than this host may
// only reach it with a token.
func (p place) admin(listeners []Listen) (address string, off bool, token Secret) {
	at := p.child("admin")
	text := at.b.def
	if at.given() && at.n.form == formMap {
		at = at.opened()
		token = at.child("token").adminToken()
		at = at.child("address")
	} else {
		at.b = at.b.child("address")
	}
	if at.given() {
		if at.n.form == formBool && strings.EqualFold(at.n.text, "false") {
			return "", true, token
		}
		given, ok := at.scalar()
		if given == "off" || !ok && p.r.faultedBelow(at.key) {
			return "", true, token
		}
		if ok {
			text = given
		}
	}
	l, local, ok := at.address(text)
	if !ok {
		return "", false, token
	}
	for _, other := range listeners {
		if samePort(l, other) {
			at.fault("takes the port of "+other.text()+", where clients connect", "an address of its own, or off")
			return l.text(), false, token
		}
	}
	if !local && token.IsZero() && !p.r.faultedBelow("admin.token") {
		at.fault("others can reach "+l.text()+", which shows and changes the gateway",
			"admin: {address: …, token: …}, or an address of this host alone")
	}
	return l.text(), false, token
}

// adminToken reads what requests to the admin port must carry.
func (p place) adminToken() Secret {
	if !p.given() {
		return Secret{}
	}
	token, ok := p.secret()
	switch text := token.Reveal(); {
	case !ok:
		return Secret{}
	case !isVisible(text):
		p.fault("the value has a space or a character that is not ASCII", "")
	case len(text) < adminTokenMin:
		p.fault("the value is too short", "at least "+strconv.Itoa(adminTokenMin)+" characters are needed")
	}
	return token
}

// auth settles who may ask, from what the file says, whether there are keys, and who can reach the listeners.
func (p place) auth(public *place, insecure bool, keys int) AuthMode {
	at, listed := p.child("auth"), p.child("keys")
	haveKeys := keys > 0 || p.r.faultedBelow(listed.key)
	if !at.given() {
		switch {
		case haveKeys:
			return AuthKeys
		case public != nil && !insecure:
			p.r.faultAt(public.line, "auth", "is not given, there are no keys, and others can reach "+
				public.key, "list keys, or write auth: none with auth_insecure: true")
		}
		return AuthNone
	}
	faults := len(p.r.faults)
	mode := AuthMode(at.choice())
	switch {
	case len(p.r.faults) > faults:
	case mode == AuthKeys && !haveKeys:
		at.fault("asks for keys, and none are listed, so nobody could call", "list keys, or write auth: none")
	case mode == AuthNone && public != nil && !insecure:
		at.fault("lets everyone in, and others can reach "+public.key,
			"list keys, or write auth_insecure: true to allow it")
	case mode == AuthNone && haveKeys:
		at.warn("keys are listed, and none is asked for")
	}
	return mode
}
