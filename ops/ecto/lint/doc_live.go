package lint

// liveDocs is what is said of the rules about them.
var liveDocs = map[string]Doc{}
