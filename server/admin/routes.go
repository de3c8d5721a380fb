package admin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/pprof"
	"runtime"
	rpprof "runtime/pprof"
	"strconv"
	"strings"
	"time"
)

// route is what one path does.
type route struct {
	method string // GET takes HEAD as well
	open   bool   // answered without a token
	serve  http.HandlerFunc
}

const pprofPrefix = "/debug/pprof/"

func (s *Server) newRoutes(metrics http.Handler) map[string]route {
	get := func(f http.HandlerFunc) route { return route{method: http.MethodGet, serve: f} }
	routes := map[string]route{
		"/metrics":              get(metrics.ServeHTTP),
		"/healthz":              {method: http.MethodGet, open: true, serve: s.healthz},
		"/readyz":               {method: http.MethodGet, open: true, serve: s.readyz},
		"/api/config":           get(s.config),
		"/api/upstreams":        get(func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.source.Upstreams()) }),
		"/api/loops":            get(func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.source.Loops()) }),
		"/api/version":          get(s.showVersion),
		"/api/reload":           {method: http.MethodPost, serve: s.doReload},
		pprofPrefix:             get(pprof.Index),
		pprofPrefix + "cmdline": get(pprof.Cmdline),
		pprofPrefix + "profile": get(bounded(pprof.Profile)),
		pprofPrefix + "trace":   get(bounded(pprof.Trace)),
		pprofPrefix + "symbol":  get(pprof.Symbol),
	}
	for _, p := range rpprof.Profiles() {
		routes[pprofPrefix+p.Name()] = get(bounded(pprof.Handler(p.Name()).ServeHTTP))
	}
	return routes
}

// ServeHTTP checks who asks and how before anything is done.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
	rt, found := s.routes[r.URL.Path]
	if !s.authorised(w, r, rt.open) {
		return
	}
	switch {
	case !found:
		refuse(w, http.StatusNotFound, "not_found", "no such path")
	case r.Method != rt.method && (r.Method != http.MethodHead || rt.method != http.MethodGet):
		allow := rt.method
		if allow == http.MethodGet {
			allow = "GET, HEAD"
		}
		h.Set("Allow", allow)
		refuse(w, http.StatusMethodNotAllowed, "method_not_allowed", "this path takes "+allow)
	case takeBody(w, r):
		rt.serve(w, r)
	}
}

// takeBody reads the body, which no route needs, within its bound.
func takeBody(w http.ResponseWriter, r *http.Request) bool {
	_, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, bodyLimitBytes))
	if err == nil {
		return true
	}
	w.Header().Set("Connection", "close")
	// Otherwise net/http would wait for the rest of the body before it closes. Where this fails, the connection has, too.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now())
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		refuse(w, http.StatusRequestEntityTooLarge, "too_large", "body of more than "+strconv.Itoa(bodyLimitBytes)+" bytes")
	} else {
		refuse(w, http.StatusBadRequest, "bad_request", "body cannot be read")
	}
	return false
}

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok\n") }

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	ready, reason := s.source.Ready()
	if ready {
		writeText(w, http.StatusOK, "ok\n")
		return
	}
	writeText(w, http.StatusServiceUnavailable, "not ready: "+reason+"\n")
}

func (s *Server) config(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
	writeBody(w, http.StatusOK, s.source.Config())
}

func (s *Server) showVersion(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"version": s.version, "go": runtime.Version(), "arch": runtime.GOARCH, "os": runtime.GOOS})
}

func (s *Server) doReload(w http.ResponseWriter, _ *http.Request) {
	s.reload.Lock()
	defer s.reload.Unlock()
	if err := s.source.Reload(); err != nil {
		refuse(w, http.StatusUnprocessableEntity, "reload_failed", err.Error())
		return
	}
	writeJSON(w, http.StatusOK, map[string]bool{"reloaded": true})
}

// bounded refuses profiles that would run for longer than profileLimit.
func bounded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if v := r.URL.Query().Get("seconds"); v != "" {
			// A negated comparison, so that NaN does not pass.
			if sec, err := strconv.ParseFloat(v, 64); err != nil || !(sec >= 0 && sec <= profileLimit.Seconds()) {
				refuse(w, http.StatusBadRequest, "bad_request", "seconds must be a number from 0 to "+strconv.Itoa(int(profileLimit.Seconds())))
				return
			}
		}
		next(w, r)
	}
}

// problem is how this port reports an error.
type problem struct {
	Error struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	} `json:"error"`
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	var p problem
	p.Error.Type, p.Error.Message = kind, message
	writeJSON(w, status, p)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		refuse(w, http.StatusInternalServerError, "internal", "cannot be shown as JSON: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	writeBody(w, status, []byte(b.String()))
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	writeBody(w, status, []byte(text))
}

func writeBody(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// The client has gone where this fails, and net/http closes its connection.
	_, _ = w.Write(body)
}
