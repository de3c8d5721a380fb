package config

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// originDigest marks a key whose digest stands in the file, which Print may repeat: it is no secret of the file's.
const originDigest = "sha256"

func (p place) keys() []Key {
	list := p.child("keys").items()
	keys := make([]Key, 0, len(list))
	names, digests := map[string]string{}, map[[32]byte]string{}
	for _, at := range list {
		if at = at.opened(); !at.given() {
			continue
		}
		k := Key{Name: at.child("name").required(), Models: at.child("models").patterns(), Limits: at.child("limits").limits()}
		at.child("name").checkName(k.Name, false)
		at.unique(names, "name", k.Name)
		source, ok := at.digest(&k)
		if first, taken := digests[k.Digest]; ok && taken {
			source.fault("the key is that of "+first+" already", "")
		} else if ok {
			digests[k.Digest] = at.key
		}
		keys = append(keys, k)
	}
	return keys
}

// digest reads a client's key in either form and tells where it stood.
func (p place) digest(k *Key) (source place, ok bool) {
	value, digest := p.child("value"), p.child("sha256")
	switch {
	case value.given() && digest.given():
		digest.fault("stands beside value", "write one of the two")
		return digest, false
	case digest.given():
		text, scalar := digest.scalar()
		if !scalar {
			return digest, false
		}
		if n, err := hex.Decode(k.Digest[:], []byte(text[:min(len(text), 64)])); err != nil || n != 32 || len(text) != 64 {
			digest.fault("is not a SHA-256 digest", "64 hexadecimal digits are needed")
			return digest, false
		}
		k.origin = originDigest
		return digest, true
	case !value.given():
		value.fault("is missing", "value or sha256 is needed")
		return value, false
	}
	faults := len(p.r.faults)
	secret, sound := value.secret()
	text := secret.Reveal()
	switch {
	case !sound && len(p.r.faults) > faults:
		return value, false
	case !isVisible(text):
		value.fault("the value has a space or a character that is not ASCII", "")
		return value, false
	case len(text) < keyLengthMin:
		value.fault("the value is too short", "at least "+strconv.Itoa(keyLengthMin)+" characters are needed")
		return value, false
	}
	k.Digest = sha256.Sum256([]byte(text))
	k.origin = secret.held.origin
	return value, true
}

func (p place) limits() Limits {
	p = p.opened()
	return Limits{
		RPM: p.child("rpm").integer(), TPM: p.child("tpm").integer(), Concurrent: p.child("concurrent").integer(),
		USDPerDay: p.child("usd_per_day").ratio(),
	}
}

// checkReach warns of keys that are of no use: models that no request can have.
func (s *Snapshot) checkReach(r *reader) {
	reachable := make([]string, 0, len(s.Models)+2*len(s.Providers))
	for _, m := range s.Models {
		reachable = append(reachable, m.Name)
	}
	for _, p := range s.Providers {
		reachable = append(append(reachable, p.Name+"/*"), p.Serves...)
	}
	known := map[string]bool{}
	for i, k := range s.Keys {
		for j, pattern := range k.Models {
			matches, seen := known[pattern]
			for n := 0; !seen && !matches && n < len(reachable); n++ {
				matches = overlap(pattern, reachable[n])
			}
			known[pattern] = matches
			if !matches {
				r.warn("keys["+strconv.Itoa(i)+"].models["+strconv.Itoa(j)+"]", strconv.Quote(pattern)+" matches no model of any provider")
			}
		}
	}
}
