package sim

import "strconv"

// refusal is an error answer.
type refusal struct {
	status  int
	kind    string // "type" of the vendor's envelope; "" takes the usual one of the status
	code    string
	param   string
	message string
}

var (
	errBadJSON = &refusal{status: 400, message: "We could not parse the JSON body of your request. (HINT: This likely means you " +
		"aren't using your HTTP library correctly. The API expects a JSON payload, but what was sent was not valid JSON.)"}
	errBadKey      = &refusal{status: 401, code: "invalid_api_key", message: "Incorrect API key provided."}
	errNoModel     = &refusal{status: 400, param: "model", message: "you must provide a model parameter"}
	errNoPath      = &refusal{status: 404, message: "Invalid URL: nothing is simulated at this path."}
	errNoVersion   = &refusal{status: 400, message: "anthropic-version: header is required"}
	errVersion     = &refusal{status: 400, message: "anthropic-version: is not a valid version; use 2023-06-01 or 2026-10-21"}
	errTooLarge    = &refusal{status: 413, kind: "request_too_large", message: "Request exceeds the maximum allowed number of bytes."}
	errKnobs       = &refusal{status: 400, param: "model", message: "The knobs behind the model's name are not understood; see penstock mock -h."}
	errLongModel   = &refusal{status: 400, param: "model", message: "The model's name is too long."}
	errStreamOnly  = &refusal{status: 400, param: "stream_options", message: "The 'stream_options' parameter is only allowed when 'stream' is enabled."}
	errMultipart   = &refusal{status: 400, message: "The body is not multipart/form-data with a boundary."}
	errNoResponse  = &refusal{status: 404, kind: "invalid_request_error", message: "Response not found: the simulated provider stores none."}
	errSimulated   = &refusal{status: 500, message: "The server had an error while processing your request. Sorry about that!"}
	errRate        = &refusal{status: 429, kind: "requests", code: "rate_limit_exceeded", message: "Rate limit reached for requests per minute (RPM)."}
	errMaxTokens   = &refusal{status: 400, message: "max_tokens: Field required"}
	errMessages    = &refusal{status: 400, param: "messages", message: "messages: a non-empty list of messages is required"}
	errToolChoice  = &refusal{status: 400, param: "tool_choice", message: "Tool choice names a tool that is not in 'tools'."}
	errManyResults = &refusal{status: 400, param: "input", message: "The answer would be larger than the simulated provider makes."}
)

// usual are "type" and "code" of the vendors' errors by status.
func usual(status int) (openai, code, anthropic, message string) {
	switch status {
	case 400, 422, 405, 415:
		return "invalid_request_error", "", "invalid_request_error", "The request is not acceptable."
	case 401:
		return "invalid_request_error", "invalid_api_key", "authentication_error", "Incorrect API key provided."
	case 402:
		return "invalid_request_error", "billing_error", "billing_error", "Your account has a billing problem."
	case 403:
		return "permission_error", "", "permission_error", "You do not have access to this."
	case 404:
		return "invalid_request_error", "", "not_found_error", "Not found."
	case 408:
		return "timeout_error", "", "timeout_error", "Request timed out."
	case 409:
		return "conflict_error", "", "conflict_error", "The request conflicts with another one."
	case 413:
		return "invalid_request_error", "", "request_too_large", "Request exceeds the maximum allowed number of bytes."
	case 429:
		return "requests", "rate_limit_exceeded", "rate_limit_error", "Rate limit reached for requests per minute (RPM)."
	case 503:
		return "server_error", "server_is_overloaded", "api_error", "The server is overloaded. Please try again later."
	case 504:
		return "server_error", "", "timeout_error", "The request took too long."
	case 529:
		return "server_error", "", "overloaded_error", "Overloaded"
	}
	if status < 500 {
		return "invalid_request_error", "", "invalid_request_error", "The request is not acceptable."
	}
	return "server_error", "", "api_error", errSimulated.message
}

// appendError appends the vendor's error envelope.
func (r *refusal) appendTo(dst []byte, v vendor, id uint64) []byte {
	kind, code, anthropic, message := usual(r.status)
	if r.message != "" {
		message = r.message
	}
	if v == vendorAnthropic {
		dst = append(dst, `{"type":"error","error":{"type":"`...)
		dst = append(dst, anthropic...)
		dst = append(dst, `","message":"`...)
		dst = appendEscaped(dst, message)
		dst = append(dst, `"},"request_id":"`...)
		dst = appendID(dst, "req_", id)
		return append(dst, `"}`...)
	}
	if r.kind != "" {
		kind = r.kind
	}
	if r.code != "" {
		code = r.code
	}
	dst = append(dst, `{"error":{"message":"`...)
	dst = appendEscaped(dst, message)
	dst = append(dst, `","type":"`...)
	dst = append(dst, kind...)
	dst = append(dst, `","param":`...)
	dst = appendNullable(dst, r.param)
	dst = append(dst, `,"code":`...)
	dst = appendNullable(dst, code)
	return append(dst, `}}`...)
}

func appendNullable(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, `null`...)
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

func errParam(name string) *refusal {
	return &refusal{status: 400, param: name, code: "invalid_value", message: "Invalid value for '" + name + "'."}
}

func errMissing(name string) *refusal {
	return &refusal{status: 400, param: name, code: "missing_required_parameter", message: "Missing required parameter: '" + name + "'."}
}

func errNoSuchModel(name []byte) *refusal {
	return &refusal{
		status: 404, code: "model_not_found",
		message: "The model `" + string(name) + "` does not exist or you do not have access to it.",
	}
}

func errMethod() *refusal {
	return &refusal{status: 405, message: "Not allowed to use this method on this path."}
}

// planned is the error that a model's name asked for.
func (p *plan) planned() *refusal {
	if p.quota {
		return &refusal{
			status: 429, kind: "insufficient_quota", code: "insufficient_quota",
			message: "You exceeded your current quota, please check your plan and billing details.",
		}
	}
	_, _, _, message := usual(p.status)
	return &refusal{status: p.status, message: message + " (simulated " + strconv.Itoa(p.status) + ")"}
}
