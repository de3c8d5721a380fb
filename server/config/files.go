package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strconv"
	"strings"
)

// readFile reads a file that the configuration names and notes it for Snapshot.Files. A failure is reported without the
// path, which the line shows anyhow.
func (p place) readFile(path string, limit int) ([]byte, bool) {
	content, err := p.r.env.ReadFile(path)
	switch {
	case err != nil:
		p.fault("the file it names cannot be used: "+readFailure(err), "")
		return nil, false
	case len(content) > limit:
		p.fault("the file it names is longer than "+sizeText(int64(limit)), "")
		return nil, false
	}
	p.r.files = append(p.r.files, path)
	return content, true
}

// secret reads text that is never shown, from the file behind file:/path if it says so. The text may be empty.
func (p place) secret() (Secret, bool) {
	if p.n != nil && (p.n.form == formNumber || p.n.form == formBool) {
		p.fault(described[p.n.form]+", not text", "put it in quotes")
		return Secret{}, false
	}
	text, ok := p.scalar()
	if !ok {
		return Secret{}, false
	}
	origin := ""
	if strings.HasPrefix(p.n.text, "file:") || loneVariable(p.n.text) {
		origin = p.n.text
	}
	p.r.literal = p.r.literal || p.n != nil && p.n.text != "" && !strings.HasPrefix(text, "file:") && !strings.Contains(p.n.text, "${")
	if path, named := strings.CutPrefix(text, "file:"); named {
		if strings.HasPrefix(path, "///") {
			path = path[2:]
		}
		content, ok := p.readFile(path, secretLimitBytes)
		if !ok {
			return Secret{}, false
		}
		p.warnIfOpen(path)
		text = strings.TrimRight(string(content), "\r\n")
	}
	switch {
	case len(text) > secretLimitBytes:
		p.fault("the value is longer than "+sizeText(secretLimitBytes), "")
	case badByte([]byte(text)) >= 0 || strings.ContainsAny(text, "\r\n"):
		p.fault("the value has a line break or a control character", "")
	case text == masked:
		p.fault("the value is the mask of a printed configuration", "put the secret itself, ${NAME} or file:/path")
	default:
		return secretFrom(text, origin), true
	}
	return Secret{}, false
}

// serverTLS reads a listener's certificates and what it asks of its clients'.
func (p place) serverTLS() *ServerTLS {
	if !p.given() {
		return nil
	}
	if p = p.opened(); !p.given() {
		return nil
	}
	t := &ServerTLS{}
	more := p.child("certificates")
	if pairs := more.items(); p.child("cert").given() || p.child("key").given() || len(pairs) == 0 {
		first := p.keyPair()
		t.Cert, t.Key = first.Cert, first.Key
		t.More = keyPairs(pairs)
	} else if all := keyPairs(pairs); len(all) > 0 {
		t.Cert, t.Key, t.More = all[0].Cert, all[0].Key, all[1:]
	}
	ca, mode := p.child("client_ca"), p.child("client_auth")
	if mode.given() {
		t.ClientAuth = ClientAuth(mode.choice())
	} else if ca.given() {
		t.ClientAuth = ClientAuthRequire
	}
	switch {
	case ca.given():
		t.ClientCA = ca.authorities()
		if t.ClientAuth == ClientAuthNone {
			mode.fault("asks for no certificate, and client_ca is there to check one", "require or request, or no client_ca")
		}
	case t.ClientAuth != ClientAuthNone:
		mode.fault("needs to know whose certificates to take", "set client_ca")
	}
	return t
}

func keyPairs(places []place) (pairs []KeyPair) {
	for _, at := range places {
		if at = at.opened(); at.given() {
			pairs = append(pairs, at.keyPair())
		}
	}
	return pairs
}

// keyPair reads cert and key of this map and checks that they belong together.
func (p place) keyPair() KeyPair {
	cert, key := p.child("cert"), p.child("key")
	pair := KeyPair{Cert: cert.required(), Key: key.required()}
	if pair.Cert == "" || pair.Key == "" {
		return pair
	}
	certText, ok := cert.readFile(pair.Cert, fileLimitBytes)
	keyText, okKey := key.readFile(pair.Key, fileLimitBytes)
	if !ok || !okKey {
		return pair
	}
	key.warnIfOpen(pair.Key)
	if !holdsCertificate(certText) {
		cert.fault("the file holds no certificate", "a PEM file is needed")
		return pair
	}
	if block, _ := pem.Decode(keyText); block == nil {
		key.fault("the file holds no private key", "a PEM file is needed")
		return pair
	}
	if _, err := tls.X509KeyPair(certText, keyText); err != nil {
		p.fault("certificate and private key do not belong together, or are of a kind that is not supported", "")
	}
	return pair
}

// authorities reads the name of a PEM file of certificates and checks that it holds some.
func (p place) authorities() string {
	path := p.required()
	if path == "" {
		return ""
	}
	if text, ok := p.readFile(path, fileLimitBytes); ok && !holdsCertificate(text) {
		p.fault("the file holds no certificate", "a PEM file is needed")
	}
	return path
}

// warnIfOpen warns of a file with a secret in it that everybody on this host can read.
func (p place) warnIfOpen(path string) {
	modes, ok := p.r.env.(FileModes)
	if !ok {
		return
	}
	if mode, ok := modes.FileMode(path); ok && mode.Perm()&0o004 != 0 {
		p.warn("the file " + path + " holds a secret, and everybody on this host can read it (mode " +
			"0" + strconv.FormatUint(uint64(mode.Perm()), 8) + "): chmod o-r")
	}
}

func holdsCertificate(text []byte) bool {
	found := false
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return found
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return false
		}
		found = true
	}
}

// required is text that has to be there.
func (p place) required() string {
	if !p.given() {
		p.fault("is missing", "")
		return ""
	}
	return p.text()
}
