package metrics

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"ops-console/ops/plaintext"
)

// Kinds of results.
const (
	kindVector = "vector"
	kindMatrix = "matrix"
	kindScalar = "scalar"
)

// answer is a decoded one. Which field holds something, kind says.
type answer struct {
	kind   string
	vector []Sample
	matrix []Series
}

// decode reads an answer whose status is success; another is an error with what it says.
func decode(b []byte) (answer, error) {
	var a struct {
		Status    string `json:"status"`
		ErrorType string `json:"errorType"`
		Error     string `json:"error"`
		Partial   bool   `json:"isPartial"` // of VictoriaMetrics, which the platform runs
		Data      struct {
			Type   string          `json:"resultType"`
			Result json.RawMessage `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return answer{}, fmt.Errorf("the answer is not Prometheus': %w", err)
	}
	switch {
	case a.Status == "error":
		return answer{}, errors.New(plaintext.Line(a.ErrorType+": "+a.Error, 300))
	case a.Status != "success":
		return answer{}, fmt.Errorf("the answer is not Prometheus': its status is %q", plaintext.Line(a.Status, 40))
	case a.Partial:
		return answer{}, ErrPartial
	}
	out := answer{kind: a.Data.Type}
	var err error
	switch a.Data.Type {
	case kindVector:
		out.vector, err = vector(a.Data.Result)
	case kindMatrix:
		out.matrix, err = matrix(a.Data.Result)
	case kindScalar:
		var p point
		err = json.Unmarshal(a.Data.Result, &p)
		out.vector = []Sample{{Point: Point(p)}}
	default:
		return answer{}, fmt.Errorf("the result is of a kind that is not read here: %q", plaintext.Line(a.Data.Type, 40))
	}
	if err != nil {
		return answer{}, fmt.Errorf("the %s of the answer cannot be read: %w", a.Data.Type, err)
	}
	return out, nil
}

func vector(b []byte) ([]Sample, error) {
	var rr []struct {
		Metric Labels `json:"metric"`
		Value  *point `json:"value"`
	}
	if err := json.Unmarshal(b, &rr); err != nil {
		return nil, err
	}
	out := make([]Sample, len(rr))
	for i, r := range rr {
		out[i] = Sample{Labels: r.Metric, Point: Point{Value: math.NaN()}} // a native histogram has no single value
		if r.Value != nil {
			out[i].Point = Point(*r.Value)
		}
	}
	return out, nil
}

func matrix(b []byte) ([]Series, error) {
	var rr []struct {
		Metric Labels  `json:"metric"`
		Values []point `json:"values"`
	}
	if err := json.Unmarshal(b, &rr); err != nil {
		return nil, err
	}
	out := make([]Series, len(rr))
	for i, r := range rr {
		out[i] = Series{Labels: r.Metric, Points: make([]Point, len(r.Values))}
		for k, p := range r.Values {
			out[i].Points[k] = Point(p)
		}
	}
	return out, nil
}

// point is a pair of a time in seconds, as a number, and a value, as a text.
type point Point

// latest is the last second that a time may have: the year 9999.
const latest = 253402300799

// UnmarshalJSON reads the pair.
func (p *point) UnmarshalJSON(b []byte) error {
	var pair []json.RawMessage
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("a value has %d parts, not a time and a value", len(pair))
	}
	var (
		at   float64
		text string
	)
	if err := json.Unmarshal(pair[0], &at); err != nil {
		return fmt.Errorf("the time of a value: %w", err)
	}
	if at < 0 || at > latest {
		return fmt.Errorf("the time of a value: %g is none", at)
	}
	if err := json.Unmarshal(pair[1], &text); err != nil {
		return fmt.Errorf("a value: %w", err)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("a value: %q is no number", plaintext.Line(text, 40))
	}
	if math.IsInf(v, 0) {
		v = math.NaN()
	}
	p.At, p.Value = time.UnixMilli(int64(math.Round(at*1000))).UTC(), v
	return nil
}
