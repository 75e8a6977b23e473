package stream

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"
)

func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// sshKey is a pair in OpenSSH's forms; with a passphrase the private one is encrypted.
func sshKey(t *testing.T, passphrase string) (public, private string) {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(k, "")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(k, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ssh.NewPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(pub))), string(pem.EncodeToMemory(block))
}

func TestRecipients(t *testing.T) {
	a, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	b, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	public, _ := sshKey(t, "")
	file := write(t, "keys", "# us\n\n"+b.Recipient().String()+"\r\n"+public+" somebody@example.com\n"+a.Recipient().String()+"\n", 0o644)
	got, err := ParseRecipients([]string{a.Recipient().String(), file})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{a.Recipient().String(), b.Recipient().String(), public}, got.Names()); d != "" {
		t.Error(d)
	}
	if none, err := ParseRecipients(nil); err != nil || !none.Empty() || got.Empty() {
		t.Errorf("none: %+v, %v", none, err)
	}
}

func TestRecipientsRefused(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	_, private := sshKey(t, "")
	for name, c := range map[string]struct {
		spec, want string
	}{
		"private key":           {id.String(), "private key"},
		"private key in a file": {write(t, "k", id.String()+"\n", 0o600), "private key"},
		"private SSH key":       {write(t, "k", private, 0o600), "private key"},
		"cut short":             {id.Recipient().String()[:40], "malformed"},
		"plugin":                {"age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", "plugin"},
		"of another kind":       {"ssh-dss AAAAB3NzaC1kc3MAAACBAP", "malformed, or of a kind"},
		"empty file":            {write(t, "k", "# nothing\n", 0o644), "no public key"},
		"no file":               {filepath.Join(t.TempDir(), "none"), "no such file"},
		"a directory":           {t.TempDir(), "not a regular file"},
		"another text":          {write(t, "k", "root:x:0:0\n", 0o644), "line 1"},
	} {
		_, err := ParseRecipients([]string{c.spec})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, secret := range []string{id.String()[20:40], "root:x", "b3BlbnNzaC1rZXktdjE"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error repeats what it read: %v", name, err)
			}
		}
	}
}

func TestIdentities(t *testing.T) {
	plain, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	post, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	public, private := sshKey(t, "")
	sealedPublic, sealed := sshKey(t, "open sesame")
	seal := func(armored bool) string {
		r, err := age.NewScryptRecipient("open sesame")
		if err != nil {
			t.Fatal(err)
		}
		r.SetWorkFactor(10)
		var b bytes.Buffer
		out := armor.NewWriter(&b)
		to := age.Encrypt
		var w interface {
			Write([]byte) (int, error)
			Close() error
		}
		if armored {
			w, err = to(out, r)
		} else {
			w, err = to(&b, r)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(plain.String() + "\n")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if armored {
			if err := out.Close(); err != nil {
				t.Fatal(err)
			}
		}
		return b.String()
	}
	for name, c := range map[string]struct{ file, public string }{
		"age":                   {"# created: today\n# public key: …\n" + plain.String() + "\n", plain.Recipient().String()},
		"age, post-quantum":     {post.String() + "\n", post.Recipient().String()},
		"ssh":                   {private, public},
		"ssh with a passphrase": {sealed, sealedPublic},
		"age with one":          {seal(false), plain.Recipient().String()},
		"age with one, as text": {seal(true), plain.Recipient().String()},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "key", c.file, 0o600)
			ids, err := ReadIdentities(path, func(of string) ([]byte, error) {
				if of != path {
					t.Errorf("asked for the passphrase of %s", of)
				}
				return []byte("open sesame"), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			rec, err := ParseRecipients([]string{c.public})
			if err != nil {
				t.Fatal(err)
			}
			raw := sample(1000)
			stored, p := pack(t, raw, Options{Recipients: rec})
			if got, err := unpack(bytes.NewReader(stored), p, ids); err != nil || !bytes.Equal(got, raw) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	wrong := func(string) ([]byte, error) { return []byte("wrong"), nil }
	if _, err := ReadIdentities(write(t, "key", seal(true), 0o600), wrong); err == nil || !strings.Contains(err.Error(), "passphrase") {
		t.Errorf("wrong passphrase: %v", err)
	}
	if _, err := ReadIdentities(write(t, "key", seal(true), 0o600), nil); err == nil || !strings.Contains(err.Error(), "nobody can be asked") {
		t.Errorf("nobody to ask: %v", err)
	}
}

func TestIdentitiesRefused(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		for _, mode := range []os.FileMode{0o640, 0o604, 0o644} {
			if _, err := ReadIdentities(write(t, "key", id.String(), mode), nil); err == nil || !strings.Contains(err.Error(), "chmod 600") {
				t.Errorf("%o: %v", mode, err)
			}
		}
	}
	for name, text := range map[string]string{
		"empty": "", "public": id.Recipient().String(), "cut": id.String()[:50], "PEM of something else": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	} {
		_, err := ReadIdentities(write(t, "key", text, 0o600), nil)
		if err == nil {
			t.Errorf("%s: taken", name)
		} else if strings.Contains(err.Error(), id.String()[20:40]) {
			t.Errorf("%s: the error has the key: %v", name, err)
		}
	}
	if _, err := ReadIdentities(filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func FuzzKeys(f *testing.F) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(id.Recipient().String() + "\n# x\n"))
	f.Add([]byte(id.String()))
	f.Add([]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHs= x"))
	f.Add([]byte("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"))
	f.Add([]byte("-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n-----END AGE ENCRYPTED FILE-----\n"))
	f.Add([]byte("age-encryption.org/v1\n-> X25519 a\nb\n--- c\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Recipients
		if err := r.addLines(b); err == nil && (r.Empty() || len(r.names) != len(r.list)) {
			t.Fatalf("%q: %+v", b, r)
		}
		ids, err := parseIdentities(b, func() ([]byte, error) { return nil, errors.New("nobody is asked") })
		if err == nil && len(ids) == 0 {
			t.Fatalf("%q: no identities", b)
		}
	})
}
