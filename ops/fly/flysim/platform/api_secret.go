package platform

import (
	"net/http"
	"slices"
	"strconv"
)

func secretEndpoints() map[string]endpoint {
	return map[string]endpoint{
		"GET /v1/apps/{app}/secrets":             {do: (*call).listSecrets},
		"POST /v1/apps/{app}/secrets":            {do: (*call).updateSecrets},
		"GET /v1/apps/{app}/secrets/{secret}":    {do: (*call).getSecret},
		"POST /v1/apps/{app}/secrets/{secret}":   {do: (*call).postSecret},
		"DELETE /v1/apps/{app}/secrets/{secret}": {do: (*call).deleteSecret},
	}
}

func (c *call) listSecrets() (reply, error) {
	q := c.URL.Query()
	if s := q.Get("min_version"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			return reply{}, errBadRequest("min_version %q is not a number", s)
		}
		if n > c.app.secretsV {
			return reply{}, errPrecondition("secrets version %d is not there yet", n)
		}
	}
	ss := make([]secretJSON, 0, len(c.app.secrets))
	for _, s := range c.app.secrets {
		ss = append(ss, s.view(q.Get("show_secrets") == "true"))
	}
	return ok(map[string]any{"secrets": ss})
}

func (c *call) updateSecrets() (reply, error) {
	var in struct {
		Values map[string]*string `json:"values"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if len(in.Values) == 0 {
		return reply{}, errBadRequest("values is missing")
	}
	v := c.w.setSecrets(c.app, in.Values)
	ss := make([]secretJSON, 0, len(c.app.secrets))
	for _, s := range c.app.secrets {
		ss = append(ss, s.view(false))
	}
	return ok(map[string]any{"version": v, "secrets": ss})
}

func (c *call) secret() *secret {
	i := slices.IndexFunc(c.app.secrets, func(s *secret) bool { return s.name == c.PathValue("secret") })
	if i < 0 {
		return nil
	}
	return c.app.secrets[i]
}

func (c *call) getSecret() (reply, error) {
	s := c.secret()
	if s == nil {
		return reply{}, errNotFound("secret not found: %s", c.PathValue("secret"))
	}
	return ok(s.view(c.URL.Query().Get("show_secrets") == "true"))
}

func (c *call) postSecret() (reply, error) {
	var in struct {
		Value *string `json:"value"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if in.Value == nil {
		return reply{}, errBadRequest("value is missing")
	}
	v := c.w.setSecrets(c.app, map[string]*string{c.PathValue("secret"): in.Value})
	return reply{status: http.StatusCreated, body: struct {
		secretJSON
		Version int `json:"version"`
	}{c.secret().view(false), v}}, nil
}

func (c *call) deleteSecret() (reply, error) {
	if c.secret() == nil {
		return reply{}, errNotFound("secret not found: %s", c.PathValue("secret"))
	}
	v := c.w.setSecrets(c.app, map[string]*string{c.PathValue("secret"): nil})
	return ok(map[string]any{"version": v})
}
