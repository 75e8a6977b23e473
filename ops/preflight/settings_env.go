package preflight

import (
	"fmt"
	"slices"
	"strings"

	"ops-console/ops/fly"
	"ops-console/ops/preflight/source"
)

// setness is what is known of a variable in the machines.
type setness int

const (
	unset  setness = iota // nothing sets it
	unsure                // no file sets it; a secret may
	secret                // a secret does, to what nobody is shown
	set
)

// variable is what is known of a variable: fly.toml, the release's env.sh and the image first, then what machines have now,
// then secrets.
func (f *Facts) variable(t *source.Tree, name string) (string, setness, Evidence) {
	if v, ok := t.Set(name); ok {
		return v.Value, set, at(v.At, name+"="+v.Value)
	}
	if l, ok := f.Fleet.Get(); ok {
		for _, m := range l.instances() {
			if c := config(m); c != nil && c.Env[name] != "" {
				return c.Env[name], set, machine(m, name+"="+c.Env[name]+" in the machine")
			}
		}
	}
	if img, ok := f.Image.Get(); ok {
		if v, ok := img.Env[name]; ok {
			return v, set, Evidence{Text: name + "=" + v + " in the image"}
		}
	}
	if ss, ok := f.Secrets.Get(); ok {
		if slices.ContainsFunc(ss, func(s fly.Secret) bool { return s.Name == name }) {
			return "", secret, Evidence{Text: "the secret " + name}
		}
		return "", unset, Evidence{}
	}
	return "", unsure, Evidence{}
}

// inside tells hosts of the private network.
func inside(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return strings.HasSuffix(host, ".internal") || strings.HasSuffix(host, ".flycast") || strings.HasSuffix(host, ".flympg.net")
}

// where is whether a repo's database is in the private network: "yes", "no", or why that is not known.
func (f *Facts) where(t *source.Tree, r source.Repo) string {
	for _, s := range []source.Setting{r.URL, r.Host} {
		if s.At.Line == 0 {
			continue
		}
		text := s.Text
		if s.Env != "" {
			v, how, _ := f.variable(t, s.Env)
			if how != set {
				return "its address comes from " + s.Env
			}
			text = v
		}
		host := text
		if _, after, ok := strings.Cut(text, "://"); ok {
			host = after[strings.LastIndexByte(after, '@')+1:]
			host, _, _ = strings.Cut(host, "/")
			if i := strings.LastIndexByte(host, ':'); i > 0 {
				host = host[:i]
			}
		}
		if inside(host) {
			return "yes"
		}
		if host != "" {
			return "no"
		}
	}
	if r.Init {
		return r.Module + " finds its address as it starts"
	}
	return "no file says where it is"
}

func settingsIPv6(f *Facts) verdict {
	t, v := f.tree()
	if v != nil {
		return *v
	}
	repos := t.Config.Repos
	switch {
	case t.Mix == nil:
		return unknown("there is no mix.exs in this tree", noProject)
	case !ecto(t):
		return pass("there is no Ecto")
	case sqlite(t):
		return pass("the database is a file")
	case t.Fly == nil:
		return unknown(noFly, flyMend)
	case len(repos) == 0:
		return unknown("config/*.exs configure no repo", "see that socket_options has :inet6")
	}
	var why, good []string
	for _, r := range repos {
		place := f.where(t, r)
		switch {
		case r.Inet6.Said && r.Inet6.Env == "":
			good = append(good, r.Module+" does")
		case r.Inet6.Said:
			value, how, e := f.variable(t, r.Inet6.Env)
			on := value != "" && value != "0" && value != "false"
			mend := fmt.Sprintf(`%s = "true" under [env] of fly.toml`, r.Inet6.Env)
			switch {
			case how == secret, how == set && on:
				good = append(good, r.Module+" does, by "+r.Inet6.Env)
				continue
			case place == "no":
				good = append(good, r.Module+" need not: its database is elsewhere")
				continue
			case how == set:
				return warn(fmt.Sprintf("%s is %q: %s does not connect over IPv6", r.Inet6.Env, value, r.Module), mend, e, at(r.Inet6.At, r.Module))
			case how == unset && place == "yes":
				return fail(fmt.Sprintf("nothing sets %s: %s cannot reach the private network", r.Inet6.Env, r.Module), mend, at(r.Inet6.At, r.Module))
			case how == unset:
				return warn(fmt.Sprintf("nothing sets %s, so %s does not connect over IPv6: in the private network there is nothing else", r.Inet6.Env, r.Module), mend, at(r.Inet6.At, r.Module))
			}
			why = append(why, fmt.Sprintf("no file sets %s, on which it depends for %s; a secret may", r.Inet6.Env, r.Module))
		case place == "yes":
			return fail(r.Module+" does not connect over IPv6, and its database is in the private network, where there is nothing else", "socket_options: [:inet6] in its configuration", at(r.At, r.Module))
		case place == "no":
			good = append(good, r.Module+" need not: its database is elsewhere")
		default:
			why = append(why, fmt.Sprintf("%s connects over IPv4, and in the private network there is only IPv6; whether its database is there is not known: %s", r.Module, place))
		}
	}
	if len(why) > 0 {
		return unknown(why[0], "socket_options: [:inet6] for a database at …internal, …flycast or …flympg.net; nothing, for one elsewhere")
	}
	return pass(names(good), at(repos[0].Inet6.At, repos[0].Module))
}

func settingsCluster(f *Facts) verdict {
	t, v := f.tree()
	if v != nil {
		return *v
	}
	if t.Mix == nil {
		return unknown("there is no mix.exs in this tree", noProject)
	}
	by := clusters(t)
	switch {
	case by == "":
		return pass("no library for it is among the dependencies")
	case t.Fly == nil:
		return unknown(noFly, flyMend)
	}
	var missing []string
	maybe := false
	need := func(name, what string) {
		switch _, how, _ := f.variable(t, name); how {
		case unset:
			missing = append(missing, what)
		case unsure:
			missing, maybe = append(missing, what), true
		}
	}
	if !f.overIPv6(t) {
		missing = append(missing, `ERL_AFLAGS="-proto_dist inet6_tcp"`)
	}
	need("RELEASE_DISTRIBUTION", "RELEASE_DISTRIBUTION=name")
	need("RELEASE_NODE", "RELEASE_NODE=NAME@${FLY_PRIVATE_IP}")
	if by == "dns_cluster" && !t.Has("libcluster") {
		need("DNS_CLUSTER_QUERY", "DNS_CLUSTER_QUERY=APP.internal")
	}
	e := at(t.Mix.Deps[by].At, by)
	switch {
	case len(missing) == 0:
		return pass("names and protocol are set", e)
	case maybe:
		return verdict{Unknown, by + " is there, and no file sets " + strings.Join(missing, ", ") + "; a secret may", "export them in rel/env.sh.eex, as mix phx.gen.release and fly launch do", []Evidence{e}}
	}
	return warn(by+" is there, and nothing sets "+strings.Join(missing, ", ")+": machines do not find each other", "export them in rel/env.sh.eex, as mix phx.gen.release and fly launch do", e)
}

// overIPv6 says whether Erlang's distribution is told to use it, in one of the ways there are.
func (f *Facts) overIPv6(t *source.Tree) bool {
	for _, name := range []string{"ERL_AFLAGS", "ERL_FLAGS", "ERL_ZFLAGS", "ELIXIR_ERL_OPTIONS"} {
		if v, how, _ := f.variable(t, name); strings.Contains(v, "inet6_tcp") || how == secret {
			return true
		}
	}
	return slices.ContainsFunc(t.VMArgs, func(v source.Variable) bool { return v.Name == "-proto_dist" && strings.HasPrefix(v.Value, "inet6") })
}

func settingsHost(f *Facts) verdict {
	t, v := f.tree()
	if v != nil {
		return *v
	}
	ee := t.Config.Endpoints
	if len(ee) == 0 {
		return unknown("config/*.exs configure no endpoint", noProject)
	}
	for _, e := range ee {
		if ip := strings.Join(strings.Fields(e.IP.Text), ""); ip == "{127,0,0,1}" || ip == "{0,0,0,0,0,0,0,1}" || ip == ":loopback" {
			bad := fail
			if t.Fly == nil { // whatever stands before it
				bad = warn
			}
			return bad(e.Module+" listens on "+e.IP.Text+" only: the platform's proxy cannot reach it", "ip: {0, 0, 0, 0, 0, 0, 0, 0}", at(e.IP.At, e.IP.Text))
		}
	}
	for _, e := range ee {
		h := e.Host
		if h.At.Line == 0 || h.Env == "" || h.Text != "" && h.Text != "example.com" && h.Text != "localhost" {
			continue
		}
		switch _, how, _ := f.variable(t, h.Env); how {
		case unset:
			return warn(fmt.Sprintf("nothing sets %s: links and the check of a socket's origin are for %s", h.Env, orNothing(h.Text)), h.Env+` = "HOST" under [env] of fly.toml`, at(h.At, h.Env))
		case unsure:
			return unknown(fmt.Sprintf("no file sets %s; a secret may", h.Env), h.Env+` = "HOST" under [env] of fly.toml`)
		}
	}
	listens := "all addresses"
	if ip := strings.Join(strings.Fields(ee[0].IP.Text), ""); ip == "" || ip == "{0,0,0,0}" {
		listens = "all IPv4 addresses, so not in the private network"
	}
	var seen []Evidence
	if ee[0].IP.At.Line > 0 {
		seen = append(seen, at(ee[0].IP.At, ee[0].IP.Text))
	}
	return pass("it listens on "+listens, seen...)
}

func orNothing(s string) string {
	if s == "" {
		return "no host"
	}
	return s
}
