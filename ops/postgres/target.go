package postgres

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"ops-console/ops/plaintext"
	"ops-console/ops/postgres/conninfo"
)

// The ways to nodes, as in database.via.
const (
	viaNetwork = "network"
	viaDirect  = "direct"
)

// target is a server before its connection is configured.
type target struct {
	host     conninfo.Host
	settings conninfo.Settings // user, dbname, password, how TLS is done; host and port in it do not count
	via      string            // auto, network or direct
}

// sslModes are libpq's, from the weakest to the strongest.
var sslModes = []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

// node makes a Node of a target. Settings that cannot be right are a *Failure of kind FailConfig.
func (t target) node() (Node, error) {
	n := Node{
		Name: t.host.Name, Host: t.host.Name, Port: t.host.Port,
		Direct: t.direct(),
	}
	n.Name = n.Key()
	mode, notes, err := t.sslMode(n.Direct)
	if err != nil {
		return n, misconfigured("%s: %v", n.Name, err)
	}
	n.Notes = append(notes, t.portNote(n.Direct)...)
	n.Config, err = driverConfig(t, mode)
	if err != nil {
		return n, misconfigured("%s: %s", n.Name, err.Error())
	}
	return n, nil
}

// misconfigured is a Failure of what we were told.
func misconfigured(format string, args ...any) *Failure {
	err := fmt.Errorf(format, args...)
	return &Failure{Kind: FailConfig, Text: plaintext.Line(err.Error(), maxText), Err: err}
}

// direct tells whether the target is dialled without the private network.
func (t target) direct() bool {
	switch {
	case strings.HasPrefix(t.host.Name, "/"):
		return true // a socket of this machine
	case t.via == viaNetwork:
		return false
	case t.via == viaDirect:
		return true
	}
	return !inNetwork(t.host.Name)
}

// uniqueLocal is what private networks of IPv6 have; Fly's are in fdaa::/16.
var uniqueLocal = netip.MustParsePrefix("fc00::/7")

// inNetwork tells whether a host can only be in a private network of the platform.
func inNetwork(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return uniqueLocal.Contains(a.Unmap())
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, suffix := range []string{".internal", ".flycast", ".flympg.net"} {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return false
}

// local tells whether a host is this machine.
func local(host string) bool {
	a, err := netip.ParseAddr(host)
	return strings.HasPrefix(host, "/") || strings.EqualFold(host, "localhost") || err == nil && a.IsLoopback()
}

// sslMode is how TLS is done. The tunnel encrypts by itself: TLS is tried there only where a server insists on it, which
// saves two round trips. Nothing does that for what leaves this machine otherwise: there the certificate is checked unless
// the connection string says else. PGSSLMODE has no say.
func (t target) sslMode(direct bool) (mode string, notes []string, err error) {
	mode = t.settings["sslmode"]
	switch ssl := t.settings["ssl"]; {
	case mode != "" && !slices.Contains(sslModes, mode):
		return "", nil, fmt.Errorf("sslmode is one of %s", strings.Join(sslModes, ", "))
	case mode == "" && ssl == "false":
		mode = "disable"
	case mode == "" && direct && !local(t.host.Name):
		return "verify-full", nil, nil
	case mode == "" && ssl == "true": // Ecto's; how the certificate is checked is not in its URL
		return "require", nil, nil
	case mode == "" && direct:
		return "prefer", nil, nil
	case mode == "":
		return "allow", nil, nil
	}
	if direct && !local(t.host.Name) {
		switch mode {
		case "disable", "allow", "prefer":
			notes = append(notes, "sslmode="+mode+" in the connection string: what is asked and answered may travel unencrypted")
		case "require":
			if t.settings["sslrootcert"] == "" {
				notes = append(notes, "sslmode=require in the connection string: the server's certificate is not checked")
			}
		}
	}
	return mode, notes, nil
}

// portNote says which server answers at the port of a Fly Postgres app's proxy.
func (t target) portNote(direct bool) []string {
	if direct || t.host.Port != conninfo.DefaultPort || strings.HasSuffix(t.host.Name, ".flympg.net") {
		return nil
	}
	return []string{"in a Fly Postgres app port 5432 is HAProxy, which leads to the primary whichever machine is asked; a machine's own PostgreSQL is at 5433"}
}

// tlsKeywords are passed on where they are given. Where they are not, the driver takes the files of the PGSSL…
// variables and of ~/.postgresql, as libpq does: they say whom to trust, never where to go.
var tlsKeywords = []string{"sslrootcert", "sslcert", "sslkey", "sslpassword", "sslsni"}

// driverConfig makes the driver's configuration. The driver fills in from the environment what is not said, so that
// everything that decides where a connection goes or how safe it is, is said.
func driverConfig(t target, mode string) (*pgx.ConnConfig, error) {
	s := conninfo.Settings{
		"host": t.host.Name, "port": strconv.Itoa(int(t.host.Port)),
		"user": t.settings["user"], "dbname": t.settings["dbname"],
		"password": t.settings["password"], "passfile": "",
		"sslmode": mode, "sslnegotiation": "postgres", "sslcertmode": "allow",
		"channel_binding": "prefer", "require_auth": "",
		"min_protocol_version": "", "max_protocol_version": "",
		"target_session_attrs": "any", "connect_timeout": "0",
	}
	for _, k := range []string{"sslnegotiation", "channel_binding", "require_auth"} {
		if v := t.settings[k]; v != "" {
			s[k] = v
		}
	}
	for _, k := range tlsKeywords {
		if v := t.settings[k]; v != "" {
			s[k] = v
		}
	}
	if _, given := s["sslrootcert"]; !given && !strings.HasPrefix(mode, "verify") {
		s["sslrootcert"] = "" // else a file of that name makes more of sslmode than was said
	}
	cfg, err := pgx.ParseConfig(s.Keywords())
	if err == nil {
		return cfg, nil
	}
	// The driver's own text repeats the connection string; what it wraps is about files and modes.
	inner := errors.Unwrap(err)
	switch {
	case inner == nil:
		inner = errors.New("the driver does not take these connection settings")
	case os.Getenv("PGSERVICE") != "" && strings.Contains(inner.Error(), "service"):
		inner = errors.New("the driver insists on the service that $PGSERVICE names and cannot read it: unset PGSERVICE, and name a service with database.service")
	}
	return nil, errors.New(scrubbed(inner.Error(), s["password"]))
}
