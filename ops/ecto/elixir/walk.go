package elixir

// Walk calls visit for n and everything below it, in the order of the source for all but operators, which come before
// their operands. Where visit returns false, what is below is left out.
func Walk(n *Node, visit func(*Node) bool) {
	if n == nil || !visit(n) {
		return
	}
	if n.Fun != nil {
		Walk(n.Fun, visit)
	}
	for _, a := range n.Args {
		Walk(a, visit)
	}
}

// Find is the first node in the order of [Walk] that match accepts, nil if there is none.
func Find(n *Node, match func(*Node) bool) *Node {
	var found *Node
	Walk(n, func(m *Node) bool {
		if found == nil && match(m) {
			found = m
		}
		return found == nil
	})
	return found
}
