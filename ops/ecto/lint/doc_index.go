package lint

// indexDocs is what is said of the rules about them.
var indexDocs = map[string]Doc{}
