package platform

import "time"

// bucket is a token bucket.
type bucket struct {
	tokens float64
	at     time.Time
}

// allow takes a token from the bucket of a key, or says how long until there is one.
func (w *World) allow(key string, perSecond, burst float64) (bool, time.Duration) {
	b := w.limits[key]
	if b == nil {
		// Buckets that are full again are as good as none.
		if len(w.limits) > 10_000 {
			clear(w.limits)
		}
		b = &bucket{tokens: burst, at: w.now}
		w.limits[key] = b
	}
	b.tokens = min(burst, b.tokens+w.now.Sub(b.at).Seconds()*perSecond)
	b.at = w.now
	if b.tokens < 1 {
		return false, time.Duration((1 - b.tokens) / perSecond * float64(time.Second))
	}
	b.tokens--
	return true, 0
}
