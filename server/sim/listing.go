package sim

// models is what GET /models lists. Every other name works as well.
var models = [...]string{"chat", "embed", "image", "speech", "transcribe", "moderation"}

const modelsCreated = "1790035200"

// serveListing answers the endpoints that need no JSON body: models, files, health, and responses, of which none is
// stored.
func (x *exchange) serveListing(body []byte) *refusal {
	b := x.lane.scratch[:0]
	switch x.req.endpoint {
	case epHealth:
		b = append(b, `{"status":"ok"}`...)
	case epModels:
		b = x.appendModels(b)
	case epModel:
		if x.req.method == methodDelete {
			return &refusal{status: 403, message: "Models of the simulated provider cannot be deleted."}
		}
		if r := x.setModel(x.req.id); r != nil {
			return r
		}
		b = x.appendModel(b, string(x.view(x.model)))
	case epResponse:
		return errNoResponse
	case epFiles:
		if x.req.method == methodGet {
			b = append(b, `{"object":"list","data":[],"has_more":false,"first_id":null,"last_id":null}`...)
			break
		}
		file, ok := findPart(body, x.req.boundary, "file")
		if !ok {
			return errMissing("file")
		}
		x.buf = appendID(x.buf, "file-", x.seed)
		b = x.appendFile(b, x.since(0), len(file.content), file.name)
	case epFile:
		id := x.lay(x.req.id)
		if x.req.method == methodDelete {
			b = append(b, `{"id":"`...)
			b = appendEscaped(b, x.view(id))
			b = append(b, `","object":"file","deleted":true}`...)
			break
		}
		b = x.appendFile(b, id, len(wordsText), []byte("simulated.txt"))
	case epFileContent:
		x.head.media = mediaBytes
		b = append(b, wordsText...)
	default:
		return errNoPath
	}
	x.reply(b)
	return nil
}

func (x *exchange) appendModels(b []byte) []byte {
	if x.head.vendor == vendorAnthropic {
		b = append(b, `{"data":[`...)
	} else {
		b = append(b, `{"object":"list","data":[`...)
	}
	for i, name := range models {
		if i > 0 {
			b = append(b, ',')
		}
		b = x.appendModel(b, name)
	}
	if x.head.vendor == vendorAnthropic {
		return append(b, `],"has_more":false,"first_id":"`+models[0]+`","last_id":"`+models[len(models)-1]+`"}`...)
	}
	return append(b, `]}`...)
}

func (x *exchange) appendModel(b []byte, name string) []byte {
	if x.head.vendor == vendorAnthropic {
		b = append(b, `{"type":"model","id":"`...)
		b = appendEscaped(b, name)
		b = append(b, `","display_name":"Simulated `...)
		b = appendEscaped(b, name)
		return append(b, `","created_at":"2026-09-22T00:00:00Z","max_input_tokens":1000000,"max_tokens":1000000}`...)
	}
	b = append(b, `{"id":"`...)
	b = appendEscaped(b, name)
	return append(b, `","object":"model","created":`+modelsCreated+`,"owned_by":"penstock"}`...)
}

func (x *exchange) appendFile(b []byte, id span, size int, name []byte) []byte {
	b = append(b, `{"id":"`...)
	b = appendEscaped(b, x.view(id))
	b = append(b, `","object":"file","bytes":`...)
	b = appendInt(b, size)
	b = append(b, `,"created_at":`...)
	b = x.appendCreated(b)
	b = append(b, `,"filename":"`...)
	b = appendEscaped(b, name)
	return append(b, `","purpose":"user_data","status":"processed"}`...)
}
