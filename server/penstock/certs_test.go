package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penstock/server/config"
)

// putPair writes a new certificate and its key and returns their names.
func putPair(t *testing.T, dir, name string) config.KeyPair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name}, IsCA: true}
	cert, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pair := config.KeyPair{Cert: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key")}
	for file, block := range map[string]*pem.Block{pair.Cert: {Type: "CERTIFICATE", Bytes: cert}, pair.Key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return pair
}

// inForce is the certificate settings that a handshake would get now.
func inForce(t *testing.T, c *certificates) *tls.Config {
	t.Helper()
	got, err := c.door.Load().GetConfigForClient(nil)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestStagingChangesNothing: certificates that were read are not in force before they are installed, all listeners or none.
func TestStagingChangesNothing(t *testing.T) {
	dir := t.TempDir()
	var listens []*listening
	var c []config.Listen
	for _, name := range []string{"one", "two"} {
		pair := putPair(t, dir, name)
		files := &config.ServerTLS{Cert: pair.Cert, Key: pair.Key}
		ln := &listening{certs: &certificates{}}
		s, err := ln.certs.stage(files)
		if err != nil {
			t.Fatal(err)
		}
		s.install()
		listens, c = append(listens, ln), append(c, config.Listen{Network: "tcp", Address: name, TLS: files})
	}
	listens, c = append(listens, &listening{}), append(c, config.Listen{Network: "tcp", Address: "clear"})
	before, door := inForce(t, listens[0].certs), listens[0].certs.door.Load()
	putPair(t, dir, "one")
	if err := os.WriteFile(filepath.Join(dir, "two.key"), []byte("half of a k"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := stageAll(listens, c); err == nil || !strings.Contains(err.Error(), "two.pem") {
		t.Errorf("half of a pair was taken: %v", err)
	}
	if inForce(t, listens[0].certs) != before {
		t.Error("one listener changed though the other could not")
	}
	putPair(t, dir, "two")
	all, err := stageAll(listens, c)
	if err != nil || len(all) != 2 || inForce(t, listens[0].certs) != before {
		t.Fatalf("%v, %d staged, or one is in force", err, len(all))
	}
	for _, s := range all {
		s.install()
	}
	if inForce(t, listens[0].certs) == before {
		t.Error("what was installed is not in force")
	}
	if listens[0].certs.door.Load() != door {
		t.Error("the keys of session tickets changed with the certificates")
	}

	ca := filepath.Join(dir, "one.pem") // any certificate will do
	s, err := listens[0].certs.stage(&config.ServerTLS{Cert: c[0].TLS.Cert, Key: c[0].TLS.Key, ClientCA: ca, ClientAuth: config.ClientAuthRequire})
	if err != nil {
		t.Fatal(err)
	}
	s.install()
	if listens[0].certs.door.Load() == door || inForce(t, listens[0].certs).ClientAuth != tls.RequireAndVerifyClientCert {
		t.Error("sessions go on that began when no certificate was asked for")
	}
}

func TestWithCertificates(t *testing.T) {
	old := []config.Listen{
		{Network: "tcp", Address: "a:1", TLS: &config.ServerTLS{Cert: "old"}},
		{Network: "tcp", Address: "b:1"},
		{Network: "tcp", Address: "c:1", TLS: &config.ServerTLS{Cert: "old"}},
		{Network: "tcp", Address: "d:1", TLS: &config.ServerTLS{Cert: "old"}},
	}
	next := []config.Listen{
		{Network: "tcp", Address: "b:1", TLS: &config.ServerTLS{Cert: "new"}},
		{Network: "tcp", Address: "a:1", TLS: &config.ServerTLS{Cert: "new"}},
		{Network: "unix", Address: "d:1", TLS: &config.ServerTLS{Cert: "new"}},
		{Network: "tcp", Address: "c:1"},
	}
	got := withCertificates(old, next)
	if got[0].TLS.Cert != "new" || got[1].TLS != nil || got[2].TLS.Cert != "old" || got[3].TLS.Cert != "old" || old[0].TLS.Cert != "old" {
		t.Errorf("%+v from %+v", got, old)
	}
}

// TestWatchSeesChangesDuringReload: a file that changes again while a reload reads it is seen by the next look.
func TestWatchSeesChangesDuringReload(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file+".next", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".next", file); err != nil {
			t.Fatal(err)
		}
	}
	write("1")
	w := newWatch([]string{file})
	if w.changed() {
		t.Error("nothing changed")
	}
	write("2")
	if !w.changed() {
		t.Error("a change was not seen")
	}
	write("3") // after changed has looked, before the reload is done
	w = w.follow([]string{file})
	if !w.changed() {
		t.Error("a change during the reload was not seen")
	}
	if w.changed() {
		t.Error("a change was seen twice")
	}
}
