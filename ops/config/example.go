package config

import (
	"fmt"
	"strings"
)

// Example is a whole configuration file in which every line that says something is a comment: the defaults, and
// examples where there is none.
func Example() string {
	var b strings.Builder
	b.WriteString(`# The configuration of ops-console.
#
# Your own file is ~/.config/ops-console/config.toml (or under $XDG_CONFIG_HOME). A project may have another, called
# ops-console.toml, next to its fly.toml or above it in the same repository. --config names a third, which is stronger
# than both. Lines that are commented out show the defaults, or examples where there is none.

# Directories of projects whose own file may also say where the token and passwords go, and which command is run.
# trust = ["~/src/changelog"]

# What holds for every app. The same keys as below.
[defaults]

# What ` + "`ops-console --app changelog`" + ` means.
[app.changelog]
`)
	in := ""
	for _, k := range ordered() {
		section, name, ok := strings.Cut(k.name, ".")
		if !ok {
			section, name = "", k.name
		}
		if section != in {
			fmt.Fprintf(&b, "\n[app.changelog.%s]\n", section)
			in = section
		} else {
			b.WriteByte('\n')
		}
		for _, l := range wrap(k.doc, 110) {
			b.WriteString("# " + l + "\n")
		}
		value := k.def
		if k.example != "" {
			value = k.example
		}
		fmt.Fprintf(&b, "# %s = %s\n", name, value)
	}
	return b.String()
}

// ordered is every key, those without a section first, as TOML wants it.
func ordered() []key {
	var top, rest []key
	for _, k := range keys() {
		if strings.Contains(k.name, ".") {
			rest = append(rest, k)
		} else {
			top = append(top, k)
		}
	}
	return append(top, rest...)
}

// wrap breaks s at spaces into lines of at most width bytes.
func wrap(s string, width int) []string {
	var lines []string
	line := ""
	for w := range strings.FieldsSeq(s) {
		if line != "" && len(line)+1+len(w) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	return append(lines, line)
}

// Reference is docs/configuration.md.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Configuration

<!-- Written by ` + "`make docs`" + ` from ops/config/keys.go. -->

Nothing has to be configured: ` + "`ops-console --app NAME`" + ` asks the platform about the app NAME, with the token that
` + "`fly auth login`" + ` left or that ` + "`FLY_ACCESS_TOKEN`" + ` holds, and takes the rest from ` + "`fly.toml`" + ` where it is started.
What differs from that stands in a profile.

## Where it is read from

From the strongest to the weakest:

1. flags;
2. environment variables: ` + "`OPS_CONSOLE_`" + ` and the key in capitals with underscores, like ` + "`OPS_CONSOLE_PROBE_PORT`" + `
   (` + "`OPS_CONSOLE_APP`" + ` is ` + "`--app`" + `);
3. the file that ` + "`--config`" + ` names;
4. the project's own file, ` + "`ops-console.toml`" + `, looked for from ` + "`--project`" + ` or the current directory up to the root of the
   repository (outside of a repository, in that directory only);
5. your own file, ` + "`$XDG_CONFIG_HOME/ops-console/config.toml`" + ` (` + "`~/.config/ops-console/config.toml`" + `);
6. ` + "`fly.toml`" + `: the app's name, the primary region, the port and the check's path;
7. the defaults.

All three files have the same form: ` + "`[app.NAME]`" + ` for one app, ` + "`[defaults]`" + ` for all. Within a file ` + "`[app.NAME]`" + ` is the
stronger. Lists and tables replace each other whole. Relative paths start from the file they stand in, ` + "`~`" + ` is your home
directory. A key that does not exist is an error, so that a slip of the keyboard does not go unnoticed.

Without ` + "`--app`" + ` the only profile of ` + "`--config`" + ` or of the project's file is meant, else the app of ` + "`fly.toml`" + `, else the only
profile of your own file. ` + "`lint` and `migrations`" + ` need no app: where only that last one would be left they take what ` + "`[defaults]`" + ` says.

## Secrets and trust

A file that holds a secret (` + "`api.token`" + `, an ` + "`Authorization`" + ` header or a cookie, a connection string with a password) is
refused if others may read it, and a project's file is refused if it holds one at all. The token is looked for, in this order, in the variable of
` + "`api.token_env`" + ` if that is set; in ` + "`api.token`" + ` or ` + "`api.token_file`" + ` if one is; else in ` + "`FLY_ACCESS_TOKEN`" + `,
` + "`FLY_API_TOKEN`" + ` and flyctl's own ` + "`~/.fly/config.yml`" + ` (` + "`$FLY_CONFIG_DIR`" + `).

A project's file comes with somebody's repository. Keys that say where the token or a password goes, or run a command, marked
below, are taken from it only if your own file trusts the project:

` + "```toml" + `
trust = ["~/src/changelog"]
` + "```" + `

## Keys

| key | default | meaning |
|---|---|---|
`)
	for _, k := range ordered() {
		def := ""
		if k.def != "" {
			def = "`" + k.def + "`"
		}
		doc := strings.ReplaceAll(k.doc, "|", "\\|")
		switch {
		case k.secret:
			doc += " **Secret.**"
		case k.trusted:
			doc += " **Needs trust.**"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k.name, def, doc)
	}
	b.WriteString("\n## Everything in one file\n\n```toml\n" + Example() + "```\n")
	return b.String()
}
