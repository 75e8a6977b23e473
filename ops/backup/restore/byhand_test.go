package restore

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ops-console/ops/backup/sample"
	"ops-console/ops/backup/store"
	"ops-console/ops/postgres/client"
)

// What docs/backups.md tells people to type is typed here, with the programs that they have.
func TestByHandAsTheDocumentationSays(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"age", "zstd", "bash"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s: install the package %s", program, program)
		}
	}
	l := newLab(t)
	l.own(t)
	before := l.content(t, "shop")
	s := store.NewMem(nil)
	r := l.Stored(t, s, l.identity.Recipient().String())
	dir := t.TempDir()
	files := map[string][]byte{"key.txt": []byte(l.identity.String() + "\n")}
	for _, p := range r.Manifest.Payload {
		b, _, err := store.Get(t.Context(), s, sample.Key(r, p.Key), 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		files[p.Key] = b
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile("../../../docs/backups.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## By hand\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := strings.Split(section, "```sh\n")[1:]
	if !ok || len(blocks) < 5 {
		t.Fatalf("%d blocks of commands in the documentation", len(blocks))
	}
	program, err := client.Find(t.Context(), "pg_restore", 0)
	if err != nil {
		t.Fatal(err)
	}
	n := sample.Node(t, l.cluster.Primary(), "postgres")
	said := ""
	for _, block := range blocks {
		commands, _, _ := strings.Cut(block, "```")
		cmd := exec.Command("bash", "-e", "-c", commands)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + filepath.Dir(program.Path) + ":" + os.Getenv("PATH"), "PGHOST=" + n.Host, "PGUSER=postgres", "PGPORT=5432", "HOME=" + dir, "LC_ALL=C"}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s\n%v: %s", commands, err, out)
		}
		said += string(out)
	}
	if !strings.Contains(said, `ALTER DATABASE shop SET search_path TO`) {
		t.Errorf("the settings are not shown: %s", said)
	}
	same(t, "restored by hand", before, l.content(t, "shop"))
	if diff := l.databases(t); len(diff) != 2 || diff[1] != "shop_before" {
		t.Error(diff)
	}
}
