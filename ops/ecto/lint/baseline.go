package lint

// Baseline is the findings that were there when it was made: they are shown as suppressed.
type Baseline struct {
	Path    string
	Entries []BaselineEntry
}

// BaselineEntry is a finding, known again by rule, file and the text of its line, so that it survives lines above it.
type BaselineEntry struct {
	Rule   string
	Path   string
	Hash   string // of the line's text without space around it
	Reason string
}
