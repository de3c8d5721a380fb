package e2e

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestTLSRefusedClientHearsWhy: in TLS 1.3 a client sends its request before it can hear that its certificate was refused. A close
// with that request unread is a reset, which overtakes the alert.
func TestTLSRefusedClientHearsWhy(t *testing.T) {
	t.Parallel()
	clients, others := newAuthority(t, "authority of clients"), newAuthority(t, "authority of others")
	files := &pemFiles{t, t.TempDir()}
	cert, _ := pemOf(t, clients.cert, clients.key)
	files.put("clients.pem", cert)
	s := startSecureStack(t, fmt.Sprintf(", client_ca: %q", files.path("clients.pem")), "")
	wrong := others.client(time.Time{})
	config := s.client()
	config.MinVersion = tls.VersionTLS13
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &wrong, nil }
	request := []byte("GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
	for i := range 40 {
		c, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), config)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		// Until the gateway has closed its side, as a client that is still sending; what is written after a reset fails.
		for range 50 {
			if _, err = c.Write(request); err != nil {
				break
			}
		}
		if err == nil {
			_, err = c.Read(make([]byte, 1))
		}
		_ = c.Close()
		var alert tls.AlertError
		if !errors.As(err, &alert) && (err == nil || !strings.Contains(err.Error(), "unknown certificate authority")) {
			t.Fatalf("connection %d: the client hears %v", i, err)
		}
	}
}
