package elixir

func recoverFile(f *File, first Error) {
	f.Root = &Node{Kind: Call, Text: blockName}
	f.Errors = append(f.Errors, first)
}
