package fly

import (
	"context"
	"encoding/json"
	"net/url"
)

// Metrics asks the platform's Prometheus about an organization, as Grafana would: what is the endpoint beneath /api/v1, query
// or query_range. The answer is Prometheus' own JSON, which ops/metrics reads. The platform documents no rate limit here.
func (c *Client) Metrics(ctx context.Context, org, what string, query url.Values) (json.RawMessage, error) {
	op := "ask the metrics of " + org
	if err := named(op, org, what); err != nil {
		return nil, err
	}
	var answer json.RawMessage
	r := request{op: op, url: join(c.o.MetricsURL, []string{org, "api", "v1", what}), query: query, auth: Token.machinesAuth, into: &answer}
	if _, err := c.do(ctx, r); err != nil {
		return nil, err
	}
	return answer, nil
}
