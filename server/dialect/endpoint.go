package dialect

import "bytes"

// API is the vendor form that a request is written in.
type API uint8

// The APIs.
const (
	APIOpenAI API = iota
	APIAnthropic
	APIGemini
)

// BodyKind says what body an endpoint takes.
type BodyKind uint8

// The kinds of body.
const (
	BodyNone      BodyKind = iota // none is expected; one that comes means nothing to the gateway
	BodyJSON                      // application/json, for Scan
	BodyMultipart                 // multipart/form-data, for Form
	BodyAny                       // either of the two, by Content-Type
)

// ModelSource says where a request names its model.
type ModelSource uint8

// The sources. With BodyAny, ModelForm means the form field or, in a JSON body, the key.
const (
	ModelNone ModelSource = iota // nowhere: the provider is named by header
	ModelBody                    // key `model` of the JSON body
	ModelForm                    // field `model` of the form
	ModelPath                    // the rest of the path, percent-encoded (AppendPathUnescaped)
)

// Endpoint is one operation of an API. Endpoints are static and shared; nobody writes to them.
type Endpoint struct {
	Name          string // label in metrics and logs
	API           API
	Method        string
	Path          string // a path that ends in '/' is a prefix
	Upstream      string // below the provider's base_url; a prefix endpoint's rest is appended to it
	Body          BodyKind
	Streams       bool // the response may be an event stream
	UsageInStream bool // stream_options.include_usage applies
	Model         ModelSource
	Local         bool // answered by the gateway itself
	ID            int  // dense from 0, for counters per endpoint
}

const (
	idChat = iota
	idCompletions
	idResponses
	idEmbeddings
	idModerations
	idImagesGenerations
	idImagesEdits
	idImagesVariations
	idSpeech
	idTranscriptions
	idTranslations
	idModels
	idModel
	idFilesCreate
	idFilesList
	idFile
	idFileDelete
	idFileContent
	idResponse
	idResponseDelete
	idResponseCancel
	idResponseInputItems
	idResponseInputTokens
	idResponseCompact
	idMessages
	idCountTokens
	endpointCount
)

// Sources: OpenAI API reference (OpenAPI document 2.3.0), Anthropic API reference (Messages). OpenAI's base_url ends in /v1,
// Anthropic's does not.
var table = [endpointCount]Endpoint{
	idChat: {
		Name: "chat_completions", Method: "POST", Path: "/v1/chat/completions", Upstream: "/chat/completions",
		Body: BodyJSON, Streams: true, UsageInStream: true, Model: ModelBody, ID: idChat,
	},
	idCompletions: {
		Name: "completions", Method: "POST", Path: "/v1/completions", Upstream: "/completions",
		Body: BodyJSON, Streams: true, UsageInStream: true, Model: ModelBody, ID: idCompletions,
	},
	idResponses: {
		Name: "responses", Method: "POST", Path: "/v1/responses", Upstream: "/responses",
		Body: BodyJSON, Streams: true, Model: ModelBody, ID: idResponses,
	},
	idEmbeddings: {
		Name: "embeddings", Method: "POST", Path: "/v1/embeddings", Upstream: "/embeddings",
		Body: BodyJSON, Model: ModelBody, ID: idEmbeddings,
	},
	idModerations: {
		Name: "moderations", Method: "POST", Path: "/v1/moderations", Upstream: "/moderations",
		Body: BodyJSON, Model: ModelBody, ID: idModerations,
	},
	idImagesGenerations: {
		Name: "images_generations", Method: "POST", Path: "/v1/images/generations", Upstream: "/images/generations",
		Body: BodyJSON, Streams: true, Model: ModelBody, ID: idImagesGenerations,
	},
	idImagesEdits: {
		Name: "images_edits", Method: "POST", Path: "/v1/images/edits", Upstream: "/images/edits",
		Body: BodyAny, Streams: true, Model: ModelForm, ID: idImagesEdits,
	},
	idImagesVariations: {
		Name: "images_variations", Method: "POST", Path: "/v1/images/variations", Upstream: "/images/variations",
		Body: BodyMultipart, Model: ModelForm, ID: idImagesVariations,
	},
	idSpeech: {
		Name: "audio_speech", Method: "POST", Path: "/v1/audio/speech", Upstream: "/audio/speech",
		Body: BodyJSON, Streams: true, Model: ModelBody, ID: idSpeech,
	},
	idTranscriptions: {
		Name: "audio_transcriptions", Method: "POST", Path: "/v1/audio/transcriptions", Upstream: "/audio/transcriptions",
		Body: BodyMultipart, Streams: true, Model: ModelForm, ID: idTranscriptions,
	},
	idTranslations: {
		Name: "audio_translations", Method: "POST", Path: "/v1/audio/translations", Upstream: "/audio/translations",
		Body: BodyMultipart, Model: ModelForm, ID: idTranslations,
	},
	idModels: {
		Name: "models", Method: "GET", Path: "/v1/models", Upstream: "/models",
		Local: true, ID: idModels,
	},
	idModel: {
		Name: "models_get", Method: "GET", Path: "/v1/models/", Upstream: "/models/",
		Model: ModelPath, Local: true, ID: idModel,
	},
	idFilesCreate: {
		Name: "files_create", Method: "POST", Path: "/v1/files", Upstream: "/files",
		Body: BodyMultipart, ID: idFilesCreate,
	},
	idFilesList: {
		Name: "files", Method: "GET", Path: "/v1/files", Upstream: "/files",
		ID: idFilesList,
	},
	idFile: {
		Name: "files_get", Method: "GET", Path: "/v1/files/", Upstream: "/files/",
		ID: idFile,
	},
	idFileDelete: {
		Name: "files_delete", Method: "DELETE", Path: "/v1/files/", Upstream: "/files/",
		ID: idFileDelete,
	},
	idFileContent: {
		Name: "files_content", Method: "GET", Path: "/v1/files/", Upstream: "/files/",
		ID: idFileContent,
	},
	idResponse: {
		Name: "responses_get", Method: "GET", Path: "/v1/responses/", Upstream: "/responses/",
		Streams: true, ID: idResponse,
	},
	idResponseDelete: {
		Name: "responses_delete", Method: "DELETE", Path: "/v1/responses/", Upstream: "/responses/",
		ID: idResponseDelete,
	},
	idResponseCancel: {
		Name: "responses_cancel", Method: "POST", Path: "/v1/responses/", Upstream: "/responses/",
		ID: idResponseCancel,
	},
	idResponseInputItems: {
		Name: "responses_input_items", Method: "GET", Path: "/v1/responses/", Upstream: "/responses/",
		ID: idResponseInputItems,
	},
	idResponseInputTokens: {
		Name: "responses_input_tokens", Method: "POST", Path: "/v1/responses/input_tokens", Upstream: "/responses/input_tokens",
		Body: BodyJSON, Model: ModelBody, ID: idResponseInputTokens,
	},
	idResponseCompact: {
		Name: "responses_compact", Method: "POST", Path: "/v1/responses/compact", Upstream: "/responses/compact",
		Body: BodyJSON, Model: ModelBody, ID: idResponseCompact,
	},
	idMessages: {
		Name: "messages", API: APIAnthropic, Method: "POST", Path: "/v1/messages", Upstream: "/v1/messages",
		Body: BodyJSON, Streams: true, Model: ModelBody, ID: idMessages,
	},
	idCountTokens: {
		Name: "messages_count_tokens", API: APIAnthropic, Method: "POST", Path: "/v1/messages/count_tokens",
		Upstream: "/v1/messages/count_tokens", Body: BodyJSON, Model: ModelBody, ID: idCountTokens,
	},
}

// route holds the operations on one path.
type route struct {
	get, post, del *Endpoint
	allow          string // the Allow field of a 405 (RFC 9110 §10.2.1)
}

var (
	routeChat            = route{post: &table[idChat], allow: "POST"}
	routeCompletions     = route{post: &table[idCompletions], allow: "POST"}
	routeResponses       = route{post: &table[idResponses], allow: "POST"}
	routeEmbeddings      = route{post: &table[idEmbeddings], allow: "POST"}
	routeModerations     = route{post: &table[idModerations], allow: "POST"}
	routeGenerations     = route{post: &table[idImagesGenerations], allow: "POST"}
	routeEdits           = route{post: &table[idImagesEdits], allow: "POST"}
	routeVariations      = route{post: &table[idImagesVariations], allow: "POST"}
	routeSpeech          = route{post: &table[idSpeech], allow: "POST"}
	routeTranscriptions  = route{post: &table[idTranscriptions], allow: "POST"}
	routeTranslations    = route{post: &table[idTranslations], allow: "POST"}
	routeModels          = route{get: &table[idModels], allow: "GET, HEAD"}
	routeModel           = route{get: &table[idModel], allow: "GET, HEAD"}
	routeFiles           = route{get: &table[idFilesList], post: &table[idFilesCreate], allow: "GET, HEAD, POST"}
	routeFile            = route{get: &table[idFile], del: &table[idFileDelete], allow: "GET, HEAD, DELETE"}
	routeFileContent     = route{get: &table[idFileContent], allow: "GET, HEAD"}
	routeResponse        = route{get: &table[idResponse], del: &table[idResponseDelete], allow: "GET, HEAD, DELETE"}
	routeCancel          = route{post: &table[idResponseCancel], allow: "POST"}
	routeInputItems      = route{get: &table[idResponseInputItems], allow: "GET, HEAD"}
	routeInputTokens     = route{post: &table[idResponseInputTokens], allow: "POST"}
	routeCompact         = route{post: &table[idResponseCompact], allow: "POST"}
	routeMessages        = route{post: &table[idMessages], allow: "POST"}
	routeMessagesCounted = route{post: &table[idCountTokens], allow: "POST"}
)

var all = func() []*Endpoint {
	list := make([]*Endpoint, endpointCount)
	for i := range table {
		list[i] = &table[i]
	}
	return list
}()

// Endpoints lists every endpoint by ID. The list is shared: callers do not write to it.
func Endpoints() []*Endpoint { return all }

// Lookup finds the endpoint of a request. path is the path alone, without query, as the client wrote it (nothing is decoded or
// folded); both arguments are borrowed. rest, a view into path, is what follows a prefix endpoint's Path: the model's name,
// still percent-encoded, or an id with what comes after it ("file-1/content"), so that Upstream and rest together are the
// provider's path. Where there is no endpoint, ep is nil and status is 404, or 405 with allow for the Allow field.
func Lookup(method, path []byte) (ep *Endpoint, rest []byte, status int, allow string) {
	r, rest := match(path)
	if r == nil {
		return nil, nil, 404, ""
	}
	switch string(method) {
	case "POST":
		ep = r.post
	case "GET":
		ep = r.get
	case "DELETE":
		ep = r.del
	}
	if ep == nil {
		return nil, nil, 405, r.allow
	}
	return ep, rest, 0, ""
}

const (
	prefixModels    = "/v1/models/"
	prefixFiles     = "/v1/files/"
	prefixResponses = "/v1/responses/"
)

func match(path []byte) (*route, []byte) {
	switch string(path) {
	case "/v1/chat/completions":
		return &routeChat, nil
	case "/v1/messages":
		return &routeMessages, nil
	case "/v1/responses":
		return &routeResponses, nil
	case "/v1/embeddings":
		return &routeEmbeddings, nil
	case "/v1/completions":
		return &routeCompletions, nil
	case "/v1/messages/count_tokens":
		return &routeMessagesCounted, nil
	case "/v1/moderations":
		return &routeModerations, nil
	case "/v1/images/generations":
		return &routeGenerations, nil
	case "/v1/images/edits":
		return &routeEdits, nil
	case "/v1/images/variations":
		return &routeVariations, nil
	case "/v1/audio/speech":
		return &routeSpeech, nil
	case "/v1/audio/transcriptions":
		return &routeTranscriptions, nil
	case "/v1/audio/translations":
		return &routeTranslations, nil
	case "/v1/models":
		return &routeModels, nil
	case "/v1/files":
		return &routeFiles, nil
	case "/v1/responses/input_tokens":
		return &routeInputTokens, nil
	case "/v1/responses/compact":
		return &routeCompact, nil
	}
	switch {
	case hasPrefix(path, prefixModels):
		if rest := path[len(prefixModels):]; len(rest) > 0 {
			return &routeModel, rest
		}
	case hasPrefix(path, prefixFiles):
		rest := path[len(prefixFiles):]
		switch id, sub := cutID(rest); {
		case id == nil:
		case len(sub) == 0:
			return &routeFile, rest
		case string(sub) == "/content":
			return &routeFileContent, rest
		}
	case hasPrefix(path, prefixResponses):
		rest := path[len(prefixResponses):]
		switch id, sub := cutID(rest); {
		case id == nil:
		case len(sub) == 0:
			return &routeResponse, rest
		case string(sub) == "/cancel":
			return &routeCancel, rest
		case string(sub) == "/input_items":
			return &routeInputItems, rest
		}
	}
	return nil, nil
}

// cutID splits rest into an id and what follows it, "/" included. The id goes into the provider's path together with our
// credentials, so one that could climb out of its segment is no id: "." and "..", and anything percent-encoded or backslashed
// (ids of files and responses are made of letters, digits, '-' and '_').
func cutID(rest []byte) (id, sub []byte) {
	id = rest
	if i := bytes.IndexByte(rest, '/'); i >= 0 {
		id, sub = rest[:i], rest[i:]
	}
	if len(id) == 0 || string(id) == "." || string(id) == ".." ||
		bytes.IndexByte(id, '%') >= 0 || bytes.IndexByte(id, '\\') >= 0 {
		return nil, nil
	}
	return id, sub
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

// AppendPathUnescaped appends path with its percent-encoding undone (RFC 3986 §2.1): the official clients encode the '/' and ':'
// of a model's name. It reports false, with dst as it was, where a '%' is not followed by two hex digits.
func AppendPathUnescaped(dst, path []byte) ([]byte, bool) {
	n := len(dst)
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' {
			if i+2 >= len(path) || hexValue[path[i+1]] < 0 || hexValue[path[i+2]] < 0 {
				return dst[:n], false
			}
			c = byte(hexValue[path[i+1]]<<4 | hexValue[path[i+2]])
			i += 2
		}
		dst = append(dst, c)
	}
	return dst, true
}

// APIOf says in which vendor's form an error is written where Lookup found nothing. path is borrowed.
func APIOf(path []byte, hasAnthropicVersion bool) API {
	switch {
	case hasPrefix(path, "/v1/messages"), hasAnthropicVersion:
		return APIAnthropic
	case hasPrefix(path, "/v1beta/openai/"): // Gemini's own door for OpenAI clients
		return APIOpenAI
	case hasPrefix(path, "/v1beta/"), hasPrefix(path, "/v1beta1/"), hasPrefix(path, "/v1alpha/"):
		return APIGemini
	}
	return APIOpenAI
}
