package logs

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"ops-console/ops/plaintext"
)

// entry is a line as both sources write it: the live stream with fields of its own for instance, region and level, the web
// API with plain ones, and meta where the live stream has its fields at the top.
type entry struct {
	Message   string `json:"message"`
	Timestamp string `json:"timestamp"`
	Host      string `json:"host"`
	details
	Fly struct {
		App struct {
			Instance string `json:"instance"`
		} `json:"app"`
		Region string `json:"region"`
	} `json:"fly"`
	Log struct {
		Level string `json:"level"`
	} `json:"log"`

	Level    string `json:"level"`
	Instance string `json:"instance"`
	Region   string `json:"region"`
	Meta     struct {
		details
		Instance string `json:"instance"`
		Region   string `json:"region"`
	} `json:"meta"`
}

// details is what both sources say in the same form, at different places.
type details struct {
	Event struct {
		Provider string `json:"provider"`
	} `json:"event"`
	HTTP struct {
		Request struct {
			ID     string `json:"id"`
			Method string `json:"method"`
		} `json:"request"`
		Response struct {
			Status int `json:"status_code"`
		} `json:"response"`
	} `json:"http"`
	Error struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	URL struct {
		Full string `json:"full"`
	} `json:"url"`
}

const (
	maxName   = 64   // characters of an id, a region, a host, a provider
	maxDetail = 512  // of a URL, an error
	newest    = 24   // hours that a line's time may be ahead of ours
	oldest    = 2015 // year before which no line was written
	// maxEntry is the longest entry that is read as what it is. Of a longer one, its beginning is the message.
	maxEntry = 2 << 20
)

// decodeLive reads a message of the live stream. The subject, logs.APP.REGION.INSTANCE, says what the message leaves out.
// There is a line for everything that comes; whole is false where it was not written as it should be.
func decodeLive(subject string, data []byte, received time.Time) (l Line, whole bool) {
	l, whole = decode(data, received)
	if parts := strings.Split(subject, "."); len(parts) == 4 {
		if l.Region == "" {
			l.Region = name(parts[2])
		}
		if l.Machine == "" {
			l.Machine = name(parts[3])
		}
	}
	return l, whole
}

// decode reads an entry of either source.
func decode(data []byte, received time.Time) (l Line, whole bool) {
	var e entry
	whole = len(data) <= maxEntry
	if whole {
		err := json.Unmarshal(data, &e)
		var odd *json.UnmarshalTypeError // of one field; the others are read
		if errors.As(err, &odd) {
			whole = false
		} else if err != nil {
			whole, e = false, entry{Message: string(data)}
		}
	} else {
		e.Message = string(data[:maxEntry])
	}
	l = e.line(received)
	return l, whole && !l.Unstamped
}

func (e *entry) line(received time.Time) Line {
	d := e.details
	if e.Meta.details != (details{}) {
		d = e.Meta.details
	}
	l := Line{
		Received: received.UTC(),
		Region:   name(first(e.Fly.Region, e.Region, e.Meta.Region)),
		Machine:  name(first(e.Fly.App.Instance, e.Instance, e.Meta.Instance)),
		Host:     name(e.Host),
		Provider: Provider(name(d.Event.Provider)),
		Message:  message(e.Message),
		Request:  d.request(),
	}
	if l.Level = levelOf(l.Message); l.Level == NoLevel {
		l.Level = levelNamed(first(e.Log.Level, e.Level))
	}
	l.At, l.Unstamped = stamp(e.Timestamp, l.Received)
	return l
}

// request is what a line of the proxy is about; nil where it says nothing of one.
func (d *details) request() *Request {
	if d.HTTP.Request.ID == "" && d.HTTP.Request.Method == "" && d.HTTP.Response.Status == 0 && d.Error.Code == 0 && d.Error.Message == "" && d.URL.Full == "" {
		return nil
	}
	return &Request{
		ID: name(d.HTTP.Request.ID), Method: name(d.HTTP.Request.Method), URL: plaintext.Line(d.URL.Full, maxDetail),
		Status: d.HTTP.Response.Status, Code: d.Error.Code, Error: plaintext.Line(d.Error.Message, maxDetail),
	}
}

// stamp reads the time of a line. One that is missing or impossible is when it came.
func stamp(s string, received time.Time) (at time.Time, unstamped bool) {
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || at.Year() < oldest || at.After(received.Add(newest*time.Hour)) {
		return received, true
	}
	return at.UTC(), false
}

func name(s string) string { return plaintext.Line(s, maxName) }

func first(ss ...string) string {
	for _, s := range ss {
		if s != "" {
			return s
		}
	}
	return ""
}

// message is a text as one line, with its indentation, which stack traces are read by.
func message(s string) string {
	s = strings.TrimRight(s, " \r\n")
	if len(s) <= MaxMessage && printable(s) {
		return s
	}
	// Blank lines within go with the line breaks.
	return strings.ReplaceAll(plaintext.Block(s, MaxMessage, MaxMessage), "\n", " ")
}

// printable tells of text that is what message would make of it.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
