package lint

// constraintDocs is what is said of the rules about them.
var constraintDocs = map[string]Doc{}
