// Package platform is the simulated platform: apps, machines, releases, volumes, secrets and WireGuard peers, how they
// change with time, and the HTTP interfaces over them (Machines API, web REST, GraphQL), as far as clients of the
// platform use them.
//
// A World is state and clock only. It opens no listener and no tunnel and starts no process: what an instance answers
// on the private network is for whoever composes the simulation, which follows Instances, Changed and PeerSink.
// What can go wrong is a Fault, data that is switched on and off while the world runs; nothing else in this package
// misbehaves on purpose.
package platform
