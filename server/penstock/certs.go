package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync/atomic"

	"penstock/server/config"
)

// certificates are the TLS side of one listener: what each handshake on it begins with, on whichever loop.
//
// A handshake begins with door, which asks for the certificates in force. The keys of session tickets belong to door: crypto/tls makes
// and rotates them daily, every loop has the same, and they outlive a change of certificates, so that clients resume across it.
type certificates struct {
	door    atomic.Pointer[tls.Config]
	current atomic.Pointer[tls.Config]
	clients [sha256.Size]byte // digest of what is asked of clients
}

// staged are certificates that were read and are not in force yet.
type staged struct {
	of      *certificates
	config  *tls.Config
	clients [sha256.Size]byte
}

// stage reads the files. Nothing changes before install.
func (c *certificates) stage(files *config.ServerTLS) (*staged, error) {
	s := &staged{of: c}
	s.config = &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	for _, pair := range append([]config.KeyPair{{Cert: files.Cert, Key: files.Key}}, files.More...) {
		cert, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
		if err != nil {
			return nil, fmt.Errorf("cannot use certificate %s: %w", pair.Cert, err)
		}
		s.config.Certificates = append(s.config.Certificates, cert)
	}
	if files.ClientAuth == config.ClientAuthNone {
		return s, nil
	}
	text, err := os.ReadFile(files.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("cannot use client_ca: %w", err)
	}
	s.config.ClientCAs, s.config.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if files.ClientAuth == config.ClientAuthRequest {
		s.config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	if !s.config.ClientCAs.AppendCertsFromPEM(text) {
		return nil, errors.New("cannot use client_ca " + files.ClientCA + ": it holds no certificate")
	}
	s.clients = sha256.Sum256(append(text, byte(files.ClientAuth)))
	return s, nil
}

// install puts staged certificates in force for handshakes from now on; connections go on with what they began with.
func (s *staged) install() {
	c := s.of
	c.current.Store(s.config)
	if c.door.Load() != nil && c.clients == s.clients {
		return
	}
	// Other clients are trusted now, so a session that was begun before must not stand in for a certificate: new ticket keys.
	c.clients = s.clients
	c.door.Store(&tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load(), nil },
	})
}

// withCertificates is the listeners of a process, with the TLS settings that the next configuration has for the same addresses. Whether
// a listener speaks TLS at all is settled when it starts.
func withCertificates(listens, next []config.Listen) []config.Listen {
	merged := slices.Clone(listens)
	for i := range merged {
		l := &merged[i]
		for j := range next {
			if l.TLS != nil && next[j].TLS != nil && next[j].Network == l.Network && next[j].Address == l.Address {
				l.TLS = next[j].TLS
			}
		}
	}
	return merged
}

// stageAll reads the certificates of every TLS listener as the configuration has them, all or none.
func stageAll(listens []*listening, c []config.Listen) ([]*staged, error) {
	var all []*staged
	for i, ln := range listens {
		if ln.certs == nil {
			continue
		}
		s, err := ln.certs.stage(c[i].TLS)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// plainAnswer is what a client gets that speaks HTTP in clear text where TLS is spoken; first are its first bytes. Any other protocol
// gets nothing.
func plainAnswer(first []byte) []byte {
	for _, method := range []string{"GET /", "POST ", "HEAD ", "PUT /", "DELET", "OPTIO", "PATCH", "PRI *"} {
		if bytes.Equal(first, []byte(method)) {
			return []byte(plainResponse)
		}
	}
	return nil
}

const plainText = "This port speaks HTTPS, and the request came in clear text.\n"

var plainResponse = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: " +
	strconv.Itoa(len(plainText)) + "\r\n\r\n" + plainText
