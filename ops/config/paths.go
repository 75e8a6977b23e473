package config

import (
	"errors"
	"fmt"
	"path/filepath"
)

const program = "ops-console"

// UserPath is the user's own file: $XDG_CONFIG_HOME/ops-console/config.toml.
func UserPath(getenv func(string) string) (string, error) {
	dir, err := xdg(getenv, "XDG_CONFIG_HOME", ".config")
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "config.toml"), nil
}

// StateDir is where the console keeps what it made: $XDG_STATE_HOME/ops-console. It is made by who writes there, 0700.
func StateDir(getenv func(string) string) (string, error) {
	return xdg(getenv, "XDG_STATE_HOME", filepath.Join(".local", "state"))
}

// PeerPath is where the WireGuard peer that `wg join` made for an organization is kept, 0600:
// $XDG_STATE_HOME/ops-console/peers/ORG.conf.
func PeerPath(getenv func(string) string, org string) (string, error) {
	if appName(org) != "" {
		return "", fmt.Errorf("%q is not the slug of an organization", org)
	}
	dir, err := StateDir(getenv)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "peers", org+".conf"), nil
}

// xdg is the console's directory under a base directory. One that is not absolute counts as not set, as the XDG
// specification has it.
func xdg(getenv func(string) string, variable, fallback string) (string, error) {
	if dir := getenv(variable); filepath.IsAbs(dir) {
		return filepath.Join(dir, program), nil
	}
	home := getenv("HOME")
	if !filepath.IsAbs(home) {
		return "", errors.New("no home directory: set HOME, or " + variable)
	}
	return filepath.Join(home, fallback, program), nil
}
