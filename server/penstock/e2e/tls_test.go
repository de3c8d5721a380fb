package e2e

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var loopbacks = []net.IP{net.IPv4(127, 0, 0, 1)}

// httpsClient is Go's own client, which offers HTTP/2.
func (s *secureStack) httpsClient(t testing.TB, c *tls.Config, keepAlive bool) *http.Client {
	tr := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true, DisableKeepAlives: !keepAlive, MaxIdleConnsPerHost: 8}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

// TestTLSClients: clients that offer HTTP/2 get HTTP/1.1, by TLS 1.2 and 1.3 and nothing older; answers, streams and large bodies pass.
func TestTLSClients(t *testing.T) {
	t.Parallel()
	s := startSecureStack(t, "", "")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := s.client()
		config.MaxVersion = version
		c := s.httpsClient(t, config, true)
		for _, stream := range []bool{false, true} {
			if err := askOnce(c, s.url, stream); err != nil {
				t.Errorf("version %x: %v", version, err)
			}
		}
		q, err := http.NewRequest("POST", s.url+"/v1/chat/completions", strings.NewReader(`{"model":"oai/chat?tokens=60000","messages":[{"role":"user","content":"`+
			strings.Repeat("hello ", 1<<20)+`"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Authorization", "Bearer "+clientKey)
		r, err := c.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r.Body)
		_ = r.Body.Close() // read to its end
		if err != nil || r.StatusCode != 200 || len(b) < 200<<10 {
			t.Errorf("large bodies: %s, %d bytes, %v", r.Status, len(b), err)
		}
		if r.Proto != "HTTP/1.1" || r.TLS.NegotiatedProtocol != "http/1.1" || r.TLS.Version != version {
			t.Errorf("%s, ALPN %q, version %x", r.Proto, r.TLS.NegotiatedProtocol, r.TLS.Version)
		}
	}
	for name, change := range map[string]func(*tls.Config){
		"TLS 1.1":      func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 },
		"HTTP/2 alone": func(c *tls.Config) { c.NextProtos = []string{"h2"} },
		"weak key length": func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}
		},
	} {
		c := s.client()
		change(c)
		if _, err := s.handshake(t, c); err == nil {
			t.Errorf("a client with %s was taken", name)
		}
	}
	eventually(t, "refused handshakes are counted", func() bool { return s.handshakes(t, "failed") == 3 })
	settled(t, s.gateway, s.mock)
}

// TestTLSResumption: sessions go on whichever loop takes the connection, and across a change of certificates.
func TestTLSResumption(t *testing.T) {
	t.Parallel()
	s := startSecureStack(t, "", "")
	config := s.client()
	config.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	ask := func() *tls.ConnectionState {
		t.Helper()
		r, err := s.httpsClient(t, config, false).Get(s.url + "/v1/models")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, r.Body) // so that the ticket is read
		_ = r.Body.Close()
		return r.TLS
	}
	if ask().DidResume {
		t.Error("the first connection resumed")
	}
	resumed := 0
	for range 16 { // over both loops
		if ask().DidResume {
			resumed++
		}
	}
	if resumed != 16 {
		t.Errorf("%d of 16 connections resumed", resumed)
	}
	s.files.putPair(s.ca.server("gateway.test"))
	s.signal(t, syscall.SIGHUP)
	s.prints(t, "configuration reloaded")
	if !ask().DidResume {
		t.Error("a session did not outlive a change of certificates")
	}
	fresh, err := s.handshake(t, s.client())
	if err != nil {
		t.Fatal(err)
	}
	if n := fresh.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); n != s.ca.last {
		t.Errorf("certificate %d is shown, want %d", n, s.ca.last)
	}
	if full, again := s.handshakes(t, "full"), s.handshakes(t, "resumed"); full != 2 || again != 17 {
		t.Errorf("%v full handshakes and %v resumed are counted, want 2 and 17", full, again)
	}
}

// TestTLSReload: certificates change under load without one error; of a pair that is half written the old one stays.
func TestTLSReload(t *testing.T) {
	t.Parallel()
	s := startSecureStack(t, "", "")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 4 {
		c := s.httpsClient(t, s.client(), i%2 == 0)
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := askOnce(c, s.url, i < 2); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	shown := func() int64 {
		t.Helper()
		c, err := s.handshake(t, s.client())
		if err != nil {
			t.Fatal(err)
		}
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	for i := range 3 {
		before := shown()
		cert, key := s.ca.server("gateway.test")
		s.files.put("server.pem", cert)
		s.signal(t, syscall.SIGHUP)
		eventually(t, "the half of a pair is refused", func() bool {
			return strings.Count(string(s.output()), "do not belong together") > i
		})
		if n := shown(); n != before {
			t.Errorf("with half of a new pair, certificate %d is shown, want %d", n, before)
		}
		s.files.put("server.key", key) // nobody says anything: the files are looked at
		eventually(t, "the new certificate is shown", func() bool { return shown() == s.ca.last })
	}
	close(stop)
	wg.Wait()
	settled(t, s.gateway, s.mock)
}

// TestTLSClientCertificates: only certificates of the right authority open the door, and a session begun under another authority does not.
func TestTLSClientCertificates(t *testing.T) {
	t.Parallel()
	clients, others := newAuthority(t, "authority of clients"), newAuthority(t, "authority of others")
	files := &pemFiles{t, t.TempDir()}
	trust := func(a *authority) {
		cert, _ := pemOf(t, a.cert, a.key)
		files.put("clients.pem", cert)
	}
	trust(clients)
	good, wrong, expired := clients.client(time.Time{}), others.client(time.Time{}), clients.client(time.Now().Add(-time.Hour))
	ask := func(s *secureStack, c *tls.Config) error {
		r, err := s.httpsClient(t, c, false).Get(s.url + "/v1/models")
		if err == nil {
			_, err = io.Copy(io.Discard, r.Body)
			_ = r.Body.Close() // read to its end
		}
		return err
	}
	for mode, withoutOne := range map[string]bool{"": false, ", client_auth: require": false, ", client_auth: request": true} {
		s := startSecureStack(t, fmt.Sprintf(", client_ca: %q%s", files.path("clients.pem"), mode), "")
		for name, c := range map[string]struct {
			certificates []tls.Certificate
			taken        bool
		}{"good": {[]tls.Certificate{good}, true}, "none": {nil, withoutOne}, "wrong": {[]tls.Certificate{wrong}, false}, "expired": {[]tls.Certificate{expired}, false}} {
			config := s.client()
			// Not by Certificates, of which Go's client sends only what the server asks for.
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if len(c.certificates) == 0 {
					return &tls.Certificate{}, nil
				}
				return &c.certificates[0], nil
			}
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				config.MaxVersion = version
				if err := ask(s, config); (err == nil) != c.taken {
					t.Errorf("tls%s, certificate %s, version %x: %v", mode, name, version, err)
				}
			}
		}
	}
	s := startSecureStack(t, fmt.Sprintf(", client_ca: %q", files.path("clients.pem")), "")
	config := s.client()
	config.Certificates, config.ClientSessionCache = []tls.Certificate{good}, tls.NewLRUClientSessionCache(4)
	for range 3 {
		if err := ask(s, config); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.handshakes(t, "resumed"); n != 2 {
		t.Errorf("%v sessions resumed, so this test shows nothing", n)
	}
	trust(others)
	s.signal(t, syscall.SIGHUP)
	s.prints(t, "configuration reloaded")
	if err := ask(s, config); err == nil {
		t.Error("a session went on whose authority is not trusted any more")
	}
}

// TestTLSNames: each name gets its certificate, any other name the first.
func TestTLSNames(t *testing.T) {
	t.Parallel()
	ca, files := newAuthority(t, "authority"), &pemFiles{t, t.TempDir()}
	var pairs []string
	for _, name := range []string{"one.test", "two.test"} {
		cert, key := ca.server(name)
		files.put(name+".pem", cert)
		files.put(name+".key", key)
		pairs = append(pairs, fmt.Sprintf("{cert: %q, key: %q}", files.path(name+".pem"), files.path(name+".key")))
	}
	s := startSecureStack(t, ", certificates: ["+strings.Join(pairs, ", ")+"]", "")
	for asked, shown := range map[string]string{"one.test": "one.test", "two.test": "two.test", "gateway.test": "gateway.test", "three.test": "gateway.test", "": "gateway.test"} {
		c, err := s.handshake(t, &tls.Config{ServerName: asked, InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.ConnectionState().PeerCertificates[0].Subject.CommonName; got != shown {
			t.Errorf("asked for %q, got %q", asked, got)
		}
	}
}

// TestTLSAndClearText: who mistakes one port for the other gets a clear end.
func TestTLSAndClearText(t *testing.T) {
	t.Parallel()
	s := startSecureStack(t, "", "")
	plain := strings.Replace(s.url, "https:", "http:", 1)
	for _, begin := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", request("POST", "/v1/chat/completions", chatBody("fast", false)), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"} {
		w := dial(t, plain)
		w.send(begin)
		if a := w.answer("GET"); a.status != 400 || !strings.Contains(a.body, "HTTPS") || !a.closes {
			t.Errorf("clear text got %+v", a)
		}
		w.wantEnd()
	}
	for _, begin := range []string{"SSH-2.0-OpenSSH_9.9\r\n", "\x00\x00\x00\x00\x00\x00", "\x16\x03\x01\xff\xff" + strings.Repeat("\x00", 1000)} {
		w := dial(t, plain)
		w.send(begin)
		b, _ := io.ReadAll(w.in) // an alert, or nothing; how it ends does not matter
		if strings.Contains(string(b), "HTTP/") {
			t.Errorf("%q got %q", begin, b)
		}
	}
	eventually(t, "they are counted", func() bool { return s.handshakes(t, "not_tls") == 5 && s.handshakes(t, "failed") == 1 })
	g := startGateway(t, s.mock.config(h2c, ""))
	_, err := tls.Dial("tcp", strings.TrimPrefix(g.url, "http://"), s.client())
	if _, other := errors.AsType[tls.RecordHeaderError](err); !other {
		t.Errorf("TLS on a port of clear text ends with %v", err)
	}
	dial(t, g.url).wantOpen()
}

// TestTLSHandshakeBounds: whoever connects and does not go on is cut off in time, and many of them do not keep others out meanwhile.
func TestTLSHandshakeBounds(t *testing.T) {
	t.Parallel()
	// What a client says first, to be cut in pieces.
	var hello []byte
	client, server := net.Pipe()
	go func() { _ = tls.Client(client, &tls.Config{InsecureSkipVerify: true}).Handshake() }()
	hello = make([]byte, 4096)
	n, err := server.Read(hello)
	if err != nil {
		t.Fatal(err)
	}
	hello = hello[:n]
	_ = server.Close()

	s := startSecureStack(t, "", "timeouts: {handshake: 300ms}\n")
	plain := strings.Replace(s.url, "https:", "http:", 1)
	for _, n := range []int{0, 3, 5, len(hello) / 2, len(hello)} {
		w := dial(t, plain)
		w.send(string(hello[:n]))
		_, _ = io.Copy(io.Discard, w.in) // ends when the gateway closes
	}
	eventually(t, "they are counted", func() bool { return s.handshakes(t, "timeout") == 5 })

	s = startSecureStack(t, "", "timeouts: {handshake: 1h}\nbounds: {connections: 32}\n")
	plain = strings.Replace(s.url, "https:", "http:", 1)
	var held []*wire
	for i := range 100 {
		w := dial(t, plain)
		w.send(string(hello[:i%2*len(hello)/2]))
		held = append(held, w)
	}
	c := s.httpsClient(t, s.client(), false)
	for range 10 {
		if err := askOnce(c, s.url, false); err != nil {
			t.Errorf("beside a flood of handshakes: %v", err)
		}
	}
	if n := s.handshakes(t, "crowded_out"); n < 100-16 {
		t.Errorf("%v handshakes were given up", n)
	}
	for _, w := range held {
		_ = w.conn.Close()
	}
	eventually(t, "the rest has ended", func() bool { return s.handshakes(t, "crowded_out")+s.handshakes(t, "failed") == 100 })
}

// TestTLSEnds: the end of a response is told from a cut by close_notify, and a client that just goes is no fault.
func TestTLSEnds(t *testing.T) {
	t.Parallel()
	s := startSecureStack(t, "", "")
	key := "Authorization: Bearer " + clientKey + "\r\n"
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, ask := range []string{"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + key + "\r\n", "GET /v1/models HTTP/1.0\r\n" + key + "\r\n"} {
			config := s.client()
			config.MaxVersion = version
			c, err := s.handshake(t, config)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(c, ask); err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(c)
			if !s.seen.endsWithAlert() {
				t.Errorf("version %x: the connection ended without close_notify", version)
			}
			if err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 200 OK\r\n") {
				t.Errorf("version %x: %v after %q", version, err, b)
			}
		}
		// An idle client says that it goes, by TLS or by its socket alone: both get close_notify back.
		for name, leave := range map[string]func(c *tls.Conn) error{
			"close_notify": (*tls.Conn).CloseWrite,
			"FIN alone":    func(c *tls.Conn) error { return c.NetConn().(*seenBytes).Conn.(*net.TCPConn).CloseWrite() },
		} {
			c, err := s.handshake(t, s.client())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(c, "GET /v1/models HTTP/1.1\r\nHost: x\r\n"+key+"\r\n"); err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(c)
			r, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, r.Body) // its length is known
			if err := leave(c); err != nil {
				t.Fatal(err)
			}
			if _, err := in.ReadByte(); !errors.Is(err, io.EOF) || !s.seen.endsWithAlert() {
				t.Errorf("%s: %v, or no close_notify", name, err)
			}
		}
	}
	if n := s.metric(t, "penstock_clients_gone_total"); n != 0 {
		t.Errorf("%v clients are counted as gone", n)
	}
	// A record that was tampered with: an alert says so.
	c, err := s.handshake(t, s.client())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c.NetConn(), "\x17\x03\x03\x00\x20"+strings.Repeat("x", 32)); err != nil {
		t.Fatal(err)
	}
	_, err = c.Read(make([]byte, 1))
	if _, alert := errors.AsType[*net.OpError](err); !alert || !strings.Contains(err.Error(), "bad record MAC") {
		t.Errorf("after a tampered record: %v", err)
	}
}

// TestTLSSlowReader: a client that does not read holds its provider back, over TLS as well, and gets all of it once it reads.
func TestTLSSlowReader(t *testing.T) {
	t.Parallel()
	const whole = 64 << 20
	var written counter
	p := listenRaw(t, func(c net.Conn) {
		if readRequest(bufio.NewReader(c)) != nil {
			return
		}
		_, _ = fmt.Fprintf(c, okHead+"Content-Length: %d\r\n\r\n", whole)
		piece := make([]byte, 64<<10)
		for range whole / len(piece) {
			n, err := c.Write(piece)
			if written.add(n); err != nil {
				return
			}
		}
	})
	s := &secureStack{ca: newAuthority(t, "authority"), files: &pemFiles{t, t.TempDir()}}
	s.files.putPair(s.ca.server("gateway.test"))
	listener := fmt.Sprintf("listen: {address: \"127.0.0.1:0\", tls: {cert: %q, key: %q}}\n", s.files.path("server.pem"), s.files.path("server.key"))
	s.gateway = startGateway(t, strings.Replace(preamble, "listen: 127.0.0.1:0\n", listener, 1)+clientKeys+"providers:\n"+providerLines("big", p.addr, http1))
	c, err := s.handshake(t, s.client())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, request("POST", "/v1/chat/completions", chatBody("big/m", false))); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the provider is held back", func() bool {
		n := written.get()
		time.Sleep(300 * time.Millisecond) // long for loopback; were it too short, the bound below would still hold
		return n > 0 && written.get() == n
	})
	if n := written.get(); n > whole/2 {
		t.Errorf("the provider got rid of %d bytes of %d though nobody read", n, whole)
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, r.Body); err != nil || n != whole {
		t.Errorf("%d bytes of %d came, %v", n, whole, err)
	}
}

// counter is a number of bytes that two goroutines look at.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
}

func (c *counter) get() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// TestTLSAbort: a client that leaves in the middle of a stream over TLS cancels it at the provider, however it leaves.
func TestTLSAbort(t *testing.T) {
	t.Parallel()
	s := startSecureStack(t, "", "")
	for i, leave := range []func(c *tls.Conn) error{
		(*tls.Conn).Close,
		func(c *tls.Conn) error { return c.NetConn().Close() },
		func(c *tls.Conn) error {
			if err := c.NetConn().(*seenBytes).Conn.(*net.TCPConn).SetLinger(0); err != nil {
				return err
			}
			return c.NetConn().Close()
		},
	} {
		c, err := s.handshake(t, s.client())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, request("POST", "/v1/chat/completions", chatBody("oai/chat?tokens=100000&tps=50", true))); err != nil {
			t.Fatal(err)
		}
		for in := bufio.NewReader(c); ; {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(line, "data: ") {
				break
			}
		}
		if err := leave(c); err != nil {
			t.Fatal(err)
		}
		settled(t, s.gateway, s.mock)
		if n := s.mock.stats(t).Cancelled; n != int64(i+1) {
			t.Errorf("%d streams are cancelled after %d aborts", n, i+1)
		}
	}
}

// TestTLSVerifies: the certificate that is shown is one that verifies, and a client that trusts nobody is told by its own library.
func TestTLSVerifies(t *testing.T) {
	t.Parallel()
	s := startSecureStack(t, "", "")
	_, err := s.handshake(t, &tls.Config{ServerName: "gateway.test", RootCAs: x509.NewCertPool()})
	if _, unknown := errors.AsType[*tls.CertificateVerificationError](err); !unknown {
		t.Errorf("a client without authorities: %v", err)
	}
	eventually(t, "its alert is counted", func() bool { return s.handshakes(t, "failed") == 1 })
}
