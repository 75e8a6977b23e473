package diff

import (
	"regexp"
	"strings"
	"sync"

	"ops-console/ops/phoenix"
)

// rule is a move that Phoenix made: with version at, from became to. Where two files became one, or one two, the first
// pair in the table's order is the pair, and the rest is a relation.
type rule struct {
	at       phoenix.Version
	from     *regexp.Regexp
	to       string // of from's groups; {app} is the application
	absorbed bool   // to took it over, but is another file: a relation only
}

// in reads a table of from and to; an arrow with a bar, "=>|", is for what was absorbed.
func in(version, table string) []rule {
	var rr []rule
	for line := range strings.Lines(table) {
		w := strings.Fields(line)
		if len(w) != 3 {
			continue
		}
		rr = append(rr, rule{phoenix.MustVersion(version), regexp.MustCompile("^" + w[0] + "$"), w[2], w[1] == "=>|"})
	}
	return rr
}

// rules in the order of their versions. An application in an umbrella has the same files beneath apps/NAME or
// apps/NAME_web, where they are looked for too.
var rules = sync.OnceValue(func() []rule {
	return join(
		in("1.3.0-rc.0", `
		web/web\.ex                                         => lib/{app}/web/web.ex
		web/static/assets/(.*)                              => assets/static/$1
		web/static/((?:css|js|vendor)/.*)                   => assets/$1
		web/((?:channels|controllers|templates|views)/.*)   => lib/{app}/web/$1
		web/((?:gettext|router)\.ex)                        => lib/{app}/web/$1
		brunch-config\.js                                   => assets/brunch-config.js
		package\.json                                       => assets/package.json
		lib/(\w+)/endpoint\.ex                              => lib/$1/web/endpoint.ex
		lib/(\w+)\.ex                                       => lib/$1/application.ex
		test/((?:channels|controllers|views)/.*)            => test/web/$1
		test/support/model_case\.ex                         => test/support/data_case.ex
	`),
		in("1.3.0-rc.2", `
		lib/(\w+)/web/web\.ex                               => lib/${1}_web.ex
		lib/(\w+)/web/(.*)                                  => lib/${1}_web/$2
		test/web/(.*)                                       => test/{app}_web/$1
	`),
		in("1.4.0-rc.0", `
		assets/brunch-config\.js                            =>| assets/webpack.config.js
	`),
		in("1.5.0-rc.0", `
		assets/css/app\.css                                 => assets/css/app.scss
		lib/(\w+)_web/templates/page/index\.html\.eex       =>| lib/${1}_web/live/page_live.html.leex
	`),
		in("1.6.0-rc.0", `
		assets/css/app\.scss                                => assets/css/app.css
		assets/static/(.*)                                  => priv/static/$1
		assets/(?:package\.json|webpack\.config\.js)        =>| config/config.exs
		config/prod\.secret\.exs                            => config/runtime.exs
		lib/(\w+)_web/templates/(.*)\.html\.l?eex           => lib/${1}_web/templates/$2.html.heex
		lib/(\w+)_web/live/page_live\.html\.leex            =>| lib/${1}_web/templates/page/index.html.heex
	`),
		in("1.7.0-rc.0", `
		lib/(\w+)_web/templates/layout/(root|app)\.html\.heex => lib/${1}_web/components/layouts/$2.html.heex
		lib/(\w+)_web/templates/layout/live\.html\.heex     => lib/${1}_web/components/layouts/app.html.heex
		lib/(\w+)_web/templates/page/index\.html\.heex      => lib/${1}_web/controllers/page_html/home.html.heex
		lib/(\w+)_web/templates/(\w+)/(.*)\.html\.heex      => lib/${1}_web/controllers/${2}_html/$3.html.heex
		lib/(\w+)_web/views/layout_view\.ex                 => lib/${1}_web/components/layouts.ex
		lib/(\w+)_web/views/error_helpers\.ex               =>| lib/${1}_web/components/core_components.ex
		lib/(\w+)_web/views/(\w+)_view\.ex                  => lib/${1}_web/controllers/${2}_html.ex
		lib/(\w+)_web/views/(\w+)_view\.ex                  => lib/${1}_web/controllers/${2}_json.ex
		test/(\w+)_web/views/(\w+)_view_test\.exs           => test/${1}_web/controllers/${2}_html_test.exs
		test/(\w+)_web/views/(\w+)_view_test\.exs           => test/${1}_web/controllers/${2}_json_test.exs
		(lib|test)/(\w+)_web/controllers/(\w+_auth(?:_test)?\.exs?) => $1/${2}_web/$3
	`),
		in("1.8.0-rc.0", `
		assets/tailwind\.config\.js                         =>| assets/css/app.css
		lib/(\w+)_web/components/layouts/app\.html\.heex    =>| lib/${1}_web/components/layouts.ex
		(lib|test)/(\w+)_web/live/(\w+)_(confirmation|login|registration|settings)_live(_test)?\.(exs?) => $1/${2}_web/live/${3}_live/$4$5.$6
	`),
	)
})

func join(tables ...[]rule) []rule {
	var rr []rule
	for _, t := range tables {
		rr = append(rr, t...)
	}
	return rr
}

// member is the directory of an application within an umbrella.
var member = regexp.MustCompile(`^(apps/[^/]+/)(.*)$`)

// step is where a rule leads from a path.
func (r rule) step(p, app string) (string, bool) {
	base := ""
	if m := member.FindStringSubmatch(p); m != nil {
		base, p = m[1], m[2]
	}
	if !r.from.MatchString(p) {
		return "", false
	}
	return base + r.from.ReplaceAllString(p, strings.ReplaceAll(r.to, "{app}", app)), true
}

// holds says whether a move happened between two versions, the later of which has it. A version that is not known is no
// bound.
func (r rule) holds(from, to phoenix.Version) bool {
	none := phoenix.Version{}
	return (from == none || from.Before(r.at)) && (to == none || !to.Before(r.at))
}

// byRule pairs along the table of moves. From a newer version to an older one the table is read backwards.
func (m *matching) byRule() {
	from, to := m.old.Spec.Version, m.new.Spec.Version
	if none := (phoenix.Version{}); from != none && to != none && to.Before(from) {
		m.along(to, from, m.new, m.old, m.come, true)
		return
	}
	m.along(from, to, m.old, m.new, m.gone, false)
}

// lead is where the table leads from a path that was left.
type lead struct {
	from, to string
	since    phoenix.Version
	absorbed bool
	order    int // of the last rule: the first in the table wins
}

// along follows the rules from each of the paths that were left in an earlier tree to a later one.
func (m *matching) along(from, to phoenix.Version, earlier, later *phoenix.Tree, left map[string]bool, backwards bool) {
	var held []rule
	for _, r := range rules() {
		if r.holds(from, to) {
			held = append(held, r)
		}
	}
	var leads []lead
	for _, p := range sources(earlier, left) {
		leads = append(leads, follow(held, p, appOf(later), later)...)
	}
	sortLeads(leads)
	sides := func(l lead) (old, new string) {
		if backwards {
			return l.to, l.from
		}
		return l.from, l.to
	}
	for _, l := range leads {
		if old, new := sides(l); !l.absorbed && m.gone[old] && m.come[new] {
			m.pair(old, new, ByRule, l.since)
		}
	}
	for _, l := range leads {
		old, new := sides(l)
		absorbed, split := m.gone[old], m.come[new]
		switch {
		case absorbed && !(split && backwards): // what was absorbed comes out again on the way back
			m.relate(old, AbsorbedBy, new, l.since)
		case split:
			m.relate(old, SplitInto, new, l.since)
		}
	}
}
