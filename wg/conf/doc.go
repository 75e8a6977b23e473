// Package conf reads and writes WireGuard configuration files in the dialect of wg-quick(8), as
// `fly wireguard create` writes them, and holds the keys in them.
//
// It never runs what a file asks to be run (PostUp and its kin are only listed), never resolves a name, and never
// puts a value of a file into an error: the value could be a key.
package conf
