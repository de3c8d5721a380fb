package config

import (
	"fmt"
	"io"
)

// masked is all that a Secret ever shows of itself.
const masked = "[secret]"

// Secret is text that must not end up in a log, a page or an error. Every way of printing or encoding it gives "[secret]".
// The text sits behind two pointers, so that even a print of a struct that holds a Secret in an unexported field, where
// package fmt may call no method and follows one pointer, shows an address and not the text.
type Secret struct {
	held *heldSecret
}

type heldSecret struct {
	text   *string
	origin string // "${NAME}" or "file:/path" when the whole text came from there, else ""
}

// NewSecret hides text. It copies nothing; Go's strings never change.
func NewSecret(text string) Secret { return secretFrom(text, "") }

func secretFrom(text, origin string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{held: &heldSecret{text: &text, origin: origin}}
}

// Reveal returns the text itself.
func (s Secret) Reveal() string {
	if s.held == nil {
		return ""
	}
	return *s.held.text
}

// IsZero reports whether there is no text.
func (s Secret) IsZero() bool { return s.held == nil }

// String implements fmt.Stringer.
func (Secret) String() string { return masked }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return masked }

// Format implements fmt.Formatter, for every verb.
func (Secret) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, masked) }

// MarshalText implements encoding.TextMarshaler.
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// MarshalJSON implements json.Marshaler.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + masked + `"`), nil }

// MarshalYAML implements the YAML encoders' interface.
func (Secret) MarshalYAML() (any, error) { return masked, nil }
