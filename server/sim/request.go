package sim

import "bytes"

// endpoint is what a path stands for.
type endpoint uint8

const (
	epNone endpoint = iota
	epHealth
	epStats
	epReset
	epChat
	epCompletions
	epResponses
	epResponse
	epInputTokens
	epEmbeddings
	epModels
	epModel
	epModerations
	epImages
	epSpeech
	epTranscriptions
	epTranslations
	epFiles
	epFile
	epFileContent
	epMessages
	epCountTokens
)

type method uint8

const (
	methodOther method = iota
	methodGet
	methodPost
	methodDelete
)

// apiVersion is what an anthropic-version field said.
type apiVersion uint8

const (
	versionNone apiVersion = iota
	version2023
	version2026
	versionOther
)

// request is what the head of a request said, as far as answers depend on it. It keeps no views.
type request struct {
	method   method
	endpoint endpoint
	version  apiVersion
	headOnly bool   // HEAD: an answer without its body
	badKey   bool   // a credential with "invalid" in it
	id       []byte // what a path has in place of {id}
	boundary []byte // of a multipart body
}

func (r *request) reset() {
	*r = request{id: r.id[:0], boundary: r.boundary[:0]}
}

func (r *request) setMethod(name []byte) {
	switch string(name) {
	case "POST":
		r.method = methodPost
	case "GET":
		r.method = methodGet
	case "HEAD":
		r.method, r.headOnly = methodGet, true
	case "DELETE":
		r.method = methodDelete
	default:
		r.method = methodOther
	}
}

// suffixes are the endpoints whose path ends without an identifier; whatever stands before is a base URL's own path.
var suffixes = [...]struct {
	path     string
	endpoint endpoint
}{
	{"/chat/completions", epChat},
	{"/messages", epMessages},
	{"/responses", epResponses},
	{"/embeddings", epEmbeddings},
	{"/completions", epCompletions},
	{"/messages/count_tokens", epCountTokens},
	{"/responses/input_tokens", epInputTokens},
	{"/models", epModels},
	{"/moderations", epModerations},
	{"/images/generations", epImages},
	{"/audio/speech", epSpeech},
	{"/audio/transcriptions", epTranscriptions},
	{"/audio/translations", epTranslations},
	{"/files", epFiles},
	{"/sim/stats", epStats},
	{"/sim/reset", epReset},
}

func (r *request) setPath(path []byte) {
	if i := bytes.IndexByte(path, '?'); i >= 0 {
		path = path[:i]
	}
	if i := bytes.Index(path, []byte("/models/")); i >= 0 {
		// A model's name may hold slashes.
		r.endpoint, r.id = epModel, append(r.id[:0], path[i+len("/models/"):]...)
		return
	}
	for i := range suffixes {
		if s := suffixes[i].path; len(path) >= len(s) && string(path[len(path)-len(s):]) == s {
			r.endpoint = suffixes[i].endpoint
			return
		}
	}
	r.endpoint = epNone
	if len(path) <= 1 || string(path) == "/health" || string(path) == "/v1" {
		r.endpoint = epHealth
		return
	}
	last := bytes.LastIndexByte(path, '/')
	if i := bytes.Index(path, []byte("/files/")); i >= 0 {
		id := path[i+len("/files/"):]
		switch {
		case last < i+len("/files/"):
			r.endpoint = epFile
		case string(path[last:]) == "/content":
			r.endpoint, id = epFileContent, path[i+len("/files/"):last]
		}
		r.id = append(r.id[:0], id...)
		return
	}
	if i := bytes.Index(path, []byte("/responses/")); i >= 0 {
		id, _, _ := bytes.Cut(path[i+len("/responses/"):], []byte("/"))
		r.endpoint, r.id = epResponse, append(r.id[:0], id...)
	}
}

// field takes one header field, whose name may be in any case.
func (r *request) field(name, value []byte) {
	switch len(name) {
	case len("x-api-key"):
		if fold(name, "x-api-key") {
			r.credential(value)
		}
	case len("content-type"):
		if fold(name, "content-type") {
			r.contentType(value)
		}
	case len("authorization"):
		if fold(name, "authorization") {
			r.credential(value)
		}
	case len("x-goog-api-key"):
		if fold(name, "x-goog-api-key") {
			r.credential(value)
		}
	case len("api-key"):
		if fold(name, "api-key") {
			r.credential(value)
		}
	case len("anthropic-version"):
		if fold(name, "anthropic-version") {
			switch string(value) {
			case "2023-06-01":
				r.version = version2023
			case "2026-10-21":
				r.version = version2026
			default:
				r.version = versionOther
			}
		}
	}
}

func (r *request) credential(value []byte) {
	if bytes.Contains(value, []byte("invalid")) {
		r.badKey = true
	}
}

func (r *request) contentType(value []byte) {
	if len(value) < len("multipart/") || !fold(value[:len("multipart/")], "multipart/") {
		return
	}
	i := bytes.Index(value, []byte("boundary="))
	if i < 0 {
		return
	}
	b := value[i+len("boundary="):]
	if len(b) > 0 && b[0] == '"' {
		b, _, _ = bytes.Cut(b[1:], []byte(`"`))
	} else {
		b, _, _ = bytes.Cut(b, []byte(";"))
	}
	r.boundary = append(r.boundary[:0], bytes.TrimSpace(b)...)
}

// fold compares a name in any case with one in lower case of the same length.
func fold(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if c-'A' < 26 {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// allowed says whether the endpoint knows the method.
func (r *request) allowed() bool {
	switch r.endpoint {
	case epHealth, epStats, epModels, epFileContent:
		return r.method == methodGet
	case epModel, epFile, epResponse:
		return r.method == methodGet || r.method == methodDelete || r.endpoint == epResponse && r.method == methodPost
	case epFiles:
		return r.method == methodGet || r.method == methodPost
	default:
		return r.method == methodPost
	}
}

// anthropic says whose form errors and lists are to have.
func (r *request) anthropic() bool {
	switch r.endpoint {
	case epMessages, epCountTokens:
		return true
	case epModels, epModel, epFiles, epFile, epFileContent, epNone:
		return r.version != versionNone
	default:
		return false
	}
}

// fields are the members of a request's body that answers depend on. Views into the body.
type fields struct {
	model          []byte // inside its quotes
	messages       []byte
	input          []byte
	prompt         []byte
	system         []byte
	instructions   []byte
	tools          []byte
	toolChoice     []byte
	responseFormat []byte
	text           []byte // of /responses
	metadata       []byte
	streamOptions  []byte
	dimensions     []byte
	encoding       []byte
	n              []byte
	maxTokens      []byte
	sampling       string // the last sampling parameter that is there
	stream         bool
	includeUsage   bool
	oneCall        bool // parallel_tool_calls is false
	noStore        bool
	hasModel       bool
	hasMaxTokens   bool
	bad            string // the first member of the wrong type
}

// read takes the members of body. It returns false where body is not one JSON object.
func (f *fields) read(body []byte) bool {
	*f = fields{}
	return members(body, func(key, value []byte) {
		if string(value) == "null" {
			return
		}
		switch string(key) {
		case "model":
			if f.hasModel = true; value[0] == '"' {
				f.model = value[1 : len(value)-1]
			} else {
				f.wrong("model")
			}
		case "messages":
			f.messages = value
		case "stream":
			f.stream = f.flag("stream", value)
		case "stream_options":
			f.streamOptions = value
		case "max_tokens":
			if f.maxTokens == nil {
				f.maxTokens = value
			}
			f.hasMaxTokens = true
		case "max_completion_tokens", "max_output_tokens":
			f.maxTokens = value
		case "temperature":
			f.sampling = "temperature"
		case "top_p":
			f.sampling = "top_p"
		case "top_k":
			f.sampling = "top_k"
		case "tools":
			f.tools = value
		case "tool_choice":
			f.toolChoice = value
		case "parallel_tool_calls":
			f.oneCall = !f.flag("parallel_tool_calls", value)
		case "n":
			f.n = value
		case "input":
			f.input = value
		case "prompt":
			f.prompt = value
		case "system":
			f.system = value
		case "instructions":
			f.instructions = value
		case "response_format", "output_config":
			f.responseFormat = value
		case "text":
			f.text = value
		case "metadata":
			f.metadata = value
		case "dimensions":
			f.dimensions = value
		case "encoding_format":
			f.encoding = value
		case "store":
			f.noStore = !f.flag("store", value)
		}
	}) && f.options()
}

func (f *fields) options() bool {
	if f.streamOptions == nil {
		return true
	}
	if f.streamOptions[0] != '{' {
		f.wrong("stream_options")
		return true
	}
	return members(f.streamOptions, func(key, value []byte) {
		if string(key) == "include_usage" && string(value) != "null" {
			f.includeUsage = f.flag("stream_options.include_usage", value)
		}
	})
}

func (f *fields) flag(name string, value []byte) bool {
	switch string(value) {
	case "true":
		return true
	case "false":
	default:
		f.wrong(name)
	}
	return false
}

func (f *fields) wrong(name string) {
	if f.bad == "" {
		f.bad = name
	}
}

// number reads a whole number that is at least low and at most high; a missing one is fallback.
func (f *fields) number(name string, raw []byte, fallback, low, high int) int {
	if raw == nil {
		return fallback
	}
	n := 0
	for _, c := range raw {
		if c-'0' > 9 || n > high {
			f.wrong(name)
			return fallback
		}
		n = n*10 + int(c-'0')
	}
	if n < low || n > high {
		f.wrong(name)
		return fallback
	}
	return n
}

// promptTokens is the estimate of what the model reads: a token for four bytes of the JSON that holds it.
func (f *fields) promptTokens() int {
	n := len(f.messages) + len(f.system) + len(f.instructions) + len(f.tools) + len(f.input) + len(f.prompt)
	return (n + 3) / 4
}
