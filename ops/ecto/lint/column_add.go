package lint

// columnRules are those about columns.
var columnRules = []rule{}
