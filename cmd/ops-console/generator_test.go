package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestConsoleWritesWhatIsTakenOfTheGenerator goes the whole way, from a key to the project's files: not before the console is
// armed and was told so.
func TestConsoleWritesWhatIsTakenOfTheGenerator(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: apt-get install git")
	}
	s := startSim(t, "--scenario", "calm", "--database", "off")
	project := filepath.Join(s.dir, "project")
	rules := filepath.Join(project, "AGENTS.md")
	tm := openOn(t, s, 120, 40, sandbox(t), "--open", "generator?view=mine&file=AGENTS.md")
	tm.until(30*time.Second, "MY FILES")
	tm.until(30*time.Second, "Rules for this web application.")
	tm.keys("a")
	tm.until(30*time.Second, "A arms for 5 minutes")
	tm.keys("A")
	tm.until(30*time.Second, "ARMED")
	tm.keys("a")
	tm.until(30*time.Second, "Writes 1 file in")
	if _, err := os.Stat(rules); err == nil {
		t.Fatal("it was written before anybody said yes")
	}
	tm.keys("y")
	tm.until(30*time.Second, "wrote AGENTS.md")
	tm.when(30*time.Second, "mark of what is done", func(screen string) bool { return strings.Contains(screen, " done  all files") })
	if b, err := os.ReadFile(rules); err != nil || !strings.HasPrefix(string(b), "Rules for this web application.") {
		t.Errorf("%v: %s", err, b)
	}
	if status := git(t, project, "status", "--porcelain"); status != "?? AGENTS.md\n" {
		t.Errorf("git status: %s", status)
	}
	tm.quit()
}
