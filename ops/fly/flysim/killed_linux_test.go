package flysim

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ops-console/ops/postgres/pgcluster"

	"go.uber.org/goleak"
)

// victimDir says to the test binary that it is to be a world, in this directory, until it is killed.
const victimDir = "FLYSIM_TEST_VICTIM"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		os.Exit(beVictim(dir))
	}
	goleak.VerifyTestMain(m)
}

func beVictim(dir string) int {
	s, err := Start(context.Background(), Options{Dir: dir, Scenario: "calm", Database: true})
	if err == nil {
		err = s.Ready(context.Background())
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ready")
	select {}
}

// children are the processes of a parent by their ids, with their command lines.
func children(parent int) map[int]string {
	out := map[int]string{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		b, err := os.ReadFile(path)
		_, rest, ok := strings.Cut(string(b), ") ")
		if f := strings.Fields(rest); err != nil || !ok || len(f) < 2 || f[1] != strconv.Itoa(parent) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		out[pid] = strings.ReplaceAll(string(line), "\x00", " ")
	}
	return out
}

func TestNothingOfAKilledWorldIsLeft(t *testing.T) {
	t.Parallel()
	if _, err := pgcluster.Find(); err != nil {
		t.Skipf("%v: apt-get install postgresql", err)
	}
	victim := exec.CommandContext(t.Context(), os.Args[0])
	dir := filepath.Join(t.TempDir(), "sim")
	victim.Env = append(os.Environ(), victimDir+"="+dir)
	said, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	defer victim.Wait() //nolint:errcheck // it is killed
	if line, err := bufio.NewReader(said).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the world says %q %v", line, err)
	}
	servers := map[int]string{}
	for pid, line := range children(victim.Process.Pid) {
		if name, args, _ := strings.Cut(line, " "); filepath.Base(name) == "postgres" {
			servers[pid] = strings.Fields(args)[1]
		}
	}
	if len(servers) != 5 {
		t.Fatalf("servers %v, want five", servers)
	}
	// A frozen one takes no signal but this.
	for pid := range servers {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		break
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for pid, data := range servers {
		until(t, "the end of the server in "+data, func() bool {
			state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			_, rest, _ := strings.Cut(string(state), ") ")
			return err != nil || strings.HasPrefix(rest, "Z")
		})
		until(t, "the end of "+data, func() bool { _, err := os.Stat(data); return os.IsNotExist(err) })
	}
	t.Logf("all gone after %s", time.Since(began))
}
