package platform

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"ops-console/testdata/demo"
)

// platformRegistry is the platform's own registry: its images are the application's.
const platformRegistry = "registry.fly.io"

// Manifest is what a registry has of an image, and the configuration that this names. They are made up from the reference
// alone, so that the same reference always is the same image; those of the platform's own registry say that they were built
// from the application's project as the world has it.
func Manifest(registry, repository, tag string) (manifest, config []byte) {
	labels := map[string]string{"org.opencontainers.image.version": tag, "org.opencontainers.image.ref.name": repository + ":" + tag}
	if registry == platformRegistry {
		labels["org.opencontainers.image.revision"] = demo.Commit()
		labels["org.opencontainers.image.source"] = "https://git.example.com/" + repository
	}
	// Only texts, numbers, and maps and lists of them: cannot fail.
	config, _ = json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "created": demo.When(),
		"config": map[string]any{
			"Env": []string{"PATH=/usr/local/bin:/usr/bin:/bin", "MIX_ENV=prod", "ELIXIR_VERSION=1.17.2", "OTP_VERSION=27.0.1"},
			"Cmd": []string{"/app/bin/server"}, "WorkingDir": "/app", "Labels": labels,
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{}},
	})
	const manifestType = "application/vnd.oci.image.manifest.v1+json"
	layer := digestOf([]byte(registry + "/" + repository + ":" + tag))
	manifest, _ = json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": map[string]any{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digestOf(config), "size": len(config)},
		"layers": []any{map[string]any{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer, "size": 123456789}},
	})
	return manifest, config
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}
