package fly

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Duration is a time.Duration that the platform writes as "15s" or as a number of nanoseconds.
type Duration time.Duration

// UnmarshalJSON accepts both forms.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("duration: %w", err)
	}
	switch v := v.(type) {
	case nil:
	case float64:
		if math.Abs(v) >= math.MaxInt64 {
			return fmt.Errorf("duration: %s is out of range", b)
		}
		*d = Duration(v)
	case string:
		p, err := time.ParseDuration(v)
		if err != nil {
			return fmt.Errorf("duration: %w", err)
		}
		*d = Duration(p)
	default:
		return fmt.Errorf("duration: %s is neither text nor a number", b)
	}
	return nil
}

// MarshalJSON writes the text form.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }
