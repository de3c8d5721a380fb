package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"

	"penstock/server/route/pattern"
)

// Key is a caller. It is never changed once it is in a Table.
type Key struct {
	Name string
	// Models are exact names and patterns ("openai/*", "gpt-*") that the key may ask for; empty means all.
	Models []string
	// ID is the index by which limits and counters know the key; the configuration numbers them.
	ID int
}

// Entry is one credential of a key. A key may have several.
type Entry struct {
	Key    Key
	Digest [sha256.Size]byte // as Digest gives it
}

// Table maps credentials to keys. It is immutable and safe on every thread.
type Table struct {
	byDigest map[[sha256.Size]byte]*record
}

type record struct {
	key    Key
	digest [sha256.Size]byte
}

// NewTable copies the entries. Two entries with one digest are an error, which names both keys and no secret; so is the digest of
// nothing, which is what a key becomes whose environment variable is not set.
func NewTable(entries []Entry) (*Table, error) {
	t := &Table{byDigest: make(map[[sha256.Size]byte]*record, len(entries))}
	nothing := Digest(nil)
	for _, e := range entries {
		if e.Digest == nothing || e.Digest == ([sha256.Size]byte{}) {
			return nil, fmt.Errorf("key %q has no value", e.Key.Name)
		}
		if old := t.byDigest[e.Digest]; old != nil {
			return nil, fmt.Errorf("keys %q and %q have the same value: give each key its own", old.key.Name, e.Key.Name)
		}
		r := &record{key: e.Key, digest: e.Digest}
		r.key.Models = slices.Clone(e.Key.Models)
		t.byDigest[e.Digest] = r
	}
	return t, nil
}

// Digest is the form in which a secret is kept: its SHA-256.
func Digest(secret []byte) [sha256.Size]byte { return sha256.Sum256(secret) }

// Lookup returns the key that a credential belongs to, or nil. Its time depends on the length of the credential alone: what is
// looked up is the digest, in which nobody can choose how many bytes agree, and it is compared as a whole.
func (t *Table) Lookup(credential []byte) *Key {
	digest := sha256.Sum256(credential)
	r := t.byDigest[digest]
	if r == nil || subtle.ConstantTimeCompare(r.digest[:], digest[:]) != 1 {
		return nil
	}
	return &r.key
}

// Len is the number of credentials.
func (t *Table) Len() int { return len(t.byDigest) }

// Allows says whether the key may ask for the model, by the name that the client gave.
func (k *Key) Allows(model []byte) bool {
	if len(k.Models) == 0 {
		return true
	}
	for _, p := range k.Models {
		if pattern.Match(p, model) {
			return true
		}
	}
	return false
}
