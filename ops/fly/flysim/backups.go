package flysim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"filippo.io/age"

	"ops-console/ops/backup/store/s3server"
	"ops-console/ops/fly/flysim/flex"
)

// Files of a world's backups.
const (
	backupDir      = "backups"           // what a directory or the S3 server keeps
	backupURLFile  = "backup-database"   // a connection string, for who takes and restores them
	backupKeysFile = "backup-store-keys" // of the S3 server, in the form of ~/.aws/credentials
	identityFile   = "backup.key"        // age's, to decrypt
	recipientFile  = "backup.pub"        // age's, to encrypt
)

// BackupImage is the image that a machine for backups runs in a simulated world.
const BackupImage = "registry.fly.io/changelog-ops:1"

// backups is where a world's backups lie, and what it takes to make them.
type backups struct {
	url      string // connection string of the role for backups
	store    string // address, or directory
	server   *s3server.Server
	identity *age.X25519Identity
}

// startBackups makes a place for backups: a real S3 server where one is installed, else a directory. A world without a
// database has none.
func (s *Sim) startBackups(ctx context.Context) (*backups, error) {
	if s.database == nil {
		return nil, nil
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	b := &backups{url: s.urlOf(flex.BackupRole), store: filepath.Join(s.dir, backupDir), identity: id}
	switch b.server, err = s3server.Start(ctx, b.store, s3server.Options{}); {
	case err == nil:
		s.store, b.store = b.server, b.server.Address(DatabaseApp)
	case errors.Is(err, s3server.ErrMissing):
		if err := os.MkdirAll(b.store, 0o700); err != nil {
			return nil, err
		}
	default:
		return nil, err
	}
	return b, nil
}

// keys is a file of the server's keys.
func (b *backups) keys() []byte {
	if b.server == nil {
		return []byte("# The backups lie in a directory: there are no keys.\n")
	}
	k := b.server.Keys()
	return fmt.Appendf(nil, "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", k.Access, k.Secret)
}

// profile is the part of the console's configuration.
func (b *backups) profile(dir string) map[string]any {
	p := map[string]any{
		"store": b.store, "url_file": filepath.Join(dir, backupURLFile), "image": BackupImage,
		"recipients": []string{filepath.Join(dir, recipientFile)}, "identity": filepath.Join(dir, identityFile),
		"assert": []string{"select count(*) > 0 from schema_migrations"},
	}
	if b.server != nil {
		p["key_file"] = filepath.Join(dir, backupKeysFile)
	}
	return p
}
