package sim

import "encoding/binary"

// onePixel is a PNG of one grey pixel, in base64.
const onePixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

// serveImages answers POST /images/generations (wire facts: OpenAI, Images and audio).
func (x *exchange) serveImages(f *fields) *refusal {
	if f.prompt == nil {
		return errMissing("prompt")
	}
	count := f.number("n", f.n, 1, 1, imagesLimit)
	if f.bad != "" {
		return errParam(f.bad)
	}
	b := append(x.lane.scratch[:0], `{"created":`...)
	b = x.appendCreated(b)
	b = append(b, `,"data":[`...)
	for i := range count {
		if i > 0 {
			b = append(b, ',')
		}
		if string(f.responseFormat) == `"url"` {
			b = append(b, `{"url":"data:image/png;base64,`...)
		} else {
			b = append(b, `{"b64_json":"`...)
		}
		b = append(b, onePixel...)
		b = append(b, `"}`...)
	}
	b = append(b, `],"usage":{"input_tokens":`...)
	b = appendInt(b, x.prompt)
	b = append(b, `,"output_tokens":`...)
	b = appendInt(b, count)
	b = append(b, `,"total_tokens":`...)
	b = appendInt(b, x.prompt+count)
	b = append(b, `,"input_tokens_details":{"text_tokens":`...)
	b = appendInt(b, x.prompt)
	x.reply(append(b, `,"image_tokens":0}}}`...))
	return nil
}

const (
	waveRate    = 8000 // samples a second
	waveSamples = 2000 // a quarter of a second
)

// wave is a WAV file: a tone of 400 Hz, 8 bits, mono.
var wave = func() []byte {
	b := append([]byte(nil), "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, 36+waveSamples)
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1) // PCM
	b = binary.LittleEndian.AppendUint16(b, 1) // channels
	b = binary.LittleEndian.AppendUint32(b, waveRate)
	b = binary.LittleEndian.AppendUint32(b, waveRate)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint16(b, 8)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, waveSamples)
	for i := range waveSamples {
		if i%20 < 10 {
			b = append(b, 0x90)
		} else {
			b = append(b, 0x70)
		}
	}
	return b
}()

// serveSpeech answers POST /audio/speech: the same tone whatever is to be said, as WAV whatever form was asked for.
func (x *exchange) serveSpeech(f *fields) *refusal {
	if f.input == nil || f.input[0] != '"' {
		return errMissing("input")
	}
	x.head.media = mediaWAV
	x.reply(append(x.lane.scratch[:0], wave...))
	return nil
}

// serveTranscription answers POST /audio/transcriptions and /audio/translations: the same words for every recording.
func (x *exchange) serveTranscription(body []byte) *refusal {
	if len(x.req.boundary) == 0 {
		return errMultipart
	}
	model, _ := findPart(body, x.req.boundary, "model")
	if r := x.setModel(model.content); r != nil {
		return r
	}
	if x.plan.status != 0 {
		return x.plan.planned()
	}
	file, ok := findPart(body, x.req.boundary, "file")
	if !ok {
		return errMissing("file")
	}
	format, _ := findPart(body, x.req.boundary, "response_format")
	streamed, _ := findPart(body, x.req.boundary, "stream")
	x.head.last = x.head.last || x.plan.last
	x.prompt = (len(file.content) + 3) / 4
	x.limitTokens(tokensLimit)
	if string(streamed.content) == "true" && x.req.endpoint == epTranscriptions {
		x.form = formTranscript
		x.pre = x.lay([]byte("data: {\"type\":\"transcript.text.delta\",\"delta\":\""))
		x.mid = span{}
		x.post = x.lay([]byte("\"}\n\n"))
		x.stream(x.tokens)
		return nil
	}
	if x.plan.end == endFail {
		return errSimulated
	}
	b := x.lane.scratch[:0]
	switch string(format.content) {
	case "text":
		x.head.media = mediaPlain
		b = append(x.appendText(b), '\n')
	case "srt":
		x.head.media = mediaPlain
		b = append(b, "1\n00:00:00,000 --> 00:00:01,000\n"...)
		b = append(x.appendText(b), "\n\n"...)
	case "vtt":
		x.head.media = mediaPlain
		b = append(b, "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n"...)
		b = append(x.appendText(b), "\n\n"...)
	case "verbose_json":
		b = append(b, `{"task":"transcribe","language":"english","duration":1.0,"text":"`...)
		b = x.appendText(b)
		b = append(b, `","segments":[],"usage":{"type":"duration","seconds":1}}`...)
	default:
		b = append(b, `{"text":"`...)
		b = x.appendText(b)
		b = append(b, `","usage":`...)
		b = append(x.appendTranscriptUsage(b), '}')
	}
	x.replyMade(b)
	return nil
}

func (x *exchange) appendTranscriptUsage(b []byte) []byte {
	b = append(b, `{"type":"tokens","input_tokens":`...)
	b = appendInt(b, x.prompt)
	b = append(b, `,"input_token_details":{"text_tokens":0,"audio_tokens":`...)
	b = appendInt(b, x.prompt)
	b = append(b, `},"output_tokens":`...)
	b = appendInt(b, x.tokens)
	b = append(b, `,"total_tokens":`...)
	return append(appendInt(b, x.prompt+x.tokens), '}')
}

func (x *exchange) closeTranscript(b []byte) []byte {
	b = append(b, "data: {\"type\":\"transcript.text.done\",\"text\":\""...)
	b = x.appendText(b)
	b = append(b, `","usage":`...)
	b = x.appendTranscriptUsage(b)
	return append(b, "}\n\n"...)
}

// moderationCategories are the vendor's.
var moderationCategories = [...]string{
	"hate", "hate/threatening", "harassment", "harassment/threatening", "illicit", "illicit/violent", "self-harm",
	"self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic",
}

// serveModeration answers POST /moderations: nothing is ever found.
func (x *exchange) serveModeration(f *fields) *refusal {
	if f.input == nil {
		return errMissing("input")
	}
	count := 1
	if f.input[0] == '[' {
		inputs, ok := splitInput(f.input)
		if ok {
			count = len(inputs)
		} // else it is one input of several parts
	}
	b := append(x.lane.scratch[:0], `{"id":"`...)
	b = appendID(b, "modr-", x.seed)
	b = append(b, `","model":"`...)
	b = append(b, x.view(x.model)...)
	b = append(b, `","results":[`...)
	for i := range count {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"flagged":false,"categories":{`...)
		b = appendCategories(b, `false`)
		b = append(b, `},"category_scores":{`...)
		b = appendCategories(b, `0.0001`)
		b = append(b, `},"category_applied_input_types":{`...)
		b = appendCategories(b, `["text"]`)
		b = append(b, `}}`...)
	}
	x.reply(append(b, `]}`...))
	return nil
}

func appendCategories(b []byte, value string) []byte {
	for i, name := range moderationCategories {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, name...)
		b = append(b, `":`...)
		b = append(b, value...)
	}
	return b
}
