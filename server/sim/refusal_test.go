package sim

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestRefusals(t *testing.T) {
	w := newWorld(t, Options{})
	refused := func(request string, status int, path string, value any) {
		t.Helper()
		r := w.ask(request)
		if r.status != status {
			t.Errorf("%q: status %d, want %d: %s", request, r.status, status, r.body)
			return
		}
		parseJSON(t, r.body).want(path, value)
	}
	messages := `"messages":[{"role":"user","content":"x"}]`
	const path = "/v1/chat/completions"
	refused(post(path, `{"model":`), 400, "error.type", "invalid_request_error")
	refused(post(path, ``), 400, "error.type", "invalid_request_error")
	refused(post(path, `{`+messages+`}`), 400, "error.param", "model")
	refused(post(path, `{"model":7,`+messages+`}`), 400, "error.param", "model")
	refused(post(path, `{"model":"c"}`), 400, "error.param", "messages")
	refused(post(path, `{"model":"c","messages":[]}`), 400, "error.param", "messages")
	refused(post(path, `{"model":"c","messages":"x"}`), 400, "error.param", "messages")
	refused(post(path, `{"model":"c","stream":"yes",`+messages+`}`), 400, "error.param", "stream")
	refused(post(path, `{"model":"c","stream_options":{},`+messages+`}`), 400, "error.param", "stream_options")
	refused(post(path, `{"model":"c","n":0,`+messages+`}`), 400, "error.param", "n")
	refused(post(path, `{"model":"c","n":1.5,`+messages+`}`), 400, "error.param", "n")
	refused(post(path, `{"model":"c","tools":{},`+messages+`}`), 400, "error.param", "tools")
	refused(chat("c?warp=9", ""), 400, "error.param", "model")
	refused(chat(strings.Repeat("m", modelLimitBytes+1), ""), 400, "error.param", "model")
	refused(chat("nonexistent-model", ""), 404, "error.code", "model_not_found")
	refused(chat("an-unknown-one", ""), 404, "error.code", "model_not_found")
	refused(chat("c?error=quota", ""), 429, "error.code", "insufficient_quota")
	refused(chat("c?error=503", ""), 503, "error.code", "server_is_overloaded")
	refused(chat("c?error=418", ""), 418, "error.type", "invalid_request_error")
	refused(chat("c?fail=0", ""), 500, "error.type", "server_error")
	refused(post(path, `{}`, "Authorization", "Bearer sk-invalid"), 401, "error.code", "invalid_api_key")
	refused(post("/v1/nothing", `{}`), 404, "error.type", "invalid_request_error")
	refused("GET "+path+" HTTP/1.1\r\nHost: s\r\n\r\n", 405, "error.type", "invalid_request_error")
	const version = "anthropic-version"
	refused(post("/v1/messages", `{"model":"c","max_tokens":1,`+messages+`}`), 400, "error.message", errNoVersion.message)
	refused(post("/v1/messages", `{"model":"c","max_tokens":1,`+messages+`}`, version, "2020-01-01"), 400, "error.message", errVersion.message)
	refused(post("/v1/messages", `{"model":"c",`+messages+`}`, version, "2023-06-01"), 400, "error.message", errMaxTokens.message)
	refused(post("/v1/messages", `{"model":"c","max_tokens":"x",`+messages+`}`, version, "2023-06-01"), 400, "error.type", "invalid_request_error")
	refused(post("/v1/messages", `{"model":"c","max_tokens":1}`, version, "2023-06-01"), 400, "error.type", "invalid_request_error")
	refused(post("/v1/messages", `{"model":"unknown","max_tokens":1,`+messages+`}`, version, "2023-06-01"), 404, "error.type", "not_found_error")
	refused(post("/v1/messages", `{}`, version, "2023-06-01", "x-api-key", "invalid"), 401, "error.type", "authentication_error")
	refused(post("/v1/messages", `{"model":"c","max_tokens":1,"temperature":1,`+messages+`}`, version, "2026-10-21"), 400, "error.message",
		"temperature: Extra inputs are not permitted")
	refused(post("/v1/messages", `{"model":"c","max_tokens":1,"temperature":1,`+messages+`}`, version, "2023-06-01"), 200, "type", "message")
	w.idle()
}

func TestRateLimit(t *testing.T) {
	w := newWorld(t, Options{RateLimit: 3})
	for i := range 5 {
		r := w.ask(chat("c", ""))
		want := 200
		if i >= 3 {
			want = 429
			if r.fields["retry-after"] != "61" && r.fields["retry-after"] != "60" {
				t.Errorf("retry-after %s", r.fields["retry-after"])
			}
		}
		if r.status != want || r.fields["x-ratelimit-remaining-requests"] != strconv.Itoa(max(2-i, 0)) {
			t.Errorf("request %d: %d, %s left", i, r.status, r.fields["x-ratelimit-remaining-requests"])
		}
	}
	w.now += int64(61 * time.Second)
	if r := w.ask(chat("c", "")); r.status != 200 {
		t.Errorf("in the next minute: %d", r.status)
	}
	r := w.ask(post("/v1/messages", `{"model":"c","max_tokens":1,"messages":[{"role":"user","content":"x"}]}`, "anthropic-version", "2023-06-01"))
	if _, err := time.Parse(time.RFC3339, r.fields["anthropic-ratelimit-requests-reset"]); err != nil {
		t.Error(err)
	}
}

func TestErrorRate(t *testing.T) {
	run := func(seed uint64) (s string) {
		w := newWorld(t, Options{ErrorRate: 0.3, Seed: seed})
		for range 200 {
			s += strconv.Itoa(w.ask(chat("c", "")).status) + " "
		}
		return s
	}
	a := run(7)
	if a != run(7) {
		t.Error("the same seed, other errors")
	}
	if a == run(8) {
		t.Error("another seed, the same errors")
	}
	if n := countOf(a, "500"); n < 30 || n > 90 {
		t.Errorf("%d errors of 200", n)
	}
}
