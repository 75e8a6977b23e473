package lint

// transactionDocs is what is said of the rules about them.
var transactionDocs = map[string]Doc{}
