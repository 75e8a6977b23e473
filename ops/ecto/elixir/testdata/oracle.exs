# Writes what Elixir's own parser makes of source texts, in the form that File.Quoted writes, for the tests to compare.
#
#     elixir oracle.exs (digest|dump) LIST
#
# Each line of LIST is the path of a file, or = and a text in base64. For each, one line: `ok` and the SHA-256 of the
# tree or the tree itself in base64; or `error`, the position, and the message in base64.

defmodule Canon do
  # Before 1.16 a map was where its { is, later where its % is.
  @map_column elem(Code.string_to_quoted!("%{}", columns: true), 1)[:column] - 1

  def tree(source) do
    opts = [
      columns: true,
      token_metadata: true,
      emit_warnings: false,
      warn_on_unnecessary_quotes: false,
      literal_encoder: fn literal, meta -> {:ok, {:__literal__, meta, [literal]}} end
    ]

    case Code.string_to_quoted_with_comments(source, opts) do
      {:ok, quoted, comments} ->
        comments =
          for %{line: l, column: c, text: t} <- Enum.sort_by(comments, &{&1.line, &1.column}),
              do: ["# ", Integer.to_string(l), ":", Integer.to_string(c), " ", esc(t), "\n"]

        {:ok, [node(quoted, "") | comments]}

      {:error, {meta, message, token}} ->
        message =
          case message do
            {before, later} -> to_string(before) <> to_string(token) <> to_string(later)
            text -> to_string(text) <> to_string(token)
          end

        {:error, "#{meta[:line]}:#{meta[:column]}", message}
    end
  rescue
    e -> {:error, "0:0", Exception.message(e)}
  end

  # An operator that Elixir 1.15 made of a name.
  defp node({:..., m, nil}, in_), do: node({:..., m, []}, in_)
  # Older versions wrap these, to remember the parentheses.
  defp node({:__block__, _, [{op, _, [_]} = inner]}, in_) when op in [:not, :!], do: node(inner, in_)
  defp node({:__block__, _, args}, in_) when is_list(args), do: [in_, "(__block__\n" | nodes(args, in_)]

  defp node({:__literal__, m, [literal]}, in_) do
    case literal do
      [{:->, _, _} | _] -> node(literal, in_)
      l when is_list(l) -> if m[:delimiter], do: [in_, charlist(l), at(m), "\n"], else: [in_, "[", at(m), closing(m), "\n" | nodes(l, in_)]
      {a, b} -> [in_, "{", at(m), closing(m), "\n" | nodes([a, b], in_)]
      plain -> [in_, plain(plain), at(m), "\n"]
    end
  end

  defp node({:&, m, [{:__literal__, _, [i]}]}, in_) when is_integer(i), do: node({:&, m, [i]}, in_)

  # Versions differ in where they see these.
  defp node({op, _, [{:in, _, [a, b]}]}, in_) when op in [:not, :!],
    do: [in_, "(", Atom.to_string(op), "\n", in_, "  (in\n" | nodes([a, b], in_ <> "  ")]

  defp node({{:., _, [_, :{}]} = dot, m, []}, in_), do: [in_, "(", at(m), "\n", node(dot, in_ <> "  ")]

  defp node({:%, m, [name, {:%{}, body, args}]}, in_),
    do: [in_, "(%", at(m), "\n", node(name, in_ <> "  "), in_, "  (%{}", at(body), closing(body), "\n" | nodes(args, in_ <> "  ")]

  defp node({:%{}, m, args}, in_),
    do: [in_, "(%{}", at(Keyword.update!(m, :column, &(&1 - @map_column))), closing(m), "\n" | nodes(args, in_)]

  defp node({name, m, nil}, in_) when is_atom(name), do: [in_, "$", esc(Atom.to_string(name)), at(m), "\n"]

  defp node({name, m, args}, in_) when is_atom(name) and is_list(args) do
    args =
      case {Atom.to_string(name), args} do
        {"sigil_" <> _, [text, mods]} when is_list(mods) -> if m[:delimiter], do: [text, {:mods, mods}], else: args
        _ -> args
      end

    [in_, "(", esc(Atom.to_string(name)), at(m), block(m), "\n" | nodes(args, in_)]
  end

  defp node({fun, m, args}, in_) when is_tuple(fun), do: [in_, "(", at(m), block(m), "\n" | nodes([fun | args], in_)]
  defp node({:mods, mods}, in_), do: [in_, charlist(mods), "\n"]
  defp node({a, b}, in_), do: [in_, "{\n" | nodes([a, b], in_)]
  defp node(list, in_) when is_list(list), do: [in_, "[\n" | nodes(list, in_)]
  defp node(plain, in_), do: [in_, plain(plain), "\n"]

  defp nodes(list, in_), do: Enum.map(list, &node(&1, in_ <> "  "))

  defp plain(a) when is_atom(a), do: [":", esc(Atom.to_string(a))]
  defp plain(i) when is_integer(i), do: ["i", Integer.to_string(i)]
  defp plain(f) when is_float(f), do: ["f", :erlang.float_to_binary(f, [:short])]
  defp plain(b) when is_binary(b), do: ["\"", esc(b), "\""]

  defp charlist(l), do: ["'", esc(List.to_string(l)), "'"]

  defp at(m), do: if(m[:line], do: [" ", place(m)], else: [])
  defp closing(m), do: if(m[:closing], do: [" - ", place(m[:closing])], else: [])
  defp block(m), do: if(m[:do], do: [" do ", place(m[:do]), " - ", place(m[:end])], else: closing(m))
  defp place(m), do: [Integer.to_string(m[:line]), ":", Integer.to_string(m[:column])]

  defp esc(b) do
    if plain?(b), do: b, else: for(<<c <- b>>, into: "", do: byte(c))
  end

  defp plain?(<<c, rest::binary>>) when c >= 32 and c < 127 and c != ?" and c != ?\\, do: plain?(rest)
  defp plain?(rest), do: rest == ""

  defp byte(?"), do: "\\\""
  defp byte(?\\), do: "\\\\"
  defp byte(c) when c >= 32 and c < 127, do: <<c>>
  defp byte(c), do: "\\x" <> String.pad_leading(Integer.to_string(c, 16), 2, "0")
end

[mode, list] = System.argv()

list
|> File.stream!()
|> Stream.map(fn line ->
  case String.trim_trailing(line, "\n") do
    "=" <> text -> Base.decode64!(text)
    path -> File.read!(path)
  end
end)
|> Task.async_stream(
  fn source ->
    case Canon.tree(source) do
      {:ok, tree} when mode == "digest" -> ["ok ", Base.encode16(:crypto.hash(:sha256, tree), case: :lower)]
      {:ok, tree} -> ["ok ", Base.encode64(IO.iodata_to_binary(tree))]
      {:error, place, message} -> ["error ", place, " ", Base.encode64(message)]
    end
  end,
  timeout: :infinity
)
|> Enum.each(fn {:ok, line} -> IO.puts(line) end)
