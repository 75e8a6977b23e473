foo -(1)
foo +[1]
foo -{1}
foo -%{}
foo -:a
[1, ...]
... |> a
... a
"\#{" <> x
