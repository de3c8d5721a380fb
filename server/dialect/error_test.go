package dialect

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAppendError(t *testing.T) {
	is := func(api API, f Fault, id, want string) {
		t.Helper()
		if got := string(AppendError(nil, api, &f, []byte(id))); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	is(APIOpenAI, Fault{Status: 400, Message: "bad", Param: "model"}, "r",
		`{"error":{"message":"bad","type":"invalid_request_error","param":"model","code":null}}`)
	is(APIOpenAI, Fault{Status: 401, Message: "no key"}, "",
		`{"error":{"message":"no key","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`)
	is(APIOpenAI, Fault{Status: 404, Message: "the model `%s` does not exist", Detail: []byte(`a"b`)}, "",
		"{\"error\":{\"message\":\"the model `a\\\"b` does not exist\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":\"model_not_found\"}}")
	is(APIOpenAI, Fault{Status: 404, Type: "invalid_request_error", Code: "unknown_url", Message: "unknown path", Detail: []byte("/x")}, "",
		`{"error":{"message":"unknown path: /x","type":"invalid_request_error","param":null,"code":"unknown_url"}}`)
	is(APIOpenAI, Fault{Status: 429, Message: "slow"}, "",
		`{"error":{"message":"slow","type":"requests","param":null,"code":"rate_limit_exceeded"}}`)
	is(APIOpenAI, Fault{Status: 502, Message: "m", Code: "upstream_reset"}, "",
		`{"error":{"message":"m","type":"server_error","param":null,"code":"upstream_reset"}}`)
	is(APIAnthropic, Fault{Status: 404, Message: "m"}, "req_1",
		`{"type":"error","error":{"type":"not_found_error","message":"m"},"request_id":"req_1"}`)
	is(APIAnthropic, Fault{Status: 529, Message: "m"}, "",
		`{"type":"error","error":{"type":"overloaded_error","message":"m"},"request_id":null}`)
	is(APIGemini, Fault{Status: 429, Message: "m"}, "",
		`{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}`)
	is(APIOpenAI, Fault{Status: 400, Message: "m", Detail: []byte("\xff\n\x01é" + strings.Repeat("x", 300))}, "",
		`{"error":{"message":"m: `+"\uFFFD"+`\n\u0001é`+strings.Repeat("x", 251)+`…","type":"invalid_request_error","param":null,"code":null}}`)
	is(APIOpenAI, Fault{Status: 400, Message: "%s", Detail: []byte(strings.Repeat("é", 128) + "é")}, "",
		`{"error":{"message":"`+strings.Repeat("é", 128)+`…","type":"invalid_request_error","param":null,"code":null}}`)
	is(APIOpenAI, Fault{Status: 400, Message: "%s", Detail: []byte("x" + strings.Repeat("é", 128))}, "",
		`{"error":{"message":"x`+strings.Repeat("é", 127)+`…","type":"invalid_request_error","param":null,"code":null}}`)
}

// The types by status are those of the vendors' own errors.
func TestErrorFixtures(t *testing.T) {
	for _, name := range []string{"anthropic/error-400.json", "anthropic/error-429.json", "anthropic/error-529.json", "openai/error-400-unsupported.json"} {
		var x struct {
			Status int
			Body   struct{ Error struct{ Type string } }
		}
		if err := json.Unmarshal(fixture(t, name), &x); err != nil {
			t.Fatal(err)
		}
		api := APIOpenAI
		if strings.HasPrefix(name, "anthropic") {
			api = APIAnthropic
		}
		e := decode(t, AppendError(nil, api, &Fault{Status: x.Status}, nil))["error"].(map[string]any)
		if e["type"] != x.Body.Error.Type {
			t.Errorf("%s: %v, want %s", name, e["type"], x.Body.Error.Type)
		}
	}
}

func TestErrorTypes(t *testing.T) {
	for status := 400; status < 600; status++ {
		f := &Fault{Status: status, Message: "m"}
		openai := decode(t, AppendError(nil, APIOpenAI, f, nil))["error"].(map[string]any)["type"].(string)
		anthropic := decode(t, AppendError(nil, APIAnthropic, f, nil))["error"].(map[string]any)["type"].(string)
		if server := openai == "server_error"; server != (status >= 500) {
			t.Errorf("%d: %s", status, openai)
		}
		if anthropic == "" || status >= 500 && anthropic == "invalid_request_error" || status == 413 && anthropic != "request_too_large" {
			t.Errorf("%d: %s", status, anthropic)
		}
	}
}

func TestAppendErrorEvent(t *testing.T) {
	is := func(api API, id int, f Fault, want string) {
		t.Helper()
		if got := string(AppendErrorEvent(nil, api, &table[id], &f, []byte("r1"))); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	is(APIOpenAI, idChat, Fault{Status: 502, Message: "m"}, "data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n")
	is(APIOpenAI, idResponses, Fault{Status: 502, Message: "m", Sequence: 7},
		"event: error\ndata: {\"type\":\"error\",\"sequence_number\":7,\"code\":\"server_error\",\"message\":\"m\",\"param\":null}\n\n")
	is(APIAnthropic, idMessages, Fault{Status: 529, Message: "m"},
		"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"},\"request_id\":\"r1\"}\n\n")
	is(APIGemini, idChat, Fault{Status: 503, Message: "m"}, "data: {\"error\":{\"code\":503,\"message\":\"m\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n")
	if got := AppendErrorEvent(nil, APIOpenAI, nil, &Fault{Status: 500}, nil); !bytes.HasPrefix(got, []byte("data: {")) {
		t.Errorf("%q", got)
	}
	for _, id := range []int{idChat, idResponses, idMessages} { // our own scanner takes each for an end
		ep := &table[id]
		var s EndScanner
		s.Reset(ep)
		s.Feed(AppendErrorEvent(nil, ep.API, ep, &Fault{Status: 500}, nil))
		if !s.Ended() || !s.Failed() {
			t.Errorf("%s: not an end", ep.Name)
		}
	}
}

func TestAppendModels(t *testing.T) {
	is := func(api API, names []string, want string) {
		t.Helper()
		if got := string(AppendModels(nil, api, names, 1790035200)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	is(APIOpenAI, nil, `{"object":"list","data":[]}`)
	is(APIOpenAI, []string{"a", `b"`}, `{"object":"list","data":[{"id":"a","object":"model","created":1790035200,"owned_by":"penstock"},`+
		`{"id":"b\"","object":"model","created":1790035200,"owned_by":"penstock"}]}`)
	is(APIAnthropic, nil, `{"data":[],"has_more":false,"first_id":null,"last_id":null}`)
	is(APIAnthropic, []string{"a", "b"}, `{"data":[{"type":"model","id":"a","display_name":"a","created_at":"2026-09-22T00:00:00Z"},`+
		`{"type":"model","id":"b","display_name":"b","created_at":"2026-09-22T00:00:00Z"}],"has_more":false,"first_id":"a","last_id":"b"}`)
}

func FuzzError(f *testing.F) {
	f.Add([]byte("gpt-5"), "r", uint16(404), uint8(0))
	f.Add([]byte("\xff\xfe\"\\\x00"), "\x1f\xc3", uint16(500), uint8(1))
	f.Add([]byte(strings.Repeat("🌍", 100)), "", uint16(429), uint8(2))
	f.Fuzz(func(t *testing.T, detail []byte, id string, status uint16, api uint8) {
		fault := &Fault{Status: int(status), Message: "the model %s is unknown", Detail: detail, Param: id, Code: id}
		got := AppendError(nil, API(api%3), fault, []byte(id))
		v := decode(t, got)
		if !utf8.Valid(got) {
			t.Fatalf("not UTF-8: %q", got)
		}
		want := strings.ToValidUTF8(string(detail), "\uFFFD")
		if e := v["error"].(map[string]any); utf8.Valid(detail) && len(detail) <= detailLimitBytes && e["message"] != "the model "+want+" is unknown" {
			t.Fatalf("message %q", e["message"])
		}
		for id := range table {
			ev := AppendErrorEvent(nil, API(api%3), &table[id], fault, detail)
			if n := bytes.Count(ev, []byte("\n\n")) + bytes.Count(ev, []byte("\r\n\r\n")); n != 1 {
				t.Fatalf("%d events: %q", n, ev)
			}
			_, data, _ := bytes.Cut(ev, []byte("data: "))
			decode(t, data)
		}
		var back string
		if err := json.Unmarshal(AppendString(nil, detail), &back); err != nil {
			t.Fatal(err)
		}
		if utf8.Valid(detail) && !reflect.DeepEqual(back, string(detail)) {
			t.Fatalf("%q became %q", detail, back)
		}
	})
}
