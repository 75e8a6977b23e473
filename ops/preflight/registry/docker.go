package registry

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// dockerConfig is the part of docker's config.json that says how to log in.
type dockerConfig struct {
	Auths map[string]struct {
		Auth          string `json:"auth"`
		IdentityToken string `json:"identitytoken"`
	} `json:"auths"`
	CredsStore  string            `json:"credsStore"`
	CredHelpers map[string]string `json:"credHelpers"`
}

var helperForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

// DockerCredentials are those that docker would log in with: of its config.json ($DOCKER_CONFIG, else ~/.docker), or of the
// program that it keeps them in.
func DockerCredentials(getenv func(string) string) func(ctx context.Context, registry string) (user, password string, ok bool) {
	return func(ctx context.Context, registry string) (string, string, bool) {
		dir := getenv("DOCKER_CONFIG")
		if dir == "" {
			home := getenv("HOME")
			if home == "" {
				return "", "", false
			}
			dir = filepath.Join(home, ".docker")
		}
		f, err := os.Open(filepath.Join(dir, "config.json"))
		if err != nil {
			return "", "", false
		}
		defer f.Close()
		var c dockerConfig
		if json.NewDecoder(io.LimitReader(f, 1<<20)).Decode(&c) != nil {
			return "", "", false
		}
		return c.find(ctx, registry)
	}
}

func (c dockerConfig) find(ctx context.Context, registry string) (user, password string, ok bool) {
	names := []string{registry, "https://" + registry, "https://" + registry + "/v1/", "https://" + registry + "/v2/"}
	if registry == dockerHub {
		names = []string{"https://index.docker.io/v1/", "index.docker.io", "docker.io"}
	}
	for _, n := range names {
		helper := c.CredHelpers[n]
		if helper == "" {
			helper = c.CredsStore
		}
		if helper != "" {
			if user, password, ok := ask(ctx, helper, n); ok {
				return user, password, true
			}
		}
		if a, found := c.Auths[n]; found && a.Auth != "" {
			b, err := base64.StdEncoding.DecodeString(a.Auth)
			if user, password, cut := strings.Cut(string(b), ":"); err == nil && cut {
				return user, strings.TrimRight(password, "\x00"), true
			}
		}
	}
	return "", "", false
}

// ask asks the program that keeps credentials (https://docs.docker.com/reference/cli/docker/login/#credential-helpers).
func ask(ctx context.Context, helper, registry string) (user, password string, ok bool) {
	if !helperForm.MatchString(helper) {
		return "", "", false
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker-credential-"+helper, "get")
	cmd.Stdin = strings.NewReader(registry)
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout = &out
	if cmd.Run() != nil {
		return "", "", false
	}
	var v struct{ Username, Secret string }
	if json.Unmarshal(out.Bytes(), &v) != nil || v.Secret == "" || v.Username == "<token>" {
		return "", "", false
	}
	return v.Username, v.Secret, true
}
