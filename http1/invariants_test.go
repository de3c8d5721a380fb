//go:build invariants

package http1

import "testing"

func TestAppendFieldPanicsOnLineBreak(t *testing.T) {
	for _, c := range [][2]string{{"a", "b\r\nc: d"}, {"a", "\x00"}, {"a b", ""}, {"", "b"}, {"a:", "b"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q: %q was appended", c[0], c[1])
				}
			}()
			AppendFieldString(nil, c[0], c[1])
		}()
	}
}
