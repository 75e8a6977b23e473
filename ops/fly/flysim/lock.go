package flysim

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrInUse says that a live world has the directory.
type ErrInUse struct {
	Dir string
	PID int // 0: unknown
}

// Error says whose the directory is and what to do.
func (e ErrInUse) Error() string {
	who := "another simulated world"
	if e.PID != 0 {
		who = fmt.Sprintf("the simulated world of process %d", e.PID)
	}
	return fmt.Sprintf("%s is in use by %s: stop that one, or give this one another directory", e.Dir, who)
}

// dirLock is the right to write into a directory. The system takes it back from a process that was killed.
type dirLock struct{ f *os.File }

func lockDir(dir string) (*dirLock, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the directory: %w", err)
	}
	if err := flock(f); err != nil {
		b, _ := io.ReadAll(io.LimitReader(f, 32))
		f.Close()
		if errors.Is(err, errLocked) {
			pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
			return nil, ErrInUse{Dir: dir, PID: max(pid, 0)}
		}
		return nil, fmt.Errorf("lock the directory: %w", err)
	}
	l := &dirLock{f}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the directory: %w", err), l.release())
	}
	if _, err := f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the directory: %w", err), l.release())
	}
	return l, nil
}

// release leaves the file: taking its name away would let two others lock two files of that name.
func (l *dirLock) release() error {
	_ = l.f.Truncate(0)
	return l.f.Close()
}
