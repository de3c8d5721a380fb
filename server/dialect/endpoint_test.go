package dialect

import (
	"strings"
	"testing"
)

func TestLookup(t *testing.T) {
	ok := func(method, path, name, upstream string) {
		t.Helper()
		ep, rest, status, allow := Lookup([]byte(method), []byte(path))
		if ep == nil || ep.Name != name || status != 0 || allow != "" || ep.Method != method {
			t.Errorf("%s %s: %+v, status %d, allow %q", method, path, ep, status, allow)
		} else if got := ep.Upstream + string(rest); got != upstream {
			t.Errorf("%s %s: upstream %q, want %q", method, path, got, upstream)
		}
	}
	no := func(method, path string, wantStatus int, wantAllow string) {
		t.Helper()
		ep, rest, status, allow := Lookup([]byte(method), []byte(path))
		if ep != nil || rest != nil || status != wantStatus || allow != wantAllow {
			t.Errorf("%s %s: %+v %q, status %d, allow %q", method, path, ep, rest, status, allow)
		}
	}
	ok("POST", "/v1/chat/completions", "chat_completions", "/chat/completions")
	ok("POST", "/v1/completions", "completions", "/completions")
	ok("POST", "/v1/responses", "responses", "/responses")
	ok("POST", "/v1/responses/input_tokens", "responses_input_tokens", "/responses/input_tokens")
	ok("POST", "/v1/responses/compact", "responses_compact", "/responses/compact")
	ok("GET", "/v1/responses/resp_1", "responses_get", "/responses/resp_1")
	ok("DELETE", "/v1/responses/resp_1", "responses_delete", "/responses/resp_1")
	ok("POST", "/v1/responses/resp_1/cancel", "responses_cancel", "/responses/resp_1/cancel")
	ok("GET", "/v1/responses/resp_1/input_items", "responses_input_items", "/responses/resp_1/input_items")
	ok("POST", "/v1/embeddings", "embeddings", "/embeddings")
	ok("POST", "/v1/moderations", "moderations", "/moderations")
	ok("POST", "/v1/images/generations", "images_generations", "/images/generations")
	ok("POST", "/v1/images/edits", "images_edits", "/images/edits")
	ok("POST", "/v1/images/variations", "images_variations", "/images/variations")
	ok("POST", "/v1/audio/speech", "audio_speech", "/audio/speech")
	ok("POST", "/v1/audio/transcriptions", "audio_transcriptions", "/audio/transcriptions")
	ok("POST", "/v1/audio/translations", "audio_translations", "/audio/translations")
	ok("GET", "/v1/models", "models", "/models")
	ok("GET", "/v1/models/org/name:free", "models_get", "/models/org/name:free")
	ok("POST", "/v1/files", "files_create", "/files")
	ok("GET", "/v1/files", "files", "/files")
	ok("GET", "/v1/files/file-1", "files_get", "/files/file-1")
	ok("DELETE", "/v1/files/file-1", "files_delete", "/files/file-1")
	ok("GET", "/v1/files/file-1/content", "files_content", "/files/file-1/content")
	ok("POST", "/v1/messages", "messages", "/v1/messages")
	ok("POST", "/v1/messages/count_tokens", "messages_count_tokens", "/v1/messages/count_tokens")

	no("GET", "/v1/chat/completions", 405, "POST")
	no("post", "/v1/chat/completions", 405, "POST")
	no("", "/v1/chat/completions", 405, "POST")
	no("PUT", "/v1/files", 405, "GET, HEAD, POST")
	no("POST", "/v1/files/file-1", 405, "GET, HEAD, DELETE")
	no("DELETE", "/v1/files/file-1/content", 405, "GET, HEAD")
	no("POST", "/v1/responses/resp_1/input_items", 405, "GET, HEAD")
	no("GET", "/v1/responses/resp_1/cancel", 405, "POST")
	for _, path := range []string{
		"", "/", "/v1", "/v1/", "/v1/chat/completions/", "/v1/chat/completion", "/V1/chat/completions", "/v1/chat/completions?x=1",
		"//v1/chat/completions", "/v1/models/", "/v1/files/", "/v1/files//content", "/v1/files/a/b", "/v1/files/a/content/",
		"/v1/files/..", "/v1/files/.", "/v1/files/../content", "/v1/files/%2e%2e", "/v1/files/a%2Fb", `/v1/files/a\b`, "/v1/responses/",
		"/v1/responses/a/b", "/v1/responses/../cancel", "/v1/responses/..%2f/cancel",
	} {
		no("POST", path, 404, "")
	}
}

func TestEndpoints(t *testing.T) {
	names := map[string]bool{}
	for i, ep := range Endpoints() {
		if ep.ID != i || ep.Name == "" || names[ep.Name] || !strings.HasPrefix(ep.Path, "/v1/") {
			t.Errorf("%d: %+v", i, ep)
		}
		names[ep.Name] = true
		if strings.HasSuffix(ep.Path, "/") != strings.HasSuffix(ep.Upstream, "/") {
			t.Errorf("%s: path %q and upstream %q", ep.Name, ep.Path, ep.Upstream)
		}
		if ep.API == APIOpenAI && "/v1"+ep.Upstream != ep.Path || ep.API == APIAnthropic && ep.Upstream != ep.Path {
			t.Errorf("%s: path %q and upstream %q", ep.Name, ep.Path, ep.Upstream)
		}
		if ep.Model == ModelBody && ep.Body != BodyJSON || ep.Model == ModelForm && ep.Body != BodyMultipart && ep.Body != BodyAny {
			t.Errorf("%s: body %d, model %d", ep.Name, ep.Body, ep.Model)
		}
		if !strings.HasSuffix(ep.Path, "/") {
			if got, _, _, _ := Lookup([]byte(ep.Method), []byte(ep.Path)); got != ep {
				t.Errorf("%s: Lookup finds %v", ep.Name, got)
			}
		}
	}
}

func TestAPIOf(t *testing.T) {
	for _, c := range []struct {
		path    string
		version bool
		want    API
	}{
		{"/v1/nothing", false, APIOpenAI},
		{"/v1/nothing", true, APIAnthropic},
		{"/v1/messages/batches", false, APIAnthropic},
		{"/v1beta/models/x:generateContent", false, APIGemini},
		{"/v1beta/openai/chat/completions", false, APIOpenAI},
		{"", false, APIOpenAI},
	} {
		if got := APIOf([]byte(c.path), c.version); got != c.want {
			t.Errorf("%s: %d", c.path, got)
		}
	}
}

func TestAppendPathUnescaped(t *testing.T) {
	for _, c := range []struct {
		in, want string
		ok       bool
	}{
		{"gpt-5", "gpt-5", true},
		{"org%2Fname%3afree", "org/name:free", true},
		{"a+b", "a+b", true},
		{"a%", "", false},
		{"a%2", "", false},
		{"a%zz", "", false},
	} {
		got, ok := AppendPathUnescaped([]byte("x"), []byte(c.in))
		if string(got) != "x"+c.want || ok != c.ok {
			t.Errorf("%s: %q %v", c.in, got, ok)
		}
	}
}
