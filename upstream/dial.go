package upstream

import (
	"context"
	"errors"
	"net"
	"time"

	"penstock/loop"
	"penstock/upstream/stream"
)

// Dialed is the outcome of a Dial.
type Dialed struct {
	Conn     *loop.Conn // nil on failure
	Protocol Protocol
	Failure  stream.Failure
}

// Dialer makes connections.
type Dialer interface {
	// Dial starts making a connection of l to p whose handler is h, and returns at once; done is called on l's thread.
	Dial(l *loop.Loop, p *Provider, h loop.Handler, done func(Dialed))
}

// NetDialer dials over the network: name, connect and handshake on a goroutine, then the connection joins the loop.
type NetDialer struct {
	Resolver *Resolver
}

// Dial implements Dialer.
func (d *NetDialer) Dial(l *loop.Loop, p *Provider, h loop.Handler, done func(Dialed)) {
	go func() {
		nc, err := d.connect(p)
		if err != nil {
			l.PostOffLoop(func() { done(Dialed{Failure: *err}) })
			return
		}
		if p.tls == nil {
			proto, _ := p.negotiated("")
			l.PostOffLoop(func() { done(joined(proto)(l.Join(nc, h))) })
			return
		}
		sec, tlsErr := loop.HandshakeOffLoop(nc, p.secure(), false, p.Handshake)
		var proto Protocol
		if tlsErr == nil {
			st := sec.State()
			if st.DidResume {
				p.resumed.Add(1)
			} else {
				p.full.Add(1)
			}
			if proto, tlsErr = p.negotiated(st.NegotiatedProtocol); tlsErr != nil {
				sec.Close()
			}
		}
		if tlsErr != nil {
			l.PostOffLoop(func() { done(Dialed{Failure: stream.Failure{Kind: stream.KindTLS, Cause: tlsErr}}) })
			return
		}
		l.PostOffLoop(func() { done(joined(proto)(l.JoinSecure(sec, h))) })
	}()
}

func joined(proto Protocol) func(*loop.Conn, error) Dialed {
	return func(c *loop.Conn, err error) Dialed {
		if err != nil {
			return Dialed{Failure: stream.Failure{Kind: stream.KindConnect, Cause: err}}
		}
		return Dialed{Conn: c, Protocol: proto}
	}
}

// connect resolves and connects, trying the addresses one after the other within the connect timeout.
func (d *NetDialer) connect(p *Provider) (net.Conn, *stream.Failure) {
	ctx, cancel := context.WithTimeout(context.Background(), p.Connect)
	defer cancel()
	nd := net.Dialer{KeepAlive: 30 * time.Second} // TCP_NODELAY is net's default
	if network, address := p.address(); network != "tcp" {
		nc, err := nd.DialContext(ctx, network, address)
		if err != nil {
			return nil, &stream.Failure{Kind: stream.KindConnect, Cause: err}
		}
		return nc, nil
	}
	addrs, err := d.Resolver.Resolve(ctx, p.Host)
	if err != nil {
		return nil, &stream.Failure{Kind: stream.KindResolve, Cause: err}
	}
	var errs []error
	for i, a := range addrs {
		// A dead address may not use up the time of the ones after it.
		share := p.Connect / time.Duration(len(addrs)-i)
		if dl, ok := ctx.Deadline(); ok {
			share = time.Until(dl) / time.Duration(len(addrs)-i)
		}
		tctx, stop := context.WithTimeout(ctx, share)
		nc, err := nd.DialContext(tctx, "tcp", net.JoinHostPort(a, p.Port))
		stop()
		if err == nil {
			return nc, nil
		}
		errs = append(errs, err)
	}
	return nil, &stream.Failure{Kind: stream.KindConnect, Cause: errors.Join(errs...)}
}
