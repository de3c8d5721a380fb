package dialect

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"
)

func formPart(disposition, content string) string {
	return "\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + content + "\r\n--B"
}

func TestMultipart(t *testing.T) {
	is := func(contentType, body, model string, stream bool) {
		t.Helper()
		var f Form
		if err := f.Multipart([]byte(contentType), []byte(body)); err != nil {
			t.Errorf("%q: %v", body, err)
			return
		}
		if string(f.Model) != model || f.HasModel != (model != "") || f.Stream != stream || body[f.ModelAt:f.ModelEnd] != model {
			t.Errorf("%q: %+v", body, f)
		}
		out, n := f.Patch(nil, []byte(body), []byte("other"))
		want := body
		if f.HasModel {
			want = body[:f.ModelAt] + "other" + body[f.ModelEnd:]
		}
		if got := string(join(out)); got != want || n != int64(len(want)) {
			t.Errorf("patched %q", got)
		}
	}
	const ct = "multipart/form-data; boundary=B"
	model := formPart(`name="model"`, "whisper-1")
	file := "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a; name=model.wav\"\r\nContent-Type: audio/wav\r\n\r\n" +
		"\x00\r\n-B\r\n--\r\n\r\nmodel\r\n" + strings.Repeat("x\r\n", 1000) + "\r\n--B"
	is(ct, "--B"+model+"--\r\n", "whisper-1", false)
	is(ct, "--B"+model+"--", "whisper-1", false)
	is(ct, "--B"+file+model+formPart(`name="stream"`, "true")+"--\r\n", "whisper-1", true)
	is(ct, "--B"+file+formPart(`name="stream"`, "false")+model+"--\r\n", "whisper-1", false)
	is(ct, "preamble\r\nmore\r\n--B  \t"+model+"-- \t\r\nepilogue --B", "whisper-1", false)
	is(ct, "--B"+file+"--\r\n", "", false)
	is(ct, "--B"+formPart(`name=model`, "m")+"--", "m", false)
	is(ct, "--B\r\ncontent-type: text/plain\r\nCONTENT-DISPOSITION:form-data;NAME=\"model\" ; \r\n\r\nm\r\n--B--", "m", false)
	is(ct, "--B"+formPart(`name="other"`, "")+model+"--", "whisper-1", false)
	is(ct, "--B"+formPart(`name="model[]"`, "x")+formPart(`name="Model"`, "y")+model+"--", "whisper-1", false)
	is(ct, "--B\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n--B"+model+"--", "whisper-1", false) // no content at all
	is(`Multipart/Form-Data ;charset=utf-8; Boundary="B"`, "--B"+model+"--", "whisper-1", false)
	is(`multipart/form-data; boundary="a\'b c"`, "--a'b c\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--a'b c--", "m", false)
	is(`multipart/form-data; boundary===12=/:`, "--==12=/:\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--==12=/:--", "m", false)
	is("multipart/form-data; boundary="+strings.Repeat("x", 70), "--"+strings.Repeat("x", 70)+"--", "", false)
	is(ct, "--B--", "", false)
	is(ct, "--B"+formPart(`name="file"; filename="x"`, "x--B--\r\n-B--B")+model+"--", "whisper-1", false)

	no := func(contentType, body, param string) {
		t.Helper()
		var f Form
		err := f.Multipart([]byte(contentType), []byte(body))
		var e *ScanError
		if !errors.As(err, &e) || e.Param != param || e.Offset > len(body) {
			t.Errorf("%q: %v", body, err)
		}
	}
	for _, bad := range []string{
		"", "multipart/form-data", "multipart/form-data; boundary=", `multipart/form-data; boundary=""`, "multipart/mixed; boundary=B",
		"multipart/form-datax; boundary=B", "multipart/form-data; boundary=B; boundary=C", `multipart/form-data; boundary="B`,
		"multipart/form-data; boundary=" + strings.Repeat("x", 71), `multipart/form-data; boundary="B "`, `multipart/form-data; boundary="B@"`,
		"application/json", "multipart/form-data boundary=B", "multipart/form-data; =B",
	} {
		no(bad, "--B"+model+"--", "")
	}
	no(ct, "", "")
	no(ct, "--B", "")
	no(ct, "--C\r\n--C--", "")
	no(ct, "--B"+model, "")
	no(ct, "\n--B"+model+"--", "")
	no(ct, "--B"+formPart(`name="file"; filename="x"`, "x\n--B"+model)+"--", "")
	no(ct, "--B"+formPart(`name="file"; filename="x"`, "x\r--B"+model)+"--", "")
	no(ct, "--B"+strings.TrimSuffix(model, "\r\n--B"), "")
	no(ct, "--BB"+model+"--", "")
	no(ct, "--B"+model+"--x", "")
	no(ct, "--B\n"+model+"--", "")
	no(ct, "--B\nContent-Disposition: form-data; name=\"model\"\n\nm\n--B--", "")
	no(ct, "--B\r\nContent-Disposition: form-data; name=\"model\"\n\r\n\r\nm\r\n--B--", "")
	no(ct, "--B"+model+model+"--", "model")
	no(ct, "--B"+formPart(`name="stream"`, "true")+formPart(`name="stream"`, "false")+"--", "stream")
	no(ct, "--B"+formPart(`name="model"; filename="x"`, "m")+"--", "model")
	no(ct, "--B"+formPart(`name="model"`, "")+"--", "model")
	no(ct, "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n--B--", "model")
	no(ct, "--B"+formPart(`name="model"`, strings.Repeat("m", 257))+"--", "model")
	no(ct, "--B\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nbQ==\r\n--B--", "model")
	no(ct, "--B"+formPart(`name="model"; name="x"`, "m")+"--", "model")
	no(ct, "--B"+formPart(`name="mod\el"`, "m")+"--", "")
	no(ct, "--B"+formPart(`name*=utf-8''model`, "m")+"--", "")
	no(ct, "--B"+formPart(`name*0="mo"; name*1="del"`, "m")+"--", "")
	no(ct, "--B"+formPart(`filename="x"`, "m")+"--", "")
	no(ct, "--B"+formPart(`name="model`, "m")+"--", "")
	no(ct, "--B\r\nContent-Disposition: attachment; name=\"model\"\r\n\r\nm\r\n--B--", "")
	no(ct, "--B\r\nContent-Type: text/plain\r\n\r\nm\r\n--B--", "")
	no(ct, "--B\r\n\r\nm\r\n--B--", "")
	no(ct, "--B\r\nContent-Disposition: form-data;\r\n name=\"model\"\r\n\r\nm\r\n--B--", "")
	no(ct, "--B\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--B--", "")
	no(ct, "--B\r\nContent-Disposition : form-data; name=\"model\"\r\n\r\nm\r\n--B--", "")
	no(ct, "--B\r\nX: "+strings.Repeat("x", 9000)+"\r\n\r\nm\r\n--B--", "")
	no(ct, "--B"+strings.Repeat(formPart(`name="x"`, ""), 1001)+"--", "")
}

func TestMultipartReal(t *testing.T) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	fw, err := w.CreateFormFile("file", `q"u\o.wav`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fw.Write(bytes.Repeat([]byte("\r\n--model"), 5000)); err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"model": "gpt-4o-transcribe", "stream": "true", "prompt": "model"} {
		if err := w.WriteField(k, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var f Form
	if err := f.Multipart([]byte(w.FormDataContentType()), body.Bytes()); err != nil || string(f.Model) != "gpt-4o-transcribe" || !f.Stream {
		t.Fatalf("%v %+v", err, f)
	}
	for i := range body.Len() - len("--\r\n") {
		if i%7 == 0 && f.Multipart([]byte(w.FormDataContentType()), body.Bytes()[:i]) == nil {
			t.Fatalf("accepted at %d", i)
		}
	}
}

// What Form takes, mime/multipart takes as well and in the same way, but for unquoted boundaries with bytes that are not a token's,
// for part heads with bytes that net/textproto refuses, and for transfer encodings, which matter in routed fields only.
func FuzzMultipart(f *testing.F) {
	for _, body := range []string{
		"--B" + formPart(`name="model"`, "m") + "--\r\n",
		"pre\r\n--B " + formPart(`name="file"; filename="x"`, "\r\n--\r\n-B") + formPart(`name="model"`, "m") + "-- \r\nepilogue",
		"--B" + formPart(`name="model"`, "") + formPart(`name="stream"`, "true") + "--",
		"--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n--B--",
		"--B\r\nContent-Type: a\r\nContent-Disposition: form-data; name=\"mo\\del\"\r\n\r\n\r\n--Bx\r\n--B--",
	} {
		f.Add("multipart/form-data; boundary=B", []byte(body))
		f.Add(`multipart/form-data; boundary="B"; charset=x`, []byte(body))
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		var form Form
		if err := form.Multipart([]byte(contentType), body); err != nil {
			var e *ScanError
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(body) {
				t.Fatal(err)
			}
			return
		}
		_, params, err := mime.ParseMediaType(contentType)
		if err != nil {
			return
		}
		r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
		var model, stream string
		models := 0
		for {
			p, err := r.NextRawPart()
			if err == io.EOF {
				break
			}
			if err != nil {
				if strings.Contains(err.Error(), "malformed MIME header") {
					return
				}
				t.Fatalf("%q: %v", body, err)
			}
			v, err := io.ReadAll(p)
			if err != nil {
				t.Fatalf("%q: %v", body, err)
			}
			switch p.FormName() {
			case "model":
				model = string(v)
				models++
			case "stream":
				stream = string(v)
			}
		}
		if models > 1 || (models == 1) != form.HasModel || model != string(form.Model) {
			t.Fatalf("%q: model %q, want %d times %q", body, form.Model, models, model)
		}
		if stream == "true" && !form.Stream || stream == "false" && form.Stream {
			t.Fatalf("%q: stream %v, want %q", body, form.Stream, stream)
		}
	})
}
