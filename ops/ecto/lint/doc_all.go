package lint

import (
	"maps"
	"sync"
)

// documents is what is said of each rule, by id.
var documents = sync.OnceValue(func() map[string]Doc {
	all := map[string]Doc{}
	for _, part := range []map[string]Doc{indexDocs, columnDocs, constraintDocs, tableDocs, transactionDocs, dataDocs, structureDocs, liveDocs} {
		maps.Copy(all, part)
	}
	return all
})
