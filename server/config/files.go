package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
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
	if path, named := strings.CutPrefix(text, "file:"); named {
		if strings.HasPrefix(path, "///") {
			path = path[2:]
		}
		content, ok := p.readFile(path, secretLimitBytes)
		if !ok {
			return Secret{}, false
		}
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

// keyPair reads a listener's certificate and key and checks that they belong together.
func (p place) keyPair() *ServerTLS {
	if !p.given() {
		return nil
	}
	if p = p.opened(); !p.given() {
		return nil
	}
	cert, key := p.child("cert"), p.child("key")
	pair := &ServerTLS{Cert: cert.required(), Key: key.required()}
	if pair.Cert == "" || pair.Key == "" {
		return pair
	}
	certText, ok := cert.readFile(pair.Cert, fileLimitBytes)
	keyText, okKey := key.readFile(pair.Key, fileLimitBytes)
	if !ok || !okKey {
		return pair
	}
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
