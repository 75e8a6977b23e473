package wg

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"ops-console/wg/conf"
)

// ErrKeyInUse says that another process uses our private key. WireGuard sends a peer's packets to whoever spoke last, so
// that two users of one key lose packets for both: the second must go through the first, or wait.
type ErrKeyInUse struct {
	PID       int    // of the process, 0 when it is not known
	Interface string // of this machine that has the key, empty when it is a process
	Why       string // why it cannot be shared, empty when nobody tried
}

// Error says who has the key and what to do.
func (e ErrKeyInUse) Error() string {
	who, todo := "another process", "close it, or give this console a peer of its own (ops-console wg join)"
	switch {
	case e.Interface != "":
		who = "interface " + e.Interface
		todo = "use it (mode interface), or take it down first"
	case e.PID != 0:
		who = fmt.Sprintf("process %d", e.PID)
	}
	s := "this peer's key is in use by " + who
	if e.Why != "" {
		s += " (" + e.Why + ")"
	}
	return s + ": two users of one key break each other; " + todo
}

// runtimeDir makes the directory for locks and sockets and returns its path: dir, or by default
// $XDG_RUNTIME_DIR/ops-console, or one under the system's directory for temporary files. It must belong to this user and
// be closed to others, since whoever may enter it may use the tunnel.
func runtimeDir(dir string) (string, error) {
	if dir == "" {
		if x := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(x) {
			dir = filepath.Join(x, "ops-console")
		} else {
			dir = filepath.Join(os.TempDir(), fmt.Sprintf("ops-console-%d", os.Getuid()))
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the runtime directory: %w (set XDG_RUNTIME_DIR to a directory of your own)", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("runtime directory: %w", err)
	}
	switch {
	case !info.IsDir():
		return "", fmt.Errorf("runtime directory %s: not a directory", dir)
	case !ownedByUs(info):
		return "", fmt.Errorf("runtime directory %s: %w (it belongs to another user): set XDG_RUNTIME_DIR to a directory of your own",
			dir, conf.ErrPermissions)
	case info.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("runtime directory %s: %w (%04o): chmod 700 %s", dir, conf.ErrPermissions, info.Mode().Perm(), dir)
	}
	return dir, nil
}

// keyPath is the path of the lock and socket files of a key, without their endings.
func keyPath(dir string, k conf.PublicKey) string {
	sum := sha256.Sum256(k[:])
	return filepath.Join(dir, hex.EncodeToString(sum[:])[:16])
}

// keyLock is the right to use a key. It ends with the process, whatever ends that.
type keyLock struct{ f *os.File }

// lockKey takes the lock of a key, or fails at once with ErrKeyInUse.
func lockKey(dir string, k conf.PublicKey) (*keyLock, error) {
	path := keyPath(dir, k) + ".lock"
	for range 100 {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock the peer's key: %w", err)
		}
		if err := flock(f); err != nil {
			pid := readPID(f)
			_ = f.Close()
			if errors.Is(err, errLocked) {
				return nil, ErrKeyInUse{PID: pid}
			}
			return nil, fmt.Errorf("lock the peer's key: %w", err)
		}
		// The former holder may have removed the name between our open and our lock; then the lock is on a file that
		// nobody else will find.
		ours, err1 := f.Stat()
		named, err2 := os.Stat(path)
		if err1 != nil || err2 != nil || !os.SameFile(ours, named) {
			_ = f.Close()
			continue
		}
		l := &keyLock{f}
		if err := l.write(); err != nil {
			l.release()
			return nil, fmt.Errorf("lock the peer's key: %w", err)
		}
		return l, nil
	}
	return nil, errors.New("lock the peer's key: the lock file changes all the time")
}

func (l *keyLock) write() error {
	if err := l.f.Truncate(0); err != nil {
		return err
	}
	_, err := l.f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

// release removes the file while it is still locked, and then the lock.
func (l *keyLock) release() {
	_ = os.Remove(l.f.Name())
	_ = l.f.Close()
}

func readPID(f *os.File) int {
	b := make([]byte, 32)
	n, _ := f.ReadAt(b, 0)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	return max(pid, 0)
}
