package loop

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sealer makes TLS 1.3 records as a client's record layer does (RFC 8446 §5.2, §7.2), so that a test can say what crypto/tls does not.
type sealer struct {
	t      *testing.T
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

func (s *sealer) expand(label string, n int) []byte {
	label = "tls13 " + label
	info := append([]byte{byte(n >> 8), byte(n), byte(len(label))}, label...)
	b, err := hkdf.Expand(sha256.New, s.secret, string(append(info, 0)), n)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (s *sealer) use(secret []byte) {
	s.secret, s.seq = secret, 0
	block, err := aes.NewCipher(s.expand("key", 16))
	if err == nil {
		s.aead, err = cipher.NewGCM(block)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.iv = s.expand("iv", 12)
}

func (s *sealer) record(out []byte, typ byte, content ...byte) []byte {
	n := len(content) + 1 + s.aead.Overhead()
	head := []byte{23, 3, 3, byte(n >> 8), byte(n)}
	nonce := bytes.Clone(s.iv)
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^s.seq)
	s.seq++
	return s.aead.Seal(append(out, head...), nonce, append(content, typ), head)
}

// keyUpdate asks for one in return.
func (s *sealer) keyUpdate(out []byte) []byte {
	out = s.record(out, 22, 24, 0, 0, 1, 1)
	s.use(s.expand("traffic upd", sha256.Size))
	return out
}

// silentHandler takes everything and says nothing.
type silentHandler struct{ closed chan error }

func (h *silentHandler) OnData(*Conn, []byte)       {}
func (h *silentHandler) OnDrain(*Conn)              {}
func (h *silentHandler) OnClose(_ *Conn, err error) { h.closed <- err }

// TestKeyUpdatesAreNotHoarded: a client that asks for new keys all the time and reads no answer is not kept answers for without bound.
func TestKeyUpdatesAreNotHoarded(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, made, made, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	server := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, SessionTicketsDisabled: true}
	ls, err := Bind("127.0.0.1:0", ListenOptions{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	h := &silentHandler{closed: make(chan error, 1)}
	var conn *Conn
	e, err := Start(Config{Loops: 1}, func(l *Loop) {
		err := l.AcceptOn(ls, AcceptOptions{TLS: func() *tls.Config { return server }}, func(c *Conn, _ netip.AddrPort) Handler {
			_ = unix.SetsockoptInt(c.FD, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<10)
			conn = c
			return h
		})
		if err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer e.StopOffLoop()
	l := e.Loops()[0]

	d := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10) })
	}}
	nc, err := d.DialContext(context.Background(), "tcp", ls.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	var keys bytes.Buffer
	c := tls.Client(nc, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, KeyLogWriter: &keys})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if suite := c.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Fatalf("the cipher suite is %s", tls.CipherSuiteName(suite))
	}
	s := &sealer{t: t}
	for line := range strings.Lines(keys.String()) {
		if f := strings.Fields(line); f[0] == "CLIENT_TRAFFIC_SECRET_0" {
			secret, err := hex.DecodeString(f[2])
			if err != nil {
				t.Fatal(err)
			}
			s.use(secret)
		}
	}
	var out []byte
	for sent := 0; sent < 8<<20; sent += len(out) {
		out = s.record(out[:0], 23, 'x') // or crypto/tls finds too many records without content in a row
		for range 10 {
			out = s.keyUpdate(out)
		}
		if _, err = nc.Write(out); err != nil {
			break // the gateway has had enough
		}
	}
	held := 0
	onLoop(l, func() { held = conn.Queued() })
	if held > 2*owedBytes {
		t.Fatalf("%d bytes of answers are held", held)
	}
	if err := <-h.closed; !errors.Is(err, ErrKeyUpdates) {
		t.Fatalf("closed with %v", err)
	}
}
