package report

import (
	"fmt"
	"io"
	"strings"

	"ops-console/ops/ecto/lint"
	"ops-console/ops/plaintext"
)

// githubLevels are the workflow commands of the severities.
var githubLevels = map[lint.Severity]string{lint.Error: "error", lint.Warning: "warning", lint.Info: "notice"}

// GitHub writes findings as workflow commands, which GitHub Actions shows beside the lines of a pull request: the most
// severe first, for it shows ten of each kind.
// https://docs.github.com/actions/reference/workflow-commands-for-github-actions
func GitHub(w io.Writer, r *Report) error {
	var b strings.Builder
	for _, f := range r.worstFirst() {
		b.WriteString(githubCommand(f))
	}
	for i := range r.Repos {
		p := &r.Repos[i]
		for _, s := range p.failed() {
			b.WriteString(command("error", [][2]string{
				{"file", p.path(s.Path)}, {"line", number(s.At.Line)}, {"title", "the rehearsal fails"},
			}, plaintext.Block(s.Err, maxLines, maxText)))
		}
	}
	b.WriteString("ops-console: " + r.summary() + "\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}

func githubCommand(f place) string {
	properties := [][2]string{{"file", clean(f.repo.path(f.Path))}, {"line", number(f.At.Line)}}
	switch {
	case f.At.EndLine == f.At.Line:
		// Columns are only taken within one line; the end is the last character, not behind it.
		properties = append(properties, [2]string{"col", number(f.At.Column)}, [2]string{"endColumn", number(max(f.At.EndColumn-1, f.At.Column))})
	case f.At.EndLine > f.At.Line:
		properties = append(properties, [2]string{"endLine", number(f.At.EndLine)})
	}
	properties = append(properties, [2]string{"title", f.Rule})
	return command(githubLevels[f.Severity], properties, message(f.Finding))
}

// number is empty for one that is not known.
func number(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprint(n)
}

var (
	// escapeData and escapeProperty are what the runner undoes.
	escapeData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	escapeProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// command is one workflow command, a line. Properties without a value are left out.
func command(name string, properties [][2]string, text string) string {
	var b strings.Builder
	b.WriteString("::" + name)
	sep := " "
	for _, p := range properties {
		if p[1] == "" {
			continue
		}
		b.WriteString(sep + p[0] + "=" + escapeProperty.Replace(p[1]))
		sep = ","
	}
	b.WriteString("::" + escapeData.Replace(text) + "\n")
	return b.String()
}
