//go:build unix

package take

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"ops-console/ops/backup/store"
	"ops-console/ops/postgres"
)

// TestAPoolerIsNotDumpedThrough would leave its settings to the next client.
func TestAPoolerIsNotDumpedThrough(t *testing.T) {
	t.Parallel()
	binary, err := exec.LookPath("pgbouncer")
	if err != nil {
		binary = "/usr/sbin/pgbouncer"
	}
	if _, err := os.Stat(binary); err != nil {
		t.Skip("no pgbouncer: apt-get install pgbouncer")
	}
	b := newBase(t, 1)
	n := b.at(b.node, "postgres")
	st, err := os.Stat(b.node.DataDir())
	if err != nil {
		t.Fatal(err)
	}
	owner := st.Sys().(*syscall.Stat_t)
	dir, err := os.MkdirTemp("", "pgb")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ini, users := filepath.Join(dir, "pgbouncer.ini"), filepath.Join(dir, "users.txt")
	for path, text := range map[string]string{
		users: "\"postgres\" \"\"\n",
		ini: fmt.Sprintf("[databases]\n%s = host=%s port=%d\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = %s\nlisten_port = 6432\nauth_type = trust\nauth_file = %s\npool_mode = session\n",
			b.name, n.Host, n.Port, dir, users),
		dir: "",
	} {
		if path != dir {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(binary, "-q", ini)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	socket := filepath.Join(dir, ".s.PGSQL.6432")
	waitFor(t, "pgbouncer", func() bool { _, err := os.Stat(socket); return err == nil })
	n.Host, n.Port, n.Name = dir, 6432, "pooled"
	s := store.NewMem(nil)
	o := b.options(s)
	o.Nodes = []postgres.Node{n}
	if _, err := Run(t.Context(), o); !errors.Is(err, ErrPooler) {
		t.Error(err)
	}
	nothing(t, s)
}
