// Package report writes findings and the state of migrations for people and for programs: text, JSON, SARIF, and the
// forms that code hosts read. It decides nothing.
package report
