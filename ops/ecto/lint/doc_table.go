package lint

// tableDocs is what is said of the rules about them.
var tableDocs = map[string]Doc{}
