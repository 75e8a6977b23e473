package config

import (
	"strings"
	"time"

	"ops-console/ops/config/tomlfile"
	"ops-console/ops/fly"
)

// key is one thing a profile can say.
type key struct {
	name    string // dotted, as in the file
	doc     string // what it is for, as a sentence
	def     string // the default, as TOML; empty: none
	example string // TOML, for the example file where def is not telling
	secret  bool   // refused in a project's file, and never quoted
	// holds tells of keys that are no secret by themselves whether this value is one, or has one in it.
	holds func(v *tomlfile.Value) bool
	// instead is the key that names a file or variable where the secret belongs; empty: api.token_file.
	instead string
	// trusted keys say where the token or a password goes, or run something: a project's file may set them only where
	// the user trusts the project.
	trusted bool
	list    bool // not settable by a variable
	// set reads v into p. base is the directory that relative paths start from. The text it returns says what is
	// wanted instead; empty: fine.
	set func(p *Profile, v *tomlfile.Value, base place) string
}

// place is where a value comes from, for paths.
type place struct{ dir, home string }

// keys is every key, in the order of the documentation.
func keys() []key {
	return []key{
		{name: "app", doc: "The app's name at the platform. Default: the profile's own name, or what fly.toml says.", example: `"changelog-2025-05-05"`, set: text(func(p *Profile) *string { return &p.App }, appName)},
		{name: "environment", doc: "What it is: production, staging, … Dialogs make one type it.", def: `"production"`, set: text(func(p *Profile) *string { return &p.Environment }, word)},
		{name: "org", doc: "The organization's slug. Default: asked of the platform.", example: `"changelog-media"`, set: text(func(p *Profile) *string { return &p.Org }, appName)},
		{name: "project", doc: "The directory with fly.toml and mix.exs. Default: the one the project's file stands in, or the current one if its fly.toml is this app's.", example: `"~/src/changelog"`, set: path(func(p *Profile) *string { return &p.Project })},
		{name: "primary_region", doc: "The region that counts as primary. Default: what fly.toml says.", example: `"iad"`, set: text(func(p *Profile) *string { return &p.PrimaryRegion }, regionCode)},

		{name: "api.machines", doc: "Base URL of the Machines API. http://_api.internal:4280 asks through the private network.", def: `"` + fly.PublicMachinesURL + `"`, trusted: true, set: text(func(p *Profile) *string { return &p.API.Machines }, httpURL)},
		{name: "api.graphql", doc: "Base URL of the GraphQL API.", def: `"` + fly.PublicGraphQLURL + `"`, trusted: true, set: text(func(p *Profile) *string { return &p.API.GraphQL }, httpURL)},
		{name: "api.web", doc: "Base URL of the web REST API.", def: `"` + fly.PublicWebURL + `"`, trusted: true, set: text(func(p *Profile) *string { return &p.API.Web }, httpURL)},
		{name: "api.registry", doc: "Base URL of the platform's registry of images, registry.fly.io. It is asked with the access token.", def: `"https://registry.fly.io"`, trusted: true, set: text(func(p *Profile) *string { return &p.API.Registry }, httpURL)},
		{name: "api.metrics", doc: "Base URL of the platform's metrics, without the organization. It is asked with the access token.", def: `"` + fly.PublicMetricsURL + `"`, trusted: true, set: text(func(p *Profile) *string { return &p.API.Metrics }, httpURL)},
		{name: "api.token_env", doc: "The environment variable that holds the access token.", def: `"FLY_ACCESS_TOKEN"`, trusted: true, set: text(func(p *Profile) *string { return &p.API.TokenEnv }, variable)},
		{name: "api.token_file", doc: "A file with nothing but the access token in it, which only you may read. Default: flyctl's own configuration.", example: `"~/.config/ops-console/token"`, trusted: true, set: path(func(p *Profile) *string { return &p.API.TokenFile })},
		{name: "api.token", doc: "The access token itself. Only in a file that only you may read; token_file is better.", example: `"fo1_your-own-token"`, secret: true, set: token},

		{name: "network.mode", doc: "How to join the private network: auto, user (a tunnel in this process), interface (one that is there already) or direct (this machine is inside).", def: `"auto"`, set: oneOf(func(p *Profile) *string { return &p.Network.Mode }, "auto", "user", "interface", "direct")},
		{name: "network.config", doc: "A wg-quick file, as `fly wireguard create` writes it. Default: the one that `ops-console wg join` made.", example: `"~/.config/ops-console/changelog.conf"`, trusted: true, set: path(func(p *Profile) *string { return &p.Network.Config })},
		{name: "network.interface", doc: "The interface that carries the network. Default: found.", example: `"wg0"`, set: text(func(p *Profile) *string { return &p.Network.Interface }, interfaceName)},
		{name: "network.dns", doc: "Address of the network's DNS server. Default: what the wg-quick file says, or fdaa::3.", example: `"fdaa:0:1::3"`, set: text(func(p *Profile) *string { return &p.Network.DNS }, address)},
		{name: "network.transport", doc: "How WireGuard's packets leave: auto, udp or websocket (where UDP cannot get out).", def: `"auto"`, set: oneOf(func(p *Profile) *string { return &p.Network.Transport }, "auto", "udp", "websocket")},
		{name: "network.websocket", doc: "URL of the websocket transport. Default: wss:// and the endpoint.", example: `"wss://203.0.113.7:443/"`, trusted: true, set: text(func(p *Profile) *string { return &p.Network.Websocket }, wsURL)},

		{name: "probe.port", doc: "Port that is probed in each instance; 0: that of the machine's HTTP service or check.", def: "0", example: "4000", set: number(func(p *Profile) *int { return &p.Probe.Port }, 0, 65535)},
		{name: "probe.path", doc: "Path that is probed. Default: that of the machine's HTTP check, else /.", example: `"/health"`, set: text(func(p *Profile) *string { return &p.Probe.Path }, urlPath)},
		{name: "probe.host", doc: "Host header. Default: APP.fly.dev.", example: `"changelog.com"`, set: text(func(p *Profile) *string { return &p.Probe.Host }, hostName)},
		{name: "probe.scheme", doc: "http or https. Behind the platform's proxy instances speak http.", def: `"http"`, set: oneOf(func(p *Profile) *string { return &p.Probe.Scheme }, "http", "https")},
		{name: "probe.headers", doc: "Headers of the request. Authorization and cookies count as secrets.", example: `{ x-forwarded-proto = "https" }`, list: true, holds: confidential, set: headers(func(p *Profile) *map[string]string { return &p.Probe.Headers })},
		{name: "probe.release_header", doc: "The response header that says which release answered. Default: none.", example: `"x-release"`, set: text(func(p *Profile) *string { return &p.Probe.ReleaseHeader }, headerName)},
		{name: "probe.timeout", doc: "How long an instance may take.", def: `"3s"`, set: duration(func(p *Profile) *time.Duration { return &p.Probe.Timeout }, 10*time.Millisecond, 5*time.Minute)},
		{name: "probe.concurrency", doc: "How many instances are asked at once.", def: "64", set: number(func(p *Profile) *int { return &p.Probe.Concurrency }, 1, 4096)},
		{name: "probe.status", doc: "Which answers are well: statuses and ranges.", def: `"200-399"`, set: text(func(p *Profile) *string { return &p.Probe.Status }, statuses)},

		{name: "agree", doc: "Paths whose content must be the same in every instance: path, ignore (regular expressions of what may differ, on top of the built-in ones), headers.", example: `[{ path = "/" }, { path = "/feed", ignore = ['<lastBuildDate>[^<]*'] }]`, list: true, holds: confidentialAgree, set: agree},

		{name: "cluster.command", doc: "A command that prints the Erlang nodes an instance is connected to, its own name first, one a line; it is run in every machine, or in a sample of them where they are more than 20. Default: none, and the cluster is not looked at.", example: `["/app/bin/changelog", "rpc", "Enum.each([node() | Node.list()], &IO.puts/1)"]`, trusted: true, list: true, set: command},

		{name: "database.app", doc: "The Fly Postgres app whose machines are the nodes of the database; each is asked at its own port 5433. A URL given as well then says only who to log in as.", example: `"changelog-db"`, set: text(func(p *Profile) *string { return &p.Database.App }, appName)},
		{name: "database.url", doc: "Connection string of the primary, as PostgreSQL's own clients and Ecto read it; several hosts are several nodes. With a password in it only in a file that only you may read.", example: `"postgres://postgres@changelog-db.internal:5433/changelog"`, trusted: true, holds: connHolds, instead: "database.url_file or database.url_env", set: connString},
		{name: "database.url_env", doc: "The environment variable that holds the connection string.", example: `"DATABASE_URL"`, trusted: true, set: text(func(p *Profile) *string { return &p.Database.URLEnv }, variable)},
		{name: "database.url_file", doc: "A file with nothing but the connection string in it, which only you may read.", example: `"~/.config/ops-console/database"`, trusted: true, set: path(func(p *Profile) *string { return &p.Database.URLFile })},
		{name: "database.service", doc: "A service of ~/.pg_service.conf ($PGSERVICEFILE).", example: `"changelog"`, trusted: true, set: text(func(p *Profile) *string { return &p.Database.Service }, word)},
		{name: "database.name", doc: "The database to connect to. Default: what the connection string says, else postgres.", example: `"changelog"`, set: text(func(p *Profile) *string { return &p.Database.Name }, pgName)},
		{name: "database.user", doc: "The role to log in as. Default: what the connection string says, else postgres. Where both say one, the password of the connection string is not used.", example: `"ops"`, set: text(func(p *Profile) *string { return &p.Database.User }, pgName)},
		{name: "database.password_env", doc: "The environment variable that holds the password. Default: that of the connection string, else PGPASSWORD, else what PGPASSFILE or ~/.pgpass has for one of the node's names.", example: `"DATABASE_PASSWORD"`, trusted: true, set: text(func(p *Profile) *string { return &p.Database.Password }, variable)},
		{name: "database.replicas", doc: "Replicas that cannot be found out: name, region, and url or url_env; what that leaves out is the primary's.", example: `[{ name = "lax-1", region = "lax", url = "postgres://db-lax.example.com/" }]`, trusted: true, list: true, holds: replicasHold, instead: "url_env", set: replicas},
		{name: "database.via", doc: "How the nodes are reached: network, direct, or auto: through the private network where the host is in it (.internal, .flycast, .flympg.net, fc00::/7), else directly, with TLS and a checked certificate unless the connection string says otherwise.", def: `"auto"`, trusted: true, set: oneOf(func(p *Profile) *string { return &p.Database.Via }, "auto", "network", "direct")},
		{name: "database.poll", doc: "When the nodes are asked: always, pane (only while somebody looks), or auto: always, except where questions keep a server awake that sleeps otherwise (Neon).", def: `"auto"`, set: oneOf(func(p *Profile) *string { return &p.Database.Poll }, "auto", "always", "pane")},
		{name: "database.warn", doc: "The lag of a replica that is a warning.", def: `"1s"`, set: duration(func(p *Profile) *time.Duration { return &p.Database.Warn }, time.Millisecond, 24*time.Hour)},
		{name: "database.critical", doc: "The lag of a replica that is critical. Default: what rpc_and_wait of fly_postgres waits before it raises.", def: `"5s"`, set: duration(func(p *Profile) *time.Duration { return &p.Database.Critical }, time.Millisecond, 24*time.Hour)},

		{name: "lint.target", doc: "The major version of PostgreSQL that migrations are judged for; 0: that of the live server, or 15 where none is asked.", def: "0", example: "16", set: number(func(p *Profile) *int { return &p.Lint.Target }, 0, 99)},
		{name: "lint.since", doc: "The version of the first migration that is looked at; earlier ones are only read. 0: all.", def: "0", example: "20240101000000", set: number(func(p *Profile) *int { return &p.Lint.Since }, 0, 1<<62)},
		{name: "lint.severity", doc: "Severities of rules or groups of rules other than their own: error, warning, info or off. `ops-console lint --rules` lists them.", example: `{ rename-column = "warning", style = "info" }`, list: true, set: severities(func(p *Profile) *map[string]string { return &p.Lint.Severity })},
		{name: "lint.fail_on", doc: "The severity from which findings are bad news, for the exit status.", def: `"warning"`, set: oneOf(func(p *Profile) *string { return &p.Lint.FailOn }, "error", "warning", "info")},
		{name: "lint.lock_timeout", doc: "The lock_timeout under which migrations run, where it is set by what cannot be read: the role, the server, a deploy script.", example: `"5s"`, set: text(func(p *Profile) *string { return &p.Lint.LockTimeout }, timeoutSetting)},
		{name: "lint.small_rows", doc: "A live table with fewer rows than this, and smaller than small_bytes, makes a finding a remark.", def: "10000", set: number(func(p *Profile) *int { return &p.Lint.SmallRows }, 1, 1<<40)},
		{name: "lint.small_bytes", doc: "The same in bytes.", def: "16777216", set: number(func(p *Profile) *int { return &p.Lint.SmallBytes }, 1, 1<<50)},
		{name: "lint.baseline", doc: "A file with findings that were there before, as `ops-console lint --write-baseline` writes it: they do not count.", example: `"lint-baseline.json"`, set: path(func(p *Profile) *string { return &p.Lint.Baseline })},

		{name: "generator.snapshots", doc: "Where trees are that Phoenix's generators made, as docs/generator.md has it: directories, archives, git repositories or bundles, as paths or URLs; one, or a list that is asked in order.", example: `["~/src/phoenix-diff"]`, trusted: true, holds: snapshotsHold, instead: "a place without a password", set: snapshots},
		{name: "generator.mix", doc: "Whether the published generator may be fetched and run here, with the Elixir that is installed: ask, always or never. It is code from the registry.", def: `"ask"`, trusted: true, set: oneOf(func(p *Profile) *string { return &p.Generator.Mix }, "ask", "always", "never")},
		{name: "generator.web", doc: "Whether public sites are asked for trees that nothing else has. They learn versions and flags, nothing of the application.", def: "true", set: truth(func(p *Profile) *bool { return &p.Generator.Web })},
		{name: "generator.registry", doc: "Base URL of the API of the package registry.", def: `"https://hex.pm/api"`, trusted: true, set: text(func(p *Profile) *string { return &p.Generator.Registry }, httpURL)},
		{name: "generator.packages", doc: "Base URL of the registry's packages.", def: `"https://repo.hex.pm"`, trusted: true, set: text(func(p *Profile) *string { return &p.Generator.Packages }, httpURL)},
		{name: "generator.base", doc: "The version of Phoenix that the application's generated files come from. Default: the one they are nearest to.", example: `"1.6.16"`, set: text(func(p *Profile) *string { return &p.Generator.Base }, version)},

		{name: "backup.store", doc: "Where backups are kept: a directory, or a bucket of an S3-compatible store. Default: none, and nothing is backed up.", example: `"s3://changelog-backups/db?endpoint=https://fly.storage.tigris.dev&region=auto"`, trusted: true, holds: snapshotsHold, instead: "backup.key_env and backup.secret_env", set: store},
		{name: "backup.key_env", doc: "The environment variable that holds the store's access key.", def: `"AWS_ACCESS_KEY_ID"`, trusted: true, set: text(func(p *Profile) *string { return &p.Backup.KeyEnv }, variable)},
		{name: "backup.secret_env", doc: "The environment variable that holds the store's secret key.", def: `"AWS_SECRET_ACCESS_KEY"`, trusted: true, set: text(func(p *Profile) *string { return &p.Backup.SecretEnv }, variable)},
		{name: "backup.token_env", doc: "The environment variable that holds the store's session token, where keys are temporary.", def: `"AWS_SESSION_TOKEN"`, trusted: true, set: text(func(p *Profile) *string { return &p.Backup.TokenEnv }, variable)},
		{name: "backup.key_file", doc: "A file with the keys of the store, in the form of ~/.aws/credentials, which only you may read. It wins over the variables.", example: `"~/.config/ops-console/backups"`, trusted: true, set: path(func(p *Profile) *string { return &p.Backup.KeyFile })},
		{name: "backup.url_env", doc: "The environment variable that holds the connection string with which backups are taken and restored, where that is another role than the console looks with.", example: `"BACKUP_DATABASE_URL"`, trusted: true, set: text(func(p *Profile) *string { return &p.Backup.URLEnv }, variable)},
		{name: "backup.url_file", doc: "A file with nothing but that connection string in it, which only you may read.", example: `"~/.config/ops-console/backup-database"`, trusted: true, set: path(func(p *Profile) *string { return &p.Backup.URLFile })},
		{name: "backup.recipients", doc: "Who can decrypt: age or SSH public keys, and files of them. Default: nobody, and backups are not encrypted.", example: `["~/.config/ops-console/backup.pub"]`, trusted: true, holds: recipientsHold, instead: "backup.identity", set: recipients},
		{name: "backup.identity", doc: "The file with the private key of one of them, which only you may read; for verify and restore.", example: `"~/.config/ops-console/backup.key"`, trusted: true, set: path(func(p *Profile) *string { return &p.Backup.Identity })},
		{name: "backup.level", doc: "Level of zstd's compression. 1 keeps up with what one session of PostgreSQL can send, on two cores; 3 stores a quarter less.", def: "1", set: number(func(p *Profile) *int { return &p.Backup.Level }, 1, 19)},
		{name: "backup.node", doc: "Which node is dumped: primary, replica, or auto: a replica where one is fit for it.", def: `"primary"`, set: oneOf(func(p *Profile) *string { return &p.Backup.Node }, "auto", "primary", "replica")},
		{name: "backup.max_snapshot", doc: "How long a run may hold its snapshot of the database, which keeps vacuum from cleaning up.", def: `"2h"`, set: duration(func(p *Profile) *time.Duration { return &p.Backup.MaxSnapshot }, time.Second, 7*24*time.Hour)},
		{name: "backup.lock_timeout", doc: "How long a run waits for a table that somebody has locked, before it gives up.", def: `"10s"`, set: duration(func(p *Profile) *time.Duration { return &p.Backup.LockTimeout }, 100*time.Millisecond, time.Hour)},
		{name: "backup.rate", doc: "Bytes a second that go to the store at most; 0: as fast as it goes.", def: "0", example: "10485760", set: number(func(p *Profile) *int { return &p.Backup.Rate }, 0, 1<<40)},
		{name: "backup.keep", doc: "Which backups retention keeps: how many of each span, of the last, and of those before a deploy.", def: `"hourly 24, daily 7, weekly 5, monthly 12, last 3, predeploy 5"`, set: text(func(p *Profile) *string { return &p.Backup.Keep }, anyText(`a policy like "daily 7, weekly 5, last 3"`))},
		{name: "backup.verify", doc: "How far each run proves what it made: present, decoded, counted or restored.", def: `"decoded"`, set: oneOf(func(p *Profile) *string { return &p.Backup.Verify }, "present", "decoded", "counted", "restored")},
		{name: "backup.assert", doc: "SQL that must be true in a backup that was restored to prove it.", example: `["select count(*) > 0 from podcasts"]`, trusted: true, list: true, set: texts(func(p *Profile) *[]string { return &p.Backup.Assert })},
		{name: "backup.every", doc: "When the schedule takes one: a cron expression, in UTC.", def: `"17 3 * * *"`, set: text(func(p *Profile) *string { return &p.Backup.Every }, anyText(`a cron expression like "17 3 * * *"`))},
		{name: "backup.overdue", doc: "The age of the newest backup that is an alert.", def: `"26h"`, set: duration(func(p *Profile) *time.Duration { return &p.Backup.Overdue }, time.Minute, 366*24*time.Hour)},
		{name: "backup.webhook_env", doc: "The environment variable that holds the URL which is told of success, failure and overdue backups. Default: none.", example: `"OPS_BACKUP_WEBHOOK"`, trusted: true, set: text(func(p *Profile) *string { return &p.Backup.WebhookEnv }, variable)},
		{name: "backup.webhook_secret_env", doc: "The environment variable that holds the secret which those requests are signed with.", example: `"OPS_BACKUP_WEBHOOK_SECRET"`, trusted: true, set: text(func(p *Profile) *string { return &p.Backup.WebhookSecretEnv }, variable)},
		{name: "backup.image", doc: "The image that a scheduled machine runs: it has ops-console and PostgreSQL's clients. Default: none, and `backup schedule` wants --image.", example: `"registry.fly.io/changelog-ops:1"`, trusted: true, set: text(func(p *Profile) *string { return &p.Backup.Image }, anyText("an image reference"))},

		{name: "deploy.backup", doc: "Whether a backup is taken before a deployment changes anything: auto (where migrations are pending and a store is configured), always or never.", def: `"auto"`, set: oneOf(func(p *Profile) *string { return &p.Deploy.Backup }, "auto", "always", "never")},
		{name: "deploy.backup_age", doc: "A backup that is not older, and is proven as backup.verify says, will do instead.", def: `"10m"`, set: duration(func(p *Profile) *time.Duration { return &p.Deploy.BackupAge }, 0, 7*24*time.Hour)},
		{name: "deploy.preflight", doc: "What a failing preflight does to a deployment: require stops it, warn only says so, off does not ask.", def: `"require"`, set: oneOf(func(p *Profile) *string { return &p.Deploy.Preflight }, "require", "warn", "off")},
		{name: "deploy.soak", doc: "How long the old release runs on the new schema before machines change.", def: `"30s"`, set: duration(func(p *Profile) *time.Duration { return &p.Deploy.Soak }, 0, time.Hour)},
		{name: "deploy.content", doc: "Whether the instances have to agree about the paths of agree before a deployment is committed.", def: "true", set: truth(func(p *Profile) *bool { return &p.Deploy.Content })},
		{name: "deploy.additive", doc: "Versions of migrations that somebody looked at and found harmless to the release before, whatever the rules say: a rollback goes across them.", example: `["20260101120000"]`, list: true, set: texts(func(p *Profile) *[]string { return &p.Deploy.Additive })},
		{name: "deploy.limit", doc: "How long a deployment may take before it goes back.", def: `"1h"`, set: duration(func(p *Profile) *time.Duration { return &p.Deploy.TotalLimit }, time.Minute, 24*time.Hour)},
		{name: "deploy.guards.errors", doc: "The share of 5xx among the answers of a minute that pauses a deployment, of the whole app or of its new machines: a share, watch (it is only shown) or off. Where it was more than half of that before, twice of what it was counts; and it takes five such answers.", def: `"1%"`, set: guard(func(g *Guards) *Guard { return &g.Errors }, percentLimit)},
		{name: "deploy.guards.p99", doc: "The response time that one answer of a hundred exceeds, over a minute, that pauses a deployment: a duration, a multiple of what it was before like 2x, watch (it is only shown) or off.", def: `"watch"`, set: guard(func(g *Guards) *Guard { return &g.P99 }, timesOrDuration)},
		{name: "deploy.guards.restarts", doc: "How many machines may have had a process end that nobody asked to, within two minutes, before a deployment pauses: a number, watch (it is only shown) or off. Machines that had so before the deployment do not count as long as they run the old release.", def: `"0"`, set: guard(func(g *Guards) *Guard { return &g.Restarts }, countLimit)},
		{name: "deploy.guards.lag", doc: "The lag of the replica that is furthest behind, at least, that pauses a deployment: a duration, critical for database.critical, watch (it is only shown) or off.", def: `"critical"`, set: guard(func(g *Guards) *Guard { return &g.Lag }, criticalOrDuration)},
		{name: "deploy.guards.settle", doc: "Before a deployment is committed, how long everything has to have run on the new release in what is measured, which comes up to a minute late; 0: it does not wait for measurements.", def: `"30s"`, set: duration(func(p *Profile) *time.Duration { return &p.Deploy.Guards.Settle }, 0, time.Hour)},

		{name: "console.theme", doc: "auto, or the name of a theme.", def: `"auto"`, set: text(func(p *Profile) *string { return &p.Console.Theme }, word)},
		{name: "console.glyphs", doc: "auto, unicode, blocks (block elements in place of braille) or ascii.", def: `"auto"`, set: oneOf(func(p *Profile) *string { return &p.Console.Glyphs }, "auto", "unicode", "blocks", "ascii")},
		{name: "console.mouse", doc: "Whether the mouse is used.", def: "false", set: truth(func(p *Profile) *bool { return &p.Console.Mouse })},
		{name: "console.read_only", doc: "The console cannot be armed: nothing can be changed.", def: "false", set: truth(func(p *Profile) *bool { return &p.Console.ReadOnly })},
		{name: "console.reduced_motion", doc: "Nothing spins or blinks.", def: "false", set: truth(func(p *Profile) *bool { return &p.Console.ReducedMotion })},

		{name: "interval.platform", doc: "How often the platform is asked for the machines.", def: `"5s"`, set: interval(func(p *Profile) *time.Duration { return &p.Interval.Platform })},
		{name: "interval.dns", doc: "How often the network's DNS is asked.", def: `"5s"`, set: interval(func(p *Profile) *time.Duration { return &p.Interval.DNS })},
		{name: "interval.probe", doc: "How often instances are probed.", def: `"5s"`, set: interval(func(p *Profile) *time.Duration { return &p.Interval.Probe })},
		{name: "interval.agreement", doc: "How often the paths of agree are fetched.", def: `"30s"`, set: interval(func(p *Profile) *time.Duration { return &p.Interval.Agreement })},
		{name: "interval.cluster", doc: "How often cluster.command is run.", def: `"1m"`, set: interval(func(p *Profile) *time.Duration { return &p.Interval.Cluster })},
		{name: "interval.releases", doc: "How often the releases are read.", def: `"1m"`, set: interval(func(p *Profile) *time.Duration { return &p.Interval.Releases })},
		{name: "interval.replicas", doc: "How often each node of the database is asked.", def: `"1s"`, set: interval(func(p *Profile) *time.Duration { return &p.Interval.Replicas })},
	}
}

// env is the environment variable that sets a key: OPS_CONSOLE_PROBE_PORT.
func (k key) env() string {
	return "OPS_CONSOLE_" + strings.ToUpper(strings.ReplaceAll(k.name, ".", "_"))
}

func keyNamed(name string) (key, bool) {
	for _, k := range keys() {
		if k.name == name {
			return k, true
		}
	}
	return key{}, false
}
