package config

import (
	"cmp"
	"slices"
	"strings"
)

func (p place) providers() []Provider {
	list := p.child("providers").items()
	providers := make([]Provider, 0, len(list))
	names := map[string]string{}
	for _, at := range list {
		if at = at.opened(); !at.given() {
			continue
		}
		provider := at.provider()
		at.unique(names, "name", provider.Name)
		providers = append(providers, provider)
	}
	return providers
}

// unique reports a name that stands elsewhere already. Names maps each to where it stands.
func (p place) unique(names map[string]string, key, name string) {
	if name == "" {
		return
	}
	at := p.child(key)
	if first, taken := names[name]; taken {
		got := at.shown() + " is the name of " + first + " already"
		if !at.given() {
			got = "is missing, and " + name + " is the name of " + first + " already"
		}
		at.fault(got, "")
		return
	}
	names[name] = p.key
}

func (p place) provider() Provider {
	var provider Provider
	kind := p.child("kind")
	provider.Kind = Kind(kind.choice())
	if !kind.given() {
		kind.fault("is missing", kind.want())
	}
	provider.Dialects = kindDialects[provider.Kind]
	provider.Sim = provider.Kind == KindSim
	provider.Name = p.providerName(provider.Kind)
	provider.BaseURLs = p.baseURLs(provider.Kind)
	provider.HTTP = HTTPMode(p.child("http").choice())
	p.checkHTTP(provider)
	provider.Keys = p.child("keys").providerKeys()
	if provider.Sim && len(provider.Keys) > 0 {
		p.child("keys").warn("the simulated provider takes no keys")
	}
	provider.Serves = p.child("serves").patterns()
	connections := p.child("connections").opened()
	provider.Connections = Connections{connections.child("warm").integer(), connections.child("max").integer()}
	if c := provider.Connections; c.Warm > c.Max {
		warm := connections.child("warm")
		if !warm.given() {
			provider.Connections.Warm = c.Max
		} else {
			warm.fault(warm.shown()+" is more than max", "")
		}
	}
	provider.Headers = p.child("headers").headers()
	provider.TLS = p.child("tls").upstreamTLS()
	provider.UsageInStream = p.child("usage_in_stream").boolean()
	return provider
}

func (p place) providerName(kind Kind) string {
	at := p.child("name")
	if !at.given() {
		if p.child("kind").given() {
			return kind.String()
		}
		return ""
	}
	name := at.text()
	if name != "" && !isProviderName(name) {
		at.fault(at.shown()+" is not a provider's name", "lower-case letters, digits, '.', '_' and '-', the first a letter or digit")
	}
	return name
}

func isProviderName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || i > 0 && (c == '.' || c == '_' || c == '-')) {
			return false
		}
	}
	return name != "" && len(name) <= nameLimitBytes
}

func (p place) baseURLs(kind Kind) []string {
	one, several := p.child("base_url"), p.child("base_urls")
	if kind == KindSim {
		for _, at := range []place{one, several} {
			if at.given() {
				at.fault("the simulated provider has no address", "leave it out")
			}
		}
		return nil
	}
	if one.given() && several.given() {
		several.fault("stands beside base_url", "write one of the two")
	}
	var bases []string
	list := several.items()
	if one.given() {
		list = append(list, one)
	}
	for _, at := range list {
		text := at.text()
		if text == "" {
			continue
		}
		if base, ok := at.baseURL(text); ok {
			if slices.Contains(bases, base) {
				at.fault(at.shown()+" is in the list already", "")
			}
			bases = append(bases, base)
			at.checkAPIPath(base)
		}
	}
	if len(bases) > 0 || several.given() {
		if several.given() && several.n.form == formList && len(several.n.items) == 0 {
			several.fault("is an empty list", "")
		}
		return bases
	}
	if known := baseURLs[kind]; known != "" {
		return []string{known}
	}
	// An address that was given and is wrong has its fault already; one that an unset variable left empty has none.
	if p.child("kind").given() && !p.r.faultedBelow(one.key) {
		one.fault("is missing", "kind "+kind.String()+" has no default")
	}
	return nil
}

// checkAPIPath warns of the commonest slip: the address of one call in place of the API's.
func (p place) checkAPIPath(base string) {
	for _, end := range []string{"/chat/completions", "/responses", "/completions", "/embeddings", "/messages", "/models"} {
		if strings.HasSuffix(base, end) {
			p.warn("the address ends in " + end + ", which is added to it for each request")
			return
		}
	}
}

// checkHTTP compares the protocol with the addresses: HTTP/2 by ALPN needs TLS, prior knowledge is for clear text.
func (p place) checkHTTP(provider Provider) {
	at := p.child("http")
	for _, base := range provider.BaseURLs {
		encrypted := strings.HasPrefix(base, "https:")
		if provider.HTTP == HTTP2 && !encrypted {
			at.fault(at.shown()+" needs https, and an address is http", "write h2c, http1 or auto")
			return
		}
		if provider.HTTP == HTTP2C && encrypted {
			at.fault(at.shown()+" is for clear text, and an address is https", "write h2, http1 or auto")
			return
		}
	}
}

func (p place) providerKeys() []ProviderKey {
	var keys []ProviderKey
	var heavy bool
	for _, at := range p.items() {
		value, weight := at, 1
		value.b = p.b.child("value")
		if at.n.form == formMap {
			at = at.opened()
			value, weight = at.child("value"), at.child("weight").integer()
			if !value.given() {
				value.fault("is missing", "")
				continue
			}
		}
		if secret, ok := value.credential(); ok {
			keys = append(keys, ProviderKey{Value: secret, Weight: weight})
			heavy = heavy || weight > 0
		}
	}
	if len(keys) > 0 && !heavy {
		p.fault("every weight is 0", "one at least has to be above 0")
	}
	return keys
}

// credential reads a secret that goes into a header as it is. One that an unset optional variable left empty is left out.
func (p place) credential() (Secret, bool) {
	faults := len(p.r.faults)
	secret, ok := p.secret()
	switch {
	case !ok && len(p.r.faults) == faults:
		p.warn("is empty and left out")
	case ok && secret.IsZero():
		p.fault("the value is empty", "")
		return secret, false
	case ok && !isVisible(secret.Reveal()):
		p.fault("the value has a space or a character that is not ASCII", "")
		return secret, false
	}
	return secret, ok
}

func isVisible(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] >= 0x7f {
			return false
		}
	}
	return true
}

// ownedHeaders are fields that the gateway sets or strips itself: those of one connection (RFC 9110 §7.6.1), of framing and
// content coding, and those that carry credentials.
var ownedHeaders = map[string]string{
	"connection": "connection", "keep-alive": "connection", "proxy-connection": "connection", "te": "connection",
	"trailer": "connection", "transfer-encoding": "connection", "upgrade": "connection", "host": "connection",
	"http2-settings": "connection", "content-length": "body", "content-type": "body", "content-encoding": "body",
	"accept-encoding": "body", "expect": "body", "authorization": "key", "proxy-authorization": "key",
	"proxy-authenticate": "key", "x-api-key": "key", "x-goog-api-key": "key", "api-key": "key",
}

func (p place) headers() []Header {
	if !p.given() {
		return nil
	}
	p.count()
	if p.n.form != formMap {
		p.fault(described[p.n.form], shapes[shapeSecrets].want)
		return nil
	}
	p.checkRepeated()
	var headers []Header
	seen := map[string]bool{}
	for _, e := range p.n.entries {
		at := place{r: p.r, b: p.b, key: p.below(e.name), n: e.value, line: e.line}
		name := strings.ToLower(e.name)
		if !isToken(name) {
			at.key = p.key
			at.fault("a name in it is not a header's name", "letters, digits and -")
			continue
		}
		switch ownedHeaders[name] {
		case "connection":
			at.fault("is a field of the connection, which Penstock sets itself", "leave it out")
			continue
		case "body":
			at.fault("is a field of the body, which Penstock sets itself", "leave it out")
			continue
		case "key":
			at.fault("is a field for credentials", "they belong under keys")
			continue
		}
		if seen[name] {
			at.fault("stands here for the second time, in other letters", "")
			continue
		}
		seen[name] = true
		if e.value.form == formNull {
			continue
		}
		if value, ok := at.secret(); ok && !value.IsZero() {
			if text := value.Reveal(); strings.Trim(text, " \t") != text {
				at.fault("the value begins or ends with a space", "")
			}
			headers = append(headers, Header{Name: name, Value: value})
		}
	}
	slices.SortFunc(headers, func(a, b Header) int { return cmp.Compare(a.Name, b.Name) })
	return headers
}

// isToken checks RFC 9110 §5.6.2.
func isToken(name string) bool {
	for i := range len(name) {
		c := name[i]
		if !isNameByte(c, false) && !strings.ContainsRune("!#$%&'*+-.^`|~", rune(c)) {
			return false
		}
	}
	return name != "" && len(name) <= nameLimitBytes
}

func (p place) upstreamTLS() UpstreamTLS {
	p = p.opened()
	ca, insecure := p.child("ca"), p.child("insecure")
	t := UpstreamTLS{Insecure: insecure.boolean()}
	if ca.given() {
		if t.CA = ca.text(); t.CA != "" {
			if content, ok := ca.readFile(t.CA, fileLimitBytes); ok && !holdsCertificate(content) {
				ca.fault("the file holds no certificate", "a PEM file is needed")
			}
		}
	}
	if t.Insecure {
		insecure.warn("any certificate is taken, so anyone on the way can read and change what passes")
	}
	return t
}
