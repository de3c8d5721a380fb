package dialect

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestPatch(t *testing.T) {
	is := func(body, model string, addUsage bool, want string) {
		t.Helper()
		s := scan(t, body)
		var modelJSON []byte
		if model != "" {
			modelJSON = AppendString(nil, model)
		}
		kept := [][]byte{[]byte("head")}
		out, n := s.Patch(kept, []byte(body), modelJSON, addUsage)
		if got := string(join(out[1:])); got != want || n != int64(len(want)) || string(out[0]) != "head" || len(out)-1 > MaxPieces {
			t.Errorf("%s\ngot  %s (%d)\nwant %s", body, got, n, want)
		}
		if !json.Valid([]byte(want)) {
			t.Errorf("not JSON: %s", want)
		}
	}
	is(`{"model":"a","x":1}`, "", false, `{"model":"a","x":1}`)
	is(`{"model":"a","x":1}`, "b\"", false, `{"model":"b\"","x":1}`)
	is(` {"x":1 , "mod\u0065l" : "\u0061" } `, "b", false, ` {"x":1 , "mod\u0065l" : "b" } `)
	is(`{"model":"a"}`, "", true, `{"model":"a","stream_options":{"include_usage":true}}`)
	is(`{"model":"a" } `, "b", true, `{"model":"b" ,"stream_options":{"include_usage":true}} `)
	is(`{"model":"a","stream_options":null}`, "b", true, `{"model":"b","stream_options":{"include_usage":true}}`)
	is(`{"stream_options": { } ,"model":"a"}`, "b", true, `{"stream_options": {"include_usage":true} ,"model":"b"}`)
	is(`{"stream_options":{ "x":1},"model":"a"}`, "b", true, `{"stream_options":{"include_usage":true, "x":1},"model":"b"}`)
	is(`{"stream_options":{"x":1,"include_usage":false},"model":"a"}`, "b", true, `{"stream_options":{"x":1,"include_usage":true},"model":"b"}`)
	is(`{"stream_options":{"include_usage":null,"x":1},"model":"a"}`, "", true, `{"stream_options":{"include_usage":true,"x":1},"model":"a"}`)
	is(`{"stream_options":{"include_usage":true},"model":"a"}`, "", true, `{"stream_options":{"include_usage":true},"model":"a"}`)
	is(`{"stream_options":{"include_usage":false},"model":"a"}`, "", false, `{"stream_options":{"include_usage":false},"model":"a"}`)
	is(`{}`, "b", true, `{"model":"b","stream_options":{"include_usage":true}}`)
	is(`{ }`, "", true, `{ "stream_options":{"include_usage":true}}`)
	is(`{"x":1}`, "b", false, `{"x":1,"model":"b"}`)
}

// expectPatch is the edit as encoding/json sees the body.
func expectPatch(body, modelJSON []byte, addUsage bool) []byte {
	list, err := members(body)
	if err != nil {
		return nil
	}
	type edit struct {
		start, end int
		with       string
	}
	var edits []edit
	hasModel, hasOptions := false, false
	for _, m := range list {
		switch {
		case m.key == "model":
			hasModel = true
			if modelJSON != nil {
				edits = append(edits, edit{m.start, m.end, string(modelJSON)})
			}
		case m.key == "stream_options" && addUsage:
			hasOptions = true
			if m.value[0] == 'n' {
				edits = append(edits, edit{m.start, m.end, `{"include_usage":true}`})
				break
			}
			inner, _ := members(m.value)
			e := edit{m.start + 1, m.start + 1, `"include_usage":true,`}
			if len(inner) == 0 {
				e = edit{m.start, m.end, `{"include_usage":true}`}
			}
			for _, in := range inner {
				if in.key == "include_usage" {
					e = edit{m.start + in.start, m.start + in.end, "true"}
				}
			}
			edits = append(edits, e)
		}
	}
	tail := ""
	if modelJSON != nil && !hasModel {
		tail += `,"model":` + string(modelJSON)
	}
	if addUsage && !hasOptions {
		tail += `,"stream_options":{"include_usage":true}`
	}
	if tail != "" {
		if len(list) == 0 {
			tail = tail[1:]
		}
		end := bytes.LastIndexByte(body, '}')
		edits = append(edits, edit{end, end, tail})
	}
	var out []byte
	done := 0
	for _, e := range edits {
		out = append(append(out, body[done:e.start]...), e.with...)
		done = e.end
	}
	return append(out, body[done:]...)
}

func FuzzPatch(f *testing.F) {
	seedBodies(f, func(body []byte) {
		f.Add(body, "gpt-5", true)
		f.Add(body, "", true)
		f.Add(body, "a\"\xff", false)
	})
	f.Fuzz(func(t *testing.T, body []byte, model string, addUsage bool) {
		s := new(Scan)
		if s.JSON(body) != nil {
			return
		}
		var modelJSON []byte
		if model != "" {
			modelJSON = AppendString(nil, model)
		}
		before := bytes.Clone(body)
		out, n := s.Patch(make([][]byte, 0, MaxPieces), body, modelJSON, addUsage)
		got := join(out)
		if want := expectPatch(body, modelJSON, addUsage); !bytes.Equal(got, want) || n != int64(len(got)) {
			t.Fatalf("%q\ngot  %q\nwant %q", body, got, want)
		}
		if !json.Valid(got) || !bytes.Equal(body, before) || len(out) > MaxPieces {
			t.Fatalf("%q became %q in %d pieces", body, got, len(out))
		}
		// The result is a body that says what it should.
		if err := s.JSON(got); err != nil {
			if len(model) > modelLimitBytes/4 {
				return
			}
			t.Fatalf("%q became %q: %v", body, got, err)
		}
		if addUsage && !s.IncludeUsage {
			t.Fatalf("%q became %q", body, got)
		}
	})
}
