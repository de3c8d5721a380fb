package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority issues certificates for tests.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	last int64
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	return a
}

// sign makes a certificate for a new key; without a parent it signs itself.
func (a *authority) sign(c, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if parent == nil {
		parent, parentKey = c, key
	}
	a.last++
	c.SerialNumber, c.NotBefore = big.NewInt(a.last), time.Now().Add(-48*time.Hour)
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(48 * time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, parentKey)
	if err != nil {
		a.t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return made, key
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// server issues a certificate for a name and for loopback addresses, as PEM.
func (a *authority) server(name string) (cert, key string) {
	a.t.Helper()
	c, k := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: loopbacks, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.cert, a.key)
	return pemOf(a.t, c, k)
}

// client issues a client's certificate that is valid until a time.
func (a *authority) client(until time.Time) tls.Certificate {
	a.t.Helper()
	c, k := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "client"}, NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, a.cert, a.key)
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: k}
}

func pemOf(t testing.TB, c *x509.Certificate, k *ecdsa.PrivateKey) (cert, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// pemFiles is a folder with the files of a listener.
type pemFiles struct {
	t   testing.TB
	dir string
}

func (f *pemFiles) path(name string) string { return filepath.Join(f.dir, name) }

// put writes a file in place at once.
func (f *pemFiles) put(name, text string) {
	f.t.Helper()
	next := f.path(name) + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(next, f.path(name)); err != nil {
		f.t.Fatal(err)
	}
}

// putPair writes server.pem and server.key.
func (f *pemFiles) putPair(cert, key string) {
	f.t.Helper()
	f.put("server.pem", cert)
	f.put("server.key", key)
}

// secureStack is a gateway that speaks TLS, with a mock behind it.
type secureStack struct {
	*gateway
	mock  *mock
	ca    *authority
	files *pemFiles
	seen  *seenBytes // by the client of the last handshake
}

// startSecureStack starts both; settings are further keys of the listener's tls, more is the rest of the configuration.
func startSecureStack(t testing.TB, settings, more string) *secureStack {
	t.Helper()
	s := &secureStack{mock: startMock(t), ca: newAuthority(t, "authority of servers"), files: &pemFiles{t, t.TempDir()}}
	s.files.putPair(s.ca.server("gateway.test"))
	s.gateway = startGateway(t, s.config(settings, more))
	return s
}

func (s *secureStack) config(settings, more string) string {
	listener := fmt.Sprintf("listen: {address: \"127.0.0.1:0\", tls: {cert: %q, key: %q%s}}\n", s.files.path("server.pem"), s.files.path("server.key"), settings)
	return strings.Replace(s.mock.config(h2c, more), "listen: 127.0.0.1:0\n", listener, 1)
}

// client is what a client needs to trust the gateway.
func (s *secureStack) client() *tls.Config {
	return &tls.Config{RootCAs: s.ca.pool(), ServerName: "gateway.test"}
}

// handshake connects and shakes hands; the error of a client's certificate comes with the first read.
func (s *secureStack) handshake(t testing.TB, c *tls.Config) (*tls.Conn, error) {
	t.Helper()
	s.seen = &seenBytes{Conn: dial(t, strings.Replace(s.url, "https:", "http:", 1)).conn}
	conn := tls.Client(s.seen, c)
	return conn, conn.Handshake()
}

// handshakes is how many ended in one way.
func (s *secureStack) handshakes(t testing.TB, result string) float64 {
	t.Helper()
	return s.metric(t, "penstock_client_handshakes_total", `result="`+result+`"`)
}

// seenBytes keeps what came over a connection: crypto/tls takes an end between two records for a proper one, and the test does not.
type seenBytes struct {
	net.Conn
	got []byte
}

func (c *seenBytes) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.got = append(c.got, b[:n]...)
	return n, err
}

// endsWithAlert says whether the last record was an alert: by its type, or in TLS 1.3 by the size that an alert has when it is sealed
// (RFC 8446 §5.2: two bytes, the type, a tag of 16).
func (c *seenBytes) endsWithAlert() bool {
	var kind byte
	size := 0
	for b := c.got; len(b) >= 5; b = b[size+5:] {
		kind, size = b[0], int(b[3])<<8|int(b[4])
		if len(b) < size+5 {
			return false
		}
	}
	return kind == 21 || kind == 23 && size == 19
}
