package dialect

import (
	"strconv"
	"time"
)

// ownedBy is what a model list says where OpenAI's names the organisation.
const ownedBy = "penstock"

// AppendModels appends the answer to GET /v1/models with the given names in their order. created is in Unix seconds and the same
// for all. Anthropic's form (GET /v1/models with an anthropic-version header) has one page; every other API gets OpenAI's.
func AppendModels(dst []byte, api API, names []string, created int64) []byte {
	if api == APIAnthropic {
		dst = append(dst, `{"data":[`...)
	} else {
		dst = append(dst, `{"object":"list","data":[`...)
	}
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendModel(dst, api, name, created)
	}
	dst = append(dst, ']')
	if api == APIAnthropic {
		var first, last string
		if len(names) > 0 {
			first, last = names[0], names[len(names)-1]
		}
		dst = append(dst, `,"has_more":false,"first_id":`...)
		dst = appendStringOrNull(dst, first)
		dst = append(dst, `,"last_id":`...)
		dst = appendStringOrNull(dst, last)
	}
	return append(dst, '}')
}

// AppendModel appends the answer to GET /v1/models/{id}, which is also one entry of the list.
func AppendModel(dst []byte, api API, name string, created int64) []byte {
	if api == APIAnthropic {
		dst = append(dst, `{"type":"model","id":`...)
		dst = AppendString(dst, name)
		dst = append(dst, `,"display_name":`...)
		dst = AppendString(dst, name)
		dst = append(dst, `,"created_at":"`...)
		dst = time.Unix(created, 0).UTC().AppendFormat(dst, time.RFC3339)
		return append(dst, `"}`...)
	}
	dst = append(dst, `{"id":`...)
	dst = AppendString(dst, name)
	dst = append(dst, `,"object":"model","created":`...)
	dst = strconv.AppendInt(dst, created, 10)
	return append(dst, `,"owned_by":"`+ownedBy+`"}`...)
}
