package stream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
	"golang.org/x/crypto/ssh"
)

// maxKeys bounds a file of keys.
const maxKeys = 1 << 20

// Recipients is who can decrypt. The zero value is nobody: not encrypted.
type Recipients struct {
	list  []age.Recipient
	names []string
}

// Names is the public keys, without the comments of SSH's.
func (r Recipients) Names() []string { return slices.Clone(r.names) }

// Empty says that nothing is encrypted.
func (r Recipients) Empty() bool { return len(r.list) == 0 }

// add takes a public key, unless it is there already.
func (r *Recipients) add(line string) error {
	name := line
	var one age.Recipient
	var err error
	switch {
	case strings.HasPrefix(line, "AGE-"), strings.HasPrefix(line, "-----BEGIN"):
		return errors.New("a private key stands where public ones belong")
	case strings.HasPrefix(line, "age1pq1"):
		one, err = age.ParseHybridRecipient(line)
	case strings.HasPrefix(line, "age1") && strings.Count(line, "1") == 2 && len(line) != 62:
		return errors.New("keys that need a plugin of age can not be used: add one made by age-keygen")
	case strings.HasPrefix(line, "age1"):
		one, err = age.ParseX25519Recipient(line)
	case strings.HasPrefix(line, "ssh-"):
		one, err = agessh.ParseRecipient(line)
		if f := strings.Fields(line); len(f) > 1 {
			name = f[0] + " " + f[1]
		}
	default:
		return errors.New("neither an age nor an SSH public key")
	}
	if err != nil {
		// Its own words repeat the line, which may be anything.
		return errors.New("a public key that is malformed, or of a kind that can not encrypt (of SSH's: ssh-ed25519, ssh-rsa of 2048 bits)")
	}
	if !slices.Contains(r.names, name) {
		r.list, r.names = append(r.list, one), append(r.names, name)
	}
	return nil
}

// ParseRecipients reads age and SSH public keys, and files with one on each line (#: a comment). None is no error: nothing
// is encrypted then. A file without any is one.
func ParseRecipients(specs []string) (Recipients, error) {
	var r Recipients
	for i, s := range specs {
		s = strings.TrimSpace(s)
		if strings.HasPrefix(s, "age1") || strings.HasPrefix(s, "ssh-") || strings.HasPrefix(s, "AGE-") {
			if err := r.add(s); err != nil {
				return Recipients{}, fmt.Errorf("recipient %d: %w", i+1, err)
			}
			continue
		}
		b, err := readKeys(s, false)
		if err != nil {
			return Recipients{}, fmt.Errorf("recipients: %w", err)
		}
		if err := r.addLines(b); err != nil {
			return Recipients{}, fmt.Errorf("recipients in %s: %w", s, err)
		}
	}
	return r, nil
}

func (r *Recipients) addLines(b []byte) error {
	found := 0
	for i, line := range strings.Split(string(b), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := r.add(line); err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
		found++
	}
	if found == 0 {
		return errors.New("no public key in it")
	}
	return nil
}

// readKeys reads a file of keys, a private one only where nobody else can.
func readKeys(path string, private bool) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !st.Mode().IsRegular():
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")}
	case private && st.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows":
		return nil, fmt.Errorf("%s can be read by others: chmod 600 it", path)
	case st.Size() > maxKeys:
		return nil, fmt.Errorf("%s is too large for a file of keys", path)
	}
	return io.ReadAll(io.LimitReader(f, maxKeys))
}

// ReadIdentities reads a file of private keys: those of age-keygen, also encrypted with a passphrase, or an SSH key. It
// refuses one that others can read. ask is asked for a passphrase where one is needed; nil: that is an error.
func ReadIdentities(path string, ask func(of string) ([]byte, error)) ([]age.Identity, error) {
	b, err := readKeys(path, true)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	if ask == nil {
		ask = func(string) ([]byte, error) {
			return nil, errors.New("it is encrypted with a passphrase, and nobody can be asked for it here")
		}
	}
	ids, err := parseIdentities(b, func() ([]byte, error) { return ask(path) })
	if err != nil {
		return nil, fmt.Errorf("private key in %s: %w", path, err)
	}
	return ids, nil
}

func parseIdentities(b []byte, ask func() ([]byte, error)) ([]age.Identity, error) {
	start := bytes.TrimSpace(b)
	switch {
	case bytes.HasPrefix(start, []byte(armor.Header)):
		return sealedIdentities(armor.NewReader(bytes.NewReader(start)), ask)
	case bytes.HasPrefix(b, []byte("age-encryption.org/")):
		return sealedIdentities(bytes.NewReader(b), ask)
	case bytes.HasPrefix(start, []byte("-----BEGIN")):
		return sshIdentity(b, ask)
	}
	ids, err := age.ParseIdentities(bytes.NewReader(b))
	if err != nil {
		return nil, errors.New("no private key of age-keygen or SSH is in it") // the cause may quote the key
	}
	return ids, nil
}

// sealedIdentities decrypts a file of keys with its passphrase.
func sealedIdentities(r io.Reader, ask func() ([]byte, error)) ([]age.Identity, error) {
	pass, err := ask()
	if err != nil {
		return nil, err
	}
	id, err := age.NewScryptIdentity(string(pass))
	if err != nil {
		return nil, err
	}
	plain, err := age.Decrypt(r, id)
	if err != nil {
		return nil, errors.New("the passphrase is wrong, or the file is encrypted in another way")
	}
	b, err := io.ReadAll(io.LimitReader(plain, maxKeys))
	if err != nil {
		return nil, errors.New("the encrypted file is damaged")
	}
	ids, err := age.ParseIdentities(bytes.NewReader(b))
	if err != nil {
		return nil, errors.New("no private key of age-keygen is in it")
	}
	return ids, nil
}

func sshIdentity(pem []byte, ask func() ([]byte, error)) ([]age.Identity, error) {
	id, err := agessh.ParseIdentity(pem)
	var sealed *ssh.PassphraseMissingError
	switch {
	case err == nil:
		return []age.Identity{id}, nil
	case !errors.As(err, &sealed):
		return nil, errors.New("an SSH key that can not decrypt: ssh-ed25519 and ssh-rsa can")
	case sealed.PublicKey == nil:
		return nil, errors.New("an encrypted SSH key of the old form: convert it with ssh-keygen -p")
	}
	later, err := agessh.NewEncryptedSSHIdentity(sealed.PublicKey, pem, ask)
	if err != nil {
		return nil, errors.New("an SSH key that can not decrypt: ssh-ed25519 and ssh-rsa can")
	}
	return []age.Identity{later}, nil
}
