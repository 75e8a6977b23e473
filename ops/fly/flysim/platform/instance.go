package platform

import (
	"net/netip"
	"time"
)

// Instance is a running or stopped machine as the private network sees it: what the DNS zone and the HTTP listeners
// need to know. It is a value; World.Instances makes a fresh one.
type Instance struct {
	ID        string
	App       string
	Region    string
	Group     string // process group
	Addr      netip.Addr
	Started   bool // state started: in DNS, and listening unless Dead
	SkipDNS   bool // dns.skip_registration
	Metadata  map[string]string
	Release   int
	ReleaseID string
	Image     string
	Port      uint16 // of its HTTP service; 0: none
	Behaviour Behaviour
}

// Behaviour is how an instance answers. The zero value is a healthy one.
type Behaviour struct {
	Dead    bool          // nothing listens: connections are refused
	Hang    bool          // accepts and never answers
	Silent  bool          // packets to it vanish: the host is unreachable
	Delay   time.Duration // before every answer
	Health  int           // status of the health path; 0: 200
	Errors  int           // how many of a hundred answers are 500, but for the health path's
	Slow    int           // how many of a hundred answers come later by Late, but for the health path's
	Late    time.Duration // see Slow
	Content string        // which edition of the pages it serves; "": the current one
	Island  string        // the Erlang cluster it belongs to; "": the main one
	Hostile bool          // answers with bodies and headers made to hurt a terminal
}
