package lint

// dataDocs is what is said of the rules about them.
var dataDocs = map[string]Doc{}
