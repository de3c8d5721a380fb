package stand

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// instruction and question make a chat request of about 1.2 KB, the size of the shared rig's.
const (
	instruction = `You help the customers of a shop for bicycles and their parts. Answer in the language in which you are asked, in three sentences at most. Never promise a date that is not in the facts below, never name a price that is not there, and pass the customer on to a colleague when the customer wants that. Facts: parts that are in stock leave the workshop on the next working day; wheels are built to order, which takes eight days; everything may come back within thirty days as long as it was not ridden; repairs are taken in on weekdays until 17:00. `
	question    = `Good morning, last week I ordered a rear wheel and a chain, and so far only the chain is here. The note in the parcel says "1 of 2". When will the wheel arrive, and may I send the chain back if it turns out to be too short for the new cassette? `
)

// ChatBody is a chat request of about 1.2 KB for a model; a name such as "chat?latency=20ms&tokens=64" carries knobs of the
// simulated provider. maxTokens 0 leaves the bound away.
func ChatBody(model string, stream bool, maxTokens int) []byte {
	return BodyOf(model, stream, maxTokens, instruction, question+strings.Repeat("Thank you very much for your help. ", 6))
}

// BodyOf is a chat request with the texts given.
func BodyOf(model string, stream bool, maxTokens int, system, user string) []byte {
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // knobs are parted by &
	err := e.Encode(struct {
		Model       string    `json:"model"`
		Temperature float64   `json:"temperature"`
		MaxTokens   int       `json:"max_tokens,omitempty"`
		Messages    []message `json:"messages"`
		Stream      bool      `json:"stream,omitempty"`
	}{model, 0.7, maxTokens, []message{{"system", system}, {"user", user}}, stream})
	if err != nil {
		panic(err) // strings and numbers alone
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

// Request is a whole POST of a chat body, as the official Python client would send it.
func Request(host string, body []byte) []byte { return requestOf(host, "keep-alive", body) }

// LastRequest is a Request after which the client wants the connection closed.
func LastRequest(host string, body []byte) []byte { return requestOf(host, "close", body) }

func requestOf(host, connection string, body []byte) []byte {
	head := "POST /v1/chat/completions HTTP/1.1\r\nHost: " + host + "\r\nAccept-Encoding: gzip, deflate\r\nConnection: " + connection + "\r\n" +
		"Accept: application/json\r\nContent-Type: application/json\r\nUser-Agent: OpenAI/Python 1.99.0\r\nX-Stainless-Lang: python\r\n" +
		"X-Stainless-Retry-Count: 0\r\nAuthorization: Bearer " + Key + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n"
	return append([]byte(head), body...)
}
