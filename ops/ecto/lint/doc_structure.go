package lint

// structureDocs is what is said of the rules about them.
var structureDocs = map[string]Doc{}
