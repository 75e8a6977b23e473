// Package config says what `--app NAME` means: it finds, reads and joins the profiles of the user and of the
// project, and fills in what neither says. It never asks the network.
//
// Every key a profile can have stands once, in the table of keys.go: with its meaning, its check and its default. The
// parser, the environment's variables, the example and the documentation all come from it.
package config

import (
	"time"

	"ops-console/ops/fly"
)

// Profile is what is known of one application before anything is asked.
type Profile struct {
	Name        string // what --app said
	App         string // the app's name at the platform
	Environment string // production, staging, …; shown, and what a dialog makes one type
	Org         string // organization slug; empty: asked of the API
	Project     string // directory with fly.toml and mix.exs; empty: none

	PrimaryRegion string // of fly.toml, or as configured; empty: not known

	API       API
	Network   Network
	Probe     Probe
	Agree     []AgreePath
	Cluster   Cluster
	Database  Database
	Lint      Lint
	Generator Generator
	Backup    Backup
	Deploy    Deploy
	Console   Console
	Interval  Interval

	Sources []string          // the files it was made from, most specific first
	Origins map[string]string // where each key's value came from: FILE:LINE, $VARIABLE, --flag; not there: the default
	Notes   []string          // what was found and not used, and why
}

// API says where the platform is and how to prove who we are. The token itself is read when it is needed.
type API struct {
	Machines  string // base URL, https://api.machines.dev
	GraphQL   string // base URL, https://api.fly.io
	Web       string // base URL, https://api.fly.io
	Registry  string // base URL of the platform's registry of images, https://registry.fly.io
	Metrics   string // base URL of the platform's Prometheus, https://api.fly.io/prometheus
	TokenEnv  string // name of the environment variable, FLY_ACCESS_TOKEN
	TokenFile string // a file with the token, 0600; empty: flyctl's own configuration
	Token     fly.Token
}

// Network says how to join.
type Network struct {
	Mode      string // auto, user, interface, direct
	Config    string // path of the wg-quick file; empty: the one that `wg join` made
	Interface string // name; empty: found
	DNS       string // address of the network's DNS server; empty: from Config, or fdaa::3
	Transport string // auto, udp, websocket
	Websocket string // URL; empty: wss://ENDPOINT:443/
}

// Probe says how an instance is asked whether it is well.
type Probe struct {
	Port          int    // 0: from the machine's service or check
	Path          string // empty: from the machine's check, else /
	Host          string // Host header; empty: APP.fly.dev
	Scheme        string // http or https
	Headers       map[string]string
	ReleaseHeader string // response header that carries the release; empty: none
	Timeout       time.Duration
	Concurrency   int    // requests at once
	Status        string // what is well, like "200-399"
}

// AgreePath is a path whose content must be the same everywhere.
type AgreePath struct {
	Path    string
	Ignore  []string // regular expressions of volatile parts, on top of the built-in ones
	Headers map[string]string
}

// Cluster says how an instance is asked which Erlang nodes it sees. An empty Command turns it off.
type Cluster struct {
	Command []string // run in the machine; prints the node's own name and those it sees
}

// Console is how the console starts.
type Console struct {
	Theme         string // auto, or the name of a theme
	Glyphs        string // auto, unicode or ascii
	Mouse         bool
	ReadOnly      bool // cannot be armed
	ReducedMotion bool
}

// Interval says how often each source is read.
type Interval struct {
	Platform  time.Duration
	DNS       time.Duration
	Probe     time.Duration
	Agreement time.Duration
	Cluster   time.Duration
	Releases  time.Duration
	Replicas  time.Duration // each node of the database
}
