package flysim

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ops-console/ops/fly/flysim/sixpn"
	"ops-console/wg/conf"

	"github.com/google/renameio/v2"
	"github.com/pelletier/go-toml/v2"
)

// The files of a world's directory.
const (
	profileFile = "profile.toml" // what --config takes
	confFile    = "wg.conf"      // the network's configuration, in the form the platform's own client writes
	envFile     = "env"          // shell lines that point other clients at the world
	tokenFile   = "token"
	urlFile     = "database" // a connection string, for the console
	readyFile   = "ready"    // there while the world is: its process and its address
	controlFile = "control"
	lockFile    = "lock"
	homeDir     = "home" // a home without configuration, for other clients
)

// deadEnd is an address of the machine at which nothing answers: what the simulated world does not have is sought there
// rather than in the Internet.
const deadEnd = "127.0.0.1:9"

// access is what a client has to know of a world.
type access struct {
	app, org    string
	environment string
	api         string // base URL
	token       string
	websocket   string   // URL; empty: none
	database    string   // connection string; empty: none
	backups     *backups // nil: none
	conf        *conf.Config
}

// write puts an access into dir, each file whole or not at all, the secret ones closed to others.
func (a access) write(dir string) error {
	profile, err := a.profile(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, homeDir, ".fly"), 0o700); err != nil {
		return fmt.Errorf("make a home for other clients: %w", err)
	}
	wgConf, err := flyConf(a.conf)
	if err != nil {
		return err
	}
	defer clear(wgConf)
	type file struct {
		name string
		data []byte
		mode fs.FileMode
	}
	if err := writeProject(dir); err != nil {
		return err
	}
	trees, err := generatedTrees()
	if err != nil {
		return err
	}
	files := []file{
		{treesFile, trees, 0o644},
		{tokenFile, []byte(a.token + "\n"), 0o600},
		{confFile, wgConf, 0o600},
		{envFile, a.env(dir), 0o600},
		{profileFile, profile, 0o600},
	}
	if a.database != "" {
		files = slices.Insert(files, 0, file{urlFile, []byte(a.database + "\n"), 0o600})
	}
	if b := a.backups; b != nil {
		files = slices.Insert(files, 0, file{backupURLFile, []byte(b.url + "\n"), 0o600}, file{backupKeysFile, b.keys(), 0o600},
			file{identityFile, []byte(b.identity.String() + "\n"), 0o600}, file{recipientFile, []byte(b.identity.Recipient().String() + "\n"), 0o644})
	}
	for _, f := range files {
		if err := writeFile(dir, f.name, f.data, f.mode); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(dir, name string, data []byte, mode fs.FileMode) error {
	if err := renameio.WriteFile(filepath.Join(dir, name), data, mode, renameio.IgnoreUmask()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// removeFile is for names that may not be there.
func removeFile(dir, name string) error {
	if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// flyConf writes a configuration with the sections, keys and order of the platform's own client.
func flyConf(c *conf.Config) ([]byte, error) {
	if len(c.Addresses) != 1 || len(c.DNS) != 1 || len(c.Peers) != 1 || len(c.Peers[0].AllowedIPs) != 1 {
		return nil, errors.New("write wg.conf: want one address, one server and one peer")
	}
	p := c.Peers[0]
	return fmt.Appendf(nil, `[Interface]
PrivateKey = %s
Address = %s
DNS = %s

[Peer]
PublicKey = %s
AllowedIPs = %s
Endpoint = %s
PersistentKeepalive = %d
`, c.PrivateKey.Base64(), c.Addresses[0], c.DNS[0], p.PublicKey, p.AllowedIPs[0], p.Endpoint, p.Keepalive), nil
}

// peerConf is the configuration of a peer of a gateway.
func peerConf(key conf.Key, own netip.Addr, prefix netip.Prefix, gateway conf.PublicKey, endpoint string) *conf.Config {
	return &conf.Config{
		PrivateKey: key,
		Addresses:  []netip.Prefix{netip.PrefixFrom(own, 120)},
		DNS:        []netip.Addr{sixpn.Server(prefix)},
		Peers: []conf.Peer{{
			PublicKey: gateway, AllowedIPs: []netip.Prefix{prefix}, Endpoint: endpoint, Keepalive: 15,
		}},
	}
}

// profile is a configuration of the console that knows one application.
func (a access) profile(dir string) ([]byte, error) {
	type table = map[string]any
	var agree []table
	for _, path := range sixpn.AgreePaths() {
		agree = append(agree, table{"path": path, "ignore": []string{`data-rendered="[^"]*"`, `<lastBuildDate>[^<]*</lastBuildDate>`}})
	}
	network := table{"config": filepath.Join(dir, confFile)}
	if a.websocket != "" {
		network["websocket"] = a.websocket
	}
	profile := table{
		"app":            a.app,
		"org":            a.org,
		"environment":    a.environment,
		"primary_region": primaryRegion,
		"project":        filepath.Join(dir, projectDir),
		"generator":      table{"snapshots": filepath.Join(dir, treesFile), "mix": "never", "web": false},
		"api": table{
			"machines": a.api, "graphql": a.api, "web": a.api, "registry": a.api, "metrics": a.api + "/prometheus", "token_file": filepath.Join(dir, tokenFile),
		},
		"network": network,
		"probe":   table{"path": sixpn.HealthPath, "port": httpPort, "release_header": sixpn.ReleaseHeader},
		"agree":   agree,
		"cluster": table{"command": sixpn.ClusterCommand(a.app)},
	}
	if a.database != "" {
		profile["database"] = table{"app": DatabaseApp, "url_file": filepath.Join(dir, urlFile)}
	}
	if a.backups != nil {
		profile["backup"] = a.backups.profile(dir)
	}
	// The world has things wrong with it that a preflight rightly refuses, and nobody wants to wait here.
	profile["deploy"] = table{"preflight": "warn", "soak": "5s", "guards": table{"settle": "0s"}}
	b, err := toml.Marshal(table{"app": table{a.app: profile}})
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", profileFile, err)
	}
	return append([]byte("# A simulated world. It ends with the process that wrote this.\n\n"), b...), nil
}

// env is shell lines: `. DIR/env` points clients of the platform at the world, and keeps them from anything else.
func (a access) env(dir string) []byte {
	dead := "http://" + deadEnd
	home := filepath.Join(dir, homeDir)
	var b []byte
	for _, kv := range [][2]string{
		{"FLY_API_BASE_URL", a.api},
		{"FLY_FLAPS_BASE_URL", a.api},
		{"FLY_UIEX_BASE_URL", a.api},
		{"FLY_METRICS_BASE_URL", dead}, // of the client about itself, not of the app
		{"FLY_SYNTHETICS_BASE_URL", dead},
		{"FLY_TRACE_COLLECTOR_URL", "127.0.0.1"},
		{"FLY_REGISTRY_HOST", deadEnd},
		{"FLY_ACCESS_TOKEN", a.token},
		{"FLY_SEND_METRICS", "0"},
		{"FLY_SYNTHETICS_AGENT", "0"},
		{"FLY_NO_UPDATE_CHECK", "1"},
		{"FLY_NO_INCIDENTS_CHECK", "1"},
		{"FLY_STATUSPAGE_UNRESOLVED_INCIDENTS_URL", dead},
		{"FLY_APP", a.app},
		{"FLY_ORG", a.org},
		{"FLY_CONFIG_DIR", filepath.Join(home, ".fly")},
		{"HOME", home},
		{"HTTPS_PROXY", dead},
		{"NO_PROXY", "127.0.0.1,127.0.0.0/8,localhost"},
		{"NO_COLOR", "1"},
	} {
		b = fmt.Appendf(b, "export %s=%s\n", kv[0], shellQuote(kv[1]))
	}
	return b
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
