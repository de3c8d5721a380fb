package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"penstock/http1/rawcases"
)

// system is one server to be judged.
type system struct {
	name, version string
	plain         bool // passes on whatever it serves
	start         func(folder, provider string) (addr string, stop func(), err error)
}

// installed lists the systems that are here, Penstock first, and names those that are not.
func installed(binary string) (systems []*system, missing []string) {
	systems = append(systems, &system{name: "Penstock", version: "this commit", start: func(folder, provider string) (string, func(), error) {
		return startPenstock(binary, folder, provider)
	}})
	if out, err := exec.Command("nginx", "-v").CombinedOutput(); err == nil {
		_, version, _ := strings.Cut(strings.TrimSpace(string(out)), "/")
		systems = append(systems, &system{name: "nginx", version: version, plain: true, start: startNginx})
	} else {
		missing = append(missing, "nginx")
	}
	if out, err := exec.Command("haproxy", "-v").Output(); err == nil {
		words := strings.Fields(string(out))
		systems = append(systems, &system{name: "HAProxy", version: words[min(2, len(words)-1)], plain: true, start: startHAProxy})
	} else {
		missing = append(missing, "HAProxy")
	}
	return append(systems, &system{name: "Go net/http", version: runtime.Version(), plain: true, start: startGo}), missing
}

// spawn starts a program that ends with this one, its output in a file.
func spawn(folder, program string, args ...string) (stop func(), err error) {
	out, err := os.Create(filepath.Join(folder, "output"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	c := exec.Command(program, args...)
	c.Stdout, c.Stderr = out, out
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = c.Process.Kill() // it may have ended
		_ = c.Wait()         // so that it is gone; how it ended says nothing
	}, nil
}

// freePort finds a port for a program that has to be told one.
func freePort() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// configured writes a program's configuration, with the addresses filled in, and starts the program.
func configured(folder, provider, config, program string, args ...string) (string, func(), error) {
	addr, err := freePort()
	if err != nil {
		return "", nil, err
	}
	path := filepath.Join(folder, "config")
	text := strings.NewReplacer("@LISTEN@", addr, "@PROVIDER@", provider, "@FOLDER@", folder, "@KEY@", rawcases.Key, "@MODEL@", rawcases.Model).Replace(config)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return "", nil, err
	}
	stop, err := spawn(folder, program, append(args, path)...)
	return addr, stop, err
}

const penstockConfig = `listen: "@LISTEN@"
admin: "127.0.0.1:0"
loops: 1
pin: false
timeouts: {head: 1s, body: 1s}
keys: [{name: raw, value: "@KEY@"}]
providers:
  - {name: origin, kind: openai, base_url: "http://@PROVIDER@/v1", http: http1, keys: [provider-key-of-the-comparison]}
models:
  - {name: "@MODEL@", targets: [{provider: origin, model: "@MODEL@"}]}
`

func startPenstock(binary, folder, provider string) (string, func(), error) {
	if binary == "" {
		binary = filepath.Join(folder, "penstock")
		if out, err := exec.Command("go", "build", "-o", binary, "./server/penstock").CombinedOutput(); err != nil {
			return "", nil, fmt.Errorf("go build: %w: %s", err, out)
		}
	}
	return configured(folder, provider, penstockConfig, binary, "serve", "--config")
}

const nginxConfig = `daemon off;
master_process off;
pid @FOLDER@/pid;
error_log @FOLDER@/error.log crit;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path @FOLDER@/body;
  proxy_temp_path @FOLDER@/proxy;
  fastcgi_temp_path @FOLDER@/fcgi;
  uwsgi_temp_path @FOLDER@/uwsgi;
  scgi_temp_path @FOLDER@/scgi;
  client_header_timeout 1s;
  client_body_timeout 1s;
  client_max_body_size 10m;
  upstream provider { server @PROVIDER@; keepalive 8; }
  server {
    listen @LISTEN@;
    location / {
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
    }
  }
}
`

func startNginx(folder, provider string) (string, func(), error) {
	return configured(folder, provider, nginxConfig, "nginx", "-p", folder, "-c")
}

const haproxyConfig = `global
  maxconn 500
  nbthread 1
defaults
  mode http
  timeout connect 2s
  timeout client 1s
  timeout http-request 1s
  timeout server 5s
frontend in
  bind @LISTEN@
  default_backend provider
backend provider
  server p @PROVIDER@
`

func startHAProxy(folder, provider string) (string, func(), error) {
	return configured(folder, provider, haproxyConfig, "haproxy", "-db", "-f")
}

// startGo serves in this process: http.Server and httputil.ReverseProxy as they come.
func startGo(_, provider string) (string, func(), error) {
	target := &url.URL{Scheme: "http", Host: provider}
	silent := log.New(io.Discard, "", 0)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
		ErrorLog: silent,
	}
	server := &http.Server{Handler: proxy, ReadHeaderTimeout: time.Second, ReadTimeout: time.Second, ErrorLog: silent}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	go func() { _ = server.Serve(ln) }() // it ends with stop
	return ln.Addr().String(), func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = server.Shutdown(ctx) // nobody waits for what is open
		_ = server.Close()
	}, nil
}
