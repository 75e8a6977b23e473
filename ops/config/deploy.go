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
}
