package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// signer is a certificate authority of the tests.
type signer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newSigner() *signer {
	a := &signer{}
	a.cert, a.key = signed(nil, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "penstock tests"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	})
	return a
}

func signed(by *signer, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	parent, parentKey := template, key
	if by != nil {
		parent, parentKey = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return cert, key
}

// server is a certificate for a host, changed by change.
func (a *signer) server(change func(*x509.Certificate)) tls.Certificate {
	t := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "provider"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	change(t)
	cert, key := signed(a, t)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// file writes the authority's certificate for the gateway to trust.
func (a *signer) file(t testing.TB) string {
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var trusted = sync.OnceValue(newSigner)

// goodServer speaks TLS as it should, and offers one protocol.
func goodServer(proto string) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{trusted().server(func(*x509.Certificate) {})}, NextProtos: []string{proto}}
}

func hostileRowsTLS() []misdeed {
	handshake := func(name string, config func() *tls.Config) misdeed {
		return misdeed{name: name, over: tlsH2, kind: "tls", during: "-", conn: never, secure: func(p *peer) {
			c := tls.Server(p.Conn, config())
			_ = c.Handshake() // that it fails is the row
			_, _ = io.Copy(io.Discard, c)
		}}
	}
	plain := func(name string, f func(*peer)) misdeed {
		return misdeed{name: name, over: tlsH2, kind: "tls", during: "-", conn: never, secure: f}
	}
	with := func(change func(*x509.Certificate)) func() *tls.Config {
		return func() *tls.Config {
			return &tls.Config{Certificates: []tls.Certificate{trusted().server(change)}, NextProtos: []string{"h2"}}
		}
	}
	silence := plain("says nothing to the handshake", discard)
	silence.silent = true
	return []misdeed{
		handshake("shows a certificate of an unknown authority", func() *tls.Config {
			return &tls.Config{Certificates: []tls.Certificate{newSigner().server(func(*x509.Certificate) {})}, NextProtos: []string{"h2"}}
		}),
		handshake("shows a certificate for another name", with(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"example.com"} })),
		handshake("shows a certificate that has expired", with(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })),
		handshake("shows a certificate that is not valid yet", with(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) })),
		handshake("shows a certificate for clients", with(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })),
		handshake("agrees to HTTP/1.1 where HTTP/2 is configured", func() *tls.Config { return goodServer("http/1.1") }),
		handshake("speaks TLS 1.1 at most", func() *tls.Config {
			c := goodServer("h2")
			c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			return c
		}),
		plain("sends an alert instead of a handshake", func(p *peer) { _, _ = io.ReadFull(p, make([]byte, 5)); p.say("\x15\x03\x01\x00\x02\x02\x28"); p.end() }),
		plain("speaks HTTP on its TLS port", func(p *peer) { _, _ = io.ReadFull(p, make([]byte, 5)); p.say(okHead + "\r\n"); p.end() }),
		plain("closes in the handshake", func(p *peer) { _, _ = io.ReadFull(p, make([]byte, 5)); p.end() }),
		plain("resets in the handshake", func(p *peer) { _, _ = io.ReadFull(p, make([]byte, 5)); p.reset() }),
		silence,
		{name: "closes without close_notify", over: tlsH2, kind: "reset", again: true, conn: closed, h2: func(p *peer, _ ask) { p.cut() }},
		{name: "closes with close_notify", over: tlsH2, kind: "closed", again: true, conn: closed, h2: func(p *peer, _ ask) { p.end() }},
		{
			name: "sends a record that does not decrypt", over: tlsH2, kind: "reset", again: true, conn: closed,
			h2: func(p *peer, _ ask) {
				_, _ = io.WriteString(p.under, "\x17\x03\x03\x00\x20"+string(make([]byte, 32)))
				p.end()
			},
		},
		{
			name: "sends an alert in mid-connection", over: tlsH2, kind: "reset", again: true, conn: closed,
			h2: func(p *peer, _ ask) { _, _ = io.WriteString(p.under, "\x15\x03\x03\x00\x02\x02\x28"); p.end() },
		},
	}
}
