package fly

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"strings"
)

// decode reads a good answer into v and says what is wrong with it, or nothing.
func decode(b []byte, contentType string, v any) string {
	if what := page(b, contentType); what != "" {
		return "the answer is " + what + ", not JSON"
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return "the answer is empty"
	}
	err := json.Unmarshal(b, v)
	if err == nil {
		return ""
	}
	var (
		syntax *json.SyntaxError
		typ    *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &syntax) && syntax.Offset >= int64(len(b)):
		return fmt.Sprintf("the JSON of the answer ends in the middle, after %d bytes", len(b))
	case errors.As(err, &syntax):
		return fmt.Sprintf("the answer is not JSON from byte %d on: %q", syntax.Offset, around(b, syntax.Offset))
	case errors.As(err, &typ) && typ.Field != "":
		return fmt.Sprintf("the answer has %s where %s was expected, in %s", typ.Value, typ.Type, typ.Field)
	}
	return "the answer is not what was expected: " + err.Error()
}

func around(b []byte, at int64) []byte {
	i := max(0, min(int(at)-1, len(b)))
	return b[i:min(len(b), i+30)]
}

var title = regexp.MustCompile(`(?is)<title[^>]*>([^<]{0,200})`)

// page names a web page that came where JSON was due, or is empty.
func page(b []byte, contentType string) string {
	kind, _, _ := mime.ParseMediaType(contentType)
	b = bytes.TrimSpace(b)
	if kind != "text/html" && !bytes.HasPrefix(b, []byte("<")) {
		return ""
	}
	if m := title.FindSubmatch(b[:min(len(b), 16<<10)]); m != nil {
		if t := strings.TrimSpace(string(m[1])); t != "" {
			return fmt.Sprintf("a web page (%q)", t)
		}
	}
	return "a web page"
}

// problem is the text and the code of an answer that says no. The platform puts the text into error or, sometimes,
// into message; what stands between it and us sends pages or plain text.
func problem(b []byte, h http.Header) (message, code string) {
	if what := page(b, h.Get("Content-Type")); what != "" {
		return "the answer is " + what + ", not the platform's", ""
	}
	var body struct {
		Error   any `json:"error"`
		Message any `json:"message"`
		Status  any `json:"status"`
		Errors  any `json:"errors"`
	}
	if json.Unmarshal(b, &body) != nil {
		if to := h.Get("Location"); to != "" {
			return "sent on to " + to, ""
		}
		return string(b), ""
	}
	for _, v := range []any{body.Error, body.Message, body.Errors} {
		if s := text(v); s != "" {
			message = s
			break
		}
	}
	code, _ = body.Status.(string)
	return message, code
}

// text is v where it is a string, its JSON where it is more than that, and empty where it is nothing.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}
