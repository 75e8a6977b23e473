package fly

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"
)

// LogQuery says which lines of an app's log are asked for.
type LogQuery struct {
	// Next is that of the page before, or LogsAfter. Empty: the newest lines of the last day, at most a hundred.
	Next    string
	Region  string // code; empty: all
	Machine string // id; empty: all
}

// LogPage is some lines of an app's log, oldest first, each as the platform wrote it: what is in one is for its reader to
// judge, and one that is odd spoils no other. Next asks for those that follow; empty: the platform gave none.
type LogPage struct {
	Entries []json.RawMessage
	Next    string
}

// LogsAfter is LogQuery.Next for lines later than t. The platform keeps them for about seven days.
func LogsAfter(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

// Logs is one page of an app's log.
func (c *Client) Logs(ctx context.Context, app string, q LogQuery) (LogPage, error) {
	op := "read the log of " + app
	if err := named(op, app); err != nil {
		return LogPage{}, err
	}
	var v struct {
		Data []struct {
			Attributes json.RawMessage `json:"attributes"`
		} `json:"data"`
		Meta struct {
			Next json.RawMessage `json:"next_token"`
		} `json:"meta"`
	}
	r := c.web(op, action{"logs", app}, "apps", app, "logs")
	r.into, r.query = &v, url.Values{"next_token": {q.Next}}
	if q.Region != "" {
		r.query.Set("region", q.Region)
	}
	if q.Machine != "" {
		r.query.Set("instance", q.Machine)
	}
	if _, err := c.do(ctx, r); err != nil {
		return LogPage{}, err
	}
	p := LogPage{Entries: make([]json.RawMessage, 0, len(v.Data))}
	for _, d := range v.Data {
		p.Entries = append(p.Entries, d.Attributes)
	}
	// It is a time in nanoseconds, which not everybody writes as text.
	if json.Unmarshal(v.Meta.Next, &p.Next) != nil {
		if n := json.Number(""); json.Unmarshal(v.Meta.Next, &n) == nil {
			p.Next = n.String()
		}
	}
	return p, nil
}
