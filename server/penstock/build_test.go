package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"penstock/upstream"
)

// TestProviderFollowsItsAuthorities: a reload keeps a provider, and its connections, until the authorities in its CA file are others.
func TestProviderFollowsItsAuthorities(t *testing.T) {
	dir := t.TempDir()
	ca := putPair(t, dir, "ca").Cert
	file := filepath.Join(dir, "penstock.yaml")
	text := fmt.Sprintf("auth: none\nproviders:\n  - name: p\n    kind: openai\n    base_url: https://127.0.0.1:9\n    keys: [k]\n    tls: {ca: %s}\n", ca)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBuilder()
	build := func() *upstream.Provider {
		t.Helper()
		s, err := load(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := b.build(s)
		if err != nil {
			t.Fatal(err)
		}
		return p.Providers[0].Up
	}
	first := build()
	if build() != first {
		t.Error("a reload that changes nothing makes another provider")
	}
	putPair(t, dir, "ca")
	if build() == first {
		t.Error("the provider still trusts the authorities of before")
	}
}
