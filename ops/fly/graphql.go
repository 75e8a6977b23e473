package fly

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

// query is one GraphQL request.
type query struct {
	op     string
	act    action // only mutations are limited
	text   string
	vars   map[string]any
	writes bool
}

// ask sends q and gives the data of the answer. An answer with errors is a failure, whatever data came along.
func ask[T any](ctx context.Context, c *Client, q query) (T, error) {
	var answer struct {
		Data   T            `json:"data"`
		Errors []graphError `json:"errors"`
	}
	body := map[string]any{"query": q.text}
	if q.vars != nil {
		body["variables"] = q.vars
	}
	_, err := c.do(ctx, request{
		op: q.op, act: q.act, method: http.MethodPost, url: c.o.GraphQLURL + "/graphql",
		body: body, auth: Token.graphAuth, writes: q.writes, into: &answer,
		check: func() *Error { return refusal(answer.Errors) },
	})
	if err != nil {
		var zero T
		return zero, err
	}
	return answer.Data, nil
}

// graphError is one entry of errors. Its parts are read leniently: an error must not hide behind its own form.
type graphError struct {
	Message    string
	Extensions struct{ Code string }
}

func (e *graphError) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	parts, ok := v.(map[string]any)
	if !ok {
		e.Message = string(b)
		return nil
	}
	e.Message = text(parts["message"])
	if m, ok := parts["extensions"].(map[string]any); ok {
		e.Extensions.Code, _ = m["code"].(string)
	}
	return nil
}

// codes says what the codes of GraphQL errors are about, by the HTTP status they would have been.
var codes = map[string]int{
	"UNAUTHORIZED":        http.StatusUnauthorized,
	"UNAUTHENTICATED":     http.StatusUnauthorized,
	"FORBIDDEN":           http.StatusForbidden,
	"NOT_FOUND":           http.StatusNotFound,
	"CONFLICT":            http.StatusConflict,
	"RATE_LIMITED":        http.StatusTooManyRequests,
	"TOO_MANY_REQUESTS":   http.StatusTooManyRequests,
	"UNPROCESSABLE":       http.StatusUnprocessableEntity,
	"INTERNAL_ERROR":      http.StatusInternalServerError,
	"SERVER_ERROR":        http.StatusInternalServerError,
	"SERVICE_UNAVAILABLE": http.StatusServiceUnavailable,
}

// phrases do the same for errors without a code.
var phrases = []struct {
	part   string
	status int
}{
	{"could not find", http.StatusNotFound},
	{"could not resolve", http.StatusNotFound},
	{"not found", http.StatusNotFound},
	{"must be authenticated", http.StatusUnauthorized},
	{"not authorized", http.StatusForbidden},
	{"unauthorized", http.StatusUnauthorized},
	{"rate limit", http.StatusTooManyRequests},
}

// refusal is the error that errors[] of an answer with status 200 amounts to.
func refusal(ee []graphError) *Error {
	if len(ee) == 0 {
		return nil
	}
	texts := make([]string, 0, len(ee))
	for _, e := range ee[:min(len(ee), 5)] {
		if e.Message != "" {
			texts = append(texts, e.Message)
		}
	}
	e := &Error{Code: Token{}.clean(ee[0].Extensions.Code), Message: strings.Join(texts, "; ")}
	if e.Message == "" {
		e.Message = "refused without a reason"
	}
	e.Status = codes[strings.ToUpper(e.Code)]
	for _, p := range phrases {
		if e.Status == 0 && strings.Contains(strings.ToLower(e.Message), p.part) {
			e.Status = p.status
		}
	}
	if e.Status == 0 {
		e.Status = http.StatusUnprocessableEntity
	}
	m := meaningOf(e.Status)
	e.kind, e.Hint = m.kind, m.hint
	return e
}

// missing is the error of an answer that says null where there should have been something.
func missing(op, what string) *Error {
	m := meaningOf(http.StatusNotFound)
	return &Error{Op: op, Message: what + " does not exist, or the token may not see it", Hint: m.hint, kind: m.kind}
}

// Organization is an organization by its slug, with the ID that mutations want.
func (c *Client) Organization(ctx context.Context, slug string) (Organization, error) {
	op := "read organization " + slug
	if err := named(op, slug); err != nil {
		return Organization{}, err
	}
	v, err := ask[struct {
		Organization *Organization `json:"organization"`
	}](ctx, c, query{
		op:   op,
		text: `query($slug: String!) { organization(slug: $slug) { id slug name } }`,
		vars: map[string]any{"slug": slug},
	})
	if err == nil && (v.Organization == nil || v.Organization.ID == "") {
		err = missing(op, "organization "+slug)
	}
	if err != nil {
		return Organization{}, err
	}
	return *v.Organization, nil
}

// OrganizationOf is the organization that owns an app, with its ID.
func (c *Client) OrganizationOf(ctx context.Context, app string) (Organization, error) {
	op := "read the organization of " + app
	if err := named(op, app); err != nil {
		return Organization{}, err
	}
	v, err := ask[struct {
		App *struct {
			Organization Organization `json:"organization"`
		} `json:"app"`
	}](ctx, c, query{
		op:   op,
		text: `query($appName: String!) { app(name: $appName) { id name organization { id slug name } } }`,
		vars: map[string]any{"appName": app},
	})
	if err == nil && (v.App == nil || v.App.Organization.Slug == "") {
		err = missing(op, "app "+app)
	}
	if err != nil {
		return Organization{}, err
	}
	return v.App.Organization, nil
}
