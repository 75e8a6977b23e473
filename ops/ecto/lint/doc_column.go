package lint

// columnDocs is what is said of the rules about them.
var columnDocs = map[string]Doc{}
