package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/phoenixtest"
	"ops-console/ops/phoenix/source/hex"
)

// fictional is the version of the package in testdata. There is no such Phoenix.
var fictional = phoenix.MustVersion(phoenixtest.PackageVersion)

func at(r *phoenixtest.Registry) hex.Registry {
	return hex.Registry{Repo: r.URL, API: r.URL + "/api", Client: r.Client()}
}

func needElixir(t testing.TB) {
	if _, err := exec.LookPath("elixir"); err != nil {
		t.Skip("elixir is not installed: apt-get install elixir")
	}
}

func yes(context.Context, Question) (bool, error) { return true, nil }

func TestMixGoesFromPackageToTree(t *testing.T) {
	needElixir(t)
	r := phoenixtest.NewRegistry(t, phoenixtest.Pack(t, phoenixtest.Package(t), "~> 1.11"))
	t.Setenv("OPS_CONSOLE_SECRET", "of the user's environment")
	var questions []Question
	cache := &Cache{Dir: t.TempDir()}
	m := &Mix{Registry: at(r), Cache: cache, Ask: func(_ context.Context, q Question) (bool, error) {
		questions = append(questions, q)
		return true, nil
	}}
	vv, err := m.Versions(t.Context(), phoenix.Project)
	if d := cmp.Diff([]phoenix.Version{phoenix.MustVersion("1.8.8"), fictional}, vv); err != nil || d != "" {
		t.Errorf("versions: %v %s", err, d)
	}
	src := Cached(cache, m)
	spec := phoenix.Spec{Version: fictional, App: "chat_api", Module: "ChatAPI"}
	tree, err := src.Tree(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"config/config.exs", "lib/chat_api/repo.ex", "lib/chat_api_web/endpoint.ex", "mix.exs", "rel/overlays/bin/server"}
	if d := cmp.Diff(want, tree.Paths()); d != "" {
		t.Fatal(d)
	}
	config := `import Config

config :chat_api, ChatAPIWeb.Endpoint,
  secret_key_base: "aaaaaaaa",
  live_view: [signing_salt: "aaaaaaaa"]
`
	if d := cmp.Diff(config, string(tree.Files["config/config.exs"].Data)); d != "" {
		t.Error(d)
	}
	if !tree.Files["rel/overlays/bin/server"].Executable || tree.Files["mix.exs"].Executable {
		t.Error("modes are not kept")
	}
	if p := tree.Provenance; p.Source != "mix" || p.Substituted || p.Cached || !strings.Contains(p.Detail, r.Checksum) || !strings.Contains(p.Detail, "Elixir 1.") {
		t.Errorf("provenance %+v", p)
	}
	if len(questions) != 1 || questions[0].SHA256 != r.Checksum || questions[0].Version != "1.99.0" || questions[0].URL != r.URL+"/tarballs/phx_new-1.99.0.tar" {
		t.Errorf("asked %+v", questions)
	}

	// Another tree of the same version asks neither the registry nor the user, nor compiles again.
	asked := r.Asked()
	spec.Flags = phoenix.Flags{"umbrella": "true", "ecto": "false"}
	tree, err = src.Tree(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := tree.Files["lib/chat_api/repo.ex"]; ok || len(tree.Files) != 4 {
		t.Errorf("--no-ecto --umbrella made %v", tree.Paths())
	}
	if r.Asked() != asked || len(questions) != 1 {
		t.Errorf("the registry was asked %d times, the user %d times", r.Asked()-asked, len(questions))
	}

	// What was generated is at hand without Elixir, network and question.
	offline := Cached(cache, &Mix{Program: "/nonexistent/elixir"})
	again, err := offline.Tree(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(tree.Files, again.Files); d != "" || !again.Provenance.Cached {
		t.Errorf("cached %v: %s", again.Provenance, d)
	}
	left, err := os.ReadDir(filepath.Join(cache.Dir, "tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// generating is a registry of both packages, and a Mix that may run them.
func generating(t *testing.T) (*phoenixtest.Registry, *Mix, *[]string) {
	t.Helper()
	needElixir(t)
	r := phoenixtest.NewRegistry(t, phoenixtest.Pack(t, phoenixtest.Package(t), "~> 1.11"))
	r.Publish(t, "phoenix", phoenixtest.PackageVersion, phoenixtest.Generators(t))
	asked := &[]string{}
	return r, &Mix{Registry: at(r), Cache: &Cache{Dir: t.TempDir()}, Ask: func(_ context.Context, q Question) (bool, error) {
		*asked = append(*asked, q.Package+" "+q.Version)
		return true, nil
	}}, asked
}

func TestMixGeneratesIntoAProject(t *testing.T) {
	r, m, asked := generating(t)
	t.Run("authentication", func(t *testing.T) { generatesAuthentication(t, r, m, asked) })
	t.Run("files of a release", func(t *testing.T) { generatesFilesOfARelease(t, m) })
}

func generatesAuthentication(t *testing.T, r *phoenixtest.Registry, m *Mix, asked *[]string) {
	names := phoenix.Names{Context: "Members", Schema: "Person", Plural: "people"}
	spec := phoenix.Spec{Axis: phoenix.Auth, Version: fictional, App: "chat_api", Module: "ChatAPI", Names: names, Flags: phoenix.Flags{"live": "false"}}
	tree, err := m.Tree(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"lib/chat_api/members/person_token.ex", "lib/chat_api_web/controllers/person_session_controller.ex", "lib/chat_api_web/person_auth.ex",
		"mix.exs", "priv/repo/migrations/20000101000000_create_people_auth_tables.exs",
	}
	if d := cmp.Diff(want, tree.Paths()); d != "" {
		t.Fatal(d)
	}
	for at, text := range map[string]string{
		"mix.exs":                              `[{:bcrypt_elixir, "~> 3.0"}, {:ecto_sql`,
		"lib/chat_api_web/person_auth.ex":      "defmodule ChatAPIWeb.PersonAuth do",
		want[4]:                                "add :email, :citext",
		"lib/chat_api/members/person_token.ex": "belongs_to :person, ChatAPI.Members.Person",
	} {
		if !strings.Contains(string(tree.Files[at].Data), text) {
			t.Errorf("%s is without %q:\n%s", at, text, tree.Files[at].Data)
		}
	}
	p := tree.Provenance
	if !strings.Contains(p.Detail, "mix phx.gen.auth Members Person people --no-compile --no-live of phoenix 1.99.0, SHA-256 ") || !strings.Contains(p.Detail, "in a project of phx_new 1.99.0, SHA-256 "+r.Checksum) || p.Substituted {
		t.Errorf("provenance %+v", p)
	}
	if d := cmp.Diff([]string{"phoenix 1.99.0", "phx_new 1.99.0"}, *asked); d != "" {
		t.Error(d)
	}

	// The project's flags are known to the generator, and nothing is asked or built again.
	requests := r.Asked()
	spec.Flags, spec.Names, spec.Within = nil, phoenix.Names{}, phoenix.Flags{"database": "mysql"}
	again, err := m.Tree(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := again.Files["priv/repo/migrations/20000101000000_create_users_auth_tables.exs"]; !ok || !strings.Contains(string(f.Data), "add :email, :string") {
		t.Errorf("%v %s", again.Paths(), f.Data)
	}
	if _, ok := again.Files["lib/chat_api_web/live/user_live/login.ex"]; !ok || r.Asked() != requests || len(*asked) != 2 {
		t.Errorf("%v, %d requests more, asked %q", again.Paths(), r.Asked()-requests, *asked)
	}
	vv, err := (&Mix{Registry: at(r)}).Versions(t.Context(), phoenix.Auth)
	if err == nil {
		t.Errorf("versions of what the registry does not list: %v", vv)
	}
}

func generatesFilesOfARelease(t *testing.T, m *Mix) {
	spec := phoenix.Spec{Axis: phoenix.ReleaseFiles, Version: fictional, App: "till", Flags: phoenix.Flags{"docker": "true"}}
	tree, err := m.Tree(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"Dockerfile", "lib/till/release.ex", "rel/overlays/bin/migrate"}, tree.Paths()); d != "" {
		t.Fatal(d)
	}
	if !tree.Files["rel/overlays/bin/migrate"].Executable || !strings.Contains(string(tree.Files["Dockerfile"].Data), "DEBIAN_VERSION=bookworm-00000000-slim") {
		t.Errorf("%s", tree.Files["Dockerfile"].Data)
	}
	if p := tree.Provenance; len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "not looked up") || !strings.Contains(p.Detail, "mix phx.gen.release --docker --ecto of") {
		t.Errorf("provenance %+v", p)
	}
	// Of a project without a database and without an image, nothing is left to make.
	spec.Flags, spec.Within = nil, phoenix.Flags{"ecto": "false"}
	if _, err := m.Tree(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "made nothing") {
		t.Errorf("got %v", err)
	}
}

func TestMixRefuses(t *testing.T) {
	needElixir(t)
	good := phoenixtest.Pack(t, phoenixtest.Package(t), "~> 1.11")
	escaping := phoenixtest.Package(t)
	escaping["../../outside.ex"] = phoenix.File{Data: []byte("x")}
	for name, c := range map[string]struct {
		tarball []byte
		sum     string
		version string
		ask     func(context.Context, Question) (bool, error)
		axis    phoenix.Axis
		want    string
		none    bool
	}{
		"a checksum that does not fit": {tarball: good, sum: strings.Repeat("ab", 32), want: "not what the registry published"},
		"a path out of the package":    {tarball: phoenixtest.Pack(t, escaping, "~> 1.11"), want: "leads out of the package"},
		"an Elixir that is too old":    {tarball: phoenixtest.Pack(t, phoenixtest.Package(t), "~> 1.999"), want: "needs Elixir ~> 1.999, and 1."},
		"what was not published":       {tarball: good, version: "1.98.0", want: "was not published", none: true},
		"what was published compiled":  {tarball: good, version: "1.3.4", want: "compiled only", none: true},
		"no tar":                       {tarball: []byte("<html>"), want: "read the package"},
		"a refusal":                    {tarball: good, ask: func(context.Context, Question) (bool, error) { return false, nil }, want: "not allowed", none: true},
		"a question that fails":        {tarball: good, ask: func(context.Context, Question) (bool, error) { return false, errors.New("no terminal") }, want: "no terminal"},
		"another generator":            {tarball: good, axis: phoenix.Auth, want: "phoenix 1.99.0 was not published", none: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := phoenixtest.NewRegistry(t, c.tarball)
			if c.sum != "" {
				r.Claim(c.sum)
			}
			if c.ask == nil {
				c.ask = func(context.Context, Question) (bool, error) { return false, errors.New("was asked") }
			}
			s := phoenix.Spec{Version: fictional, Axis: c.axis}
			if c.version != "" {
				s.Version = phoenix.MustVersion(c.version)
			}
			dir := t.TempDir()
			_, err := (&Mix{Registry: at(r), Cache: &Cache{Dir: dir}, Ask: c.ask}).Tree(t.Context(), s)
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrNone) != c.none {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if built, err := filepath.Glob(filepath.Join(dir, "builds", "*")); err != nil || built != nil {
				t.Errorf("built %v %v", built, err)
			}
		})
	}
	if _, err := (&Mix{}).Tree(t.Context(), phoenix.Spec{Version: fictional}); !errors.Is(err, ErrNone) {
		t.Errorf("without a question: %v", err)
	}
	_, err := (&Mix{Cache: &Cache{Dir: t.TempDir()}, Ask: yes, Program: "/nonexistent/elixir"}).Tree(t.Context(), phoenix.Spec{Version: fictional})
	if !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "not installed") {
		t.Errorf("without elixir: %v", err)
	}
}

// variant is the package with another generator in it.
func variant(t testing.TB, body string) []byte {
	files := phoenixtest.Package(t)
	files["lib/mix/tasks/phx.new.ex"] = phoenix.File{Data: []byte("defmodule Mix.Tasks.Phx.New do\n  use Mix.Task\n  def run([app | _]) do\n    _ = app\n" + body + "\n  end\nend\n")}
	return phoenixtest.Pack(t, files, "~> 1.11")
}

// behaviours of a generator, by the name of the application that it is to make.
const behaviours = `    File.mkdir_p!("elsewhere")
    case app do
      "environment" ->
        File.mkdir_p!(app)
        File.write!(Path.join(app, "environment"), inspect(System.get_env()))
        File.write!(Path.join(app, "home"), System.user_home!())
      "fails" ->
        IO.puts(String.duplicate("noise ", 5000))
        Mix.raise("the end \e[31mof it")
      "nothing" -> :ok
      "empty" -> File.mkdir_p!(app)
      "link" ->
        File.mkdir_p!(app)
        File.ln_s!("/etc/passwd", Path.join(app, "passwd"))
      "is_link" -> File.ln_s!("/usr/share", app)
      "hangs" -> System.cmd("sh", ["-c", "sleep 600 & echo $! > %s; wait"])
    end`

func TestMixIsSafeFromWhatGeneratorsDo(t *testing.T) {
	needElixir(t)
	t.Setenv("OPS_CONSOLE_SECRET", "of the user's environment")
	said := filepath.Join(t.TempDir(), "pid")
	r := phoenixtest.NewRegistry(t, variant(t, fmt.Sprintf(behaviours, said)))
	cache := &Cache{Dir: t.TempDir()}
	m := &Mix{Registry: at(r), Cache: cache, Ask: yes}
	spec := phoenix.Spec{Version: fictional, App: "environment"}
	tree, err := m.Tree(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(tree.Files["environment"].Data); strings.Contains(text, "SECRET") || !strings.Contains(text, "MIX_ENV") {
		t.Errorf("environment %s", text)
	}
	if home := string(tree.Files["home"].Data); !strings.HasPrefix(home, cache.Dir) {
		t.Errorf("home is %s, not within %s", home, cache.Dir)
	}
	for app, want := range map[string]string{
		"fails": "the end of it", "nothing": "did not make nothing", "empty": "has no files", "link": "not a plain file", "is_link": "escapes",
	} {
		spec.App = app
		_, err := m.Tree(t.Context(), spec)
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 1000 || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: got %v, want %q", app, err, want)
		}
	}

	spec.App = "hangs"
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	go func() {
		_, err := m.Tree(ctx, spec)
		ended <- err
	}()
	pid := 0
	eventually(t, "the generator started", func() bool {
		text, err := os.ReadFile(said)
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	eventually(t, "what it started ended", func() bool { return gone(pid) })

	m.Generate = 500 * time.Millisecond
	_, err = m.Tree(t.Context(), spec)
	if err == nil || !strings.Contains(err.Error(), "did not end within 500ms") {
		t.Errorf("got %v", err)
	}
	left, err := os.ReadDir(filepath.Join(cache.Dir, "tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestAPackageThatDoesNotCompileIsAnError(t *testing.T) {
	needElixir(t)
	r := phoenixtest.NewRegistry(t, variant(t, "    this is no Elixir ("))
	_, err := (&Mix{Registry: at(r), Cache: &Cache{Dir: t.TempDir()}, Ask: yes}).Tree(t.Context(), phoenix.Spec{Version: fictional})
	if err == nil || !strings.Contains(err.Error(), "compile phx_new 1.99.0") {
		t.Errorf("got %v", err)
	}
}

// gone says whether a process ended; one that nobody waited for yet did.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	text, err := os.ReadFile(path.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && strings.Contains(string(text), ") Z ")
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

func TestARegistryThatHangsIsGivenUp(t *testing.T) {
	needElixir(t)
	r := phoenixtest.NewRegistry(t, nil)
	r.Hang()
	hanging := at(r)
	hanging.Timeout = 50 * time.Millisecond
	_, err := (&Mix{Registry: hanging, Cache: &Cache{Dir: t.TempDir()}, Ask: yes}).Tree(t.Context(), phoenix.Spec{Version: fictional})
	if err == nil || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("got %v", err)
	}
}

func TestRequirements(t *testing.T) {
	for req, want := range map[string]string{
		"~> 1.17":                "1.17.0 1.18.4 1.20.0",
		"~> 1.14.2":              "1.14.5",
		"~> 1.3 or ~> 1.4":       "1.14.0 1.14.5 1.17.0 1.18.4 1.20.0",
		">= 1.14.5 and < 1.18.0": "1.14.5 1.17.0",
		"1.17.0":                 "1.17.0",
		"> 1.17.0":               "1.18.4 1.20.0 2.0.0",
		"!= 1.17.0":              "1.14.0 1.14.5 1.18.4 1.20.0 2.0.0",
		"<= 1.14.0":              "1.14.0",
		"":                       "error",
		"~> x":                   "error",
	} {
		var got []string
		for _, v := range []string{"1.14.0", "1.14.5", "1.17.0", "1.18.4", "1.20.0", "2.0.0"} {
			ok, err := satisfies(req, phoenix.MustVersion(v))
			if err != nil {
				got = []string{"error"}
				break
			}
			if ok {
				got = append(got, v)
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q is met by %q, want %q", req, s, want)
		}
	}
}
