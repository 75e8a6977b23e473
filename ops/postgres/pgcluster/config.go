package pgcluster

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// defaults are the settings of every server, by the version since which they are.
var defaults = []struct {
	since, until int // until: 0 for still
	name, value  string
}{
	{0, 0, "listen_addresses", ""},
	{0, 0, "fsync", "off"},
	// Base backups of standbys need whole pages in WAL.
	{0, 0, "full_page_writes", "on"},
	{0, 0, "synchronous_commit", "on"},
	{0, 0, "wal_level", "replica"},
	{0, 0, "hot_standby", "on"},
	{0, 0, "shared_buffers", "16MB"},
	{0, 0, "max_connections", "100"},
	{0, 0, "max_worker_processes", "8"},
	{0, 0, "max_wal_senders", "30"},
	{0, 0, "max_replication_slots", "30"},
	{0, 12, "wal_keep_segments", "64"},
	{13, 0, "wal_keep_size", "64MB"},
	{0, 0, "max_wal_size", "128MB"},
	{0, 0, "min_wal_size", "32MB"},
	{0, 0, "wal_retrieve_retry_interval", "200ms"},
	{0, 0, "autovacuum", "off"},
	{0, 0, "jit", "off"},
	{0, 0, "huge_pages", "off"},
	{0, 0, "max_parallel_workers", "0"},
	// Other kinds leave segments behind when a server is killed.
	{0, 0, "dynamic_shared_memory_type", "mmap"},
	// Workers would be three more processes for each server.
	{18, 0, "io_method", "sync"},
	{0, 0, "logging_collector", "off"},
	{0, 0, "log_line_prefix", "%m [%p] "},
	{0, 0, "log_timezone", "UTC"},
	{0, 0, "timezone", "UTC"},
	{0, 0, "port", "5432"},
}

// floors are what a standby must not be below, because a new cluster begins with them: its recovery would be aborted.
var floors = map[string]int{"max_connections": 100, "max_worker_processes": 8, "max_wal_senders": 10}

// settings of the server as they are now.
func (n *Node) settings() map[string]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := map[string]string{}
	for _, d := range defaults {
		if v := n.cluster.bin.Version; d.since <= v && (d.until == 0 || v <= d.until) {
			s[d.name] = d.value
		}
	}
	s["cluster_name"] = n.name
	maps.Copy(s, n.cluster.options.Settings)
	maps.Copy(s, n.replica.Settings)
	maps.Copy(s, n.overrides)
	s["unix_socket_directories"] = n.sockets
	if n.upstream == nil {
		if n.cluster.options.NewTimeline {
			// There is no archive: what the backup holds is all.
			s["restore_command"] = "false"
		}
		return s
	}
	for name, floor := range floors {
		if v, err := strconv.Atoi(s[name]); err == nil && v < floor {
			s[name] = strconv.Itoa(floor)
		}
	}
	s["primary_conninfo"] = fmt.Sprintf("host=%s port=%d user=postgres application_name=%s sslmode=disable",
		conninfoValue(filepath.Dir(n.link.listener.Addr().String())), n.upstream.port, conninfoValue(n.name))
	s["primary_slot_name"] = n.replica.Slot
	return s
}

func (n *Node) setting(name string) string { return n.settings()[name] }

func (n *Node) portSetting() (int, error) {
	port := "5432"
	for _, s := range []map[string]string{n.cluster.options.Settings, n.replica.Settings} {
		if v, ok := s["port"]; ok {
			port = v
		}
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil || p == 0 {
		return 0, fmt.Errorf("%s: the port %q is none", n.name, port)
	}
	return int(p), nil
}

// configure writes the server's files of settings.
func (n *Node) configure() error {
	settings := n.settings()
	var conf strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&conf, "%s = '%s'\n", name, strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(settings[name]))
	}
	hba := append(slices.Clone(n.cluster.options.HBA),
		"local all all trust",
		"local replication all trust",
		"host all all 127.0.0.1/32 trust",
		"host all all ::1/128 trust",
		"host replication all 127.0.0.1/32 trust",
		"host replication all ::1/128 trust",
	)
	a := n.cluster.account
	if err := a.write(filepath.Join(n.data, "postgresql.conf"), conf.String()); err != nil {
		return err
	}
	return a.write(filepath.Join(n.data, "pg_hba.conf"), strings.Join(hba, "\n")+"\n")
}

// override changes settings while the server runs; an empty value undoes that. Processes of the server take notice each
// in their own time.
func (n *Node) override(values map[string]string) error {
	n.mu.Lock()
	changed := maps.Clone(n.overrides)
	if changed == nil {
		changed = map[string]string{}
	}
	for name, v := range values {
		if v == "" {
			delete(changed, name)
		} else {
			changed[name] = v
		}
	}
	n.overrides = changed
	n.mu.Unlock()
	return n.reload()
}

func (n *Node) reload() error {
	p := n.process()
	if !p.alive() {
		return nil
	}
	if err := n.configure(); err != nil {
		return fmt.Errorf("configuration of %s: %w", n.name, err)
	}
	n.signal(p, syscall.SIGHUP)
	return nil
}

// conninfoValue quotes a value of a connection string.
func conninfoValue(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
