package config

import "time"

// Deploy is what a deployment here does besides what fly.toml says.
type Deploy struct {
	Backup     string        // before: auto (where migrations are pending), always or never
	BackupAge  time.Duration // a backup that is not older will do
	Preflight  string        // require, warn or off
	Soak       time.Duration // the old release on the new schema
	Content    bool          // instances must agree in the end
	Additive   []string      // versions of migrations that the release before can live with, whatever is found
	TotalLimit time.Duration // after that it goes back
	Guards     Guards
}

// Guards are what pauses a deployment by itself.
type Guards struct {
	Errors   Guard         // share of 5xx, as a fraction
	P99      Guard         // of the response time, in seconds
	Restarts Guard         // machines whose process ended without being asked to
	Lag      Guard         // of the replica that is furthest behind, in seconds
	Settle   time.Duration // how much of the measurements' time has to pass with all machines changed, before it is committed
}

// Guard is what is done with one measurement.
type Guard struct {
	Mode  GuardMode
	Limit float64 // beyond which it pauses, in the measurement's unit
	Times float64 // the limit is so many times what was measured before the deployment; 0: it is Limit
	Other bool    // the limit is another key's
}

// GuardMode is whether something is measured, and pauses.
type GuardMode string

// The modes.
const (
	GuardOff   GuardMode = "off"   // not measured
	GuardWatch GuardMode = "watch" // measured and shown; it never pauses
	GuardPause GuardMode = "pause" // over its limit it pauses
)
