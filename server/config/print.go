package config

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Print writes the snapshot as YAML with every key spelled out, defaults included. A secret appears as the ${NAME} or
// file:/path it came from, a client's key as its digest if that is what was given; any other secret is masked, and the masked
// text is refused when read back. Without such secrets, Parse of what Print wrote gives an equal snapshot.
func (s *Snapshot) Print() []byte { return s.print(printSecret, printKey) }

func printSecret(secret Secret) string {
	switch {
	case secret.IsZero():
		return quote("")
	case secret.held.origin != "":
		return quoteRaw(secret.held.origin)
	}
	return quoteRaw(masked)
}

func printKey(k Key) (name, value string) {
	switch k.origin {
	case originDigest:
		return "sha256", hex.EncodeToString(k.Digest[:])
	case "":
		return "value", quoteRaw(masked)
	}
	return "value", quoteRaw(k.origin)
}

// printer writes block-form YAML.
type printer struct {
	b      strings.Builder
	indent int
	dash   bool // the next line begins a list's entry
}

func (w *printer) line(text string) {
	pad := w.indent
	if w.dash {
		pad -= 2
	}
	for range pad {
		w.b.WriteByte(' ')
	}
	if w.dash {
		w.b.WriteString("- ")
		w.dash = false
	}
	w.b.WriteString(text)
	w.b.WriteByte('\n')
}

func (w *printer) put(key, value string)            { w.line(key + ": " + value) }
func (w *printer) text(key, value string)           { w.put(key, quote(value)) }
func (w *printer) count(key string, n int)          { w.put(key, strconv.Itoa(n)) }
func (w *printer) flag(key string, on bool)         { w.put(key, strconv.FormatBool(on)) }
func (w *printer) size(key string, n int64)         { w.put(key, sizeText(n)) }
func (w *printer) time(key string, d time.Duration) { w.put(key, durationText(d)) }
func (w *printer) ratio(key string, f float64)      { w.put(key, ratioText(f)) }

func (w *printer) texts(key string, values []string) {
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = quote(value)
	}
	w.put(key, "["+strings.Join(quoted, ", ")+"]")
}

// group writes a map under key.
func (w *printer) group(key string, body func()) {
	w.line(key + ":")
	w.indent += 2
	body()
	w.indent -= 2
}

// list writes n maps under key; an empty list is left out.
func (w *printer) list(key string, n int, body func(i int)) {
	if n == 0 {
		return
	}
	w.line(key + ":")
	w.indent += 4
	for i := range n {
		w.dash = true
		body(i)
	}
	w.indent -= 4
}

// quote writes text so that it reads back as it is, dollars doubled.
func quote(text string) string { return quoteRaw(strings.ReplaceAll(text, "$", "$$")) }

// quoteRaw writes a YAML double-quoted scalar on one line (YAML 1.2.2 §7.3.1).
func quoteRaw(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, ch := range text {
		switch {
		case ch == '"' || ch == '\\':
			b.WriteByte('\\')
			b.WriteRune(ch)
		case ch == '\n':
			b.WriteString(`\n`)
		case ch == '\t':
			b.WriteString(`\t`)
		case ch < ' ' || ch >= 0x7f && ch < 0xa0 || ch == 0x2028 || ch == 0x2029 || ch == 0xfeff || ch == utf8.RuneError:
			b.WriteString(`\u`)
			hexa := strconv.FormatInt(int64(ch), 16)
			b.WriteString("0000"[len(hexa):])
			b.WriteString(hexa)
		default:
			b.WriteRune(ch)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func (s *Snapshot) print(secret func(Secret) string, key func(Key) (name, value string)) []byte {
	w := &printer{}
	w.list("listen", len(s.Listen), func(i int) {
		w.text("address", s.Listen[i].text())
		if t := s.Listen[i].TLS; t != nil {
			w.group("tls", func() {
				w.text("cert", t.Cert)
				w.text("key", t.Key)
				w.list("certificates", len(t.More), func(i int) {
					w.text("cert", t.More[i].Cert)
					w.text("key", t.More[i].Key)
				})
				if t.ClientAuth != ClientAuthNone {
					w.text("client_ca", t.ClientCA)
					w.put("client_auth", t.ClientAuth.String())
				}
			})
		}
	})
	admin := "off"
	if !s.AdminOff {
		admin = quote(s.Admin)
	}
	if s.AdminToken.IsZero() {
		w.put("admin", admin)
	} else {
		w.group("admin", func() {
			w.put("address", admin)
			w.put("token", secret(s.AdminToken))
		})
	}
	w.put("auth", s.Auth.String())
	w.flag("auth_insecure", s.AuthInsecure)
	w.count("loops", s.Loops)
	w.flag("pin", s.Pin)
	w.put("profile", s.Profile)
	s.printLimits(w)
	w.list("providers", len(s.Providers), func(i int) { s.Providers[i].print(w, secret) })
	w.list("models", len(s.Models), func(i int) { s.Models[i].print(w) })
	w.list("keys", len(s.Keys), func(i int) { s.Keys[i].print(w, key) })
	s.printRest(w, secret)
	return []byte(w.b.String())
}

func (s *Snapshot) printLimits(w *printer) {
	w.group("bounds", func() {
		w.size("head", int64(s.Bounds.Head))
		w.count("headers", s.Bounds.Headers)
		w.size("body", s.Bounds.Body)
		w.size("response_buffer", int64(s.Bounds.ResponseBuffer))
		w.count("connections", s.Bounds.Connections)
		w.count("requests_per_loop", s.Bounds.RequestsPerLoop)
		w.size("memory", s.Bounds.Memory)
	})
	w.group("timeouts", func() {
		w.time("head", s.Timeouts.Head)
		w.time("body", s.Timeouts.Body)
		w.time("idle", s.Timeouts.Idle)
		w.time("connect", s.Timeouts.Connect)
		w.time("handshake", s.Timeouts.Handshake)
		w.time("first_byte", s.Timeouts.FirstByte)
		w.time("between_bytes", s.Timeouts.BetweenBytes)
		w.time("total", s.Timeouts.Total)
		w.time("drain", s.Timeouts.Drain)
	})
	w.group("stream", func() { w.time("keepalive", s.Stream.KeepAlive) })
}

func (p *Provider) print(w *printer, secret func(Secret) string) {
	w.text("name", p.Name)
	w.put("kind", p.Kind.String())
	if len(p.BaseURLs) > 0 {
		w.texts("base_urls", p.BaseURLs)
	}
	w.list("keys", len(p.Keys), func(i int) {
		w.put("value", secret(p.Keys[i].Value))
		w.count("weight", p.Keys[i].Weight)
	})
	w.put("http", p.HTTP.String())
	w.texts("serves", p.Serves)
	w.group("connections", func() {
		w.count("warm", p.Connections.Warm)
		w.count("max", p.Connections.Max)
	})
	if len(p.Headers) > 0 {
		w.group("headers", func() {
			for _, h := range p.Headers {
				w.put(quoteRaw(h.Name), secret(h.Value))
			}
		})
	}
	w.group("tls", func() {
		if p.TLS.CA != "" {
			w.text("ca", p.TLS.CA)
		}
		w.flag("insecure", p.TLS.Insecure)
	})
	w.flag("usage_in_stream", p.UsageInStream)
}

func (m *Model) print(w *printer) {
	w.text("name", m.Name)
	w.put("strategy", m.Strategy.String())
	targets := func(key string, list []Target) {
		w.list(key, len(list), func(i int) {
			w.text("provider", list[i].Provider)
			w.text("model", list[i].Model)
			w.count("weight", list[i].Weight)
		})
	}
	targets("targets", m.Targets)
	targets("fallback", m.Fallback)
	if m.Hedge.On() {
		w.group("hedge", func() {
			if m.Hedge.Percentile > 0 {
				w.put("after", "p"+ratioText(m.Hedge.Percentile))
			} else {
				w.time("after", m.Hedge.After)
			}
			w.ratio("max_ratio", m.Hedge.MaxRatio)
		})
	}
	w.group("cache", func() { w.time("ttl", m.Cache.TTL) })
}

func (k *Key) print(w *printer, key func(Key) (name, value string)) {
	w.text("name", k.Name)
	name, value := key(*k)
	w.put(name, value)
	w.texts("models", k.Models)
	w.group("limits", func() {
		w.count("rpm", k.Limits.RPM)
		w.count("tpm", k.Limits.TPM)
		w.count("concurrent", k.Limits.Concurrent)
		w.ratio("usd_per_day", k.Limits.USDPerDay)
	})
}

func (s *Snapshot) printRest(w *printer, secret func(Secret) string) {
	w.group("retry", func() {
		w.count("attempts", s.Retry.Attempts)
		w.ratio("budget", s.Retry.Budget)
		w.put("on", "["+strings.Join(s.Retry.On.names(), ", ")+"]")
	})
	w.group("breaker", func() {
		w.time("window", s.Breaker.Window)
		w.count("min_requests", s.Breaker.MinRequests)
		w.ratio("error_ratio", s.Breaker.ErrorRatio)
		w.time("open", s.Breaker.Open)
	})
	w.group("cache", func() {
		w.size("memory", s.Cache.Memory)
		w.time("ttl", s.Cache.TTL)
		w.flag("redis", s.Cache.Redis)
	})
	if !s.Redis.URL.IsZero() {
		w.group("redis", func() { w.put("url", secret(s.Redis.URL)) })
	}
	w.group("state", func() { w.text("dir", s.State.Dir) })
	w.group("log", func() {
		w.text("access", s.Log.Access)
		w.put("format", s.Log.Format)
		w.put("level", s.Log.Level)
		w.ratio("sample", s.Log.Sample)
	})
	w.group("trace", func() {
		w.text("otlp", s.Trace.OTLP)
		w.ratio("sample", s.Trace.Sample)
	})
}

func (on RetryOn) names() []string {
	var names []string
	if on.Connect {
		names = append(names, "connect")
	}
	if on.Reset {
		names = append(names, "reset")
	}
	if on.Timeout {
		names = append(names, "timeout")
	}
	for _, status := range on.Statuses {
		names = append(names, strconv.Itoa(status))
	}
	return names
}
