package e2e

// What the checks of the scripts report, in their order.

var chatChecks = []expectation{
	{"create", `["chat.completion","This is the simulated provider of Penstock.","stop",8,"chat"]`},
	{"alias", `[6,"chat"]`},
	{"request id", `true`},
	{"raw response", `[200,"application/json",true,true,null]`},
	{"stream", `{"text":"This is the simulated provider of Penstock.","chunks":10,"usage":null,"finish":"stop","ids":1}`},
	{"stream with usage", `{"text":"This is the simulated provider of Penstock.","chunks":11,"usage":8,"finish":"stop","ids":1}`},
	{"stream helper", `["This is the simulated provider of Penstock.",true]`},
	{"echo, every kind of character", `[true,true]`},
	{"several choices", `[0,1,2]`},
	{"length", `["length",3]`},
	{"structured output", `["string",true]`},
	{"body of 5 MB", `["This is the simulated provider of Penstock.",true]`},
	{"answer of 5 MB", `4999376`},
	{"30 streams at once", `30`},
}

var toolChecks = []expectation{
	{"call", `["tool_calls",null,"function","weather",true,["string",true]]`},
	{"parallel calls", `[2,2,[["string",true],["string",true]]]`},
	{"forced choice", `"trains"`},
	{"result turn", `["stop","This is the simulated provider of Penstock.",null]`},
	{"streamed calls", `["tool_calls",2,true,[["string",true],["string",true]],true]`},
	{"stream helper", `[1,1,["string",true]]`},
	{"runner", `[["string"],"This is the simulated provider of Penstock."]`},
}

var objectChecks = []expectation{
	{"embeddings", `[2,1536,"1.000",1,"number"]`},
	{"embeddings as floats", `[64,true]`},
	{"models", `true`},
	{"model", `["fast","model","oai/chat"]`},
	{"moderation", `[false,false]`},
	{"completions", `["text_completion","This is the simulated provider of Penstock.",8]`},
	{"completions, streamed", `["This is the simulated provider of Penstock.",false]`},
	{"transcription", `["This is the simulated provider of Penstock.",75000]`},
	{"transcription, streamed", `["This is the simulated provider of Penstock.",true]`},
	{"translation", `"This is the simulated provider of Penstock."`},
	{"speech", `["audio/wav","RIFF",2044]`},
	{"image", `["PNG","PNG"]`},
	{"files", `[true,2,true,true,true]`},
}

var responseChecks = []expectation{
	{"create", `["response","completed","This is the simulated provider of Penstock.",8,true]`},
	{"stream", `["This is the simulated provider of Penstock.",true,8,["response.created","response.in_progress","response.output_item.added","response.content_part.added","response.output_text.delta","response.output_text.done","response.content_part.done","response.output_item.done","response.completed"]]`},
	{"call", `["weather","string"]`},
	{"result turn", `"This is the simulated provider of Penstock."`},
	{"streamed call", `[true,"string"]`},
	{"stream helper", `"This is the simulated provider of Penstock."`},
	{"input tokens", `true`},
}

var errorChecks = []expectation{
	{"wrong key", `{"class":"AuthenticationError","status":401,"code":"invalid_api_key","param":null,"type":"invalid_request_error","id":true}`},
	{"unknown model", `{"class":"NotFoundError","status":404,"code":"model_not_found","param":"model","type":"invalid_request_error","id":true}`},
	{"unknown model at the provider", `{"class":"NotFoundError","status":404,"code":"model_not_found","param":null,"type":"invalid_request_error","id":true}`},
	{"no model", `{"class":"BadRequestError","status":400,"code":"missing_required_parameter","param":"model","type":"invalid_request_error","id":true}`},
	{"bad request of the provider", `{"class":"BadRequestError","status":400,"code":null,"param":"messages","type":"invalid_request_error","id":true}`},
	{"unknown path", `{"class":"NotFoundError","status":404,"code":"unknown_url","param":null,"type":"invalid_request_error","id":true}`},
	{"status 403", `{"class":"PermissionDeniedError","status":403,"code":null,"param":null,"type":"permission_error","id":true}`},
	{"status 409", `{"class":"ConflictError","status":409,"code":null,"param":null,"type":"conflict_error","id":true}`},
	{"status 422", `{"class":"UnprocessableEntityError","status":422,"code":null,"param":null,"type":"invalid_request_error","id":true}`},
	{"status 429", `{"class":"RateLimitError","status":429,"code":"rate_limit_exceeded","param":null,"type":"requests","id":true}`},
	{"status 500", `{"class":"InternalServerError","status":500,"code":null,"param":null,"type":"server_error","id":true}`},
	{"status 503", `{"class":"InternalServerError","status":503,"code":"server_is_overloaded","param":null,"type":"server_error","id":true}`},
	{"status 429 of a stream", `{"class":"RateLimitError","status":429,"code":"rate_limit_exceeded","param":null,"type":"requests","id":true}`},
	{"retry-after", `"7"`},
	{"retries", `["InternalServerError",3]`},
	{"no retry where waiting does not help", `["insufficient_quota",1]`},
	{"timeout", `{"class":"APIConnectionTimeoutError","status":null,"code":null,"param":null,"type":null,"id":false}`},
	{"stream that fails", `["This is the","APIError"]`},
	{"stream that is reset", `["This is the","APIError"]`},
	{"responses stream that is reset", `true`},
}

var abortChecks = []expectation{
	{"controller", `[true,1]`},
	{"break", `1`},
	{"before the answer", `["APIUserAbortError",1]`},
	{"responses", `1`},
	{"20 at once", `20`},
	{"afterwards", `6`},
}

var anthropicChecks = []expectation{
	{"create", `["message","assistant","This is the simulated provider of Penstock.","end_turn",8,"chat",true]`},
	{"length", `["max_tokens",3]`},
	{"fields that nobody knows", `"This is the simulated provider of Penstock."`},
	{"stream", `["This is the simulated provider of Penstock.",8,["message_start","content_block_start","content_block_delta","content_block_stop","message_delta","message_stop"]]`},
	{"stream helper", `["This is the simulated provider of Penstock.",true,"end_turn",8]`},
	{"call", `["tool_use","weather",true,["string",true]]`},
	{"streamed calls", `["tool_use",2,true,[["string",true],["string",true]]]`},
	{"result turn", `["end_turn","This is the simulated provider of Penstock."]`},
	{"count tokens", `true`},
	{"models", `true`},
	{"model", `["model","claude/chat"]`},
	{"body of 5 MB", `"This is the simulated provider of Penstock."`},
	{"30 streams at once", `30`},
	{"wrong key", `{"class":"AuthenticationError","status":401,"code":null,"param":null,"type":"authentication_error","id":true}`},
	{"unknown model", `{"class":"NotFoundError","status":404,"code":null,"param":null,"type":"not_found_error","id":true}`},
	{"unknown model at the provider", `{"class":"NotFoundError","status":404,"code":null,"param":null,"type":"not_found_error","id":true}`},
	{"no max_tokens", `{"class":"BadRequestError","status":400,"code":null,"param":null,"type":"invalid_request_error","id":true}`},
	{"status 400", `{"class":"BadRequestError","status":400,"code":null,"param":null,"type":"invalid_request_error","id":true}`},
	{"status 403", `{"class":"PermissionDeniedError","status":403,"code":null,"param":null,"type":"permission_error","id":true}`},
	{"status 429", `{"class":"RateLimitError","status":429,"code":null,"param":null,"type":"rate_limit_error","id":true}`},
	{"status 500", `{"class":"InternalServerError","status":500,"code":null,"param":null,"type":"api_error","id":true}`},
	{"status 529", `{"class":"OverloadedError","status":529,"code":null,"param":null,"type":"overloaded_error","id":true}`},
	{"envelope", `["error","overloaded_error",true,true]`},
	{"retries", `["InternalServerError",3]`},
	{"stream that fails", `["This is the","overloaded_error"]`},
	{"stream that is reset", `["This is the","api_error"]`},
	{"abort", `1`},
	{"abort of the helper", `[true,1]`},
}
