package platform

import "net/http"

func (c *call) graphql() (reply, error) {
	return reply{}, apiError{http.StatusNotImplemented, "graphql comes next", ""}
}

func gqlErrors(e apiError) any {
	return map[string]any{"data": nil, "errors": []any{map[string]any{"message": e.message, "extensions": map[string]any{"code": e.code}}}}
}
